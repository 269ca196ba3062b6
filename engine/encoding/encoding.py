"""Encoding models: how well features predict every unit of the responses on rows held out."""

import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.alignment.over_subjects import spread
from consilience.engine.costs.brains import EncodingSize, encoding_steps
from consilience.engine.costs.size import Step
from consilience.engine.encoding import null
from consilience.engine.encoding.ceiling import repeat_ceilings
from consilience.engine.encoding.checks import (
    LEAST_FOLDS,
    PENALTIES,
    constant_units,
    read_count,
    read_delays,
    read_penalties,
    refuse_delays,
    refuse_gap,
    refuse_rdms,
)
from consilience.engine.encoding.fitting import Fitting, check_memory
from consilience.engine.encoding.folds import Folds, apart, folds_of, run_order, time_order
from consilience.engine.encoding.models import Scored
from consilience.engine.encoding.sources import averaged, beside, delayed
from consilience.engine.encoding.statistics import Design, design
from consilience.engine.encoding.table import table
from consilience.engine.encoding.variants import Told, layers_chosen, models_of, told
from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureTable
from consilience.engine.features.representation import Representation
from consilience.engine.inference.null import from_permutations
from consilience.engine.linalg import one_thread
from consilience.engine.machine import Speed, check_device, nominal, read_bytes
from consilience.engine.passes.blocks import compute_dtype
from consilience.engine.passes.executors import Executor, on_executor
from consilience.engine.progress import Progress, silent
from consilience.engine.reading import Features, on_same_samples, read
from consilience.engine.scoring.table import provenance

FEW = 4  # with fewer rows than so many times the features, X'X is summed in float64: it may have no inverse


