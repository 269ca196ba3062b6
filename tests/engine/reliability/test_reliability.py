"""Split halves, decoding and ceilings over repeats, beside their definitions and what a simulation knows."""

import numpy as np
import pytest
import reference_reliability as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

import consilience as cs
from consilience.engine.reliability.halves import ceiling_of, spearman_brown, splits
from consilience.engine.reliability.units import unit_agreement


def repeated(n: int = 12, repeats: int = 4, d: int = 20, noise: float = 1.5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1, d)) + noise * rng.normal(size=(n, repeats, d)) + 7


@pytest.mark.parametrize("repeats", range(2, 8))
def test_repeats_are_dealt_into_halves_in_every_way_once(repeats):
    dealt = splits(repeats, most=1000)
    found = {frozenset(frozenset(np.flatnonzero(half).tolist()) for half in two) for two in dealt}
    assert found == {frozenset(map(frozenset, two)) for two in reference.ways(repeats)}
    assert len(found) == len(dealt)


def test_some_of_many_ways_are_drawn_by_the_seed():
    dealt = splits(12, most=50)
    assert dealt.shape == (50, 2, 12)
    assert (dealt.sum(axis=2) == 6).all()
    assert (dealt.sum(axis=1) == 1).all()
    assert len({two.tobytes() for two in dealt}) == 50
    np.testing.assert_array_equal(dealt, splits(12, most=50))
    assert (dealt != splits(12, most=50, seed=1)).any()


def test_spearman_brown_is_its_formula():
    r = np.linspace(-0.4, 1, 15)
    np.testing.assert_allclose(spearman_brown(r, 2), 2 * r / (1 + r))
    np.testing.assert_allclose(spearman_brown(r, 12), 2 * r / (1 + r))
    np.testing.assert_allclose(spearman_brown(r, 3), 3 * r / (1 + 2 * r))
    assert np.isnan(spearman_brown(-1.0, 4))
    np.testing.assert_array_equal(
        ceiling_of(np.array([0.25, 0.0, -0.3, np.nan])), [0.5, np.nan, np.nan, np.nan]
    )


