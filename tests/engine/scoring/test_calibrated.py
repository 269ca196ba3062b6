"""The calibrated score is above 0 exactly where p says that few unrelated samples score as high."""

import numpy as np
import pytest

import consilience as cs

PERMUTED = [
    "svcca",
    "procrustes",
    "linreg",
    "unit_match",
    "jaccard_knn:k=3",
    "rsa:compare=kendall",
    "cknna:k=3",
]


@pytest.fixture(scope="module")
def unrelated():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(30, 2))
    return {
        f"m{k}/x": (shared @ rng.normal(size=(2, 5)) * (k % 3) / 3 + rng.normal(size=(30, 5))).astype(
            np.float32
        )
        for k in range(8)
    }


@pytest.mark.parametrize("permutations", [20, 59])
def test_it_is_above_0_where_p_is_at_most_5_per_cent(unrelated, permutations):
    scores = cs.compare(unrelated, metrics=PERMUTED, permutations=permutations)
    apart = ~np.eye(len(unrelated), dtype=bool)
    above, p = (scores[name].values[:, apart] for name in ("calibrated", "p"))
    np.testing.assert_array_equal(above > 0, p <= 0.05)
    assert 0.02 < (above > 0).mean() < 0.98


def test_it_is_not_known_where_too_few_permutations_were_drawn(unrelated):
    scores = cs.compare(unrelated, metrics=PERMUTED[:2], permutations=18)
    assert scores["calibrated"].isnull().all()
    assert scores["p"].notnull().all()
