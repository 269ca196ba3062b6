"""Linear probes: against scikit-learn on the same halves, closed forms, labels joined by id, and what is refused."""

import json
import warnings

import numpy as np
import pytest
from reference_probe import logistic, ridge

import consilience as cs
from consilience.engine.inference.jackknife import standard_error
from consilience.engine.inference.split import held_out, split
from consilience.engine.metrics.registry import INVARIANCES, parse
from consilience.engine.profile import Profile, every_metric


def classes(n=200, k=3, apart=1.0, seed=0):
    """Features (n, 6) of k classes of normal samples, and the names of the classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    return rng.normal(size=(k, 6))[y] * apart + rng.normal(size=(n, 6)) + 2, np.array(["a", "b", "c", "d"])[y]


def numbers(n=150, d=7, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) * rng.uniform(0.1, 9, d) + 4
    return x, x @ rng.normal(size=d) + 12 * rng.normal(size=n) - 3


@pytest.mark.parametrize("strength", [1.0, 300.0])
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accuracy_is_that_of_scikit_learn(k, strength, dtype):
    x, y = classes(k=k)
    x, cut = x.astype(dtype), split(len(x), 5)
    hits = logistic(x.astype(np.float64), y, cut.train, cut.held, strength)
    table = cs.profile({"x": x}, [f"probe:strength={strength}"], labels=y, seed=5)
    assert float(table["score"].squeeze()) == pytest.approx(hits.mean(), abs=1e-12)
    assert float(table["n"].squeeze()) == len(hits) == 100
    held = held_out(cut.held, 20, 5, se=True)
    left = np.array([hits[held.group != g].mean() for g in range(20)])
    assert float(table["se"].squeeze()) == pytest.approx(float(standard_error(left)), rel=1e-9)
    assert list(table["groups"].values) == [20]


@pytest.mark.parametrize("strength", [1.0, 50.0])
@pytest.mark.parametrize("shape", [(150, 7), (60, 45)])
def test_r2_is_that_of_the_normal_equations(shape, strength):
    x, y = numbers(*shape)
    cut = split(len(x), 0)
    residual, deviation = ridge(x, y, cut.train, cut.held, strength)
    table = cs.profile({"x": x}, [f"probe:strength={strength}"], labels=y, groups=10)
    assert float(table["score"].squeeze()) == pytest.approx(1 - residual.sum() / deviation.sum(), abs=1e-9)
    group = held_out(cut.held, 10, 0, se=True).group
    left = [1 - residual[group != g].sum() / deviation[group != g].sum() for g in range(10)]
    assert float(table["se"].squeeze()) == pytest.approx(float(standard_error(np.array(left))), rel=1e-7)


def test_only_so_many_train_samples_are_drawn(monkeypatch):
    x, y = numbers()
    cut = split(150, 0)
    monkeypatch.setattr("consilience.engine.scoring.single_probe.BLOCK_ROWS", 13)
    residual, deviation = ridge(x, y, cut.anchors(30), cut.held)
    table = cs.profile({"m/x": x}, ["probe:samples=30"], labels=y)
    assert float(table["score"].squeeze()) == pytest.approx(1 - residual.sum() / deviation.sum(), abs=1e-9)
    assert json.loads(table.attrs["notes"]) == {
        "probe:samples=30,strength=1,task=auto|m/x": "r2, chance 0; fitted on 30 of 75 train samples"
    }


def test_the_kind_of_labels_decides_and_task_overrules():
    x, names = classes(k=2)
    y = (names == "b").astype(int)
    as_classes = cs.score("probe", x, labels=names)
    assert cs.score("probe", x, labels=y) == cs.score("probe", x, labels=y == 1) == as_classes
    assert cs.score("probe:task=accuracy", x, labels=y.astype(float)) == as_classes
    as_numbers = cs.score("probe", x, labels=y.astype(float))
    assert cs.score("probe:task=r2", x, labels=y) == as_numbers != as_classes


def test_separable_classes():
    x, y = classes(apart=40)
    table = cs.profile({"m/x": x}, ["probe"], labels=y)
    assert float(table["score"].squeeze()) == 1
    largest = np.unique(y[split(200, 0).held], return_counts=True)[1].max() / 100
    (note,) = json.loads(table.attrs["notes"]).values()
    assert note == f"accuracy of 3 classes, chance {largest:.4g}; fitted on 100 of 100 train samples"


def test_labels_that_have_nothing_to_do_with_the_samples():
    x, _ = classes(4000, apart=0)
    rng = np.random.default_rng(3)
    table = cs.profile({"x": x}, ["probe"], labels=rng.permutation(np.arange(4000) % 4))
    assert abs(float(table["score"].squeeze()) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 2000)
    assert abs(cs.score("probe", x, labels=rng.normal(size=4000))) < 0.02


def test_the_error_of_an_accuracy_is_binomial():
    x, y = classes(400, apart=0.6)
    table = cs.profile({"x": x}, ["probe"], labels=y, groups=200)  # a group is a sample
    p = float(table["score"].squeeze())
    assert 0.4 < p < 0.95
    assert float(table["se"].squeeze()) == pytest.approx(np.sqrt(p * (1 - p) / 199), rel=1e-9)


def test_the_score_is_the_same_without_its_error_and_beside_others():
    x, y = classes()
    every = cs.profile({"x": x, "z": x[:, :2]}, labels=y, threads=2)
    assert [m.split(":")[0] for m in every["metric"].values] == every_metric(labelled=True)
    assert "probe" not in every_metric()
    at = every_metric(labelled=True).index("probe")
    for k, z in enumerate((x, x[:, :2])):
        assert cs.score("probe", z, labels=y) == every["score"].values[at, k]
    table = cs.profile({"x": x}, ["probe"], labels=y, se=False)
    assert np.isnan(table["se"]).all()
    assert list(table["groups"].values) == [0]


def test_labels_are_joined_by_id(tmp_path):
    x, y = numbers()
    ids = [f"s{i}" for i in range(150)]
    table = cs.FeatureStore(tmp_path).write("model", "set", ids, {"l": x})
    back = {i: float(v) for i, v in zip(ids[::-1], y[::-1])}
    got = float(cs.profile([table], ["probe"], labels=back | {"other": 7.0})["score"].squeeze())
    assert got == pytest.approx(cs.score("probe", x, labels=y), abs=1e-12)
    del back["s3"]
    with pytest.raises(cs.BadInput, match=r"none for 1 of them \('s3'"):
        cs.profile([table], ["probe"], labels=back)


def test_invariances():
    x, y = numbers()
    rng = np.random.default_rng(6)
    changes = {
        "permutation": x[:, rng.permutation(7)],
        "rotation": x @ np.linalg.qr(rng.normal(size=(7, 7)))[0],
        "scaling": x * 17.0,
        "translation": x + rng.normal(size=7) * 3,
        "linear": x @ rng.normal(size=(7, 7)),
    }
    want = cs.score("probe:strength=20", x, labels=y)
    for name in INVARIANCES:
        same = abs(cs.score("probe:strength=20", changes[name], labels=y) - want) < 1e-9
        assert same == (name in parse("probe").invariances), name


@pytest.mark.parametrize("magnitude", [1e-150, 1e150])
def test_magnitude_of_the_features_and_units_that_do_not_vary(magnitude):
    x, y = numbers()
    wide = np.hstack([x, np.full((150, 2), 7.3)])
    assert cs.score("probe", wide * magnitude, labels=y) == pytest.approx(
        cs.score("probe", x, labels=y), abs=1e-9
    )


def test_a_fit_that_ran_out_of_steps_is_told(monkeypatch):
    x, y = classes()
    monkeypatch.setattr("consilience.engine.metrics.single_probe.MOST_STEPS", 2)
    monkeypatch.setattr("consilience.engine.scoring.single_probe.MOST_STEPS", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = cs.profile({"x": x}, ["probe"], labels=y)
    (note,) = json.loads(table.attrs["notes"]).values()
    assert note.endswith("; not converged after 2 steps")


def test_the_plan_bounds_the_memory():
    x, y = np.random.default_rng(0).normal(size=(3000, 400)), np.arange(3000) % 2
    few, many = (Profile({"x": x}, [f"probe:samples={n}"], labels=y).plan() for n in (100, 1500))
    assert [s.name for s in many.steps] == ["probes"]
    assert few.memory < many.memory
    with pytest.raises(
        cs.BadInput, match=r"probes within the budget of 10\.0 MB; .* as in probe:samples=375"
    ):
        cs.profile({"x": x}, ["probe"], labels=y, budget="10MB")


X, NAMES = classes(60)
ODD = np.where(np.arange(60) == 7, "rare", NAMES)
REFUSED = {
    "no labels": (["probe"], None, "labels of the samples for 'probe:.*; got none. Fix: give labels="),
    "no metric": (["uniformity"], NAMES, "a metric that uses labels.*got uniformity. Fix: add probe"),
    "number": (["probe"], NAMES[:-1], "one label for each of 60 samples"),
    "one class": (["probe"], ["a"] * 60, "2 different labels or more among the train samples"),
    "one number": (["probe"], [0.5] * 60, "2 different labels or more among the train samples"),
    "a rare class": (["probe"], ODD, "2 samples or more of every class .* got [01] of 'rare'. Fix: use broader"),
    "numbers as classes": (["probe"], np.arange(60), "of every class .* or task=r2 for numbers"),
    "names as numbers": (["probe:task=r2"], NAMES, "labels that are numbers .*Fix: use task=accuracy"),
    "mixed": (["probe"], np.array(["a", 1] * 30, object), "labels of one type"),
    "missing": (["probe"], [np.nan] + [1.0] * 59, "a label for every sample"),
    "infinite": (["probe"], [np.inf, *range(59)], "finite labels"),
    "strength": (["probe:strength=0"], NAMES, "from 1e-06"),
    "task": (["probe:task=acuracy"], NAMES, "did you mean 'accuracy'"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refused(case):
    metrics, labels, words = REFUSED[case]
    with pytest.raises(cs.BadInput, match=words):
        Profile({"x": X}, metrics, labels=labels)


def test_a_class_that_the_drawn_train_samples_lack_is_refused():
    with pytest.raises(cs.BadInput, match="among the train samples for 'probe:samples=4"):
        Profile({"x": X}, ["probe:samples=4"], labels=NAMES)
