"""What the outputs of a model are that says nothing of itself: found by trying it on three samples of noise."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import AXES, MODALITIES, Layer

if TYPE_CHECKING:
    import torch

COUNT = 3  # samples: as the length of a first axis it is hardly ever that of tokens or channels
AXES_OF_RANK = {2: "bd", 3: "btd", 4: "bchw"}


def noise(modality: str) -> list[Any]:
    """Stimuli of that modality, always the same: of those that have a length a short one and a longer one."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    if modality == "image":
        return [Image.fromarray(rng.integers(0, 256, (224, 224, 3), dtype=np.uint8))]
    if modality == "speech":
        return [(rng.normal(size=length).astype(np.float32), 16_000) for length in (16_000, 24_000)]
    if modality == "text":
        return ["a few words", "a few words more, and some"]
    raise unknown("modality", modality, MODALITIES)


def varied(modality: str) -> list[Any]:
    """Noise as a user's stimuli differ: of two proportions, or of two lengths, of sounds shorter than any window."""
    items = noise(modality)
    if modality == "speech":
        return [(samples[: len(samples) // 2], rate) for samples, rate in items]
    return [*items, items[0].crop((0, 0, 224, 160))] if modality == "image" else items


def positions(layers: Sequence[Layer], seen: "Sequence[Mapping[str, torch.Tensor]]") -> dict[str, int]:
    """Of those layers that have as many positions in every output of one sample in `seen`, how many."""
    counts = {x.name: {out[x.name].numel() // x.units for out in seen} for x in layers}
    return {name: found.pop() for name, found in counts.items() if len(found) == 1}


def tensors(name: str, output: Any) -> "Iterator[tuple[str, torch.Tensor]]":
    """The tensors of an output, by the names they go under: of a mapping (``ModelOutput`` is one) each under
    ``name.key``; of a tuple or list the first, since the others are weights, states or caches; or the tensor itself."""
    import torch

    if isinstance(output, torch.Tensor):
        yield name, output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            if isinstance(value, torch.Tensor):
                yield f"{name}.{key}", value
    elif isinstance(output, tuple | list):
        first = next((value for value in output if value is not None), None)
        if first is not None:
            yield from tensors(name, first)


def layer(
    name: str, shapes: Sequence[tuple[int, ...]], meaning: str, axes: Mapping[str, str], modality: str
) -> Layer | None:
    """The layer that has these shapes, each of `COUNT` samples alike; None for what has no axis of samples in front, or
    none of units, because it changes with the length of the samples.

    How many axes there are says what they are: (sample, unit), (sample, token, unit), and of pictures (sample, channel,
    height, width). `axes` says otherwise by pattern of the name.
    """
    told = next((value for pattern, value in axes.items() if fnmatchcase(name, pattern)), "")
    kind = told or AXES_OF_RANK.get(len(shapes[0]), "")
    if not told and kind == "bchw" and modality == "text":
        return None  # of attention, as a rule
    fits = [len(shape) == len(kind) and shape[0] == COUNT for shape in shapes]
    unit = kind.index("c" if "c" in kind else "d") if kind else 0
    if kind and all(fits) and len({shape[unit] for shape in shapes}) == 1:
        return Layer(name, kind, shapes[0][unit], meaning)
    if told:
        said = " and ".join(dict.fromkeys(map(str, shapes)))
        raise BadInput(
            f"layer {name!r} with axes {told!r}", f"shape {said} of {COUNT} samples", "correct `axes`"
        )
    return None


def check_axes(axes: Mapping[str, str], names: Iterable[str]) -> None:
    """Raise BadInput for axes that there are not, and for a pattern that no layer fits."""
    names = list(names)
    for pattern, told in axes.items():
        if told not in AXES:
            raise unknown("kind of axes", told, AXES)
        if not any(fnmatchcase(name, pattern) for name in names):
            raise unknown("layer", pattern, names)
