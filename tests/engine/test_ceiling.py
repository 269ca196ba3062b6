"""Noise ceilings: those of another package for RDMs, and of the definition for all else."""

import warnings

import numpy as np
import pytest
import rsatoolbox
from hypothesis import given, settings
from hypothesis import strategies as st
from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
from scipy.spatial.distance import cdist, pdist, squareform

import consilience as cs
from consilience.connectors.datasets import kriegeskorte92
from consilience.engine.ceiling import subject_ceilings

METHODS = {
    "cosine": "cosine", "corr": "pearson", "spearman": "spearman", "rho-a": "rho_a", "tau-a": "kendall",
    "cosine_cov": "whitened_cosine",
}  # fmt: skip


def brains(subjects: int = 4, n: int = 24, seed: int = 0) -> list[np.ndarray]:
    """The same latents in units of their own, and noise."""
    rng = np.random.default_rng(seed)
    latents = rng.normal(size=(n, 4))
    return [latents @ rng.normal(size=(4, 9)) + rng.normal(size=(n, 9)) + 3 for _ in range(subjects)]


def theirs(condensed: np.ndarray, method: str) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of tau-a, that ranks are averaged
        return boot_noise_ceiling(rsatoolbox.rdm.RDMs(condensed), method=method)


@pytest.mark.parametrize("method", METHODS)
@given(subjects=st.integers(2, 6), n=st.integers(6, 24), ties=st.booleans(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None)
def test_the_ceiling_of_rdms_is_that_of_another_package(method, subjects, n, ties, seed):
    rng = np.random.default_rng(seed)
    shared = rng.random(n * (n - 1) // 2)
    condensed = np.array(
        [(shared + rng.random(len(shared))) * 10 ** rng.uniform(-2, 2) for _ in range(subjects)]
    )
    condensed = np.array([np.round(c / c.max(), 1 if ties else 12) for c in condensed])
    want = theirs(condensed, method)
    stack = np.array([squareform(c) for c in condensed])
    got = cs.noise_ceiling(stack, f"rsa:compare={METHODS[method]}")
    np.testing.assert_allclose(got, want, atol=1e-6)
    np.testing.assert_allclose(
        cs.noise_ceiling([cs.RDM(c) for c in condensed], f"rsa:compare={METHODS[method]}"), got
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_ceiling_of_published_rdms_is_that_of_another_package(method, data_sets):
    """Human temporal cortex, 92 pictures: the mean over the two sessions of every subject."""
    stack = np.array([np.mean(kriegeskorte92.human(name), axis=0) for name in kriegeskorte92.HUMANS])
    want = theirs(np.array([squareform(m, checks=False) for m in stack]), method)
    got = cs.noise_ceiling(stack, f"rsa:compare={METHODS[method]}")
    assert 0 < got[0] < got[1] < 1
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("rdm", "kind"), [("correlation", "correlation"), ("euclidean", "sqeuclidean")])
def test_the_ceiling_of_features_is_that_of_their_rdms(rdm, kind):
    subjects = brains()
    want = theirs(np.array([pdist(x, kind) for x in subjects]), "spearman")
    np.testing.assert_allclose(cs.noise_ceiling(subjects, f"rsa:rdm={rdm}"), want, atol=1e-9)
    mixed = [subjects[0], *(cs.RDM(pdist(x, kind)) for x in subjects[1:])]
    np.testing.assert_allclose(cs.noise_ceiling(mixed, f"rsa:rdm={rdm}"), want, atol=1e-9)


def test_the_ceiling_of_crossnobis_rdms():
    rng = np.random.default_rng(1)
    subjects = [np.repeat(x[:, None], 3, axis=1) + rng.normal(size=(24, 3, 9)) for x in brains()]
    import reference

    upper = np.triu_indices(24, 1)
    want = theirs(np.array([reference.crossnobis(x)[upper] for x in subjects]), "corr")
    got = cs.noise_ceiling(subjects, "rsa:compare=pearson,rdm=crossnobis")
    np.testing.assert_allclose(got, want, atol=1e-9)


def pooled(subjects: list[np.ndarray]) -> np.ndarray:
    """Side by side, each of variance 1 in all its units together."""
    return np.hstack([x / np.sqrt(x.var(axis=0).sum()) for x in subjects])


@pytest.mark.parametrize(
    "metric",
    [
        "cka:estimator=unbiased",
        "mutual_knn:k=3",
        "linreg:ridge=0.5",
        "procrustes",
        "cka:estimator=unbiased_both",
    ],
)
def test_other_metrics_compare_with_the_units_of_the_group(metric):
    subjects = brains()
    lower = [cs.score(metric, pooled(subjects[:k] + subjects[k + 1 :]), x) for k, x in enumerate(subjects)]
    upper = [cs.score(metric, pooled(subjects), x) for x in subjects]
    got = subject_ceilings({f"s{k}": x for k, x in enumerate(subjects)}, metric)
    np.testing.assert_allclose(got, [lower, upper], atol=1e-9)
    np.testing.assert_allclose(cs.noise_ceiling(subjects, metric), [np.mean(lower), np.mean(upper)])
    assert (np.mean(lower) < np.mean(upper)) != (metric == "procrustes")


@pytest.mark.parametrize(
    "metric",
    [
        "cka:estimator=unbiased",
        "cka:estimator=biased",
        "distance_correlation",
        "cka:by=label,estimator=unbiased",
    ],
)
def test_rdms_of_squared_distances_have_the_ceiling_of_their_features(metric):
    subjects, options = brains(), {"labels": np.arange(24) % 2} if "label" in metric else {}
    rdms = [cs.RDM(cdist(x, x, "sqeuclidean")) for x in subjects]
    want, got = (cs.noise_ceiling(z, metric, **options) for z in (subjects, rdms))
    np.testing.assert_allclose(got, want, atol=1e-9)


def test_tables_are_joined_on_their_samples(tmp_path):
    subjects, ids = brains(), np.array([f"s{i}" for i in range(24)])
    store, rng = cs.FeatureStore(tmp_path), np.random.default_rng(2)
    tables = []
    for k, x in enumerate(subjects):
        order = np.concatenate([rng.permutation(20), [20 + k]])  # the first twenty are common to all
        tables.append(store.write(f"data.{k}", "pictures", ids[order], {"IT": x[order]}))
    common = [x[:20] for x in subjects]
    for metric in ("rsa", "cka", "mutual_knn:k=3"):
        want = cs.noise_ceiling(common, metric)
        np.testing.assert_allclose(cs.noise_ceiling(tables, metric), want, atol=1e-9, err_msg=metric)
    labels = {i: k % 2 for k, i in enumerate(ids)}
    want = cs.noise_ceiling(common, "cka:by=label", labels=np.arange(20) % 2)
    np.testing.assert_allclose(cs.noise_ceiling(tables, "cka:by=label", labels=labels), want, atol=1e-9)


def test_half_precision_features_keep_their_scale():
    """Sums of squares of these overflow in float16, and so would they after a division by their size."""
    subjects = [(x * 2000).astype(np.float16) for x in brains()]
    want = cs.noise_ceiling([x.astype(np.float64) for x in subjects], "cka")
    np.testing.assert_allclose(cs.noise_ceiling(subjects, "cka"), want, atol=1e-6)


def test_identical_subjects_have_a_ceiling_of_1():
    x = brains()[0]
    for metric in ("rsa", "cka:estimator=unbiased", "mutual_knn:k=3"):
        np.testing.assert_allclose(cs.noise_ceiling([x, x, x], metric), 1, atol=1e-9)


def test_cka_of_brains_allows_for_units_that_were_not_recorded():
    """Where there are units: an RDM has none, a single one says nothing of others, and of rbf it is not known."""
    subjects = brains()
    both, plain = (cs.noise_ceiling(subjects, f"cka:estimator={e}") for e in ("unbiased_both", "unbiased"))
    assert cs.noise_ceiling(subjects, "cka") == both != plain
    assert cs.noise_ceiling(subjects, {"name": "cka", "estimator": "unbiased"}) == plain
    one = [x[:, :1] for x in subjects]
    assert cs.noise_ceiling(one, "cka") == cs.noise_ceiling(one, "cka:estimator=unbiased")
    rbf = cs.noise_ceiling(subjects, "cka:kernel=rbf")
    assert rbf == cs.noise_ceiling(subjects, "cka:estimator=unbiased,kernel=rbf")
    found = cs.turing_test(subjects[0] + 1, dict(zip("abc", subjects)), "cka")
    assert found.attrs["metric"] == "cka:estimator=unbiased_both,kernel=linear"
    models, recorded = {"m/0": subjects[0]}, {s: {"IT": x} for s, x in zip("ab", subjects)}
    aligned = cs.align(models, recorded, ["cka", "rsa"], permutations=0, bootstraps=100)
    assert aligned["metric"].values[0] == found.attrs["metric"]


def test_by_cka_of_brains_a_perfect_model_reaches_the_lower_ceiling_and_none_the_upper():
    lower, upper, perfect = [], [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        latents = rng.normal(size=(100, 4))
        subjects = [latents @ rng.normal(size=(4, 20)) + 2 * rng.normal(size=(100, 20)) for _ in range(5)]
        low, high = cs.noise_ceiling(subjects, "cka")
        model = latents @ rng.normal(size=(4, 300))
        lower.append(low)
        upper.append(high)
        perfect.append(np.mean([cs.score("cka:estimator=unbiased_both", model, x) for x in subjects]))
    assert abs(np.mean(lower) - 1) < 0.1
    assert abs(np.mean(perfect) - np.mean(lower)) < 0.1
    assert np.mean(upper) > 1.1


def test_preprocessing_is_done_once():
    subjects = brains()
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in subjects]
    for metric in ("rsa:rdm=euclidean", "cka"):
        want = cs.noise_ceiling(unit, metric)
        np.testing.assert_allclose(cs.noise_ceiling(subjects, metric, preprocess=["l2"]), want, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "metric", "text"),
    [
        (lambda s: s[:1], "rsa", "2 subjects or more; got 1"),
        (lambda s: np.array(s), "rsa", r"a stack of RDMs of shape \(subjects, n, n\); got shape \(4, 24, 9\)"),
        (lambda s: [cs.RDM(pdist(s[0])), *s[1:]], "cka", "features of all subjects, or RDMs of all, for 'cka"),
        (lambda s: [cs.RDM(pdist(x)) for x in s], "linreg", "features in 'subject 1' for 'linreg"),
        (lambda s: [s[0], s[1][:20]], "cka", "arrays of the same length"),
        (lambda s: s, "participation_ratio", "metrics that compare two representations"),
        (lambda s: {"a": s[0], "b": {}}, "cka", "shape"),
    ],
)  # fmt: skip
def test_what_has_no_ceiling_is_refused(change, metric, text):
    with pytest.raises(cs.BadInput, match=text):
        cs.noise_ceiling(change(brains()), metric)


def test_a_subject_is_one_region(tmp_path):
    x, ids = brains()[0], [f"s{i}" for i in range(24)]
    table = cs.FeatureStore(tmp_path).write("data.BE", "pictures", ids, {"V1": x, "IT": x})
    with pytest.raises(cs.BadInput, match=r"one region of the subject 'data.BE'; got 2 \(V1, IT"):
        cs.noise_ceiling([table, table])
    regions = [{"a": table.dataset()["IT"], "b": table.dataset()["V1"]}]
    np.testing.assert_allclose(cs.noise_ceiling(regions[0], "rsa"), 1)


def test_rdms_beyond_the_budget_are_refused():
    with pytest.raises(
        cs.BadInput, match=r"the RDMs of all subjects within the budget of 40\.0 kB; got 55\.3 kB"
    ):
        cs.noise_ceiling(brains(), budget="40kB")
