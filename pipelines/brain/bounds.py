"""How far a prediction could go: the ceilings of an encoding, whose they are, and what share of them is reached.

A share is told only of a ceiling that bounds what it is told of, and that is told apart from none:

- where repeats were kept apart the ceiling is the subject's own, by split halves; else that of the others' mean
- a ceiling over subjects bounds what is alike in all of them: not what a space predicts that is each subject's own, as
  motion is; and repeats do not bound what such a space predicts of the noise
- the ceiling of a subject counts where it is above 95 % of those of its time courses shifted in time, or its repeats
  agree better than 95 % of those of which some are shifted; else repeats that agree by chance would have one
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.brain.rows import groups_of, measured, recorded, smooth

if TYPE_CHECKING:
    import xarray as xr

    from consilience.engine.features import FeatureTable

SAME = 0.99  # r of a column in two subjects that is one and the same but for rounding


def enter_bounds(table: "xr.Dataset", prepared: Prepared) -> None:
    """Enter ``lower``, ``upper``, ``lower_chance`` (region, subject), of the latter the 95 % point by shifts;
    ``normalised_subject``, which comes with the ceilings of repeats, of the others too; ``normalised`` (space, region),
    its mean over subjects that have one, and ``bounded`` (region), how many have a reliable ceiling."""
    from consilience.engine.alignment.over_subjects import spread

    lower, upper, chance = ceilings(prepared)
    for name, values in (("lower", lower), ("upper", upper), ("lower_chance", chance)):
        table[name] = (("region", "subject"), values)
    dims = ("space", "region", "subject")
    by_repeats = table["normalised_subject"].transpose(*dims).values
    ceiling = table["ceiling"].transpose("region", "subject")
    alone = np.isfinite(ceiling.values) & repeatable(prepared)
    table["ceiling"] = ceiling.where(alone)
    reliable = lower > np.fmax(chance, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_others = np.where(reliable, table["r"].transpose(*dims).values / lower, np.nan)
    repeated = alone.any(axis=1)
    share = np.where(repeated[:, None], np.where(alone, by_repeats, np.nan), by_others)
    own = own_spaces(prepared)
    share[[str(s) in own for s in table["space"].values]] = np.nan
    table["normalised_subject"] = (dims, share)
    table["normalised"] = (dims[:2], spread(share).mean)
    table["bounded"] = ("region", np.where(repeated, alone.sum(axis=1), reliable.sum(axis=1)))


def own_spaces(prepared: Prepared) -> set[str]:
    """The nuisance spaces that are not the same in all subjects."""
    recordings = prepared.recordings
    tables = [t for subject in recordings.subjects if (t := recordings.nuisance(subject)) is not None]
    found = set()
    for name in recordings.spaces:
        each = [recorded(table, name) for table in tables if name in table.layers]
        if len(each) < len(recordings.subjects) or not all(_same(each[0], other) for other in each[1:]):
            found.add(name)
    return found


def repeatable(prepared: Prepared) -> np.ndarray:
    """(regions, subjects): where repeats were kept apart, and agree."""
    from consilience.engine.encoding.ceiling import repeats_agree

    subjects = prepared.recordings.subjects
    found = np.zeros((len(prepared.regions), len(subjects)), bool)
    for g, region in enumerate(prepared.regions):
        for s, (subject, table) in enumerate(subjects.items()):
            if region in table.layers:
                values = measured(prepared, subject, region, groups_of(table))
                found[g, s] = values.ndim == 3 and repeats_agree(values, prepared.study.seed)
    return found


def ceilings(prepared: Prepared) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lower and the upper ceiling and what chance gives of the lower, (regions, subjects) each; NaN where units or
    rows of subjects do not correspond."""
    from consilience.engine.encoding.ceiling import shifted_ceilings, time_course_ceilings

    tables = prepared.recordings.subjects
    found = np.full((3, len(prepared.regions), len(tables)), np.nan)
    for g, region in enumerate(prepared.regions):
        those = {s: t for s, t in tables.items() if region in t.layers}
        if len(those) > 1 and correspond(list(those.values()), region):
            values = np.stack([smooth(recorded(t, region), prepared, groups_of(t)) for t in those.values()])
            at = [list(tables).index(s) for s in those]
            found[:2, g, at] = time_course_ceilings(values)
            found[2, g, at] = shifted_ceilings(values)
    return found[0], found[1], found[2]


def correspond(tables: "Sequence[FeatureTable]", region: str) -> bool:
    """Whether unit u of the region is the same in all subjects, one unit or units at the same coordinates, and so are
    the rows."""
    units = {(t.layers[region].dim, str(t.meta.get("coordinates", {}).get(region))) for t in tables}
    rows = {tuple(t.sample_ids) for t in tables}
    (dim, places), *others = units
    return not others and len(rows) == 1 and (dim == 1 or places != "None")


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether every column of both is the same but for its size and for rounding."""
    if one.shape != other.shape:
        return False
    a, b = (x - x.mean(axis=0) for x in (one, other))
    return bool(
        (np.abs((a * b).sum(axis=0)) >= SAME * np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))).all()
    )
