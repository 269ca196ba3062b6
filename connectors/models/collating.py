"""Samples of different shapes through one model: those of one shape go together, and what comes out is put in order.

Nothing is padded on the way in, so that the features of a sample do not depend on its neighbours in the batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Layer, Outputs

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Part:
    """Samples of a batch that went through the model together: their numbers, raw outputs by layer, and their token
    mask (sample, token) if they have one."""

    rows: list[int]
    layers: "Mapping[str, torch.Tensor]"
    mask: "torch.Tensor | None" = None


def stacked(batch: Sequence[Any]) -> list[tuple[list[int], Any]]:
    """Samples of one shape together, with an axis for them in front: their numbers, and what the model is called with.

    A sample is an array, a tuple of arrays, or a mapping of them by name; so is what is given back.
    """
    import torch

    alike: dict[Any, list[int]] = {}
    for row, item in enumerate(batch):
        alike.setdefault(_shape(item), []).append(row)

    def stack(values: Sequence[Any]) -> Any:
        if isinstance(values[0], Mapping):
            return {name: stack([value[name] for value in values]) for name in values[0]}
        if isinstance(values[0], tuple):
            return tuple(stack(each) for each in zip(*values))
        return torch.stack([torch.as_tensor(value) for value in values])

    return [(rows, stack([batch[row] for row in rows])) for rows in alike.values()]


def _shape(item: Any) -> Any:
    if isinstance(item, Mapping):
        return tuple((name, _shape(value)) for name, value in item.items())
    if isinstance(item, tuple):
        return tuple(map(_shape, item))
    import torch

    return tuple(torch.as_tensor(item).shape)


def in_order(parts: Sequence[Part], layers: Sequence[Layer], count: int) -> Outputs:
    """The outputs of `count` samples from those of parts of them; tokens that only others have are masked.

    Raises BadInput for maps of different sizes, and where one mask cannot serve all layers with tokens.
    """
    tokens = [layer.name for layer in layers if layer.axes == "btd"]
    lengths = {part.layers[name].shape[1] for part in parts for name in tokens}
    masked = bool(tokens) and (
        any(part.mask is not None for part in parts) or (len(parts) > 1 < len(lengths))
    )
    mask = None
    if masked:
        masks = [(part.rows, _mask(part, tokens)) for part in parts]
        mask = _whole(masks, count, "tokens")
    found = {
        x.name: _whole([(part.rows, part.layers[x.name]) for part in parts], count, x.axes) for x in layers
    }
    return Outputs(found, mask)


def _mask(part: Part, tokens: Sequence[str]) -> "torch.Tensor":
    first = part.layers[tokens[0]]
    mask = first.new_ones(first.shape[:2]).long() if part.mask is None else part.mask
    for name in tokens:
        if part.layers[name].shape[1] != mask.shape[1]:
            raise BadInput(
                f"layers with {mask.shape[1]} tokens, where samples have different numbers of them",
                f"{part.layers[name].shape[1]} in {name!r}",
                "choose layers that have the same, or let preprocess bring samples to one length",
            )
    return mask


def _whole(parts: "Sequence[tuple[list[int], torch.Tensor]]", count: int, axes: str) -> "torch.Tensor":
    (rows, first), *others = parts
    if not others and rows == list(range(count)):
        return first
    size = list(first.shape[1:])
    if axes in ("btd", "tokens"):
        size[0] = max(x.shape[1] for _, x in parts)
    elif any(x.shape[1:] != first.shape[1:] for _, x in parts):
        shapes = " and ".join(dict.fromkeys(str(tuple(x.shape[1:])) for _, x in parts))
        raise BadInput(
            "outputs of one size for all samples", shapes, "let preprocess bring samples to one size"
        )
    whole = first.new_zeros(count, *size)
    for rows, x in parts:
        if axes in ("btd", "tokens"):
            whole[rows, : x.shape[1]] = x
        else:
            whole[rows] = x
    return whole
