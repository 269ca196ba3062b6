"""Whether a metric scores what its definition says, and the same however it is computed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.executors import on_executor
from consilience.engine.testing.tried import SAME, D, N, Tried, must, tried

Reference = Callable[..., float]
AGREE = 1e-6  # what may be left between two ways to the same numbers
CUT = 5, 7  # rows of a tile, and of a strip
LEAST_BUDGET = 2**14


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
    must(
        abs(got - want) < SAME * max(1, abs(want)),
        request,
        f"{want} is {got} in another order of the samples",
    )


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
            must(near, request, f"the reference is {want} of {n} samples in {np.dtype(dtype)}; got {got}")


def check_chunking(request: Request) -> None:
    """Neither blocks, threads nor the budget change anything, nor row groups the score."""
    one = tried(request)
    want = one.table(threads=1)
    agree(one.table(cut=CUT, threads=3), want, request, f"tiles of {CUT[0]} rows on three threads")
    budget = LEAST_BUDGET
    while True:
        try:
            found = one.table(budget=budget)
        except BadInput:
            budget *= 2
        else:
            break
    agree(found, want, request, f"a budget of {budget} bytes")
    agree(one.table(groups=17)[["score"]], want[["score"]], request, "groups=17")


@on_executor
def _table_on(one: Tried, **options: Any) -> xr.Dataset:
    return one.table(**options)


def check_executors(request: Request, executor: str, workers: int = 2) -> None:
    """Tasks of another executor, or of more threads, give what one thread gives."""
    one = tried(request)
    found = _table_on(one, executor=executor, threads=workers)
    agree(found, one.table(threads=1), request, f"executor={executor!r}")


def agree(found: xr.Dataset, wanted: xr.Dataset, request: Request, by: str) -> None:
    for name, values in wanted.items():
        unit = np.maximum(1, abs(values))  # a z of 100 has fewer digits behind the point than a score
        np.testing.assert_allclose(
            found[name] / unit, values / unit, rtol=0, atol=AGREE, err_msg=f"{request.id}: {name} with {by}"
        )