@given(
    n=st.integers(4, 30), repeats=st.integers(2, 6), d=st.integers(1, 4), scale=st.sampled_from([1e-12, 1.0, 1e8]),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_units_agree_as_their_halves_correlate(n, repeats, d, scale, seed):
    x = repeated(n, repeats, d, seed=seed) * scale
    np.testing.assert_allclose(unit_agreement(x), reference.units(x), atol=1e-9)


def test_rows_are_those_asked_for_and_a_unit_constant_in_a_half_has_no_value():
    x = repeated(3000, 3, 4, seed=5)
    rows = np.random.default_rng(0).permutation(3000)[:2500]
    np.testing.assert_allclose(unit_agreement(x, rows), unit_agreement(x[rows]), atol=1e-12)
    x[:, :2, 1] = 3.0
    told = cs.reliability({"V1": x[:30], "V2": x[:30, :, 2:]}, permutations=0)
    assert told["unit_region"].values.tolist() == ["V1"] * 4 + ["V2"] * 2
    np.testing.assert_allclose(told["unit"][[0, 4]], spearman_brown(unit_agreement(x[:30])[[0, 2]], 3))
    assert told["units"][1].item() == pytest.approx(spearman_brown(unit_agreement(x[:30])[2:].mean(), 3))
    assert np.isnan(unit_agreement(x)).tolist() == [False, True, False, False]


@given(repeats=st.integers(2, 5), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_dissimilarities_are_as_reliable_as_their_halves_say(repeats, seed):
    x = repeated(10, repeats, 30, seed=seed)
    found = cs.reliability(x, permutations=0).isel(region=0)
    assert found["rdm"].item() == pytest.approx(reference.rdm(x), abs=1e-9)
    np.testing.assert_allclose(
        found["rdm_of_mean"], squareform(pdist(x.mean(axis=1), "correlation")), atol=1e-6
    )
    each = [cs.RDM(pdist(x[:, k], "correlation")) for k in range(repeats)]
    pairs = [cs.score("rsa", each[a], each[b]) for a in range(repeats) for b in range(a)]
    assert found["rdm_pairs"].item() == pytest.approx(np.mean(pairs), abs=1e-6)
    assert (found["rdm_lower"].item(), found["rdm_upper"].item()) == pytest.approx(
        cs.noise_ceiling(each), abs=1e-6
    )
    given = cs.reliability({"IT": each}, permutations=0).isel(region=0)
    assert given["rdm_pairs"].item() == pytest.approx(np.mean(pairs), abs=1e-9)
    assert np.isnan(given["accuracy"]), "an RDM has no units to be decoded"


@pytest.mark.parametrize("repeats", [4, 5])
def test_the_ceiling_is_what_the_truth_itself_reaches(repeats):
    """Of 400 units of known signal and noise, and against the signal that no recording shows."""
    rng = np.random.default_rng(3)
    signal, noise = rng.normal(size=(300, 400)), 2.0
    x = signal[:, None] + noise * rng.normal(size=(300, repeats, 400))
    ceiling = ceiling_of(spearman_brown(unit_agreement(x), repeats))
    reached = [np.corrcoef(signal[:, u], x[:, :, u].mean(axis=1))[0, 1] for u in range(400)]
    assert ceiling.mean() == pytest.approx(np.sqrt(1 / (1 + noise**2 / repeats)), abs=0.01)
    assert ceiling.mean() == pytest.approx(np.mean(reached), abs=0.01)


def test_stimuli_are_told_apart_in_the_repeat_left_out():
    from sklearn.svm import SVC

    x = repeated(6, 5, 40, noise=2.5, seed=2)
    found = cs.reliability(x, permutations=19).isel(region=0)
    right = []
    for k in range(5):
        train, test = np.delete(x, k, axis=1), x[:, k]
        flat = train.transpose(1, 0, 2).reshape(-1, 40)
        whole = x.transpose(1, 0, 2).reshape(-1, 40).mean(axis=0)
        size = np.sqrt(((flat - whole) ** 2).mean())
        machine = SVC(kernel="linear").fit((flat - whole) / size, np.tile(np.arange(6), 4))
        right.append((machine.predict((test - whole) / size) == np.arange(6)).mean())
    np.testing.assert_allclose(found["accuracy_repeat"], right)
    assert found["accuracy"].item() == pytest.approx(np.mean(right))
    assert np.trace(found["confusion"].values) / 6 == pytest.approx(np.mean(right))
    np.testing.assert_allclose(found["confusion"].sum("other"), 1)
    assert found["accuracy_p"].item() == 1 / 20
    scaled = cs.reliability(x * 1e-9, permutations=0).isel(region=0)
    np.testing.assert_array_equal(scaled["accuracy_repeat"], found["accuracy_repeat"])


def test_of_noise_nothing_is_reliable():
    noise = np.random.default_rng(1).normal(size=(8, 6, 50))
    found = cs.reliability({"noise": noise, "signal": noise + repeated(8, 1, 50)}, permutations=99)
    assert abs(found["accuracy"].sel(region="noise").item() - found["chance"].item()) < 0.12
    for name in ("accuracy_p", "rdm_p"):
        assert found[name].sel(region="noise").item() > 0.05
        assert found[name].sel(region="signal").item() == 0.01


@pytest.mark.parametrize(
    ("regions", "options", "text"),
    [
        (repeated()[:, 0], {}, r"of two repeats or more; got float64 of shape \(12, 20\)"),
        (repeated()[:, :1], {}, r"two repeats or more; got float64 of shape \(12, 1, 20\)"),
        (repeated()[:3], {}, "4 stimuli or more; got 3"),
        ({}, {}, "at least one region"),
        ({"a": repeated(), "b": repeated(repeats=3)}, {}, "the same stimuli and repeats in all .* 12 x 4 in 'a'"),
        ({"a": [cs.RDM(np.ones(6))]}, {}, "two repeats or more in 'a'; got 1 values"),
        ({"a": [cs.RDM(np.ones(6)), cs.RDM(np.ones(3))]}, {}, "got 2 values, of 3, 4 stimuli"),
        (np.where(np.arange(20) == 3, np.nan, repeated()), {}, "NaN or infinity in 1 of 20 units"),
        (repeated(), {"metric": "cka"}, "rsa compared by spearman, pearson, cosine, for its reliability"),
        (repeated(), {"metric": "rsa:compare=kendall"}, "rsa compared by"),
        (repeated(), {"splits": 0}, "splits of 1 or more"),
        (repeated(), {"budget": "10kB"}, "within the budget of 10.0 kB"),
    ],
)  # fmt: skip
def test_what_has_no_repeats_is_refused(regions, options, text):
    with pytest.raises(cs.BadInput, match=text):
        cs.reliability(regions, **options)
