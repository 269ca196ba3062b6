"""How wide the vectors are that a table holds of a layer, known before anything is loaded."""

from collections.abc import Sequence

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Even, Layer, Model
from consilience.engine.extraction.pools import FLAT


def widths(model: Model, layers: Sequence[Layer], pool: str) -> tuple[int, ...]:
    """Of each layer, the values of a pooled vector: its units, and for the pool "flat" as often as it has positions.

    Raises BadInput, for that pool, naming the layers in which samples have different numbers of positions.
    """
    if pool != FLAT:
        return tuple(layer.units for layer in layers)
    spread = any(layer.axes != "bd" for layer in layers)
    counts = model.positions() if spread and isinstance(model, Even) else {}
    able = [layer.name for layer in model.layers() if layer.axes == "bd" or layer.name in counts]
    if lacking := [layer.name for layer in layers if layer.name not in able]:
        raise BadInput(
            f"layers in which every sample has as many positions, for pool={FLAT!r}",
            f"{_listed(lacking)} of {model.card.name}, where their number differs or is not known",
            f"choose layers that can: {_listed(able)}" if able else "use another pool, such as 'mean'",
        )
    return tuple(layer.units * (1 if layer.axes == "bd" else counts[layer.name]) for layer in layers)


def projected(wide: Sequence[int], components: int | None) -> tuple[int, ...]:
    """The widths after a projection to so many: of what is as narrow already, its own.

    Raises BadInput for a number below 1, and where nothing is wider.
    """
    if components is None:
        return tuple(wide)
    if not 1 <= components < max(wide):
        raise BadInput(
            f"`project` from 1 to {max(wide) - 1}, below the widest layer", str(components),
            "use fewer, or leave it out: a projection to as many saves nothing and adds an error",
        )  # fmt: skip
    return tuple(min(width, components) for width in wide)


def _listed(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
