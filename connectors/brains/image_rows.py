"""What the volumes of an image are responses to, and a subject of them: a row a volume, or the mean over a block."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.blocks import block_means
from consilience.connectors.brains.interfaces import Region, Subject
from consilience.engine.errors import BadInput

SHARED = "rows.tsv"


@dataclass(frozen=True)
class Rows:
    """How volumes become rows. Without `blocks` each is one; with them the volumes of one run in which the same thing
    was shown are one, but those of `rest`, and the response lags `delay` volumes behind."""

    uneven: str = "refuse"
    blocks: bool = False
    rest: tuple[str, ...] = ("rest",)
    delay: int = 0

    def check(self) -> None:
        """BadInput where `delay` is asked for, which only blocks have, or lies before the stimulus."""
        if self.delay and not self.blocks:
            raise BadInput("`blocks: true` with `delay`", f"delay={self.delay}", "add it, or leave it out")
        if self.delay < 0:
            raise BadInput("a delay of 0 volumes or more", str(self.delay), "count from the stimulus on")


def table_of(folder: Path, subject: str) -> Path:
    """``<subject>.tsv``, or ``rows.tsv``, which stands for all subjects. BadInput where there is neither."""
    for path in (folder / f"{subject}.tsv", folder / SHARED):
        if path.is_file():
            return path
    raise BadInput(
        f"{subject}.tsv in {folder}, or {SHARED}, with a line a volume", "neither",
        "write the column sample_id, and run where there are several",
    )  # fmt: skip


def subject_of(
    name: str,
    table: Path,
    rows: Rows,
    read: Callable[[list[str] | None], Mapping[str, Region]],
) -> Subject:
    """The subject whose volumes `table` tells of: tab-separated, with the columns ``sample_id`` and, where there are
    several, ``run``. `read` is called with the run of every volume, and returns regions (volumes, units).

    An id that comes several times is a stimulus that was repeated; see `of_trials`. Raises BadInput for a table of
    other columns or another length.
    """
    import pandas as pd

    held = pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False)
    if "sample_id" not in held.columns:
        raise BadInput(
            f"the column sample_id in {table.name}", ", ".join(map(str, held.columns)), "rename its columns"
        )
    shown = held["sample_id"].tolist()
    runs = held["run"].tolist() if "run" in held.columns else None
    regions = dict(read(runs))
    for of, region in regions.items():
        if region.n != len(shown):
            raise BadInput(
                f"{region.n} lines in {table.name}, one a volume of {of} of {name}",
                str(len(shown)), "write one line a volume, below the names of the columns",
            )  # fmt: skip
    if rows.blocks:
        shown, runs, regions = _blocks(shown, runs or ["run"] * len(shown), rows, regions)
    groups = runs if len(set(shown)) == len(shown) else None
    return of_trials(name, shown, regions, runs=runs, uneven=rows.uneven, groups=groups)


def _blocks(
    shown: Sequence[str], runs: Sequence[str], rows: Rows, regions: Mapping[str, Region]
) -> tuple[list[str], list[str], dict[str, Region]]:
    """What was shown in every block, its run, and regions (blocks, units)."""
    width = [0, *np.cumsum([r.values.shape[1] for r in regions.values()])]
    values = np.concatenate([r.values for r in regions.values()], axis=1)
    what, which, means = block_means(values, shown, runs, rest=rows.rest, delay=rows.delay)
    parts = zip(regions.items(), width, width[1:])
    return what, which, {name: replace(r, values=means[:, a:b]) for (name, r), a, b in parts}
