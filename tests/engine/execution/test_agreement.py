"""One suite over all executors: scores, errors and nulls on a cluster are those on threads, to 1e-6."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr
from references import EVERY

import consilience as cs
from consilience.engine.execution import shipping
from consilience.engine.execution.sessions import opened
from consilience.engine.metrics.registry import parse, registered
from consilience.engine.passes import executors
from consilience.engine.testing.tried import N, tried

CLUSTERS = ("distributed", "ray")
WORKERS = 2

Case = Callable[..., xr.Dataset]


def features(n: int, widths: tuple[int, ...] = (20, 24, 15), seed: int = 0) -> dict[str, np.ndarray]:
    """Representations with something in common."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 12))
    return {
        f"m{k % 2}/{k}": (common @ rng.standard_normal((12, d)) + rng.standard_normal((n, d))).astype(
            np.float32
        )
        for k, d in enumerate(widths)
    }


def compared(*metrics: Any, n: int = 400, **options: Any) -> Case:
    return lambda **where: cs.compare(features(n), metrics=metrics, **options, **where)


def tables(tmp: Any, **where: Any) -> xr.Dataset:
    store = cs.FeatureStore(tmp)
    ids = [str(i) for i in range(800)]
    both = [store.write(name.replace("/", "-"), "noise", ids, {"l": x}) for name, x in features(800).items()]
    return cs.compare(both, metrics=["cka", "mutual_knn"], **where)


def aligned(**where: Any) -> xr.Dataset:
    brains = {
        f"s{s}": {"V1": features(24, (9,), s)["m0/0"], "IT": features(24, (7,), s)["m0/0"]} for s in range(3)
    }
    metrics = ["rsa", "procrustes"]
    return cs.align(features(24), brains, metrics, permutations=19, bootstraps=200, groups=4, **where)


def encoded(**where: Any) -> xr.Dataset:
    x, y, nuisance = features(240).values()
    return cs.encode({"x": x}, {"y": y}, {"n": nuisance}, bands=3, permutations=2, **where)


CASES: dict[str, Case] = {
    "cka of all pairs, tiles": lambda **where: cs.compare(features(600, (300, 250, 280)), **where),
    "cka of one pair, moments": lambda **where: cs.compare(features(6000, (9, 5)), metrics=["cka"], **where),
    "neighbours of many tiles": compared("mutual_knn", "cknna", n=600),
    "until a standard error": compared("cka", "mutual_knn", n=2400, until_se=0.02),
    "preprocessed": compared("cka", preprocess=["clip", {"name": "pca", "components": 8}, "l2"]),
    "profile": lambda **where: cs.profile(features(400), labels=np.arange(400) % 2, **where),
    "best layers": lambda **where: cs.best_layers(features(300), metrics=["cka", "rsa"], permutations=19, **where),
    "encoding": encoded,
    "alignment": aligned,
}  # fmt: skip


@pytest.fixture(scope="module", params=CLUSTERS)
def cluster(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Where the passes run; the cluster is started once."""
    with opened(request.param, None, WORKERS) as session:
        session.begin()
        yield {"executor": request.param, "threads": WORKERS}


METRICS = sorted({*EVERY, *registered()})


def everything(**where: Any) -> dict[str, xr.Dataset]:
    """All metrics there are, of features with repeats and labels: those of two representations, and those of one."""
    labels, pair = np.arange(N) % 3, tried(parse("rsa:rdm=crossnobis"))
    features, single = {"x": pair.x, "y": pair.y}, {m: parse(m).metric.single for m in METRICS}
    means = {name: x.mean(axis=1) for name, x in features.items()}
    two, one = ([m for m in METRICS if single[m] == of_one] for of_one in (False, True))
    compared = cs.compare(features, metrics=two, labels=labels, permutations=2, groups=4, **where)
    return {"two": compared, "one": cs.profile(means, one, labels=labels, groups=4, **where)}


@pytest.fixture(scope="module")
def on_cluster(cluster: dict[str, Any]) -> dict[str, xr.Dataset]:
    return everything(**cluster)


@pytest.fixture(scope="module")
def on_one_thread() -> dict[str, xr.Dataset]:
    return everything(threads=1)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_the_same_on_a_cluster(metric, on_cluster, on_one_thread):
    of = "one" if parse(metric).metric.single else "two"
    found, wanted = (tables[of].sel(metric=parse(metric).id) for tables in (on_cluster, on_one_thread))
    assert np.isfinite(wanted["score"]).any()
    agree(found, wanted)


@pytest.fixture(scope="module")
def known() -> dict[str, xr.Dataset]:
    """Results on threads."""
    return {}


def agree(found: xr.Dataset, wanted: xr.Dataset) -> None:
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        if values.dtype.kind == "f":
            unit = np.maximum(1, abs(values))  # a z of 100 has fewer digits behind the point than a score
            np.testing.assert_allclose(
                found[name] / unit, values / unit, rtol=0, atol=1e-6, err_msg=str(name)
            )
        else:
            np.testing.assert_array_equal(found[name], values, err_msg=str(name))


@pytest.mark.parametrize("case", CASES)
def test_a_cluster_gives_what_threads_give(case, cluster, known, monkeypatch):
    monkeypatch.setattr(shipping, "BIG", 2**12)  # nearly all arrays travel apart from the tasks
    if case not in known:
        known[case] = CASES[case](threads=WORKERS)
    agree(CASES[case](**cluster), known[case])


def test_tables_are_read_where_the_tasks_are(cluster, tmp_path):
    agree(tables(tmp_path / "there", **cluster), tables(tmp_path / "here"))


def test_one_score(cluster):
    x, y, _ = features(100).values()
    assert cs.score("cka", x, y, **cluster) == pytest.approx(cs.score("cka", x, y), abs=1e-9)
    assert cs.score("participation_ratio", x, **cluster) == pytest.approx(
        cs.score("participation_ratio", x), abs=1e-6
    )


def test_progress_is_in_work_done(cluster):
    seen: list[tuple[str, float, float]] = []
    cs.compare(features(1500), metrics=["mutual_knn"], progress=lambda *told: seen.append(told), **cluster)
    tiles = [(done, total) for stage, done, total in seen if stage == "tiles"]
    done, total = zip(*tiles)
    assert list(done) == sorted(done)
    assert len(set(done)) > 3
    assert done[0] == 0
    assert done[-1] == total[-1]


def test_an_array_may_change_between_two_calls(cluster, monkeypatch):
    monkeypatch.setattr(shipping, "BIG", 1)
    x = features(300)
    cs.compare(x, metrics=["cka"], **cluster)
    for values in x.values():
        values[:] = np.random.default_rng(values.shape[1]).standard_normal(values.shape)
    agree(cs.compare(x, metrics=["cka"], **cluster), cs.compare(x, metrics=["cka"]))


def test_what_a_task_raises_is_raised_here(cluster):
    run = executors.Executor(**cluster)
    with pytest.raises(cs.BadInput, match=r"expected one; got two\. Fix: three"):
        run(refuse, [(k,) for k in range(20)], sum)


def refuse(k: int) -> int:
    if k == 7:
        raise cs.BadInput("one", "two", "three")
    return k


def test_tasks_of_a_process_share_what_they_are_called_with(cluster):
    run = executors.Executor(**cluster)
    payload = ["anything that is not small" * 100]
    found = run(identity_of, [(payload, k) for k in range(40)], executors.joined)
    assert len(set(found)) <= WORKERS


def identity_of(thing: Any, k: int) -> list[tuple[int, int]]:
    import os

    return [(os.getpid(), id(thing))]
