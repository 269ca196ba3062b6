"""What a person at a terminal sees while a study runs; plain lines where nobody watches."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from consilience.engine.progress import Progress

_EVERY = 15.0  # seconds between two plain lines of one stage
_WIDTH = 120
_SHORT = 1.0  # seconds; a stage over sooner leaves no trace


class Console:
    """Writes to a terminal through rich, and to anything else in plain lines without colours or boxes."""

    def __init__(self, file: IO[str] | None = None):
        from rich.console import Console as Rich

        self.others: list[Progress] = []  # who else is told of the progress
        self.rich = Rich(file=file, highlight=False, soft_wrap=True)
        if not self.rich.is_terminal:
            self.rich.width = _WIDTH  # of tables in a log file

    def say(self, text: str = "", style: str = "") -> None:
        """One line or paragraph."""
        self.rich.print(text, style=style, markup=False)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table; columns whose cells all are numbers stand right."""
        from rich.table import Table

        self.say(title, style="bold")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for i, name in enumerate(header):
            numbers = all(str(row[i])[:1].isdigit() for row in rows)
            table.add_column(name, justify="right" if numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*(str(x) for x in row))
        self.rich.print(table, soft_wrap=False)

    @contextmanager
    def watching(self) -> Iterator[Progress]:
        """A progress to hand to a long step: bars with rate and time left, or plain lines."""
        with self._shown() as shown:

            def told(stage: str, done: float, total: float) -> None:
                for progress in (shown, *self.others):
                    progress(stage, done, total)

            yield told

    @contextmanager
    def _shown(self) -> Iterator[Progress]:
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
        self.bars = bars
        self.tasks: dict[str, Any] = {}
        self.began: dict[str, float] = {}

    def __call__(self, stage: str, done: float, total: float) -> None:
        now = time.monotonic()
        if stage not in self.tasks or (done < total and self.bars.tasks[self.tasks[stage]].finished):
            self.tasks[stage] = self.bars.add_task(stage, total=total, rate="")
            self.began[stage] = now
        seconds = now - self.began[stage]
        self.bars.update(self.tasks[stage], completed=done, total=total, rate=_rate(done, total, seconds))
        if done >= total and seconds < _SHORT:  # dozens of these would push what matters off the screen
            self.bars.update(self.tasks[stage], visible=False)


class _Lines:
    def __init__(self, console: Console):
        self.console = console
        self.began: dict[str, float] = {}
        self.said: dict[str, float] = {}
        self.finished: set[str] = set()

    def __call__(self, stage: str, done: float, total: float) -> None:
        now = time.monotonic()
        if stage in self.finished and done < total:  # a stage of that name begins again
            self.finished.discard(stage)
            self.began[stage] = self.said[stage] = now
        began = self.began.setdefault(stage, now)
        finishing = done >= total
        if stage in self.finished or (finishing and now - began < _SHORT):
            return
        if not finishing and now - self.said.setdefault(stage, began) < _EVERY:
            return
        self.said[stage] = now
        if finishing:
            self.finished.add(stage)
        seconds = now - began
        facts = [f"{100 * done / total:.0f} %" if total else "100 %", _rate(done, total, seconds)]
        facts += (
            [f"{seconds:.0f} s"]
            if finishing
            else [f"{seconds * (total - done) / done:.0f} s left"]
            if done
            else []
        )
        self.console.say(f"{stage}: {', '.join(x for x in facts if x)}")


def _rate(done: float, total: float, seconds: float) -> str:
    """Things a second; nothing for a stage that counts in fractions or in work done, which no one can picture."""
    if done <= 0 or seconds < 0.2 or not isinstance(total, int):
        return ""
    return f"{done / seconds:.1f}/s"
