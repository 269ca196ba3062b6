"""Two runs of a brain study, row by row: the change of what a model scores in a region, over subjects.

Where both runs have the same subjects in a row, the error of its change is that of the mean of the differences in each
subject: what sets subjects apart drops out of it. Where a subject joined or left it is √(se² before + se² after), as of
people who have nothing in common: where most are the same that is too large, and so careful. Of a single subject
there is no error.
"""

from typing import TYPE_CHECKING

import numpy as np

from consilience.engine.alignment.over_subjects import spread
from consilience.pipelines.reevaluate.rows import Compared

if TYPE_CHECKING:
    import xarray as xr


NAMED = ("measure", "model", "region")


def names_of(table: "xr.Dataset") -> list[tuple[str, str, str]]:
    """Measure, model and region of every row."""
    measures, models, regions = (table[x].values.astype(str) for x in NAMED)
    return [(str(x), str(y), str(z)) for x, y, z in zip(measures, models, regions)]


def compared(before: "xr.Dataset", now: "xr.Dataset") -> Compared:
    """Compare two tables of `pipelines.brain.outcomes`; `a` is the model, `b` the region."""
    subjects = list(dict.fromkeys(str(s) for table in (before, now) for s in table["subject"].values))
    at = {name: i for i, name in enumerate(names_of(before))}
    pairs = [(at[name], i) for i, name in enumerate(names_of(now)) if name in at]
    i, j = (np.array([pair[side] for pair in pairs], int) for side in (0, 1))
    old, new = (
        table.reindex(subject=subjects)["score"].transpose("row", "subject").values[rows]
        for table, rows in ((before, i), (now, j))
    )
    paired = (np.isfinite(old) == np.isfinite(new)).all(axis=1)
    one, two, apart = spread(old), spread(new), spread(new - old)
    both = np.abs(new - old)
    measure, model, region = (now[x].values[j].astype(str).astype(object) for x in NAMED)
    return Compared(
        metric=measure, a=model, b=region, model_a=model, model_b=region, before=one.mean, after=two.mean,
        se=np.where(paired, apart.se, np.hypot(one.se, two.se)),
        groups=np.minimum(one.count, two.count).astype(float),
        off=np.where(np.isnan(both), 0.0, both).max(axis=1, initial=0.0),
        paired=paired, same=before["key"].values[i] == now["key"].values[j],
    )  # fmt: skip
