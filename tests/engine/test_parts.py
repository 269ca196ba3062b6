"""A part of a comparison has the scores, errors and p-values of the whole."""

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from consilience.engine.comparison import Comparison, compare
from consilience.engine.errors import BadInput
from consilience.engine.metrics.registry import registered
from consilience.engine.pairs import asked_of, covering

VARIANTS = (
    "cka:estimator=biased", "cka:kernel=rbf", "cka:estimator=unbiased_both", "cka:estimator=minibatch,batch=32",
    "cka:by=label", "rsa:compare=spearman", "rsa:compare=kendall", "mutual_knn:distance=euclidean,k=5",
    "linreg:folds=2",
)  # fmt: skip
EVERY = [name for name, metric in sorted(registered().items()) if not metric.single] + list(VARIANTS)
OPTIONS: dict[str, Any] = {"groups": 10, "permutations": 4}


def features(n: int, models: int = 4, width: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    latent = rng.normal(size=(n, 4))
    return {
        f"m{m}/l{k}": (latent @ rng.normal(size=(4, width)) + rng.normal(size=(n, width))).astype("f4")
        for m in range(models)
        for k in range(2)
    }


def with_the_last(given: dict[str, np.ndarray], models: int) -> list[tuple[str, str]]:
    """The pairs of the last model's layers with all."""
    return [(a, b) for a in given for b in given if f"m{models - 1}" in (a[:2], b[:2])]


def parted(given: dict[str, np.ndarray], metrics: list[str], models: int, **options: Any) -> xr.Dataset:
    """The scores of a zoo that grew by a model at a time, each with its own pairs only."""
    found: xr.Dataset | None = None
    among = len(given) * (len(given) + 1) // 2
    for count in range(1, models + 1):
        some = {name: x for name, x in given.items() if int(name[1]) < count}
        new = compare(some, metrics=metrics, pairs=with_the_last(some, count), among=among, **options)
        found = new if found is None else found.combine_first(new)
    assert found is not None
    return found


def same(part: xr.Dataset, whole: xr.Dataset, tolerance: float) -> None:
    for name in whole.data_vars:
        if name == "q":  # of the table that there is
            continue
        want, got = (
            x[name].sel(metric=whole["metric"], a=whole["a"], b=whole["b"]).values for x in (whole, part)
        )
        near = 10 * tolerance if str(name).startswith("z") else tolerance  # z divides by a small sd
        np.testing.assert_allclose(got, want, rtol=near, atol=near, err_msg=str(name))


@pytest.mark.parametrize("metric", EVERY)
def test_a_zoo_that_grew_has_the_scores_of_the_zoo_at_once(metric: str) -> None:
    given = features(60, models=3)
    options = dict(OPTIONS, labels=list("abc" * 20)) if metric == "cka:by=label" else OPTIONS
    whole = compare(given, metrics=[metric], **options)
    assert np.isfinite(whole["score"]).all()
    assert np.isfinite(whole["se"]).all()
    same(parted(given, [metric], 3, **options), whole, 1e-9)


def test_in_float32_by_whichever_pass_is_cheaper() -> None:
    """Narrow representations: the pairs of one model by moments, where the zoo at once goes over the tiles."""
    given, metrics = features(1200, models=9, width=100), ["cka"]
    whole, part = (
        Comparison(given, metrics=metrics, pairs=pairs, **OPTIONS)
        for pairs in (None, with_the_last(given, 9))
    )
    assert [x.name for x in whole.plan().steps] == ["tiles"]
    assert [x.name for x in part.plan().steps] == ["moments"]
    want, got = whole.run(), part.run()
    there = np.isfinite(got["score"].values)
    assert there.sum() == 2 * 2 * 18 - 4
    for name, tolerance in (
        ("score", 1e-6),
        ("se", 1e-6),
        ("null_mean", 1e-6),
        ("calibrated", 1e-5),
        ("z", 1e-3),
    ):
        np.testing.assert_allclose(
            got[name].values[there], want[name].values[there], atol=tolerance, rtol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("metrics", [["cka:kernel=rbf", "mutual_knn"], ["rsa:compare=spearman", "cycle_knn"]])
def test_in_float32_by_tiles(metrics: list[str]) -> None:
    given = features(1100, models=3)
    same(parted(given, metrics, 3, **OPTIONS), compare(given, metrics=metrics, **OPTIONS), 1e-5)


def test_what_was_not_asked_for_is_nan_and_has_no_reason() -> None:
    given = features(60)
    given["m3/l0"] = np.where(
        np.arange(60)[:, None] == 0, 1.0, np.zeros((60, 4))
    )  # too few samples that vary
    table = compare(given, metrics=["cka", "mutual_knn"], pairs=[("m0/l0", "m1/l0"), ("m3/l0", "m0/l0")])
    there = table["n"].notnull()
    assert int(there[0].sum()) == 4
    assert bool(there.sel(a="m1/l0", b="m0/l0").all())
    reasons = json.loads(table.attrs["reasons"])
    assert all("m3/l0" in key and "m0/l0" in key for key in reasons)


def test_a_pair_of_unknown_names_is_refused() -> None:
    with pytest.raises(BadInput, match="did you mean 'm0/l0'"):
        compare(features(60), pairs=[("m0/l00", "m1/l0")])
    with pytest.raises(BadInput, match="at least one pair"):
        compare(features(60), pairs=[])


def test_few_representations_that_cover_the_pairs() -> None:
    assert covering(asked_of([7, 8], range(10)), 10) == (7, 8)
    assert covering(asked_of(range(10), range(10)), 10) is None
    assert covering([(0, 1), (2, 3), (5, 5)], 8) == (0, 2, 5)
    assert covering([(0, 1), (2, 2), (3, 3)], 4) is None
    assert covering([], 3) == ()


def test_tiles_of_few_with_all_take_fewer_products() -> None:
    given = features(400, models=4, width=200)
    metrics = ["rsa"]
    whole, part = (
        Comparison(given, metrics=metrics, pairs=pairs, **OPTIONS).plan().steps[0]
        for pairs in (None, [("m0/l0", x) for x in given])
    )
    units = sum(x.shape[1] for x in given.values())
    assert whole.flops == 400**2 * (units + 8 * 8)
    assert part.flops == 400**2 * (units + 8 * 2)
