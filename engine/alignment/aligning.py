"""Align models with brains: the public call, and the order in which its parts are done."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.alignment.bootstrap import drawn_again
from consilience.engine.alignment.ceilings import ceilings
from consilience.engine.alignment.notes import told
from consilience.engine.alignment.permutations import permuted_of, permuted_stimuli
from consilience.engine.alignment.scored import scored
from consilience.engine.alignment.sides import Brains, sides_of
from consilience.engine.alignment.study import Study
from consilience.engine.alignment.table import Pieces, assemble
from consilience.engine.comparison import Comparison
from consilience.engine.errors import BadInput
from consilience.engine.inference.maximum import LEAST_PERMUTATIONS
from consilience.engine.linalg import one_thread
from consilience.engine.passes.executors import on_executor
from consilience.engine.progress import Progress, silent
from consilience.engine.reading import Features, Metrics, of_brains

LEAST_BOOTSTRAPS = 100


@on_executor
def align(
    models: Features,
    brains: Brains,
    metrics: Metrics = ("rsa:compare=spearman",),
    *,
    hierarchy: Sequence[str] | None = None,
    permutations: int = 1000,
    bootstraps: int = 2000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Any,
) -> xr.Dataset:
    """Layers of models against regions of brains, over subjects: scores, ceilings, tests, order and universality.

    A subject is scored with the layer of a model that is best on average for the *other* subjects, so that no score is
    the best of many. Subjects are a random effect: intervals and ``p_subjects`` are of t over subjects and speak of
    other subjects; ``p`` and ``difference_p_stimuli`` speak of other stimuli.

    Windows of time, as of epochs, are regions too: the table is then layers × windows.

    Args:
        models: layers of models, whatever `compare` takes; arrays are named ``"model/layer"``.
        brains: a mapping from subjects to feature tables, or to mappings from regions to arrays (n, d) or RDMs; or a
            list of feature tables, a subject each. Two subjects or more. One may lack a region.
        metrics: as for `compare`; a directed one reads from the layer to the recording, and of `cka` the estimator is
            unbiased_both unless it is given: recordings hold a few of the units there are.
        hierarchy: regions, from the first to the last in the hierarchy.
        permutations: of the stimuli, the same for all layers and subjects; 0 for none, else 19 or more.
        bootstraps: of stimuli, of subjects (Turing test) and of models (universality); 100 or more.
        options: `groups`, `budget`, `device`, `executor`, `address`, `threads`, `precision`, `labels`, `by` and
            `preprocess` of `compare`.

    Returns:
        A Dataset over (metric, representation, region, subject, model, model_b, other); NaN, or "", where a subject
        lacks a region and where there is no such value, of which `notes` tell.

        - ``score``, ``se``: of every layer with every recording, as `compare` has them
        - ``lower``, ``upper``, ``lower_subject``, ``upper_subject``: noise ceilings, see `noise_ceiling`
        - ``chosen``, ``held_out``: the layer that is best for the others, and its score
        - ``mean``, ``low``, ``high``: of ``held_out`` over subjects, and its t interval
        - ``p``: one-sided, the mean against those of permuted stimuli with the layers chosen anew, which are ``null``
          (metric, model, region, draw); ``chance``: their mean, or of metrics without them that of unrelated samples
          for the layers chosen
        - ``p_subjects``: one-sided t of ``held_out`` less chance. Neither p is corrected for the number of models and
          regions
        - ``normalised``: the mean over the lower ceiling; NaN of a distance and where that is not above 0
        - ``difference``, ``difference_low``, ``difference_high``, ``difference_p``: of two models, paired over
          subjects, above 0 where `model` is the better one; ``difference_q``: by Holm over the pairs of models in a
          region
        - ``difference_p_stimuli``: two-sided t of the same difference over its error by a bootstrap of the stimuli, the
          layers chosen anew (RSA but for ``kendall`` and ``whitened_cosine``, of at most 256 stimuli; it is cautious),
          else by the jackknife with the layers as they are; ``stimuli_by`` says which. ``difference_q_stimuli``: by
          Holm over the pairs of models in a region
        - ``brain_brain``, ``gap``, ``gap_low``, ``gap_high``, ``gap_p`` (its p_below), ``gap_p_brain`` (its p_brain),
          ``verdict``: see `turing_test`; three subjects or more
        - ``best_depth``: mean relative depth of ``chosen``; ``order_tau``: whether each subject's own best layers are
          deeper for regions later in the hierarchy, the mean over subjects of Kendall's tau-a; ``order_p``: one-sided,
          the regions of each subject in any order: it speaks of other subjects, with these stimuli;
          ``order_p_stimuli``: one-sided, of scores that rise with depth no more in later regions, by the jackknife: it
          speaks of other stimuli, NaN for a model of one layer. An order is shown where both are small; neither speaks
          of other regions. See `consilience.engine.alignment.hierarchy`
        - ``agreement``: with the best layers of the other models, chosen on one half of the samples and scored on the
          other; ``brain_agreement``: the mean over subjects; ``universality``, ``universality_low``,
          ``universality_high``, ``universality_p``: Spearman's correlation of the two over layers, 95 % of draws of
          models (four or more), and its p against permuted stimuli, not corrected for the number of regions

    Raises:
        BadInput: before any compute, for input that cannot be compared.
    """
    start = time.perf_counter()
    _check(permutations, bootstraps, options)
    sides = sides_of(models, brains, hierarchy)
    metrics = of_brains(metrics, [r.d for r in sides.representations])
    comparison = Comparison(
        sides.representations, None, metrics, seed=seed, progress=progress, until_se=None, **options
    )
    setting = comparison.setting(progress)
    draw = replace(setting, permutations=permutations)
    requests = permuted_of(comparison, draw)
    bounds = {r.id: ceilings(comparison, r, sides, options) for r in comparison.requests}
    pieces: dict[tuple[str, str | None], Pieces] = {}
    with one_thread() if comparison.device == "cpu" else nullcontext():
        everything = scored(comparison, setting, sides)
        draws = permuted_stimuli(comparison, draw, requests, sides)
        for one in everything:
            metric, study = one.request.id, Study(one, comparison.joined.n, permutations, bootstraps, seed)
            again = drawn_again(comparison, setting, one.request, sides, bootstraps)
            its = {region: of for (own, region), of in draws.items() if own == metric}
            pieces[metric, None] = study.over_regions(hierarchy, its)
            for k, region in enumerate(sides.regions):
                bound = bounds[metric].get(region, {})
                means = None if again is None else again[:, k]
                found = study.of_region(k, its.get(k), means, bound.get("lower", np.nan))
                pieces[metric, region] = {**bound, **found}
    return assemble(
        comparison, everything, pieces, seconds=time.perf_counter() - start, notes=told(everything, permutations),
        permutations=permutations, bootstraps=bootstraps,
    )  # fmt: skip


def _check(permutations: int, bootstraps: int, options: Mapping[str, Any]) -> None:
    if permutations and permutations < LEAST_PERMUTATIONS:
        raise BadInput(
            f"permutations of {LEAST_PERMUTATIONS} or more, or no p can be 0.05, or 0 for none",
            f"permutations={permutations}", "use 1000, the default",
        )  # fmt: skip
    if bootstraps < LEAST_BOOTSTRAPS:
        raise BadInput(
            f"bootstraps of {LEAST_BOOTSTRAPS} or more", f"bootstraps={bootstraps}", "use 2000, the default"
        )
    for name in ("se", "null", "until_se"):
        if name in options:
            raise BadInput(
                "options that an alignment takes",
                f"{name}=",
                "leave it out: errors and nulls always come with it",
            )
