"""Steps one after the other, on whatever rows are compared; what is refused; what the score table says."""

import json
import pickle
from dataclasses import dataclass
from typing import Any, Self

import dask.array as da
import numpy as np
import pytest
import reference_preprocessing as reference
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import consilience as cs
from consilience.engine import outside as outside_packages
from consilience.engine.comparison import Comparison
from consilience.engine.preprocessing import Step, register, registry, rows
from consilience.engine.scores import VARIABLES

METRICS = ["cka", "rsa", "mutual_knn:k=3", "svcca", "linreg"]
CHAINS = (
    ["clip"], ["centre", "l2"], ["clip:quantile=exact", "zscore", "pca:variance=0.8"], ["l2", "pca:components=3"],
    ["zscore", "zscore"],
)  # fmt: skip


def data(n=60, widths=(5, 7), seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 3))
    return {
        f"m{k}/l": (shared @ rng.normal(size=(3, d)) + rng.normal(size=(n, d))) * 2.0 ** -np.arange(d) + 1
        for k, d in enumerate(widths)
    }


def by_hand(x, chain):
    for step in chain:
        x = reference.REFERENCE[step](x) if step in reference.REFERENCE else reference.pca(
            x, **{"variance": 0.8} if "variance" in step else {"components": 3}
        )  # fmt: skip
    return x


@pytest.mark.parametrize("chain", CHAINS, ids="+".join)
def test_scores_are_those_of_arrays_preprocessed_by_hand(chain):
    x = data()
    got = cs.compare(x, metrics=METRICS, preprocess=chain, permutations=3)
    want = cs.compare({k: by_hand(v, chain) for k, v in x.items()}, metrics=METRICS, permutations=3)
    for name in VARIABLES:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-6, atol=1e-9, err_msg=name)
    raw = cs.compare(x, metrics=METRICS, se=False, null=False)
    assert not np.allclose(got["score"], raw["score"], atol=1e-6)


@given(
    n=st.integers(10, 80), size=st.sampled_from([1, 500, 10**6]), dtype=st.sampled_from(["f2", "f4", "f8"])
)
@settings(max_examples=15, deadline=None)
def test_any_number_of_samples_blocks_and_dtype(n, size, dtype):
    x = {k: v.astype(dtype) for k, v in data(n).items()}
    chain = ["clip", "centre", "l2"]
    before, rows.BLOCK_BYTES = rows.BLOCK_BYTES, size
    try:
        got = cs.score("cka", *x.values(), preprocess=chain)
    finally:
        rows.BLOCK_BYTES = before
    want = cs.score("cka", *(by_hand(v.astype(float), chain) for v in x.values()))
    assert got == pytest.approx(want, abs=1e-9 if dtype == "f8" else 1e-5)


def test_steps_are_fitted_on_the_joined_rows_in_whatever_order():
    x, rng = data(), np.random.default_rng(1)
    ids = np.array([f"s{i}" for i in range(60)])
    x["m0/l"][55:] = 1e6  # samples that the other lacks
    order = rng.permutation(55)
    chain = ["clip:quantile=exact", "zscore"]
    a, b = (
        xr.DataArray(v, dims=("sample", "unit"), coords={"sample": i})
        for v, i in ((x["m0/l"], ids), (x["m1/l"][order], ids[order]))
    )
    got = cs.compare({"a": a, "b": b}, metrics=METRICS, preprocess=chain, permutations=2)
    assert json.loads(got.attrs["join"]) == {"rows": 55, "dropped": {"a": 5}}
    parts = {"a": x["m0/l"][:55], "b": x["m1/l"][:55]}
    want = cs.compare({k: by_hand(v, chain) for k, v in parts.items()}, metrics=METRICS, permutations=2)
    for name in ("score", "se", "null_mean", "z"):
        np.testing.assert_allclose(got[name], want[name], rtol=1e-7, atol=1e-10)
    made = Comparison({"a": a, "b": b}, preprocess=chain).representations
    assert [np.asarray(r.sample_ids).tolist() for r in made] == [ids[:55].tolist()] * 2


def test_tables_and_dask_arrays(tmp_path):
    x, ids = data(), [f"s{i}" for i in range(60)]
    store = cs.FeatureStore(tmp_path)
    one = store.write("one", "set", ids, {"l": x["m0/l"]})
    two = store.write("two", "set", ids[::-1], {"l": x["m1/l"][::-1]})
    chain = ["clip", "pca:components=3"]
    want = cs.score("cka", *(by_hand(v, chain) for v in x.values()))
    assert cs.compare([one, two], preprocess=chain)["score"].values[0, 0, 1] == pytest.approx(want)
    lazy = {k: da.from_array(v, chunks=(13, 2)) for k, v in x.items()}
    assert cs.compare(lazy, preprocess=chain)["score"].values[0, 0, 1] == pytest.approx(want)
    made = [
        {r.name: r.digest for r in Comparison([one, other], preprocess=steps).representations}["one/l"]
        for steps in ([], ["clip"], ["l2"], ["l2", "clip"], ["clip", "l2"], ["clip:share=0.9"])
        for other in (two, store.write("two", "set", ids[5:], {"l": x["m1/l"][5:]}))
    ]
    assert None not in made
    assert len(set(made)) == len(made) - 1, (
        "digests tell the steps and the rows apart; without steps there is but one"
    )


