"""The networks of diffusion models that are known: their layers, from the configuration, and what they take beside a
noisy picture and its timestep.

Layers go by the names of the network's modules. What a network is conditioned on is made nothing of: the class that
stood for none in training, a text of zeros; or the prompt that was asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import Layer

if TYPE_CHECKING:
    import torch

Config = Mapping[str, Any]
_HALVED, _DOUBLED = ", halved in size", ", doubled in size"


@dataclass(frozen=True)
class Denoiser:
    """A kind of network, by its class in `diffusers`.

    Attributes:
        layers: from its configuration, in the order in which they are computed.
        positions: of each layer, how many patches or places it has.
        beside: of a configuration, how many samples, their device and the prompt's states (token, unit), what a forward
            pass takes beside them.
        unmet: what a configuration asks for that cannot be given: names of its keys, which must be None.
        prompted: whether it takes a text.
    """

    layers: Callable[[Config], list[Layer]]
    positions: Callable[[Config], dict[str, int]]
    beside: "Callable[[Config, int, str, torch.Tensor | None], dict[str, torch.Tensor]]"
    unmet: tuple[str, ...] = ()
    prompted: bool = False


def _transformer(config: Config) -> list[Layer]:
    units = config["num_attention_heads"] * config["attention_head_dim"]
    blocks = [
        Layer(f"transformer_blocks.{i}", "btd", units, f"output of block {i + 1}")
        for i in range(config["num_layers"])
    ]
    return [Layer("pos_embed", "btd", units, "patches with their positions"), *blocks]


def _unet(config: Config) -> list[Layer]:
    units = list(config["block_out_channels"])
    last = len(units) - 1
    down = [
        Layer(
            f"down_blocks.{i}",
            "bchw",
            d,
            f"output of block {i + 1} on the way down" + _scaled(i, last, _HALVED),
        )
        for i, d in enumerate(units)
    ]
    up = [
        Layer(
            f"up_blocks.{i}",
            "bchw",
            d,
            f"output of block {i + 1} on the way up" + _scaled(i, last, _DOUBLED),
        )
        for i, d in enumerate(reversed(units))
    ]
    middle = [Layer("mid_block", "bchw", units[-1], "output of the block in the middle")]
    first = Layer("conv_in", "bchw", units[0], "output of the first convolution")
    return [first, *down, *(middle if config.get("mid_block_type", "there") else []), *up]


def _patches(config: Config) -> dict[str, int]:
    return dict.fromkeys(
        (x.name for x in _transformer(config)), (config["sample_size"] // config["patch_size"]) ** 2
    )


def _places(config: Config) -> dict[str, int]:
    side, found = int(config["sample_size"]), {}
    for layer in _unet(config):
        if layer.meaning.endswith(_HALVED):
            side = (side + 1) // 2
        elif layer.meaning.endswith(_DOUBLED):
            side *= 2
        found[layer.name] = side**2
    return found


def _scaled(block: int, last: int, how: str) -> str:
    return how if block < last else ""


def _no_class(config: Config, count: int, device: str, _: Any) -> "dict[str, torch.Tensor]":
    """The entry behind the last class, which labels were replaced by in training to be guided without."""
    import torch

    return {"class_labels": torch.full((count,), int(config["num_embeds_ada_norm"]), device=device)}


def _nothing(_config: Config, _count: int, _device: str, _: Any) -> "dict[str, torch.Tensor]":
    return {}


def _text(
    config: Config, count: int, device: str, prompt: "torch.Tensor | None"
) -> "dict[str, torch.Tensor]":
    import torch

    # Among equal keys their number does not matter.
    states = torch.zeros(1, config["cross_attention_dim"]) if prompt is None else prompt
    return {"encoder_hidden_states": states.to(device).expand(count, -1, -1)}


_TRANSFORMER = Denoiser(_transformer, _patches, _no_class)
DENOISERS: dict[str, Denoiser] = {
    "DiTTransformer2DModel": _TRANSFORMER,
    "Transformer2DModel": _TRANSFORMER,  # as DiT was first published
    "UNet2DModel": Denoiser(_unet, _places, _nothing, ("class_embed_type", "num_class_embeds")),
    "UNet2DConditionModel": Denoiser(
        _unet, _places, _text, ("class_embed_type", "num_class_embeds", "addition_embed_type", "encoder_hid_dim_type"),
        prompted=True,
    ),
}  # fmt: skip


def denoiser(kind: str, config: Config, where: str) -> Denoiser:
    """The kind of that name. Raises BadInput for one that is not known, and for what it would have to be given."""
    found = DENOISERS.get(kind)
    if found is None:
        raise unknown("denoising network", kind, DENOISERS)
    if kind == "Transformer2DModel" and config.get("norm_type") != "ada_norm_zero":
        raise BadInput(
            f"a DiT (norm_type ada_norm_zero) in {where}", f"norm_type {config.get('norm_type')!r}", _CHOOSE
        )
    asked = [f"{key}={config[key]!r}" for key in found.unmet if config.get(key) is not None]
    if found.prompted and not isinstance(config.get("cross_attention_dim"), int):
        asked.append(f"cross_attention_dim={config.get('cross_attention_dim')!r}")
    if asked:
        raise BadInput(f"a {kind} without conditions of its own in {where}", ", ".join(asked), _CHOOSE)
    return found


_CHOOSE = "choose another model, or wrap this one in a function of yours (torch:MODULE:CALLABLE)"
