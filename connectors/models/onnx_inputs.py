"""What the inputs of an ONNX graph are filled with: token ids, or the pixels of a picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from consilience.connectors.files import sha256
from consilience.connectors.models.defaults import SIZE, picture
from consilience.connectors.models.pictures import rgb
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import note

if TYPE_CHECKING:
    import torch

IDS, MASK, TYPES, PLACES = "input_ids", "attention_mask", "token_type_ids", "position_ids"
MOST = 512  # tokens, where the tokenizer does not say


class OnnxInputs(Protocol):
    """How stimuli become inputs. `single`: only one sample at a time. `masked`: samples of different lengths are
    padded, and told apart by a mask."""

    modality: str
    says: str
    single: bool
    masked: bool

    def load(self) -> None: ...

    def preprocess(self, item: Any) -> Any: ...

    def batched(self, samples: Sequence[Any]) -> "dict[str, torch.Tensor]": ...


def inputs_of(file: Path, inputs: Sequence[Any]) -> OnnxInputs:
    """What fits the inputs of the graph in `file`; BadInput for a graph that is made for neither texts nor pictures."""
    shapes = {x.name: [d.dim_value or None for d in x.type.tensor_type.shape.dim] for x in inputs}
    if IDS in shapes and not set(shapes) - {IDS, MASK, TYPES, PLACES}:
        return Tokens(file, shapes)
    if len(shapes) == 1:
        ((name, shape),) = shapes.items()
        if len(shape) == 4 and 3 in (shape[1], shape[3], None):
            return Pixels(file, name, shape)
    told = ", ".join(f"{name} {tuple(x or '?' for x in shape)}" for name, shape in shapes.items())
    raise BadInput(
        f"the inputs of a text model ({IDS}, and {MASK}, {TYPES} or {PLACES}), or one of pictures with three channels",
        told or "none", "export the model with such inputs, or write a class for it (docs/your-own.md)",
    )  # fmt: skip


class Tokens:
    """Token ids of the tokenizer beside the file, on which its own padding and prompts have no influence."""

    modality = "text"

    def __init__(self, file: Path, shapes: dict[str, list[int | None]]):
        self.names, self.folder = list(shapes), file.parent
        self.path = file.parent / "tokenizer.json"
        self.single, self.masked = shapes[IDS][0] == 1, MASK in shapes
        self.length = shapes[IDS][1] if len(shapes[IDS]) == 2 else None
        if not self.path.is_file():
            raise BadInput(
                f"tokenizer.json beside {file}, which takes token ids", "none there",
                "copy it there from where the model comes from",
            )  # fmt: skip
        settings = json.loads(self.path.read_text(encoding="utf-8"))
        self.most = self.length or int((settings.get("truncation") or {}).get("max_length") or MOST)
        self.pad = int((settings.get("padding") or {}).get("pad_id") or 0)
        self.says = (
            f"the tokenizer beside it, at most {self.most} tokens (settings {sha256([self.path])[:16]})"
        )

    def load(self) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(self.path))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.most)

    def preprocess(self, item: str) -> list[int]:
        made = self._tokenizer.encode(item)
        ids: list[int] = made.ids
        if not ids:
            raise ValueError("the text has no token")
        if made.overflowing:
            note(f"cut to {self.most} tokens")
        return ids

    def batched(self, samples: Sequence[list[int]]) -> "dict[str, torch.Tensor]":
        import torch

        lengths = torch.tensor([len(ids) for ids in samples])
        longest = self.length or int(lengths.max())
        ids = torch.full((len(samples), longest), self.pad)
        for row, mine in enumerate(samples):
            ids[row, : len(mine)] = torch.tensor(mine)
        places = torch.arange(longest).expand(len(samples), -1)
        made = {
            IDS: ids, MASK: (places < lengths[:, None]).long(), TYPES: torch.zeros_like(ids),
            PLACES: places.contiguous(),
        }  # fmt: skip
        return {name: made[name] for name in self.names}

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_tokenizer"}


class Pixels:
    """Pictures as the image processor beside the file makes them; without one, as for ImageNet."""

    modality, masked = "image", False

    def __init__(self, file: Path, name: str, shape: Sequence[int | None]):
        self.name, self.last = name, shape[3] == 3 and shape[1] != 3
        self.single = shape[0] == 1
        self.size = shape[1 if self.last else 2] or SIZE
        self.folder = file.parent
        settings = self.folder / "preprocessor_config.json"
        self.own = settings.is_file()
        order = ", channels last" if self.last else ""
        self.says = (
            f"the image processor beside it, drawings drawn at {self.size}{order} (settings {sha256([settings])[:16]})"
            if self.own
            else f"RGB, {self.size} x {self.size} from the middle, ImageNet's mean and deviation{order}"
        )

    def load(self) -> None:
        if self.own:
            import transformers

            self._processor = transformers.AutoImageProcessor.from_pretrained(
                self.folder, local_files_only=True, trust_remote_code=False, use_fast=False
            )

    def preprocess(self, item: Any) -> Any:
        if not self.own:
            return picture(item, self.size)
        return self._processor(rgb(item, self.size), return_tensors="np")["pixel_values"][0]

    def batched(self, samples: Sequence[Any]) -> "dict[str, torch.Tensor]":
        import numpy as np
        import torch

        pixels = np.stack(samples).astype(np.float32)
        return {self.name: torch.from_numpy(pixels.transpose(0, 2, 3, 1).copy() if self.last else pixels)}

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_processor"}
