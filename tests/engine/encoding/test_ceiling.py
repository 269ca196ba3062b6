import numpy as np
import pytest
import reference_reliability
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import consilience as cs
from consilience.engine.encoding.ceiling import shifted_ceilings, time_course_ceilings


@given(s=st.integers(2, 6), n=st.integers(5, 30), v=st.integers(1, 4), seed=st.integers(0, 99))
def test_ceilings_are_correlations_with_the_mean_of_the_others_and_of_all(s, n, v, seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, v)) + rng.normal(size=(s, n, v)) * rng.uniform(1, 9, (s, 1, v)) + 5
    lower, upper = time_course_ceilings(y)
    z = [(one - one.mean(axis=0)) / one.std(axis=0) for one in y]
    for k in range(s):
        others = np.mean([z[j] for j in range(s) if j != k], axis=0)
        low = [np.corrcoef(y[k, :, u], others[:, u])[0, 1] for u in range(v)]
        high = [np.corrcoef(y[k, :, u], np.mean(z, axis=0)[:, u])[0, 1] for u in range(v)]
        assert lower[k] == pytest.approx(np.mean(low), abs=1e-9)
        assert upper[k] == pytest.approx(np.mean(high), abs=1e-9)


def test_subjects_who_are_alike_reach_one_and_a_constant_one_has_no_ceiling():
    y = np.random.default_rng(0).normal(size=(20, 3))
    lower, upper = time_course_ceilings(np.stack([y, 2 * y + 1, y]))
    np.testing.assert_allclose([lower, upper], 1.0)
    lower, upper = time_course_ceilings(np.stack([y, y, np.ones_like(y)]))
    np.testing.assert_allclose([lower, upper], [[1, 1, np.nan]] * 2)


@pytest.mark.parametrize("repeats", [2, 3, 6])
def test_repeats_give_every_unit_a_ceiling_and_their_mean_is_predicted(repeats):
    rng = np.random.default_rng(repeats)
    x = rng.normal(size=(200, 5))
    signal = x @ rng.normal(size=(5, 7))
    y = signal[:, None] + rng.normal(size=(200, repeats, 7)) * np.linspace(0.5, 6, 7)
    y[:, :, 3] = rng.normal(size=(200, repeats))
    table = cs.encode({"net": x}, {"s1/V1": y, "s1/single": y[:, 0]})
    plain = cs.encode({"net": x}, {"s1/V1": y.mean(axis=1)})
    of = table.isel(target=slice(0, 7))
    np.testing.assert_allclose(of["r"], plain["r"], atol=1e-9)
    r = reference_reliability.units(y)
    wanted = np.array([reference_reliability.corrected(x, repeats) for x in r])
    np.testing.assert_allclose(of["ceiling"] ** 2, np.where(wanted > 0, wanted, np.nan), atol=1e-9)
    np.testing.assert_allclose(of["normalised"], of["r"] / of["ceiling"], atol=1e-12)
    assert 0.9 < of["normalised"][0, 0] < 1.1, "the features hold the whole signal"
    assert table["ceiling"][7:].isnull().all(), "of one repeat there is none"


def test_a_ceiling_is_of_the_samples_that_features_have_too():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(60, 1, 3)) + rng.normal(size=(60, 3, 3))
    ids = [f"s{i}" for i in range(60)]
    x = xr.DataArray(rng.normal(size=(40, 4)), dims=("sample", "unit"), coords={"sample": ids[10:50]})
    table = cs.encode(
        {"net": x}, {"V1": xr.DataArray(y, dims=("sample", "repeat", "unit"), coords={"sample": ids})}
    )
    r = reference_reliability.units(y[10:50])
    np.testing.assert_allclose(
        table["ceiling"] ** 2, [reference_reliability.corrected(x, 3) for x in r], atol=1e-9
    )


def test_courses_that_have_nothing_in_common_stay_below_the_chance_of_shifts():
    rng = np.random.default_rng(0)
    alone = rng.normal(size=(40, 280, 2))
    assert (time_course_ceilings(alone)[0] > shifted_ceilings(alone)).mean() < 0.15
    together = alone + 2 * rng.normal(size=(1, *alone.shape[1:]))
    assert (time_course_ceilings(together)[0] > shifted_ceilings(together)).all()
    first, *rest = ((c - c.mean()) / c.std() for c in together[:, :, 0])
    others, n = np.mean(rest, axis=0), together.shape[1]
    shifts = [np.corrcoef(np.roll(first, -k), others)[0, 1] for k in range(n // 20, n - n // 20 + 1)]
    assert shifted_ceilings(together[:, :, :1])[0] == pytest.approx(np.quantile(shifts, 0.95), abs=1e-9)
