"""Weights in 8 or 4 bits, and models spread over devices: what transformers is told for it, and the packages it needs.

In 8 bits (quanto) and in 4 (bitsandbytes' NF4) the weights of linear layers alone are rounded, and made float32 again
for each product. LLM.int8, bitsandbytes' own 8 bits, rounds activations too, by what is in the batch: a sample's
features would depend on its neighbours (in MiniLM, by up to 0.1).
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import WHOLE, Loading

if TYPE_CHECKING:
    import torch

_PACKAGES = {"8bit": "optimum.quanto", "4bit": "bitsandbytes"}


def refuse_missing(how: Loading) -> None:
    """Raise BadInput where a package is missing for that."""
    wanted = ["accelerate", *([_PACKAGES[how.quantize]] if how.quantize else [])]
    missing = [package for package in wanted if not _there(package)]
    if missing:
        raise BadInput(
            f"the package {' and '.join(x.replace('.', '-') for x in missing)}, for {_named(how)}", "not installed",
            "pip install 'consilience[large]'",
        )  # fmt: skip


def arguments(how: Loading, device: str) -> dict[str, Any]:
    """What `from_pretrained` takes for it."""
    import torch
    import transformers

    found: dict[str, Any] = {}
    if how.quantize == "8bit":
        found["quantization_config"] = transformers.QuantoConfig(weights="int8")
    elif how.quantize == "4bit":
        found["quantization_config"] = transformers.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
        )
    if how != WHOLE:
        # Rounded weights cannot be moved later.
        found["device_map"] = how.device_map or {"": device}
    return found


def refuse_as_before(net: "torch.nn.Module", name: str, how: Loading) -> None:
    """Raise BadInput for a network of which no weight was rounded, since it has no linear layer."""
    import torch

    plain = (torch.Tensor, torch.nn.Parameter)
    if how.quantize and all(type(x) in plain and x.is_floating_point() for x in net.parameters()):
        raise BadInput(
            f"linear layers, whose weights {how.quantize} keeps in fewer bits", f"{name}, which has none",
            "leave quantize out",
        )  # fmt: skip


def _there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # not even what it is part of
        return False


def _named(how: Loading) -> str:
    return f"quantize {how.quantize!r}" if how.quantize else "device_map"
