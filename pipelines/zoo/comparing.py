"""Compare what was not compared: one sweep for the pairs that metrics lack, and the score table of the whole study."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from consilience.engine.features.join import join
from consilience.engine.scores import label
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.steps import steps_of
from consilience.pipelines.zoo.contents import among, takes_labels
from consilience.pipelines.zoo.merging import merge
from consilience.pipelines.zoo.neighbourlists import KeptLists
from consilience.pipelines.zoo.pairscores import Pairs, Work
from consilience.pipelines.zoo.prepare import Prepared

if TYPE_CHECKING:
    import xarray as xr

MOST_LEFT_OUT = (
    50_000_000  # numbers, of 4 bytes: beyond, a later comparison of two runs takes their errors as apart
)


def compare_missing(prepared: Prepared, console: Console, planned: Sequence[Pairs] = ()) -> "xr.Dataset":
    """The score table of the whole study: what is kept, and what is not from one sweep for all metrics that lack it.

    `planned` are the pairs as they were before extraction.
    """
    every = [Pairs(prepared, comparison) for comparison in prepared.comparisons()]
    for before, now in zip(planned, every):
        _tell_of_samples(before, now, console)
    work = [one for pairs in every for one in pairs.works()]
    if work:
        console.say("Comparison")
        with console.watching() as progress:
            for one in work:
                one.pairs.keep(one, compute(prepared, one, progress))
    ready = {metric: pairs.table(metric) for pairs in every for metric in pairs.comparison.metrics}
    a = prepared.in_order([x for pairs in every for x in pairs.comparison.a])
    b = prepared.in_order([x for pairs in every for x in pairs.comparison.b or pairs.comparison.a])
    samples = max((pairs.samples for pairs in every), key=lambda x: sum(x.dropped.values()))
    join = {"rows": len(samples.ids), "dropped": samples.dropped}
    # In the order of the study, whatever was computed together.
    return merge([ready[m] for m in prepared.metric_ids() if m in ready], a, b, {"join": json.dumps(join)})


def compute(prepared: Prepared, work: Work, progress: Any) -> "xr.Dataset":
    """One sweep for the missing pairs of a comparison, on the samples and as exact as the whole of it."""
    from consilience.engine.comparison import compare

    study, pairs = prepared.study, work.pairs
    every = join(sorted(prepared.representations(pairs.names), key=lambda r: r.model)).representations
    needed = work.compared(prepared)
    models = {model for model, _ in needed}
    return compare(
        [r for r in every if (r.model, r.layer) in needed],
        metrics=work.metrics,
        pairs=[(label(*a), label(*b)) for a, b in work.named],
        among=among(pairs.comparison),
        left_out=2 * int(work.missing.sum()) * study.groups * len(work.metrics) <= MOST_LEFT_OUT,
        kept=KeptLists(prepared, pairs),
        null=study.null,
        permutations=study.permutations,
        groups=study.groups,
        budget=study.budget,
        device=study.device,
        seed=study.seed,
        precision=study.precision,
        until_se=study.until_se,
        labels=prepared.labels if any(takes_labels(m) for m in work.metrics) else None,
        **study.placed,
        preprocess={m: [x.id for x in asked] for m, asked in steps_of(prepared).items() if m in models},
        progress=progress,
    )


def _tell_of_samples(before: Pairs, now: Pairs, console: Console) -> None:
    """Say why pairs whose scores were there are computed again: a new table lacks samples that all others have."""
    lost = len(before.samples.ids) - len(now.samples.ids)
    known = sum(before.counts(metric)[0] for metric in before.comparison.metrics)
    if lost > 0 and known:
        console.say(
            f"{lost} samples were rejected: all pairs are compared on the {len(now.samples.ids):,} that are left. "
            f"The {known:,} scores that are there already are of {len(before.samples.ids):,}.",
            style="yellow",
        )
