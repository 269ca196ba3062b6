"""A random part of the pairs of samples: unbiased, as sure as asked for, and told apart from a score of all pairs."""

import json

import numpy as np
import pytest

import consilience as cs
from consilience.engine.metrics.registry import parse
from consilience.engine.scoring import queries, sampled

METRICS = [
    "cka",
    "cka:kernel=rbf",
    "rsa:compare=pearson",
    "rsa:compare=cosine,rdm=euclidean",
    "distance_correlation",
    "mutual_knn:k=5",
]


@pytest.fixture(scope="module")
def pair():
    """2,400 samples whose order says much about them."""
    rng = np.random.default_rng(0)
    shared = np.repeat(rng.normal(size=(240, 4)), 10, axis=0) + 0.3 * rng.normal(size=(2400, 4))
    return tuple(
        (shared @ rng.normal(size=(4, d)) + 1.5 * rng.normal(size=(2400, d))).astype(np.float32)
        for d in (12, 16)
    )


@pytest.fixture
def small(monkeypatch):
    """Batches so small that 2,400 samples are many."""
    monkeypatch.setattr(sampled, "BATCH", 24)
    monkeypatch.setattr(sampled, "LEAST_SAMPLES", 480)
    monkeypatch.setattr(queries, "FIRST", 60)


def test_unbiased_over_seeds(small, pair):
    """The mean of 100 runs is within two of its standard errors of the score of all pairs, for each metric."""
    x, y = ({"x": pair[0]}, {"y": pair[1]})
    whole = cs.compare(x, y, METRICS, se=False, null=False)["score"].values[:, 0, 0]
    runs = [cs.compare(x, y, METRICS, null=False, until_se=0.05, seed=s) for s in range(100)]
    scores = np.array([t["score"].values[:, 0, 0] for t in runs])
    away = (scores.mean(axis=0) - whole) / (scores.std(axis=0, ddof=1) / np.sqrt(100))
    assert (np.abs(away) < 2).all(), away
    # The error that each run reports is that of the population: here the samples are a part of it, the runs all of it.
    errors = np.array([t["se"].values[:, 0, 0] for t in runs])
    assert (errors <= 0.05).all()
    assert (errors.mean(axis=0) / scores.std(axis=0) > 0.8).all()
    notes = [json.loads(t.attrs["notes"]) for t in runs]
    used = {m: np.mean([n[m]["samples used"] for n in notes]) for m in notes[0]}
    assert all(60 <= u < 2000 for u in used.values()), used


def test_more_samples_are_drawn_for_a_smaller_error(small, pair):
    x, y = ({"x": pair[0]}, {"y": pair[1]})
    loose, tight, never = (cs.compare(x, y, METRICS, until_se=s) for s in (0.05, 0.02, 1e-6))
    for metric in loose["metric"].values:
        used = [json.loads(t.attrs["notes"])[metric] for t in (loose, tight, never)]
        assert used[0]["pairs used"] <= used[1]["pairs used"] < used[2]["pairs used"]
        assert used[2]["samples used"] == 2400
        assert used[2]["pairs in all"] == 2400 * 2399 // 2
        assert used[1]["standard error asked for"] == 0.02
    assert float(tight["se"].max()) <= 0.02
    assert (loose["n"] <= never["n"]).all()
    assert (never["p"] < 1e-6).all()
    assert (never["z"] > 5).all()


def test_all_queries_are_the_exact_neighbours(small, pair):
    x, y = ({"x": pair[0]}, {"y": pair[1]})
    for metric in ("mutual_knn:k=5", "mutual_knn:distance=euclidean,k=5"):
        exact = cs.compare(x, y, [metric], se=False)
        drawn = cs.compare(x, y, [metric], until_se=1e-6)
        assert abs(float(drawn["score"][0, 0, 0]) - float(exact["score"][0, 0, 0])) < 1e-12


def test_few_samples_are_compared_pair_by_pair(pair):
    table = cs.compare({"x": pair[0]}, {"y": pair[1]}, ["cka"], until_se=0.05)
    assert table.attrs["notes"] == "{}"
    assert (table["n"] == 2400).all()


FORMS = "cka (estimator=unbiased, by=none), distance_correlation, mutual_knn, rsa (compare=pearson or cosine)"


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("cka:estimator=biased", "its bias is larger the fewer samples are compared"),
        ("cka:estimator=unbiased_both", "its sums over single units are those of all samples"),
        ("cka:estimator=minibatch", "it is made of random batches already"),
        ("cka:by=label", "its pairs are those within classes"),
        ("rsa", "ranks are those among all pairs of samples"),
        ("rsa:compare=whitened_cosine", "its bias is larger the fewer samples are compared"),
        ("jaccard_knn", "only the overlap of mutual_knn is made of single samples"),
        ("cycle_knn", "neighbours among a part of the samples are not those among all"),
        ("second_order_cosine", "neighbours among a part of the samples are not those among all"),
        ("svcca", "it takes one reading of all samples, and no pairs of them"),
        ("stitch", "it takes one reading of all samples, and pairs of at most `gallery`"),
    ],
)
def test_metrics_of_which_a_part_is_biased_are_refused_and_told_why(pair, metric, why):
    labels = np.arange(2400) % 3 if "label" in metric else None
    with pytest.raises(cs.BadInput) as refused:
        cs.compare({"x": pair[0]}, {"y": pair[1]}, [metric], until_se=0.01, labels=labels)
    assert f"without bias, with until_se: {FORMS}; got {parse(metric).id}, which they do not: " in str(
        refused.value
    )
    assert why in str(refused.value)


def test_an_error_of_zero_is_refused(pair):
    with pytest.raises(cs.BadInput, match="above 0 as until_se"):
        cs.compare({"x": pair[0]}, {"y": pair[1]}, until_se=0.0)


def test_unrelated_samples_score_as_the_null_says(small):
    """z of unrelated representations is standard normal, in batches and of single queries."""
    found = []
    for s in range(60):
        rng = np.random.default_rng(s)
        x, y = (rng.normal(size=(960, d)).astype(np.float32) for d in (6, 9))
        table = cs.compare({"x": x}, {"y": y}, ["cka", "rsa:compare=pearson", "mutual_knn:k=5"], until_se=1.0)
        found.append(table["z"].values[:, 0, 0])
    z = np.array(found)
    assert (np.abs(z.mean(axis=0)) < 0.5).all()
    assert ((z.std(axis=0) > 0.7) & (z.std(axis=0) < 1.4)).all(), z.std(axis=0)
