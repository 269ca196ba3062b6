"""The seconds of a plan grow with all that a comparison has to do. A benchmark holds them against a clock."""

import numpy as np
import pytest

from consilience.engine.comparison import Comparison
from consilience.engine.costs.size import Size
from consilience.engine.machine import Speed
from consilience.engine.metrics.registry import parse, registered
from consilience.engine.pairs import pairs_of
from consilience.engine.planning import make_plan, needs_of

QUIET = Speed(4e11, 2e11, 1e10, 2)
PAIRED = [
    name for name, metric in registered().items() if not metric.single and parse(name).needs != "triangles"
]


def seconds(metric: str, n: int = 1200, d: int = 16, count: int = 4, **options) -> float:
    rng = np.random.default_rng(0)
    x = {f"m/{i}": rng.normal(size=(n, d)).astype("f4") for i in range(count)}
    return Comparison(x, metrics=metric.split("+"), **options).plan(QUIET).seconds


@pytest.mark.parametrize("metric", PAIRED)
def test_more_samples_units_and_representations_take_longer(metric):
    least = seconds(metric)
    larger = seconds(metric, n=4800)
    assert 0 < least <= larger
    assert least < larger or "gallery" in parse(metric).parameters  # of which there are no more
    assert least < seconds(metric, d=64)
    assert least < seconds(metric, count=8)
    assert seconds(metric, se=False) <= least


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("lcs_knn:k=20", "lcs_knn"),  # one list after the other
        ("cca+edit_knn", "cca"),
        ("linreg:folds=5", "linreg"),
        ("riemann", "pwcca"),
        ("pwcca", "cca"),
        ("cca", "procrustes"),
        ("mnn", "stitch"),  # fitted anew for every draw of its null
        ("matching:gallery=400", "matching"),
    ],
)
def test_metrics_that_do_more_take_longer(more, less):
    assert seconds(more, d=80) > 1.2 * seconds(less, d=80)


@pytest.mark.parametrize("metric", ["cca", "cycle_knn", "mnn", "linreg:folds=4", "second_order_cosine"])
def test_permutations_take_longer(metric):
    none, some, many = (seconds(metric, null=p > 0, permutations=p) for p in (0, 20, 100))
    assert none < some < many


def test_metrics_with_the_same_maps_share_a_decomposition():
    assert seconds("procrustes+bures", d=80) == seconds("procrustes", d=80)
    assert seconds("cca+cca:summary=first", d=80) == seconds("cca", d=80)
    assert seconds("cca:ridge=1+cca:ridge=2", d=80) > 1.2 * seconds("cca:ridge=1", d=80)


def test_optimal_transport_is_for_unequal_widths():
    rng = np.random.default_rng(0)

    def planned(d: int) -> float:
        x = {"a": rng.normal(size=(500, 64)), "b": rng.normal(size=(500, d))}
        return Comparison(x, metrics=["unit_match:match=soft"]).plan(QUIET).seconds

    assert planned(60) > 3 * planned(64)  # of the same widths it is an assignment


def test_directions_are_no_more_than_samples():
    """What CCA decomposes is of as many directions; a rotation of all units is not."""
    few, many = (seconds("cca", n=n, d=1200) / seconds("procrustes", n=n, d=1200) for n in (100, 5000))
    assert few < 0.7 * many


@pytest.mark.parametrize(
    ("n", "d", "count", "groups", "budget", "way"),
    [
        (30_000, 4096, 2, 20, 8e9, "moments"),  # fewer operations
        (30_000, 4096, 2, 20, 2e9, "tiles"),  # whose matrices do not fit
        (2500, 70, 100, 200, 8e9, "tiles"),
        (2500, 70, 100, 200, 1.2e9, "moments"),  # the sums of so many groups do not fit
    ],
)
def test_memory_decides_between_moments_and_tiles(n, d, count, groups, budget, way):
    size = Size(n, (d,) * count, 4, groups, pairs_of(range(count), range(count)))
    plan = make_plan(size, needs_of([parse("cka")]), budget=budget, speed=QUIET)
    assert plan.steps[0].name == way
    assert plan.linear_by_moments == (way == "moments")
    assert plan.memory <= budget


def test_where_neither_way_fits_operations_decide():
    size = Size(30_000, (4096, 4096), 4, 20, pairs_of(range(2), range(2)))
    assert make_plan(size, needs_of([parse("cka")]), budget=1e6, speed=QUIET).linear_by_moments