class Encoding:
    """Input joined and checked, folds dealt: everything short of computing. See `encode`."""

    def __init__(
        self,
        features: Features | Any,
        responses: Features | Any,
        nuisance: Features | Any = None,
        penalties: Sequence[float] = PENALTIES,
        folds: int = 5,
        groups: Any = None,
        delays: Sequence[int] | None = None,
        *,
        gap: int = 0,
        delay_nuisance: bool = True,
        joint: bool = False,
        choose_layer: bool = False,
        bands: int = 20,
        nested: bool = True,
        standardise: bool = False,
        permutations: int = 0,
        budget: str | float = "8GB",
        device: str = "cpu",
        seed: int = 0,
        executor: str = "threads",
        address: str | None = None,
        threads: int | None = None,
    ):
        self.penalties = read_penalties(penalties)
        bands = read_count("bands", bands, 1, "bands=20, the default")
        permutations = read_count("permutations", permutations, 0, "permutations=0, the default")
        self.gap = read_count("gap", gap, 0, "gap=0, the default")
        folds = read_count("folds", folds, LEAST_FOLDS, "folds=5, the default")
        if joint and (permutations or choose_layer):
            raise BadInput(
                "joint=True without permutations and choose_layer",
                f"permutations={permutations}, choose_layer={choose_layer}",
                "give what the space is to be tested against as nuisance=, without joint",
            )  # fmt: skip
        sides = [_read(features, "features"), _read(responses, "responses")]
        sides.append([] if nuisance is None else _read(nuisance, "nuisance"))
        sides[1] = [averaged(r) for r in sides[1]]
        refuse_rdms([r for side in sides for r in side])
        joined = on_same_samples([r for side in sides for r in side], [])
        self.joined, checked = joined, iter(joined.representations)
        self.spaces, self.responses, given = ([next(checked) for _ in side] for side in sides)
        self.folds: Folds = apart(folds_of(joined, folds, groups, self.gap), self.gap)
        if self.gap:
            refuse_gap(joined.dropped)
        self.device, self.seed, self.budget = check_device(device), seed, read_bytes(budget)
        self.run_on = Executor(executor, address, threads, device)
        self.nested, self.standardise, self.bands = nested, standardise, bands
        self.joint, self.choose_layer, self.permutations = joint, choose_layer, permutations
        self.nuisance = bool(given)
        self.delays = read_delays(delays)
        others = [replace(beside(given), model="nuisance", layer="")] if given else []
        if joint and len(self.spaces) + len(others) < 2:
            raise BadInput(
                "two spaces or more to be fitted together", "one", "name several, or leave joint out"
            )
        if self.delays is not None:
            edges = [(0, joined.n)] if groups is None else run_order(self.folds)
            refuse_delays(self.delays, edges, joined.dropped)
            self.spaces = [delayed(r, self.delays, edges) for r in self.spaces]
            if delay_nuisance:
                others = [delayed(r, self.delays, edges) for r in others]
        self.spaces += others
        self.edges: list[tuple[int, int]] = []
        if permutations:
            self.edges = time_order(self.folds)
            null.check_shifts(self.edges, permutations)
        self.count = len(self.spaces) - (self.nuisance and not joint)
        self.models = models_of(self.count, nuisance=self.nuisance, joint=joint)
        check_memory([r.d for r in self.spaces], self.models, folds, nested, self.budget)

    def plan(self, measured: Speed | None = None) -> tuple[Step, ...]:
        """The steps and their memory; the seconds are those of a machine of that speed."""
        size = EncodingSize(
            self.joined.n, tuple(r.d for r in self.spaces), tuple(m.spaces for m in self.models),
            sum(r.d for r in self.responses), self.folds.count, len(self.penalties), self.bands, self.nested,
            self.permutations, compute_dtype([*self.spaces, *self.responses]).itemsize,
        )  # fmt: skip
        rate = measured or nominal(self.device, self.run_on.workers, self.run_on.together)
        return encoding_steps(size, self.budget, rate)

    def run(self, progress: Progress = silent) -> xr.Dataset:
        """The table."""
        start = time.perf_counter()
        run = replace(self.run_on, progress=progress)
        constant = constant_units(self.responses)
        with one_thread() if self.device == "cpu" else nullcontext():
            fitting = Fitting(
                self._design(run), self.models, self.penalties, self.bands, self.nested,
                self.standardise, self.seed, self.budget, run,
            )  # fmt: skip
            observed = self._told(fitting.scores(self.responses))
            p, drawn = self._p(fitting, observed, progress) if self.permutations else (None, None)
        return table(
            observed, self.spaces[: self.count], self.responses, p, constant,
            repeat_ceilings(self.responses, self.seed),
            self._attributes(constant, time.perf_counter() - start), drawn,
        )  # fmt: skip

    def _design(self, run: Any) -> Design:
        pairs = sorted({(a, b) for m in self.models for a in m.spaces for b in m.spaces if a <= b})
        dtype = compute_dtype([*self.spaces, *self.responses])
        widest = max(sum(self.spaces[s].d for s in m.spaces) for m in self.models)
        exact = np.dtype(np.float64) if self.joined.n < FEW * widest else dtype
        found = design(self.spaces, pairs, self.folds.rows, exact, self.device, run)
        return replace(found, dtype=dtype)

    def _told(self, scored: Sequence[Scored]) -> Told:
        found = told(scored, self.count, nuisance=self.nuisance, joint=self.joint)
        if not self.choose_layer:
            return found
        regions = np.repeat(np.arange(len(self.responses)), [r.d for r in self.responses])
        return layers_chosen(found, self.spaces[: self.count], regions)

    def _p(self, fitting: Fitting, observed: Told, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
        """Of the variance beyond the nuisance, or of r without one; and the draws, (S, regions, draws), as means over
        the units of a region."""

        def statistic(of: Told) -> np.ndarray:
            return (of.r if of.unique is None else of.unique).mean(axis=1)

        nuisance = self.count if self.nuisance else None
        drawn = []
        some = null.draws(fitting, self.responses, self.edges, self.permutations, self.seed, nuisance)
        for k, found in enumerate(some):
            drawn.append(statistic(self._told(found)))
            progress("permutations", k + 1, self.permutations)
        draws = np.array(drawn)
        cuts = np.cumsum([r.d for r in self.responses])[:-1]
        means = np.stack([spread(part).mean for part in np.split(draws, cuts, axis=-1)], axis=-1)
        p: np.ndarray = from_permutations(draws, statistic(observed), "similarity")[1]
        return p, np.moveaxis(means, 0, -1)

    def _attributes(self, constant: np.ndarray, seconds: float) -> dict[str, Any]:
        cuts = np.cumsum([r.d for r in self.responses])[:-1]
        still = {r.name: np.flatnonzero(c).tolist() for r, c in zip(self.responses, np.split(constant, cuts))}
        said = {
            "penalties": self.penalties.tolist(), "folds": self.folds.count, "groups": self.folds.whole,
            "fold_rows": self.folds.rows.sizes.tolist(), "gap": self.gap, "delays": self.delays, "joint": self.joint,
            "choose_layer": self.choose_layer, "bands": self.bands, "nested": self.nested,
            "standardise": self.standardise, "permutations": self.permutations,
        }  # fmt: skip
        told = provenance([], self.joined, seed=self.seed, seconds=seconds, stage="encoding", encoding=said)
        del told["metrics"]  # there are none
        digests = {r.name: r.digest for r in [*self.spaces, *self.responses] if r.digest is not None}
        constant_units = {k: units for k, units in still.items() if units}
        return {**told, "digests": json.dumps(digests), "constant": json.dumps(constant_units)}


def _read(features: Any, name: str) -> list[Representation]:
    """As `compare` reads them; a table alone too, and an array alone, which is known as `name`."""
    if features is None:
        raise BadInput(f"{name}: an array, or a mapping from names to arrays", "None", f"give {name}")
    if isinstance(features, FeatureTable):
        return read([features])
    return read({name: features} if hasattr(features, "shape") else features)


@on_executor
def encode(
    features: Features | Any,
    responses: Features | Any,
    nuisance: Features | Any = None,
    penalties: Sequence[float] = PENALTIES,
    folds: int = 5,
    groups: Any = None,
    delays: Sequence[int] | None = None,
    *,
    progress: Progress = silent,
    **options: Any,
) -> xr.Dataset:
    """How well ridge regression from features predicts every unit of the responses, on rows held out.

    Features and responses are centred by the means of the training rows. Each fold is held out in turn; the penalty of
    every response is the one with the least mean squared error over the inner folds, which are the other folds, each
    set aside in turn; the map with it, fitted on all training folds, is scored on the fold held out. All of it is
    computed from the sums of every fold, so that neither rows nor units are held in memory: F (F - 1) / 2 + F
    eigendecompositions for F folds. Penalties, r and R² are what himalaya's RidgeCV defines, fitted on the
    training rows of every fold.

    Args:
        features, responses: each a mapping from names to (n, d) arrays or feature tables, a list of feature tables,
            as for `compare`, or one array. Every layer is a feature space, or a region of responses. Of responses
            (n, repeats, units) the mean over repeats is predicted, and `ceiling` says how well that can be done.
        nuisance: the same, taken together as one space: what a feature space must predict more than. Each space is
            then fitted with it too, by banded ridge, and `unique_r2` = R²(with it) - R²(nuisance only).
        penalties: added to the eigenvalues of Xc'Xc, tried for every response; all above 0. Default: 10, from 0.1 to
            1e8.
        folds: 3 or more runs of consecutive rows, as of scikit-learn's KFold.
        groups: runs, stories: a mapping from sample id to group, or one a row for arrays without ids. A group is not
            split; folds are then runs of groups. Of fewer groups than folds, two runs for instance, pieces are folds,
            with the gap between them, which has to be given.
        gap: samples, in the order of time, that lie between rows held out and rows fitted on, in the inner folds too:
            so many are left out at every border of two folds that follow each other, half of them on either side.
            Default: none, as is usual where runs or stories are held out. Within one run neighbouring rows share noise,
            and, through delays or a haemodynamic response, features: a gap as long as those keeps them apart.
        delays: in samples, such as [1, 2, 3, 4]: features and nuisance are taken as they were so many samples before,
            side by side (FIR). Rows are in the order of time; nothing is taken from before a group (without groups:
            the first row), where they are 0. delay_nuisance: False takes the nuisance as it is, such as motion, or a
            regressor that was convolved with a haemodynamic response already.
        joint: fit all spaces, the nuisance among them, by one banded ridge: `joint_r2`, `unique_r2` of each space,
            which is R²(all) less R²(all others), and `shared_r2`, what remains.
        choose_layer: tell of every model only the layer that predicts a region best inside the training folds (mean
            R² of the inner folds over units, each layer by itself); for every fold and region anew.
        bands: weightings of the spaces tried in a banded ridge: even, then drawn by the seed (1: even only, one
            penalty).
        nested: False chooses one penalty a response on all folds, as RidgeCV does; its scores are then a little too
            good.
        standardise: divide features by their standard deviations over the training rows. Default: as they are.
        permutations: of the null, of which `p` comes: responses, or their residuals about the nuisance, shifted in a
            circle inside each group; see `consilience.engine.encoding.null`. Default: none, for it fits as many times
            more.
        budget: memory above the inputs, for instance ``"8GB"``.
        device, seed, executor, address, threads, progress: as for `compare`.

    Returns:
        A Dataset over (space, target, fold); see `consilience.engine.encoding.table`.

    Raises:
        BadInput: before any compute, for input that cannot be fitted.
    """
    return Encoding(features, responses, nuisance, penalties, folds, groups, delays, **options).run(progress)
