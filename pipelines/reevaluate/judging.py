"""Whether scores have drifted since a baseline: tests corrected over all of them, and what is told."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.inference.null import benjamini_hochberg
from consilience.pipelines.reevaluate.baseline import Baseline
from consilience.pipelines.reevaluate.changes import Change, changes
from consilience.pipelines.reevaluate.kinds import KINDS, Kind, alike
from consilience.pipelines.reevaluate.rows import Compared
from consilience.pipelines.report.numbers import counted, fixed, number, rounded
from consilience.pipelines.studyfiles.common import StudyFile
from consilience.pipelines.studyfiles.entries import Drift
from consilience.pipelines.zoo.words import metric_words

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SAME = 1e-6  # how far scores of the same inputs may lie apart: executors promise no less
UNCHANGED, STEADY, DRIFT, OTHER = "no change", "no drift", "drift", "not reproducible"
ALARMS = (DRIFT, OTHER)
_LISTED = 10_000


def table(found: Compared, limits: Drift) -> "pd.DataFrame":
    """One row a score, with p, q over all whose inputs changed, and the verdict ``drifted`` or ``irreproducible``.

    A score has drifted where neither q nor the change is within the limits. Scores of the same inputs are not tested:
    they have to be the same number, within 1e-6, and so have those that they are the mean of: ``off`` says how far they
    are.
    """
    import pandas as pd

    low, high = found.interval()
    p = np.where(found.same, np.nan, found.p())
    q = benjamini_hochberg(p)
    drifted = (q <= limits.q) & (np.abs(found.change) >= limits.change)
    other = found.same & (found.off > SAME)
    return pd.DataFrame(
        {
            **{name: getattr(found, name) for name in ("metric", "a", "b", "model_a", "model_b")},
            "before": found.before, "after": found.after, "change": found.change, "se": found.se, "low": low,
            "high": high, "p": p, "q": q, "off": found.off, "paired": found.paired, "same_inputs": found.same,
            "drifted": drifted, "irreproducible": other,
        }
    )  # fmt: skip


def judged(
    study: StudyFile, before: Baseline, now: "xr.Dataset", pairs: "pd.DataFrame", *, fresh: bool = False
) -> dict[str, Any]:
    """What the re-evaluation found, as plain JSON; `summary` says it in sentences. `fresh`: all of `now` was computed
    anew, and not only what changed."""
    kind = alike(before.scores, now)
    what = changes(before.scores, now)
    tested, drifted = pairs[~pairs["same_inputs"]], pairs[pairs["drifted"]]
    other, same = pairs[pairs["irreproducible"]], pairs[pairs["same_inputs"]]
    unsure = tested["p"].isna()
    status = OTHER if len(other) else DRIFT if len(drifted) else STEADY if what else UNCHANGED
    found: dict[str, Any] = {
        "study": study.name, "kind": kind.name, "fresh": fresh,
        "brought": json.loads(now.attrs.get("brought", "[]")),
        "furthest": float(same["off"].max()) if len(same) else 0.0,
        "status": DRIFT if len(drifted) and len(other) else status,
        "drift": bool(len(drifted)), "reproducible": not len(other),
        "thresholds": {"q": study.drift.q, "change": study.drift.change},
        "version": str(now.attrs["version"]), "created": str(now.attrs["created"]),
        "baseline": before.told(),
        "changes": [asdict(x) for x in what],
        "counts": {
            "compared": len(pairs), "tested": len(tested), "paired": int(tested["paired"].sum()),
            "drifted": len(drifted), "same inputs": len(same), "irreproducible": len(other),
            "new": kind.count(now) - len(pairs), "untested": int(unsure.sum()),
            "untested and moved": int((unsure & (tested["change"].abs() >= study.drift.change)).sum()),
        },
        "models": by_models(tested),
        "drifted": rows(drifted), "irreproducible": rows(other), "steady": rows(tested[~tested["drifted"]], 200),
    }  # fmt: skip
    return found | {"summary": _summary(found, what)}


def rows(pairs: "pd.DataFrame", most: int = _LISTED) -> list[dict[str, Any]]:
    """Scores as JSON, the largest change first."""
    names = ("metric", "a", "b", "before", "after", "change", "se", "low", "high", "p", "q", "off", "paired")
    found = pairs.reindex(pairs["change"].abs().sort_values(ascending=False).index)[: min(most, _LISTED)]
    return [
        {
            k: number(v) if isinstance(v, float) else bool(v) if k == "paired" else v
            for k, v in zip(names, row)
        }
        for row in found[list(names)].itertuples(index=False)
    ]


def by_models(tested: "pd.DataFrame") -> list[dict[str, Any]]:
    """Of every metric and two models, or model and region, how many scores were tested, how many drifted, and the
    largest change."""
    found = []
    for (metric, a, b), part in tested.groupby(["metric", "model_a", "model_b"], sort=False):
        largest = rows(part, 1)[0]
        found.append(
            {"metric": metric, "model_a": a, "model_b": b, "tested": len(part), "drifted": int(part["drifted"].sum()),
             "largest": largest}
        )  # fmt: skip
    return sorted(found, key=lambda x: (-x["drifted"], -abs(x["largest"]["change"])))


def _summary(found: dict[str, Any], what: Sequence[Change]) -> list[str]:
    counts, limits, kind = found["counts"], found["thresholds"], KINDS[found["kind"]]
    since = f"since the baseline of {found['baseline']['created'][:16].replace('T', ' ')}"
    told = []
    if counts["drifted"]:
        worst = found["drifted"][0]
        told.append(
            f"Drift: {counted(counts['drifted'], 'score')} of {counts['tested']:,} whose inputs changed moved by "
            f"{limits['change']:g} or more at q ≤ {limits['q']:g}. The largest change is that of "
            f"{_words(kind, worst)}: from {fixed(worst['before'], 3)} to "
            f"{fixed(worst['after'], 3)}, {_change(worst)}."
        )
    elif counts["tested"]:
        told.append(
            f"No drift: of {counted(counts['tested'], 'score')} whose inputs changed none moved by "
            f"{limits['change']:g} or more at q ≤ {limits['q']:g}."
        )
    elif not what:
        told.append(f"No change {since}.")
    else:
        told.append(f"No score of the baseline has other inputs {since}.")
    if counts["irreproducible"]:
        worst = max(found["irreproducible"], key=lambda x: x["off"])
        told.append(
            f"Not reproducible: {counted(counts['irreproducible'], 'score')} of the same inputs "
            f"{'is another number' if counts['irreproducible'] == 1 else 'are other numbers'} than in the baseline, "
            f"by up to {worst['off']:.2g} ({_words(kind, worst)})."
        )
    if counts["untested and moved"]:
        told.append(
            f"{counted(counts['untested and moved'], 'score')} moved by {limits['change']:g} or more and "
            f"{'has' if counts['untested and moved'] == 1 else 'have'} no error to be tested by."
        )
    if found["fresh"]:
        told.append(_anew(found))
    if what:
        told.append(
            f"What changed {since}: {'; '.join(x.words() for x in what[:12])}{'; …' if what[12:] else ''}."
        )
    if counts["new"]:
        told.append(f"{counted(counts['new'], 'score')} {'is' if counts['new'] == 1 else 'are'} new.")
    return told


def _anew(found: dict[str, Any]) -> str:
    """What was computed anew, and how near the same numbers came out."""
    brought = (
        f"; the features of {', '.join(found['brought'])} were taken as they are" if found["brought"] else ""
    )
    return (
        f"Everything was computed anew{brought}: {counted(found['counts']['same inputs'], 'score')} of the same inputs "
        f"{'lies' if found['counts']['same inputs'] == 1 else 'lie'} within {found['furthest']:.1g} of the baseline."
    )


def _words(kind: Kind, row: dict[str, Any]) -> str:
    return kind.words(row, metric_words(row["metric"]))


def _change(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return f"a change of {fixed(row['change'], 3)}"
    ends = (rounded(row[k], row["se"]) for k in ("low", "high"))
    return f"a change of {rounded(row['change'], row['se'])} (95 % interval {' to '.join(ends)})"
