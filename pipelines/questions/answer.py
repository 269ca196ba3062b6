"""What a question finds: sentences, a table, charts and the method, as plain JSON that a report is drawn from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from consilience.pipelines.report.numbers import number

Numbers = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Series:
    """Points (x, y) of one kind, with the ends of their intervals where there are some, joined by a line or not."""

    name: str
    x: Numbers
    y: Numbers
    low: Numbers = ()
    high: Numbers = ()
    text: Sequence[str] = ()
    line: bool = False


@dataclass(frozen=True)
class Heat:
    """A matrix of scores: `rows` and `columns` name its sides; `best` is a cell, `alike` those not told from it."""

    values: Sequence[Sequence[float]]
    rows: Sequence[str]
    columns: Sequence[str]
    best: tuple[int, int] | None = None
    alike: Sequence[tuple[int, int]] = ()
    distance: bool = False


@dataclass(frozen=True)
class Chart:
    """One figure: either points or a heat map. `log` is of x; `zero` draws the line y = 0."""

    title: str
    x: str
    y: str
    series: Sequence[Series] = ()
    heat: Heat | None = None
    log: bool = False
    zero: bool = False


@dataclass(frozen=True)
class Answer:
    """The answer to a question. `table` is its header and rows of text; `method` says how it was found, in full."""

    title: str
    sentences: Sequence[str]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    method: Sequence[str]
    charts: Sequence[Chart] = field(default=())
    caption: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON: NaN becomes null."""
        found: dict[str, Any] = _plain(asdict(self))
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return number(value)
    return value.item() if isinstance(value, np.generic) else value
