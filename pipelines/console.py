"""What a person at a terminal sees while a study runs; plain lines where nobody watches."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from consilience.engine.progress import Progress

_EVERY = 15.0  # seconds between two plain lines of one stage


class Console:
    """Writes to a terminal through rich, and to anything else in plain lines without colours or boxes."""

    def __init__(self, file: IO[str] | None = None):
        from rich.console import Console as Rich

        self.rich = Rich(file=file, highlight=False, soft_wrap=True)

    def say(self, text: str = "", style: str = "") -> None:
        """One line or paragraph."""
        self.rich.print(text, style=style, markup=False)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table; columns whose cells all are numbers stand right."""
        from rich.table import Table

        table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for i, name in enumerate(header):
            numbers = all(str(row[i])[:1].isdigit() for row in rows)
            table.add_column(name, justify="right" if numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*(str(x) for x in row))
        self.rich.print(table, soft_wrap=False)

    @contextmanager
    def watching(self) -> Iterator[Progress]:
        """A progress to hand to a long step: bars with rate and time left, or plain lines."""
        if not self.rich.is_terminal:
            yield _Lines(self)
            return
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=self.rich) as bars:
            yield _Bars(bars)


class _Bars:
    def __init__(self, bars: Any):
        self.bars, self.tasks, self.began = bars, {}, {}  # type: tuple[Any, dict[str, Any], dict[str, float]]

    def __call__(self, stage: str, done: float, total: float) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(stage, total=total, rate="")
            self.began[stage] = time.monotonic()
        rate = _rate(done, time.monotonic() - self.began[stage])
        self.bars.update(self.tasks[stage], completed=done, total=total, rate=rate)


class _Lines:
    def __init__(self, console: Console):
        self.console = console
        self.began: dict[str, float] = {}
        self.said: dict[str, float] = {}

    def __call__(self, stage: str, done: float, total: float) -> None:
        now = time.monotonic()
        first = stage not in self.began
        self.began.setdefault(stage, now)
        if not first and done < total and now - self.said[stage] < _EVERY:
            return
        if done >= total and self.said.get(stage) == float("inf"):
            return
        self.said[stage] = float("inf") if done >= total else now
        seconds = now - self.began[stage]
        share = f"{100 * done / total:3.0f} %" if total else "100 %"
        left = f", {seconds * (total - done) / done:.0f} s left" if 0 < done < total else ""
        took = f", {seconds:.1f} s" if done >= total else ""
        rate = _rate(done, seconds)
        self.console.say(f"{stage}: {share}{', ' + rate if rate else ''}{left}{took}")


def _rate(done: float, seconds: float) -> str:
    if done <= 0 or seconds < 0.2:
        return ""
    rate = done / seconds
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if rate >= size:
            return f"{rate / size:.1f} {unit}/s"
    return f"{rate:.1f}/s"