def test_steps_by_model():
    x = data()
    got = cs.compare(x, preprocess={"m1": ["l2"]})
    want = cs.score("cka", x["m0/l"], reference.l2(x["m1/l"]))
    assert got["score"].values[0, 0, 1] == pytest.approx(want)
    assert list(json.loads(got.attrs["preprocess"])) == ["m1/l"]


def test_the_table_says_what_was_done():
    x = {k: np.hstack([v, np.ones((60, 2))]) for k, v in data(widths=(20, 30)).items()}
    chain = ["zscore", {"name": "clip", "quantile": "exact"}, "random_projection:components=9"]
    table = cs.compare(x, metrics=["cka"], preprocess=chain)
    told = json.loads(table.attrs["preprocess"])
    assert list(told) == ["m0/l", "m1/l"]
    for name, steps in told.items():
        assert [s["step"] for s in steps] == [
            "zscore", "clip:quantile=exact,share=0.95", "random_projection:components=9,entries=gaussian",
        ]  # fmt: skip
        assert steps[0]["units_without_variance"] == 2
        assert steps[1]["q"] == pytest.approx(reference.exact_quantile(reference.zscore(x[name])), rel=1e-12)
        assert 0 < steps[2]["mean_error"] < steps[2]["largest_error"] < steps[2]["error_bound"]
    about = json.loads(table.attrs["preprocess_steps"])
    assert about["clip:quantile=exact,share=0.95"]["source"] == "Huh et al. 2024"
    assert about["zscore"]["title"] == "Units standardised."
    assert all(step["formula"] for step in about.values())
    plain = cs.compare(x, metrics=["cka"])
    assert plain.attrs["preprocess"] == plain.attrs["preprocess_steps"] == "{}"


def test_the_last_bit_depends_neither_on_threads_nor_on_the_run():
    x = {k: v.astype(np.float32) for k, v in data(3000, (12, 14)).items()}
    chain = ["clip", "zscore", "pca"]
    runs = [Comparison(x, preprocess=chain, threads=t).representations for t in (1, 2, 2)]
    first, *others = [[r.take(np.arange(3000)) for r in made] for made in runs]
    for other in others:
        for a, b in zip(first, other):
            np.testing.assert_array_equal(a, b)


def test_a_preprocessed_representation_pickles():
    made = Comparison(data(), preprocess=["clip", "pca:components=3"]).representations
    again = pickle.loads(pickle.dumps(made))
    for a, b in zip(made, again):
        np.testing.assert_array_equal(a.take(np.arange(60)), b.take(np.arange(60)))


def test_progress_counts_representations():
    seen: list[tuple[float, float]] = []
    cs.compare(
        data(),
        preprocess=["l2"],
        progress=lambda s, a, b: seen.append((a, b)) if s == "preprocessing" else None,
    )
    assert seen == [(1, 2), (2, 2)]


