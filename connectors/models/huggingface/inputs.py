"""What a text or a picture is made into, one by one, and how several go through a model together.

`together` gives parts of a batch: the numbers of its samples, what the model takes, and how many of the tokens that
come out belong to each sample (None: all).
"""

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from consilience.connectors.models.huggingface.families import Config, Family
from consilience.connectors.models.pictures import rgb
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import note

if TYPE_CHECKING:
    import torch

Part = tuple[list[int], dict[str, Any], "list[int] | None"]
LOCAL = {"local_files_only": True, "trust_remote_code": False}  # a module beside the weights is not run
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


_MOST = 512  # tokens of a text, for models that state no limit (Mamba)
PLAIN = ("dinov3_vit",)  # made here: DINOv3's processor asks for torchvision
TOKENIZER = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.txt", "vocab.json")
PROCESSOR = ("preprocessor_config.json", "processor_config.json")


def refuse_bare(folder: Path, modality: str) -> None:
    """Raise BadInput for a folder without what makes stimuli into inputs."""
    what, names = ("tokenizer", TOKENIZER) if modality == "text" else ("processor", PROCESSOR)
    if not any((folder / name).is_file() for name in names):
        raise BadInput(
            f"a {what} in {folder} ({' or '.join(names)})", "none",
            "copy it there from where the model comes from, or save it with the model",
        )  # fmt: skip


class Inputs(Protocol):
    """What the samples of one modality are made into; `says` tells it in words."""

    says: str

    def load(self) -> None: ...

    def preprocess(self, item: Any) -> Any: ...

    def length(self, given: Any) -> int: ...

    def together(self, batch: Sequence[Any]) -> Iterator[Part]: ...


class Texts:
    """Token ids, padded on the right, where no position is moved by it, whatever the tokenizer would do."""

    def __init__(self, folder: Path, config: Config, kind: str, family: Family):
        self.folder, self.family = folder, family
        limit = config.get("max_position_embeddings") or config.get("n_positions") or _stated(folder)
        # RoBERTa's table of positions has two entries that no token uses.
        reserved = 2 if "roberta" in kind or kind in ("mpnet", "clap_text_model") else 0
        self.most = int(limit or _MOST) - reserved
        how = "padded to" if family.filled else "at most"
        whose = "" if limit else ", for want of a limit of its own"
        self.says = f"the folder's tokenizer, no prompt, {how} {self.most} tokens{whose}"

    def load(self) -> None:
        import transformers

        self._tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder, **LOCAL)
        self.preprocess("the first call sets the tokenizer up, which threads must not do at once")

    def preprocess(self, item: str) -> list[int]:
        if not item.strip():  # of which the marks of begin and end alone would be left
            raise ValueError("the text is empty")
        ids: list[int] = self._tokenizer(item, truncation=True, max_length=self.most)["input_ids"]
        if not ids:
            raise ValueError("the text has no token")
        if len(ids) == self.most and len(self._tokenizer(item, verbose=False)["input_ids"]) > self.most:
            note(f"cut to {self.most} tokens")
        return ids

    def length(self, given: list[int]) -> int:
        return self.most if self.family.filled else len(given)

    def together(self, batch: Sequence[list[int]]) -> Iterator[Part]:
        import torch

        lengths = [len(ids) for ids in batch]
        for rows in alike(lengths) if self.family.apart else [list(range(len(batch)))]:
            mine = [lengths[row] for row in rows]
            longest = self.most if self.family.filled else max(mine)
            ids = torch.full((len(rows), longest), self._tokenizer.pad_token_id or 0)
            for k, row in enumerate(rows):
                ids[k, : mine[k]] = torch.tensor(batch[row])
            given = {"input_ids": ids}
            if self.family.masked:
                given["attention_mask"] = (torch.arange(longest) < torch.tensor(mine)[:, None]).long()
            yield rows, given, mine


def _stated(folder: Path) -> int | None:
    """The limit that the tokenizer states, where it does: it writes an absurd number for none."""
    path = folder / "tokenizer_config.json"
    found = json.loads(path.read_text(encoding="utf-8")).get("model_max_length") if path.is_file() else None
    return int(found) if found and found < 1e9 else None


def alike(shapes: Sequence[Hashable]) -> list[list[int]]:
    """The numbers of those that are the same, together."""
    return [[row for row, its in enumerate(shapes) if its == shape] for shape in dict.fromkeys(shapes)]


class Pictures:
    """Pixels (3, height, width) as the folder's image processor makes them, of whole pictures where it would cut them.

    Those of one size go through the model together, where it keeps their proportions.
    """

    def __init__(self, folder: Path, config: Config, kind: str, family: Family):
        self.folder, self.kind = folder, kind
        path = folder / "preprocessor_config.json"
        self._settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self.size = self._size(config)
        self._whole = {"do_image_splitting": False} if "do_image_splitting" in self._settings else {}
        how = "resized, ImageNet's mean and deviation" if self._plain else "the folder's image processor"
        self.says = f"{how}{', pictures whole' if self._whole else ''}; drawings drawn at {self.size}"

    @property
    def _plain(self) -> bool:
        """Whether it is done here."""
        return self.kind in PLAIN

    def load(self) -> None:
        import transformers

        if not self._plain:
            self._processor = transformers.AutoImageProcessor.from_pretrained(
                self.folder, **LOCAL, use_fast=False
            )

    def preprocess(self, item: Any) -> Any:
        image = rgb(item, self.size)
        if self._plain:
            return self._resized(image)
        made = self._processor(image, return_tensors="np", **self._whole)
        pixels = (made["pixel_values"] if isinstance(made, Mapping) else made)[0]  # IDEFICS has bare pixels
        return pixels[0] if pixels.ndim == 4 else pixels  # of the first of several pictures of a sample

    def _resized(self, image: Any) -> Any:
        import numpy as np
        from PIL import Image

        pixels = np.asarray(image.resize((self.size, self.size), Image.Resampling.BILINEAR), np.float32) / 255
        mean, spread = (self._settings.get(k, v) for k, v in (("image_mean", MEAN), ("image_std", SPREAD)))
        return ((pixels - np.float32(mean)) / np.float32(spread)).transpose(2, 0, 1)

    def length(self, given: Any) -> int:
        return 1

    def together(self, batch: Sequence[Any]) -> Iterator[Part]:
        import numpy as np
        import torch

        for rows in alike([pixels.shape for pixels in batch]):
            yield rows, {"pixel_values": torch.from_numpy(np.stack([batch[row] for row in rows]))}, None

    def _size(self, config: Config) -> int:
        """The side that the image processor ends at."""
        size = (
            self._settings.get("crop_size") or self._settings.get("size") or config.get("image_size") or 224
        )
        if isinstance(size, dict):
            size = size.get("height") or size.get("shortest_edge") or size.get("longest_edge") or 224
        return int(size)


def padded(parts: "list[tuple[list[int], torch.Tensor]]", count: int) -> "torch.Tensor":
    """One tensor (count, token, ...) of those of parts of a batch, with 0 where a sample has fewer tokens."""
    (rows, first), *others = parts
    if not others and rows == list(range(count)):
        return first
    longest = max(x.shape[1] for _, x in parts)
    whole = first.new_zeros(count, longest, *first.shape[2:])
    for rows, x in parts:
        whole[rows, : x.shape[1]] = x
    return whole
