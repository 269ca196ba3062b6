"""How a model is computed, beside which layers: types, weights, devices, batches. Refused here where it cannot be."""

from collections.abc import Mapping
from math import inf
from typing import Literal, TypedDict

from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import (
    WHOLE,
    Compilable,
    Foreign,
    Loadable,
    Loading,
    Model,
    Remote,
)
from consilience.engine.machine import read_bytes

AUTOCAST = ("bfloat16", "float16")
QUANTIZE = ("8bit", "4bit")
Batch = int | Literal["auto"] | None
Memory = int | float | str | None
DeviceMap = str | Mapping[str, str | int] | None


class Settings(TypedDict, total=False):
    """How features are computed; what is left out is as by default.

    `batch_size` samples go through the model at once, or "auto": as many as `memory`, bytes or text such as "4GB",
    allows a replica, of its GPU or else as a process. `autocast` "bfloat16" or "float16" is the type of torch's
    products. `quantize` "8bit" or "4bit" is what the weights of linear layers are kept in, `device_map` "auto" spreads
    a model over the GPUs of a replica, or over GPU, memory and disk (a mapping says which module is where); `compile`
    has torch compile the network. `project` is to how many values wider vectors are projected at random.
    """

    batch_size: Batch
    memory: Memory
    autocast: str | None
    quantize: str | None
    device_map: DeviceMap
    compile: bool
    project: int | None


def refuse_settings(model: Model, autocast: str | None, how: Loading, compiled: bool) -> None:
    """Raise BadInput for a type, weights, a map of devices or a compilation that there is not, or not of this model."""
    if autocast is not None and autocast not in AUTOCAST:
        raise unknown("autocast", autocast, AUTOCAST)
    if how.quantize is not None and how.quantize not in QUANTIZE:
        raise unknown("quantize", how.quantize, QUANTIZE)
    if isinstance(how.device_map, str) and how.device_map != "auto":
        raise BadInput(
            "device_map 'auto', or a mapping of modules to devices",
            repr(how.device_map),
            "write one of the two",
        )
    name = model.card.name
    if autocast is not None and isinstance(model, Foreign):
        raise BadInput(
            f"a model that torch computes, for autocast {autocast!r}", f"{name}, which {model.arithmetic} computes",
            "leave autocast out",
        )  # fmt: skip
    if how != WHOLE:
        what = f"quantize {how.quantize!r}" if how.quantize else "device_map"
        if not isinstance(model, Loadable):
            raise BadInput(
                f"a model that transformers opens, such as hf:FOLDER, for {what}", name,
                f"leave {what.split()[0]} out, or take its transformers folder",
            )  # fmt: skip
        model.refuse_loading(how)
    if compiled and not isinstance(model, Compilable):
        raise BadInput(
            "a model that can be compiled, such as hf:FOLDER", f"{name}, which cannot", "leave compile out"
        )
    if compiled and (how.quantize or how.device_map):
        raise BadInput(
            "compile with weights in float32 on one device", "quantize" if how.quantize else "device_map",
            "leave one of the two out",
        )  # fmt: skip


def memory_bound(model: Model, batch_size: Batch, memory: Memory) -> int | None:
    """Bytes within which the batch is to be found, None where it is given.

    Raises BadInput for "auto" without a bound and for a bound without it, and for a model that runs elsewhere.
    """
    if isinstance(batch_size, str) and batch_size != "auto":
        raise BadInput("a number of samples or 'auto' as batch", repr(batch_size), "write one of the two")
    if batch_size != "auto":
        if memory is not None:
            raise BadInput(
                "`memory` beside batch 'auto' alone, which is found within it", f"batch {batch_size or 'left out'}",
                "set the batch to auto, or leave memory out",
            )  # fmt: skip
        return None
    if memory is None:
        raise BadInput(
            "`memory` beside batch 'auto', what a replica may take", "none", "add it, such as memory 4GB"
        )
    if isinstance(model, Remote):
        raise BadInput(
            "a model whose memory is here, for batch 'auto'", f"{model.card.name}, which is asked over a network",
            "give a number of samples, or leave batch and memory out",
        )  # fmt: skip
    size = read_bytes(memory)
    if not 1 <= size < inf:
        raise BadInput("memory of more than nothing", repr(memory), "write a size such as 4GB")
    return int(size)
