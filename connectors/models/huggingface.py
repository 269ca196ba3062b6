"""Any local transformers folder whose outputs have `hidden_states`: text encoders, text decoders, vision models.

What differs between families is a row of `FAMILIES`; one that is not there is refused, since the axes and the meaning
of its outputs would be guesses.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from consilience.connectors.files import sha256
from consilience.connectors.models.pictures import rgb
from consilience.connectors.models.registry import register
from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import Layer, ModelCard, Outputs

Config = dict[str, Any]
AFTER = "output of the last block, after the final norm"
BEFORE = "output of the last block, before the final norm"


@dataclass(frozen=True)
class Family:
    """What `hidden_states` of a family are: axes, units of each, and what the last one records."""

    modality: str
    axes: str
    last: str
    objective: str
    units: Callable[[Config], list[int]]


def _depth(width: str = "hidden_size", depth: str = "num_hidden_layers") -> Callable[[Config], list[int]]:
    return lambda config: [config[width]] * (config[depth] + 1)


def _encoder(**names: str) -> Family:
    return Family("text", "btd", AFTER, "masked language model", _depth(**names))


def _decoder(**names: str) -> Family:
    return Family("text", "btd", AFTER, "next-token prediction", _depth(**names))


def _stages(first: Callable[[Config], int]) -> Callable[[Config], list[int]]:
    return lambda config: [first(config), *config["hidden_sizes"]]


FAMILIES: dict[str, Family] = {
    "bert": _encoder(),
    "roberta": _encoder(),
    "xlm-roberta": _encoder(),
    "distilbert": _encoder(width="dim", depth="n_layers"),
    "mpnet": _encoder(),
    "gpt2": _decoder(width="n_embd", depth="n_layer"),
    "llama": _decoder(),
    "mistral": _decoder(),
    "qwen2": _decoder(),
    "qwen3": _decoder(),
    "vit": Family("image", "btd", BEFORE, "image classification", _depth()),
    "dinov2": Family("image", "btd", BEFORE, "self-distillation", _depth()),
    "convnext": Family(
        "image", "bchw", AFTER, "image classification", _stages(lambda c: c["hidden_sizes"][0])
    ),
    "resnet": Family(
        "image",
        "bchw",
        "output of the last stage",
        "image classification",
        _stages(lambda c: c["embedding_size"]),
    ),
}


class HuggingFace:
    """A model in a transformers folder, not loaded before `load`. `named` overrides fields of its card."""

    def __init__(self, folder: str | Path, config: Config | None = None, **named: Any):
        self.folder = Path(folder).expanduser().absolute()
        self.config = _config(self.folder) if config is None else config
        kind = self.config.get("model_type", "")
        if kind not in FAMILIES:
            raise unknown("transformers family", kind, FAMILIES)
        self.family = FAMILIES[kind]
        self._named = named

    @cached_property
    def card(self) -> ModelCard:
        weights = sorted(self.folder.glob("*.safetensors")) or sorted(self.folder.glob("*.bin"))
        if not weights:
            raise BadInput(
                "weights (*.safetensors or *.bin)", f"{self.folder}, which has none", "save the model there"
            )
        settings = [
            path
            for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "preprocessor_config.json")
            if (path := self.folder / name).is_file()
        ]
        fields = {
            "name": self.folder.name,
            "modality": self.family.modality,
            "revision": str(self.config.get("_commit_hash") or self.config["model_type"]),
            "weights_hash": sha256(weights),
            "preprocessing": f"{self._preprocessing()} (settings {sha256(settings)[:16]})",
            "objective": self.family.objective,
            "parameters": sum(path.stat().st_size for path in weights) // _item_bytes(self.config),
            "licence": "not stated",
            "citation": "not stated",
        }
        return ModelCard(**{**fields, **self._named})

    def layers(self) -> Sequence[Layer]:
        units = self.family.units(self.config)
        meaning = [
            "embeddings",
            *(f"output of block {i}" for i in range(1, len(units) - 1)),
            self.family.last,
        ]
        return [Layer(f"hidden.{i}", self.family.axes, *pair) for i, pair in enumerate(zip(units, meaning))]

    def load(self, device: str) -> None:
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        # A folder's weights and settings are data: neither a pickle with code in it nor a module beside it is run.
        net = transformers.AutoModel.from_pretrained(
            self.folder,
            dtype=torch.float32,
            local_files_only=True,
            weights_only=True,
            trust_remote_code=False,
        )
        self._net, self._device = net.eval().to(device), device
        if self.family.modality == "text":
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                self.folder, local_files_only=True, trust_remote_code=False
            )
            self.preprocess("the first call sets the tokenizer up, which threads must not do at once")
        else:
            self._processor = transformers.AutoImageProcessor.from_pretrained(
                self.folder, local_files_only=True, trust_remote_code=False, use_fast=False
            )

    def preprocess(self, item: Any) -> Any:
        """A text -> its token ids; a picture -> (3, height, width) as the folder's image processor makes it."""
        if self.family.modality == "image":
            image = rgb(item, self._size())
            return self._processor(images=image, return_tensors="np")["pixel_values"][0]
        ids = self._tokenizer(item, truncation=True, max_length=self._tokens())["input_ids"]
        if not ids:
            raise ValueError("the text has no token")
        return ids

    def forward(self, batch: Sequence[Any]) -> Outputs:
        import numpy as np
        import torch

        if self.family.modality == "image":
            pixels = torch.from_numpy(np.stack(batch)).to(self._device)
            return self._outputs(self._net(pixel_values=pixels, output_hidden_states=True))
        # Padded here and on the right, where no position is moved by it, whatever the tokenizer would do.
        ids = torch.zeros(len(batch), max(map(len, batch)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        ids, mask = ids.to(self._device), mask.to(self._device)
        cache = {"use_cache": False} if self.family.objective == "next-token prediction" else {}
        return self._outputs(
            self._net(input_ids=ids, attention_mask=mask, output_hidden_states=True, **cache), mask
        )

    def _outputs(self, out: Any, mask: Any = None) -> Outputs:
        return Outputs({f"hidden.{i}": state for i, state in enumerate(out.hidden_states)}, mask)

    def _preprocessing(self) -> str:
        if self.family.modality == "image":
            return f"the folder's image processor; drawings drawn at {self._size()}"
        return f"the folder's tokenizer, no prompt, at most {self._tokens()} tokens"

    def _tokens(self) -> int:
        """The longest text the model takes; RoBERTa's table of positions has two entries that no token uses."""
        limit = self.config.get("max_position_embeddings") or self.config.get("n_positions") or 512
        return int(limit) - (2 if "roberta" in self.config["model_type"] or self._is("mpnet") else 0)

    def _is(self, kind: str) -> bool:
        return bool(self.config["model_type"] == kind)

    def _size(self) -> int:
        """The side that the image processor ends at."""
        path = self.folder / "preprocessor_config.json"
        settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        size = settings.get("crop_size") or settings.get("size") or self.config.get("image_size") or 224
        if isinstance(size, dict):
            size = size.get("height") or size.get("shortest_edge") or 224
        return int(size)


def _config(folder: Path) -> Config:
    path = folder / "config.json"
    if not path.is_file():
        raise BadInput(
            "a transformers folder with its config.json", f"{folder}, which has none", "check the path"
        )
    value: Config = json.loads(path.read_text(encoding="utf-8"))
    return value


def _item_bytes(config: Config) -> int:
    """Bytes of a stored parameter."""
    kind = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    return 2 if kind.endswith("16") else 4


@register(
    "hf:FOLDER", "any local transformers folder with hidden states (BERT, Llama, Qwen, GPT-2, ViT, ...)"
)
def _folder(folder: str) -> HuggingFace:
    return HuggingFace(folder)
