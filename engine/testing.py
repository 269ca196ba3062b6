"""Hold a metric to what it declares of itself, to its definition, and to the same scores however it is computed.

The suite of this package runs it on every registered metric, and so can a package that registers one of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.comparison import Comparison
from consilience.engine.errors import BadInput
from consilience.engine.metrics.registry import INVARIANCES, Request, parse, spelled_range
from consilience.engine.passes.executors import on_executor
from consilience.engine.profile import Profile

__all__ = ["CHECKS", "Reference", "check_executors", "check_metric", "check_reference"]

Reference = Callable[..., float]

SAME = 1e-7  # of 1, or of a score above 1: scores that differ by less are the same
AGREE = 1e-6  # what may be left between two ways to the same numbers
N, D, REPEATS = 60, 6, 3
DRAWS = 5
SCORES = ("score", "score_select", "score_holdout")
CUT = 5, 7  # rows of a tile, and of a strip
LEAST_BUDGET = 2**14
RANGES = ((10, (1, 1)), (12, (5, 2)), (16, (30, 40)), (24, (3, 3)), (N, (D, D)))  # samples, units


def check_metric(
    metric: str, reference: Reference | None = None, *, executors: Sequence[str] = ("threads",)
) -> None:
    """Raise AssertionError, which says what is amiss, unless the metric of that id is what it declares.

    Checked on seeded features are its range, direction and symmetry; that it does not see the changes of X that it
    declares as invariances, and sees the others; that identical representations score its `best` exactly; that the
    order of the samples does not matter; that neither row groups, blocks, threads nor the least budget change a score.

    Args:
        metric: an id, with parameters that 60 samples allow.
        reference: the definition, literally: of X (n, d1) and Y (n, d2), or of X alone, in float64; scores agree with
            it to 1e-7, and 1e-5 in float32. With labels where the metric needs them, as a last argument, and of
            (n, repeats, d) arrays where it needs repeats.
        executors: where it must score the same to 1e-6, as for `compare`: ``"threads"``, ``"distributed"``, ``"ray"``,
            or an address. The last two start processes on this machine.
    """
    for check in CHECKS.values():
        check(parse(metric))
    if reference is not None:
        check_reference(parse(metric), reference)
    for executor in executors:
        check_executors(parse(metric), executor)


@dataclass(frozen=True)
class Tried:
    """Two representations that have something in common, some of their units more than others."""

    request: Request
    x: np.ndarray
    y: np.ndarray

    @property
    def options(self) -> dict[str, Any]:
        """Labels, where the metric needs them."""
        if not self.request.labelled:
            return {}
        labels = np.arange(len(self.x)) % 3
        return {"labels": labels * 1.0 if self.request.parameters.get("task") == "r2" else labels}

    def table(self, cut: tuple[int, int] | None = None, **options: Any) -> xr.Dataset:
        """Of both with each other, or of each; with tiles and strips of so many rows as `cut` says."""
        given = {**self.options, **options}
        features: dict[str, np.ndarray] = {"x": self.x, "y": self.y}
        if self.request.metric.single:
            profile = Profile if cut is None else _cut(Profile, cut)
            return profile(features, [self.request.id], **given).run()
        compare = Comparison if cut is None else _cut(Comparison, cut)
        return compare(features, metrics=[self.request.id], **{"permutations": 2, "groups": 6, **given}).run()

    def score(self, x: np.ndarray | None = None, y: np.ndarray | None = None) -> float:
        """Of the two, or of others in their place; of the first alone for a metric of one representation."""
        tried = replace(self, x=self.x if x is None else x, y=self.y if y is None else y)
        scores = tried.alone()["score"].values[0]
        return float(scores.flat[0 if self.request.metric.single else 1])

    def alone(self) -> xr.Dataset:
        """The table without errors and null."""
        options: dict[str, Any] = {} if self.request.metric.single else {"null": False}
        return self.table(se=False, **options)


def _cut(kind: Any, rows: tuple[int, int]) -> Any:
    """Comparisons or profiles in blocks of another size than they plan for."""

    class Cut(kind):
        def plan(self, measured: Any = None) -> Any:
            return replace(super().plan(measured), tile_rows=rows[0], strip_rows=rows[1])

    return Cut


def tried(
    request: Request, seed: int = 0, n: int = N, d: tuple[int, int] = (D, D), dtype: Any = np.float64
) -> Tried:
    """Seeded features of n samples, with repeats where the metric needs them."""
    rng = np.random.default_rng(seed)
    shared, weights = rng.normal(size=(n, 1, 4)), rng.normal(size=(4, max(d)))
    sides = []
    for width in d:
        common = shared @ (weights[:, :width] + 0.5 * rng.normal(size=(4, width)))
        noise = rng.normal(size=(n, REPEATS if request.repeats else 1, width)) * np.geomspace(0.3, 2.0, width)
        made = common + noise + rng.normal(size=width)
        sides.append((made if request.repeats else made[:, 0]).astype(dtype))
    return Tried(request, *sides)


def check_range(request: Request) -> None:
    """Every score that is defined lies in the declared range, of whatever shape and kind the features are."""
    found: list[float] = []
    for seed, (n, d) in enumerate(RANGES):
        one = tried(request, seed, n, d)
        others = (
            one.y,
            np.random.default_rng(seed).permutation(one.y),
            -one.x[..., ::-1],
            one.x,
            one.x * 1e4,
        )
        for y in others:
            try:
                table = replace(one, y=y).alone()
            except BadInput:
                continue  # too few samples, for instance
            found += [
                float(v)
                for name in SCORES
                if name in table
                for v in table[name].values.flat
                if np.isfinite(v)
            ]
    _must(bool(found), request, "no score is defined")
    (low, high), told = request.range, spelled_range(request.range)
    _must(low is None or min(found) >= low, request, f"range is declared as {told}; got {min(found)!r}")
    _must(high is None or max(found) <= high, request, f"range is declared as {told}; got {max(found)!r}")


def check_symmetry(request: Request) -> None:
    """X with Y scores as Y with X where that is declared, in one table bit for bit, and only there; and the direction.

    In a table only one of the two is computed then: whether the other is the same is asked for by itself.
    """
    if request.metric.single:
        return
    alike, related, others = True, [], []
    for seed in range(DRAWS):
        one = tried(request, seed)
        scores = one.alone()["score"].values[0]
        back = scores[1, 0] if not request.symmetric else one.score(one.y, one.x)
        alike &= bool(abs(scores[0, 1] - back) < SAME * max(1.0, abs(back)))
        _must(
            not request.symmetric or scores[0, 1] == scores[1, 0],
            request,
            f"one table holds {scores.tolist()}",
        )
        related.append(scores[0, 1])
        others.append(one.score(y=tried(request, seed + DRAWS).y))
    told = f"symmetric is declared as {request.symmetric}; the two ways score {'alike' if alike else 'differently'}"
    _must(alike == request.symmetric, request, told)
    there, chance = np.mean(related), np.mean(others)
    told = f"direction is {request.metric.direction}; related samples score {there}, unrelated ones {chance}"
    _must((there > chance) == (request.metric.direction == "similarity"), request, told)


def changed(x: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """X after each of the changes that a metric may declare not to see."""
    rng = np.random.default_rng(seed)
    d = x.shape[-1]
    return {
        "permutation": x[..., np.roll(np.arange(d), 1 + rng.integers(d - 1))],
        "rotation": x @ np.linalg.qr(rng.normal(size=(d, d)))[0],
        "scaling": x * rng.choice([0.05, 17.0]),
        "translation": x + rng.normal(size=d) * 3,
        "linear": x @ rng.normal(size=(d, d)),
    }


def check_invariances(request: Request) -> None:
    """Changes of X that are declared are not seen; the others are, or the declaration says too little."""
    declared = request.invariances
    _must(set(declared) <= set(INVARIANCES), request, f"invariances are among {INVARIANCES}; got {declared}")
    away = dict.fromkeys(INVARIANCES, 0.0)
    for seed in range(DRAWS):
        if seed > 1 and all(off > SAME for name, off in away.items() if name not in declared):
            break
        one = tried(request, seed)
        want = one.score()
        for name, x in changed(one.x, seed).items():
            away[name] = max(away[name], abs(one.score(x) - want) / max(1.0, abs(want)))
    for name, off in away.items():
        told = f"the score changes by {off:.2g} with the {name} of X, which is declared as an invariance"
        _must(name not in declared or off < SAME, request, told)
        told = f"the score does not see the {name} of X, which is not declared as an invariance"
        _must(name in declared or off > SAME, request, told)


def check_order(request: Request) -> None:
    """The order of the samples does not matter, but to what sets samples aside, or apart, by their number."""
    if (
        request.needs in ("held_out", "batches", "probe")
        or request.parameters.get("folds")
        or request.labelled
    ):
        return
    one = tried(request)
    samples = np.random.default_rng(1).permutation(N)
    want, got = one.score(), one.score(one.x[samples], one.y[samples])
    _must(
        abs(got - want) < SAME * max(1, abs(want)),
        request,
        f"{want} is {got} in another order of the samples",
    )


def check_identical(request: Request) -> None:
    """Identical representations score the best there is, exactly, where the metric says so."""
    if request.metric.single or not request.alike or not np.isfinite(request.best):
        return
    one = tried(request)
    scores = replace(one, y=one.x.copy()).table(null=False)["score"].values[0]
    told = f"identical representations score {request.best}; got {scores.tolist()}"
    _must(bool((scores == request.best).all()), request, told)


def check_reference(request: Request, reference: Reference) -> None:
    """Scores agree with the definition, and are undefined where it is."""
    for seed, (n, d) in enumerate(((N, (D, D)), (41, (5, 8)), (50, (9, 3)))):
        for dtype, tolerance in ((np.float64, SAME), (np.float32, 1e-5)):
            one = tried(request, seed, n, d, dtype)
            x, y = one.x.astype(np.float64), one.y.astype(np.float64)
            arrays = (x,) if request.metric.single else (x, y)
            want, got = float(reference(*arrays, *one.options.values())), one.score()
            near = np.isnan(got) == (not np.isfinite(want))
            near = near and (np.isnan(got) or abs(got - want) < tolerance * max(1, abs(want)))
            _must(near, request, f"the reference is {want} of {n} samples in {np.dtype(dtype)}; got {got}")


def check_chunking(request: Request) -> None:
    """Neither blocks, threads nor the budget change anything, nor row groups the score."""
    one = tried(request)
    want = one.table(threads=1)
    _agree(one.table(cut=CUT, threads=3), want, request, f"tiles of {CUT[0]} rows on three threads")
    budget = LEAST_BUDGET
    while True:
        try:
            found = one.table(budget=budget)
        except BadInput:
            budget *= 2
        else:
            break
    _agree(found, want, request, f"a budget of {budget} bytes")
    _agree(one.table(groups=17)[["score"]], want[["score"]], request, "groups=17")


@on_executor
def _table_on(one: Tried, **options: Any) -> xr.Dataset:
    return one.table(**options)


def check_executors(request: Request, executor: str, workers: int = 2) -> None:
    """Tasks of another executor, or of more threads, give what one thread gives."""
    one = tried(request)
    found = _table_on(one, executor=executor, threads=workers)
    _agree(found, one.table(threads=1), request, f"executor={executor!r}")


def _agree(found: xr.Dataset, wanted: xr.Dataset, request: Request, by: str) -> None:
    for name, values in wanted.items():
        unit = np.maximum(1, abs(values))  # a z of 100 has fewer digits behind the point than a score
        np.testing.assert_allclose(
            found[name] / unit, values / unit, rtol=0, atol=AGREE, err_msg=f"{request.id}: {name} with {by}"
        )


def _must(holds: bool, request: Request, told: str) -> None:
    if not holds:
        raise AssertionError(f"{request.id}: {told}")


CHECKS: dict[str, Callable[[Request], None]] = {
    "range": check_range,
    "symmetry": check_symmetry,
    "invariances": check_invariances,
    "order": check_order,
    "identical": check_identical,
    "chunking": check_chunking,
}
