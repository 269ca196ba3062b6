"""Pools: from a raw output to one vector a sample, by the layer's axes. Pure functions of torch tensors."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import AXES, Layer

if TYPE_CHECKING:
    import torch

    Pool = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]


def mean_tokens(x: "torch.Tensor", mask: "torch.Tensor | None") -> "torch.Tensor":
    """Mean over the tokens that `mask` (b, t) keeps: (b, t, d) -> (b, d). NaN where it keeps none."""
    if mask is None:
        return x.mean(1)
    weight = mask.to(x.dtype).unsqueeze(-1)
    # A masked token may hold anything, NaN included, which a product with 0 would keep.
    return x.masked_fill(weight == 0, 0).sum(1) / weight.sum(1)


def max_tokens(x: "torch.Tensor", mask: "torch.Tensor | None") -> "torch.Tensor":
    """Maximum over the tokens that `mask` keeps: (b, t, d) -> (b, d). -Inf where it keeps none."""
    return x.amax(1) if mask is None else x.masked_fill(~mask.bool().unsqueeze(-1), -float("inf")).amax(1)


def first_token(x: "torch.Tensor", mask: "torch.Tensor | None") -> "torch.Tensor":
    """The first token that `mask` keeps (the class token of BERT and ViT): (b, t, d) -> (b, d)."""
    return x[:, 0] if mask is None else _token(x, mask.int().argmax(1))


def last_token(x: "torch.Tensor", mask: "torch.Tensor | None") -> "torch.Tensor":
    """The last token that `mask` keeps, whichever side is padded: (b, t, d) -> (b, d)."""
    return x[:, -1] if mask is None else _token(x, mask.shape[1] - 1 - mask.int().flip(1).argmax(1))


def _token(x: "torch.Tensor", index: "torch.Tensor") -> "torch.Tensor":
    return x.gather(1, index.view(-1, 1, 1).expand(-1, 1, x.shape[2])).squeeze(1)


# Axes -> pool -> function. A vector is pooled already, so that one pool serves models that end in one.
_POOLS: "dict[str, dict[str, Pool]]" = {
    "btd": {"mean": mean_tokens, "max": max_tokens, "cls": first_token, "last": last_token},
    "bchw": {"mean": lambda x, _: x.mean((2, 3)), "max": lambda x, _: x.amax((2, 3))},
    "bhwc": {"mean": lambda x, _: x.mean((1, 2)), "max": lambda x, _: x.amax((1, 2))},
    "bd": {name: lambda x, _: x for name in ("mean", "max", "cls", "last")},
}
POOLS = tuple(_POOLS["btd"])
FLAT = "flat"  # no pool: every position, of layers where samples have as many


def able(axes: str) -> tuple[str, ...]:
    """The pools that these axes allow."""
    return tuple(_POOLS[axes])


def pooled(pool: str, x: "torch.Tensor", layer: Layer, mask: "torch.Tensor | None" = None) -> "torch.Tensor":
    """One vector a sample, (batch, units) in float32: `x` has the layer's axes, `mask` (batch, token) its tokens.

    The pool "flat" gives (batch, positions times units): all axes but the first, the last running fastest, whatever the
    mask says.

    Raises BadInput when `x` is not what the layer says.
    """
    feature = layer.axes.index("c" if "c" in layer.axes else "d")
    if x.ndim != len(layer.axes) or x.shape[feature] != layer.units:
        raise BadInput(
            f"layer {layer.name!r} with axes {layer.axes!r} and {layer.units} units",
            f"a tensor of shape {tuple(x.shape)}",
            "correct what the model's layers() says of it",
        )
    return x.float().flatten(1) if pool == FLAT else _POOLS[layer.axes][pool](x.float(), mask)


def refuse_impossible(pool: str, layers: Iterable[Layer]) -> None:
    """Raise BadInput, before any compute, for an unknown pool or one that the axes of a layer do not allow."""
    if pool not in (*POOLS, FLAT):
        raise unknown("pool", pool, (*POOLS, FLAT))
    for layer in layers:
        if layer.axes not in _POOLS:
            raise BadInput(
                f"layer {layer.name!r} with axes among {', '.join(AXES)}",
                repr(layer.axes),
                "correct layers()",
            )
        if pool != FLAT and pool not in _POOLS[layer.axes]:
            able = " or ".join(map(repr, _POOLS[layer.axes]))
            raise BadInput(
                f"a pool that fits layer {layer.name!r} with axes {layer.axes!r}",
                f"pool={pool!r}, which needs tokens",
                f"use pool={able}, or choose other layers",
            )
