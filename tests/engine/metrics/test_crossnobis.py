"""Cross-validated distances of samples that were measured several times."""

from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

import consilience as cs


def measured(n, repeats, d, noise, seed=0):
    """Repeats of samples that share what they are and not their noise, and the samples themselves."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, 4)) @ rng.normal(size=(4, d))
    return truth[:, None] + noise * rng.normal(size=(n, repeats, d)), truth


@given(st.integers(8, 30), st.integers(2, 4), st.integers(1, 6), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=20, deadline=None)
def test_it_equals_its_definition(n, repeats, d, dtype):
    x, y = ((measured(n, repeats, d + k, 1.0, seed=k)[0] + 3).astype(dtype) for k in (0, 1))
    upper = np.triu_indices(n, 1)
    a, b = (reference.crossnobis(z.astype(np.float64))[upper] for z in (x, y))
    compare = {
        "pearson": pearsonr(a, b)[0],
        "spearman": spearmanr(a, b)[0],
        "cosine": a @ b / np.sqrt(a @ a * (b @ b)),
    }
    for name, want in compare.items():
        assert abs(cs.score(f"rsa:compare={name},rdm=crossnobis", x, y) - want) < 1e-5


def test_tiles_in_float32_agree_with_the_whole():
    x, y = (measured(1100, 3, d, 1.0, seed=d)[0].astype(np.float32) for d in (6, 9))
    upper = np.triu_indices(1100, 1)
    a, b = (reference.crossnobis(z.astype(np.float64))[upper] for z in (x, y))
    assert abs(cs.score("rsa:compare=pearson,rdm=crossnobis", x, y) - pearsonr(a, b)[0]) < 1e-5


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_another_package_gives_the_same():
    import rsatoolbox

    x = measured(12, 4, 7, 1.0)[0]
    data = rsatoolbox.data.Dataset(
        x.reshape(48, 7),
        obs_descriptors={"sample": np.repeat(np.arange(12), 4), "repeat": np.tile(np.arange(4), 12)},
    )
    rdm: Any = rsatoolbox.rdm.calc_rdm(data, method="crossnobis", descriptor="sample", cv_descriptor="repeat")
    want = rdm.get_vectors()[0]
    got = reference.crossnobis(x)[np.triu_indices(12, 1)]
    assert abs(np.corrcoef(want, got)[0, 1] - 1) < 1e-9


def test_noise_does_not_raise_the_distances():
    """Noise of some samples alone lengthens their Euclidean distances, and not those across repeats."""
    rng = np.random.default_rng(3)
    x, truth = measured(60, 4, 20, 1.0)
    x[:30] += 6 * rng.normal(size=(30, 4, 20))
    crossed = cs.score("rsa:compare=pearson,rdm=crossnobis", x, np.repeat(truth[:, None], 2, axis=1))
    plain = cs.score("rsa:compare=pearson,rdm=euclidean", x.mean(axis=1), truth)
    assert crossed > plain + 0.1


def test_everything_else_compares_the_mean_of_the_repeats():
    x, y = (measured(50, 3, d, 1.0, seed=d)[0] for d in (5, 7))
    metrics = ["cka", "rsa:rdm=crossnobis", "mutual_knn", "svcca", "rsa:compare=kendall,rdm=crossnobis"]
    table = cs.compare({"x": x}, {"y": y}, metrics, permutations=3)
    mean = cs.compare(
        {"x": x.mean(axis=1)}, {"y": y.mean(axis=1)}, ["cka", "mutual_knn", "svcca"], permutations=3
    )
    np.testing.assert_allclose(table["score"][[0, 2, 3]], mean["score"], atol=1e-12)
    assert np.isfinite(table["se"]).all()
    assert np.isfinite(table["p"]).all()


def test_features_without_repeats_are_refused():
    x = measured(20, 2, 3, 1.0)[0]
    with pytest.raises(
        cs.BadInput, match=r"\(samples, repeats, units\) for 'rsa:.*rdm=crossnobis'; got 'y' without"
    ):
        cs.compare({"x": x}, {"y": x.mean(axis=1)}, ["rsa:rdm=crossnobis"])
    with pytest.raises(cs.BadInput, match="features as they are for 'rsa:compare=spearman,rdm=crossnobis'"):
        cs.compare({"x": x}, {"y": x}, ["rsa:rdm=crossnobis"], preprocess=["l2"])
