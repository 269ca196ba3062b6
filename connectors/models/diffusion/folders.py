"""A pipeline folder of `diffusers`: its parts, where each lies, and what its configuration says."""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput

SETTINGS = ["*.json", "*/*.json", "tokenizer/*"]
_STEM = "diffusion_pytorch_model"
# What is fetched from the hub; the second where there are none of the first.
WEIGHTS = tuple(
    [f"{_STEM}*.{ending}", f"*/{_STEM}*.{ending}", f"text_encoder/{stem}*.{ending}"]
    for ending, stem in (("safetensors", "model"), ("bin", "pytorch_model"))
)
IGNORED = [
    "*.fp16.*",
    "*.non_ema.*",
    "safety_checker/*",
]  # the same weights in other forms, and what judges pictures


@dataclass(frozen=True)
class Part:
    """One part of a pipeline: its folder, the class that it was saved from, and its configuration."""

    folder: Path
    kind: str
    config: Mapping[str, Any]

    @property
    def weights(self) -> list[Path]:
        """Its files of weights; of safetensors alone where there are some. Raises BadInput where there are none."""
        for ending in (".safetensors", ".bin"):
            found = sorted(x for x in self.folder.glob(f"*{ending}") if not any(x.match(i) for i in IGNORED))
            if found:
                return found
        raise BadInput(
            "weights (*.safetensors or *.bin)", f"{self.folder}, which has none", "save the pipeline there"
        )


def parts_of(folder: Path) -> dict[str, Part]:
    """The parts of the pipeline in `folder`, by name. Raises BadInput for what is none."""
    index = _read(folder / "model_index.json", "a pipeline folder of diffusers with its model_index.json")
    found = {}
    for name, value in index.items():
        if not isinstance(value, list) or len(value) != 2 or value[1] is None:
            continue  # a setting of the pipeline, or a part that it does without
        own = folder / name
        place = own if own.is_dir() else folder  # pipelines of one network have it beside their index
        file = place / ("scheduler_config.json" if name == "scheduler" else "config.json")
        if file.is_file():
            found[name] = Part(place, str(value[1]), _read(file, str(file)))
    return found


def _read(file: Path, what: str) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(
            what,
            f"{file.parent}, which has none",
            "give the folder that `save_pretrained` of a pipeline wrote",
        ) from error
    except ValueError as error:
        raise BadInput(f"JSON in {file}", str(error), "save the pipeline again") from error
    return value


def parameters(files: Sequence[Path]) -> int:
    """How many values are in files of weights; of a pickle, by its size, as if each had four bytes."""
    return sum(_count(file) if file.suffix == ".safetensors" else file.stat().st_size // 4 for file in files)


def _count(file: Path) -> int:
    """By the header of a safetensors file: its length in eight bytes, then JSON."""
    with file.open("rb") as opened:
        (length,) = struct.unpack("<Q", opened.read(8))
        header = json.loads(opened.read(length))
    return sum(prod(x["shape"]) for name, x in header.items() if name != "__metadata__")
