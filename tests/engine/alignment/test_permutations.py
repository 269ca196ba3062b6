"""Stimuli in another order: p is that of brute force, and as often small as it says where there is nothing."""

import numpy as np
import pytest
import reference_alignment as reference
from scipy import stats

import consilience as cs
from consilience.engine.inference.null import orders

N, SUBJECTS, DRAWS = 14, 3, 40


def study(seed: int, shared: float = 1.0) -> tuple[dict, dict]:
    """Two models of three layers and brains, which have as much to do with each other as `shared` says."""
    rng = np.random.default_rng(seed)
    latents, other = rng.normal(size=(2, N, 3))
    models = {
        f"{m}/{k}": shared * latents @ rng.normal(size=(3, 5)) + (k + 1) * rng.normal(size=(N, 5))
        for m in "ab"
        for k in range(3)
    }
    brains = {
        f"s{s}": {"IT": (latents if shared else other) @ rng.normal(size=(3, 5)) + rng.normal(size=(N, 5))}
        for s in range(SUBJECTS)
    }
    return models, brains


def repeated(x: np.ndarray) -> np.ndarray:
    return x[:, None] + 0.3 * np.random.default_rng(0).normal(size=(len(x), 3, x.shape[1]))


@pytest.mark.parametrize(
    "metric",
    [
        "rsa",
        "rsa:compare=cosine,rdm=crossnobis",
        "cka:estimator=unbiased",
        "mutual_knn:k=3",
        "procrustes",
        "linreg:ridge=0.5",
    ],
)  # fmt: skip
def test_p_is_that_of_brute_force(metric):
    models, brains = study(1)
    if "crossnobis" in metric:
        models = {k: repeated(x) for k, x in models.items()}
        brains = {s: {"IT": repeated(x["IT"])} for s, x in brains.items()}
    found = cs.align(models, brains, metric, permutations=DRAWS, bootstraps=100, seed=3)
    similar, draws, chance = metric != "procrustes", [], []
    for order in orders(N, DRAWS, 3):
        moved = {s: x["IT"][order] for s, x in brains.items()}
        scores = cs.compare(models, moved, metric, se=False, null=False)["score"].values[0]
        held = [reference.held_out(scores[rows], similar)[1] for rows in (slice(0, 3), slice(3, 6))]
        draws.append(np.mean(held, axis=1) * (1 if similar else -1))
        chance.append(held)
    observed = found["mean"].values[0, :, 0] * (1 if similar else -1)
    for m in range(2):
        want = reference.p_of(observed[m], [d[m] + 1e-9 for d in draws])
        assert abs(float(found["p"][0, m, 0]) - want) < 1e-12
        by_chance = np.mean(chance, axis=0)[m]
        np.testing.assert_allclose(found["chance"][0, m, 0], by_chance.mean(), atol=1e-9)
        held = found["held_out"].values[0, m, 0]
        t = stats.ttest_rel(held, by_chance, alternative="greater" if similar else "less")
        np.testing.assert_allclose(found["p_subjects"][0, m, 0], t.pvalue, atol=1e-9)


def test_p_is_uniform_where_there_is_nothing():
    studies, found = 60, []
    for seed in range(studies):
        table = cs.align(
            *study(seed, shared=0.0), "cka:estimator=unbiased", permutations=19, bootstraps=100, seed=seed
        )
        found.append([*table["p"].values[0, :, 0], table["universality_p"].values[0, 0]])
    for p in np.array(found).T:
        for threshold in (0.1, 0.25, 0.5, 0.75):
            expected = np.sqrt(threshold * (1 - threshold) / studies)
            assert abs((p <= threshold).mean() - threshold) < 3 * expected


def test_without_permutations_there_is_no_p():
    found = cs.align(*study(1), "rsa", permutations=0, bootstraps=100)
    assert np.isnan(found["p"]).all()
    assert np.isnan(found["universality_p"]).all()
    assert np.isfinite(found["mean"]).all()


def test_a_metric_that_is_not_permuted_says_so_and_has_chance_from_its_null():
    models, brains = study(1)
    found = cs.align(models, brains, ["rsa:compare=kendall", "rsa"], permutations=19, bootstraps=100)
    kendall, rank = found.isel(metric=0), found.isel(metric=1)
    assert np.isnan(kendall["p"]).all()
    assert np.isfinite(rank["p"]).all()
    assert "rsa:compare=kendall,rdm=correlation: no p from permuted stimuli" in found.attrs["notes"]
    assert np.isfinite(kendall["p_subjects"]).all()
    table = cs.compare(
        {**models, **{f"{s}/IT": x["IT"] for s, x in brains.items()}}, metrics="rsa:compare=kendall"
    )
    for m, model in enumerate("ab"):
        want = [
            float(table["null_mean"].sel(a=f"{model}/{layer}", b=f"{subject}/IT")[0])
            for layer, subject in zip(kendall["chosen"].values[m, 0], brains)
        ]
        np.testing.assert_allclose(kendall["chance"][m, 0], np.mean(want), atol=1e-9)
