"""What an audit takes, and what it refuses before any compute."""

from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import consilience as cs
from consilience.engine.audit.sides import pair, sampled, without

FAST = {"metrics": ["cka"], "top": (1,), "sizes": [40]}


def data(n=40, d=(6, 5)):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, k)) for k in d]


def scores(audit):
    return float(audit.agreement["score"][0, 0]), audit.outliers["score"].values


@pytest.mark.parametrize("kind", ["dask", "xarray", "list", "float32", "mapping"])
def test_arrays_of_any_kind(kind):
    x, y = data()
    make = {
        "dask": lambda v: da.from_array(v, chunks=(13, 2)),
        "xarray": lambda v: xr.DataArray(v, dims=("sample", "unit")),
        "list": lambda v: v.tolist(),
        "float32": lambda v: v.astype(np.float32),
        "mapping": lambda v: {f"net/{v.shape[1]}": v},
    }[kind]
    audit = cs.audit(make(x), make(y), **FAST)
    for got, want in zip(scores(audit), scores(cs.audit(x, y, **FAST))):
        np.testing.assert_allclose(got, want, atol=1e-6)
    assert audit.names == ({"x": "net/6", "y": "net/5"} if kind == "mapping" else {"x": "x", "y": "y"})


def test_tables_are_joined_on_their_ids(tmp_path):
    x, y = data()
    ids = [f"s{i}" for i in range(40)]
    store = cs.FeatureStore(tmp_path)
    one = store.write("one", "set", ids, {"l0": x, "l1": x[:, :3]})
    two = store.write("two", "set", ids[:9:-1], {"l0": y[:9:-1]})
    audit = cs.audit({"one/l0": one.dataset()["l0"]}, two, **FAST | {"sizes": [30]})
    assert (audit.n, audit.names) == (30, {"x": "one/l0", "y": "two/l0"})
    assert audit.about["dropped"] == {"x": 10, "y": 0}
    want = cs.score("cka", x[10:], y[10:])
    assert float(audit.agreement["score"][0, 0]) == pytest.approx(want)
    assert scores(cs.audit(two, [two], **FAST | {"sizes": [30]}))[0] == pytest.approx(1), "with itself"


def test_units_and_rows_are_left_out_block_by_block():
    x, _ = data()
    both = pair(x, x)
    r = sampled(without(both.x, np.array([4, 1]), "fewer"), np.arange(30, 2, -3))
    rows = np.array([0, 5, 2])
    want = x[[30, 15, 24]][:, [0, 2, 3, 5]]
    out = np.empty((3, 4))
    np.testing.assert_array_equal(r.take(rows), want)
    np.testing.assert_array_equal(r.take(rows, out), want)
    np.testing.assert_array_equal(out, want)
    assert (r.n, r.d, r.name) == (10, 4, "x/fewer")
    twice = sampled(r, np.array([9, 0]))
    np.testing.assert_array_equal(twice.take(np.array([1, 0])), x[[30, 3]][:, [0, 2, 3, 5]])


class Watched:
    """An array that remembers the most rows it was asked for at once."""

    def __init__(self, array):
        self.array, self.most = array, 0

    def take(self, rows, out=None):
        self.most = max(self.most, len(rows))
        taken = self.array[rows]
        if out is not None:
            out[:] = taken
        return taken if out is None else out


def test_no_more_than_a_block_of_rows_is_read_at_once():
    arrays = data(5000, (4, 3))
    both, sources = pair(*arrays), [Watched(array) for array in arrays]
    x, y = (replace(r, source=s) for r, s in zip((both.x, both.y), sources))
    cs.audit(x, y, **FAST | {"sizes": [100]})
    assert 0 < max(s.most for s in sources) <= 4096


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "two layers": ({"x": {"a": data()[0], "b": data()[1]}}, r"one representation as x; got 2 \(a, b\)"),
    "few samples": ({"x": np.eye(8), "y": np.eye(8)}, "at least 24 samples; got 8"),
    "lengths": ({"x": np.eye(50)}, "50 rows in 'x', 40 in 'y'"),
    "not finite": ({"x": np.full((40, 3), np.nan)}, "NaN or infinity in 40 of 40"),
    "constant": ({"y": np.ones((40, 3))}, "the same values in all 40 samples"),
    "no metric": ({"metrics": []}, "at least one metric"),
    "neighbours": ({"metrics": "mutual_knn:k=40"}, "use k <= 39"),
    "metric": ({"metrics": ["ckaa"]}, "did you mean 'cka'"),
    "top": ({"top": (1, -2)}, r"top as whole numbers from 0; got \[1, -2\]"),
    "top of halves": ({"top": [0.5]}, "top as whole numbers"),
    "sizes": ({"sizes": (20, 41)}, r"sizes as whole numbers from 24 to 40; got \[20, 41\]"),
    "no sizes": ({"sizes": ()}, "sizes as whole numbers"),
    "repeats": ({"repeats": 0}, "repeats as whole numbers from 1"),
    "budget": ({"budget": "1kB"}, "covariances within the budget of 1.0 kB; got 1.5 kB for 6 and 5 units"),
    "device": ({"device": "gpu"}, "a device that torch can use"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refused_before_any_compute(case):
    options, words = REFUSED[case]
    seen = []
    x, y = data()
    given = {"x": x, "y": y} | options
    with pytest.raises(cs.BadInput, match=words):
        cs.audit(given.pop("x"), given.pop("y"), progress=lambda *a: seen.append(a), **given)
    assert not seen


def test_progress_reaches_the_end_of_every_stage():
    seen: dict[str, tuple[float, float]] = {}
    cs.audit(*data(), **FAST, progress=lambda stage, done, total: seen.update({stage: (done, total)}))
    assert {stage.partition(":")[0] for stage in seen} == {
        "agreement",
        "units",
        "outliers",
        "sample sizes",
        "bias",
    }
    assert all(done == pytest.approx(total) for done, total in seen.values())