REFUSED: dict[str, tuple[Any, str]] = {
    "unknown step": (["clp"], "a known preprocessing step .* did you mean 'clip'"),
    "unknown parameter": (["pca:varience=0.5"], "did you mean 'variance'"),
    "unknown value": (["clip:quantile=exakt"], "did you mean 'exact'"),
    "no number": (["pca:components=half"], "'components' of 'pca' as a whole number from 1 .*for instance"),
    "share": (["clip:share=1.5"], "from 1e-06 to 1"),
    "two ways": (
        ["pca:components=3,variance=0.5"],
        "'variance' of 'pca' without components.*leave variance out",
    ),
    "no value": (["clip:exact"], "a preprocessing step id like 'clip:quantile=exact'"),
    "unknown model": ({"m9": ["l2"]}, r"a known model to preprocess \(m0, m1\)"),
    "too many components": (["pca:components=6"], r"at most 5, with 60 samples of 5 units in 'm0/l'"),
    "as many units": (
        ["random_projection:components=5"],
        "below the 5 units there are in 'm0/l'.*saves nothing",
    ),
    "after a step": (["pca:components=4", "random_projection:components=4"], "below the 4 units"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refused_before_anything_is_fitted(case, monkeypatch):
    def no_fit(*_: Any) -> None:
        raise AssertionError("a step was fitted")

    monkeypatch.setattr(rows.Rows, "fold", no_fit)
    monkeypatch.setattr("consilience.engine.preprocessing.pca.covariance", no_fit)
    steps, words = REFUSED[case]
    with pytest.raises(cs.BadInput, match=words):
        cs.compare(data(), preprocess=steps)


def test_more_components_than_samples_allow():
    with pytest.raises(cs.BadInput, match=r"components of pca at most 7, with 8 samples of 20 units"):
        cs.compare(data(8, (20, 20)), preprocess=["pca:components=8"])


def test_a_covariance_beyond_the_budget():
    wide = {k: np.random.default_rng(0).normal(size=(10, 3000)) for k in "ab"}
    with pytest.raises(
        cs.BadInput, match=r"of 3000 units in 'a' within the budget of 100.0 MB; .*fewer units"
    ):
        cs.compare(wide, preprocess=["pca"], budget="100MB")


def sparse(n=60):
    """Features of which 96 % are zero, so that their 0.95 quantile is."""
    x = np.zeros((n, 50))
    x[:, :2] = np.random.default_rng(0).normal(size=(n, 2))
    return x


CONSTANT: dict[str, tuple[Any, list[str], str]] = {
    "clipped to nothing": (sparse(), ["clip", "pca"], "clip:quantile=mean,share=0.95"),
    "one positive unit": (np.arange(1.0, 61)[:, None], ["l2"], "l2"),
    "one direction": (np.outer(np.arange(1.0, 61), [0.3, 0.7, 0.11]), ["l2", "zscore"], "l2"),
}


@pytest.mark.parametrize("case", sorted(CONSTANT))
def test_features_that_a_step_leaves_constant_are_refused_by_name(case):
    x, steps, step = CONSTANT[case]
    with pytest.raises(
        cs.BadInput, match=f"features that vary in 'b' after {step}; got the same values in all 60"
    ):
        cs.compare({"a": np.random.default_rng(0).normal(size=(60, 80)), "b": x}, preprocess={"b": steps})


def test_rows_left_constant_by_the_join():
    x = np.vstack([np.ones((40, 3)), np.random.default_rng(0).normal(size=(20, 3))])
    ids = np.array([f"s{i}" for i in range(60)])
    a = xr.DataArray(x, dims=("sample", "unit"), coords={"sample": ids})
    b = xr.DataArray(data()["m0/l"][:40], dims=("sample", "unit"), coords={"sample": ids[:40]})
    with pytest.raises(cs.BadInput, match="features that vary in 'a'"):
        cs.compare({"a": a, "b": b}, preprocess=["centre"])


@pytest.fixture
def outside(monkeypatch):
    """A step of an outside package, that may yield what is not finite."""
    monkeypatch.setattr(registry, "_STEPS", dict(registry._STEPS))
    point = type("Point", (), {"load": lambda self: register("logarithm")(Logarithm)})()
    monkeypatch.setattr(
        outside_packages, "entry_points", lambda group: [point] if "preprocessing" in group else []
    )
    outside_packages.load.cache_clear()
    yield
    outside_packages.load.cache_clear()


@dataclass(frozen=True)
class Logarithm(Step):
    """Logarithms of the features."""

    @classmethod
    def fit(cls, rows: rows.Rows) -> Self:
        return cls()

    def apply(self, x):
        return np.log(x)


def test_a_step_of_an_outside_package(outside):
    x = {k: np.abs(v) + 0.1 for k, v in data().items()}
    got = cs.compare(x, preprocess=["logarithm", "l2"])
    want = cs.score("cka", *(reference.l2(np.log(v)) for v in x.values()))
    assert got["score"].values[0, 0, 1] == pytest.approx(want)
    assert cs.preprocessing()["logarithm"] == "Logarithms of the features."


@pytest.mark.parametrize("after", [[], ["l2"], ["zscore"], ["pca"], ["clip:quantile=exact"]])
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_what_a_step_makes_not_finite_is_refused(outside, after):
    x = {k: np.abs(v) + 0.1 for k, v in data().items()}
    x["m1/l"][[3, 8], 2] = 0
    got = "an overflow or NaN" if after == ["pca"] else "NaN or infinity in 2 of 60 samples"
    with pytest.raises(cs.BadInput, match=f"in 'm1/l' after logarithm; got {got}"):
        cs.compare(x, preprocess=["logarithm", *after])


def test_an_overflow_of_float32_is_refused():
    x = np.random.default_rng(0).normal(size=(60, 20)).astype(np.float32)
    with pytest.raises(cs.BadInput, match=r"finite features in 'a' after centre; got NaN or infinity in"):
        cs.compare({"a": np.sign(x) * np.float32(3.3e38) * (x > -1), "b": x}, preprocess={"a": ["centre"]})
