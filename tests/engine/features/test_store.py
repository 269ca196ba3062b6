import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore, RowsRejected
from consilience.engine.features import arrays as arrays_module


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return FeatureStore(tmp_path / "store")


X = np.random.default_rng(0).standard_normal((20, 5)).astype(np.float32)
IDS = [f"s{i}" for i in range(20)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    n=st.integers(1, 30),
    dims=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    dtypes=st.lists(st.sampled_from(["float16", "float32", "float64", ">f4", "int16", "int64", "bool"]), min_size=3,
                    max_size=3),
    part_bytes=st.sampled_from([16, 200, 1 << 20]),
    order=st.sampled_from("CF"),
    data=st.data(),
)  # fmt: skip
def test_what_is_written_is_read_back(
    store: FeatureStore,
    monkeypatch: pytest.MonkeyPatch,
    n: int,
    dims: Any,
    dtypes: Any,
    part_bytes: Any,
    order: Any,
    data: Any,
) -> None:
    monkeypatch.setattr(arrays_module, "PART_BYTES", part_bytes)
    layers = {}
    for k, (dim, dtype) in enumerate(zip(dims, dtypes)):
        finite: dict[str, Any] = (
            {"allow_nan": False, "allow_infinity": False} if np.dtype(dtype).kind == "f" else {}
        )
        if dtype == "float64":
            finite |= {"min_value": -1e100, "max_value": 1e100}  # so that the reference below has a variance
        if dtype == "int64":
            finite = {"min_value": -(2**53), "max_value": 2**53}
        values = data.draw(hnp.arrays(np.dtype(dtype), (n, dim), elements=finite or None))
        layers[f"block/{k}"] = np.asarray(values, order=order)
    ids = [f"é {i}" for i in range(n)]
    table = store.write("m", "s", ids, layers)
    assert table.n == n
    assert table.sample_ids.tolist() == ids
    assert list(table.layers) == list(layers)
    for name, x in layers.items():
        kept = (
            x.dtype.newbyteorder("=")
            if x.dtype.kind == "f"
            else np.float32
            if x.dtype.itemsize <= 2
            else np.float64
        )
        assert table.layers[name].dtype == np.dtype(kept).name
        np.testing.assert_array_equal(np.concatenate(table.parts(name)), x.astype(kept))
        np.testing.assert_array_equal(table.array(name).compute(), x.astype(kept))
        wide = x.astype(np.float64)
        np.testing.assert_allclose(
            table.manifest["layers"][name]["total_variance"],
            (wide - wide[0]).var(axis=0).sum(),  # about a row: NumPy's own mean of equal large numbers is not exact
            rtol=1e-5, atol=1e-300,
        )  # fmt: skip
    table.verify()


def test_the_same_call_gives_the_same_table_once(store: FeatureStore) -> None:
    first = store.write("m", "s", IDS, {"a": X})
    again = store.write("m", "s", IDS, {"a": X})
    assert again.path == first.path
    assert again.manifest == first.manifest
    assert len(store.tables()) == 1


@pytest.mark.parametrize("change", ["value", "id", "meta", "layer"])
def test_anything_else_is_another_table(store: FeatureStore, change: Any) -> None:
    first = store.write("m", "s", IDS, {"a": X})
    y, ids = X.copy(), list(IDS)
    if change == "value":
        y[3, 3] = np.nextafter(y[3, 3], 9)
    if change == "id":
        ids[0] = "other"
    meta = {"licence": "CC0"} if change == "meta" else None
    other = store.write("m", "s", ids, {"b" if change == "layer" else "a": y}, meta=meta)
    assert other.digest != first.digest
    assert store.open("m", "s").digest == other.digest  # the newest
    assert store.open("m", "s", first.digest[:16]).digest == first.digest
    found = store.find("m", "s", first.digest)
    assert found is not None
    assert found.digest == first.digest


def test_find_gives_none_for_what_is_not_there(store: FeatureStore) -> None:
    assert store.find("m", "s", "0" * 64) is None
    store.write("m", "s", IDS, {"a": X})
    assert store.find("m", "s", "0" * 64) is None


def test_rows_that_are_not_finite_are_rejected_and_reported(store: FeatureStore) -> None:
    y = X.copy()
    y[[2, 7], 1] = np.nan, np.inf
    with pytest.warns(
        RowsRejected, match=r"2 of 20 rows of m on s were rejected, the first s2 \(NaN or Inf in b\)"
    ):
        table = store.write("m", "s", IDS, {"a": X, "b": y})
    assert table.rejected.column("sample_id").to_pylist() == ["s2", "s7"]
    assert table.sample_ids.tolist() == [i for i in IDS if i not in ("s2", "s7")]
    np.testing.assert_array_equal(table.take("a", np.arange(18)), np.delete(X, [2, 7], axis=0))


@pytest.mark.parametrize(
    ("ids", "layers", "text"),
    [
        (IDS[:-1], {"a": X}, r"19 rows in layer 'a'.*\(20, 5\)"),
        (IDS, {"a": X, "b": X[:3]}, "20 rows in layer 'b'"),
        ([*IDS[:-1], "s0"], {"a": X}, "'s0'"),
        ([], {"a": X[:0]}, "at least one sample"),
        (IDS, {}, "at least one layer"),
        (IDS, {"a": X.reshape(20, 5, 1)}, "'a' of shape"),
        (IDS, {"a": np.float32(1)}, "'a'"),
        (IDS, {"a": X.astype(complex)}, "real numbers"),
        (IDS, {"a": np.full_like(X, np.nan)}, "20 rejected and none left"),
        (IDS, {"sample_id": X}, "not 'sample_id'"),
    ],
)
def test_bad_features_are_refused_and_leave_nothing(
    store: FeatureStore, ids: Any, layers: Any, text: str
) -> None:
    with pytest.raises(BadInput, match=text):
        store.write("m", "s", ids, layers)
    assert not [p for p in store.root.rglob("*") if p.is_file()]
    assert store.tables() == []


def test_any_kind_of_array_is_taken(store: FeatureStore) -> None:
    import dask.array as da
    import torch

    layers = {
        "list": X.tolist(),
        "torch": torch.from_numpy(X),
        "dask": da.from_array(X, chunks=7),
        "xarray": xr.DataArray(X),
        "strided": np.repeat(X, 2, axis=0)[::2],
        "read-only": np.broadcast_to(X[:1], X.shape),
    }
    table = store.write("m", "s", range(20), layers)
    for name, x in layers.items():
        np.testing.assert_array_equal(table.take(name, np.arange(20)), np.asarray(x), err_msg=name)
    assert table.layers["torch"].dtype == "float32"
    assert table.layers["list"].dtype == "float64"
    assert table.manifest["layers"]["read-only"]["total_variance"] == 0


@pytest.mark.parametrize("name", ["hf:org/model", "..", ".hidden", "a%2Fb", "sub-01 (V1)", "näme"])
def test_any_name_is_one_folder_and_comes_back(store: FeatureStore, name: str) -> None:
    table = store.write(name, "s", IDS, {"a": X})
    assert table.path.parents[2] == store.root.resolve()
    assert [t.model for t in store.tables()] == [name]
    assert store.open(name, "s").model == name


@pytest.mark.parametrize("name", ["", "x" * 300])
def test_a_name_that_is_no_folder_is_refused(store: FeatureStore, name: str) -> None:
    with pytest.raises(BadInput, match="1 to 255"):
        store.write(name, "s", IDS, {"a": X})


def test_an_unknown_name_is_answered_with_the_nearest(store: FeatureStore) -> None:
    table = store.write("minilm", "openmoji", IDS, {"a": X})
    with pytest.raises(BadInput, match="did you mean 'minilm'"):
        store.open("minilmm", "openmoji")
    with pytest.raises(BadInput, match="did you mean 'openmoji'"):
        store.open("minilm", "openmojis")
    with pytest.raises(BadInput, match=table.digest):
        store.open("minilm", "openmoji", "0123")
    with pytest.raises(BadInput, match="got 'minilm', where there is none"):
        FeatureStore(store.root / "other").open("minilm", "openmoji")


def test_tables_are_listed_by_model_and_stimuli(store: FeatureStore) -> None:
    for model, stimuli in [("b", "s"), ("a", "t"), ("a", "s")]:
        store.write(model, stimuli, IDS, {"a": X})
    store.writer("a", "s", {"unfinished": True}, {"a": (5, "float32")}).write_part(0, IDS, {"a": X})
    assert [(t.model, t.stimuli) for t in store.tables()] == [("a", "s"), ("a", "t"), ("b", "s")]


def test_meta_that_json_cannot_hold_is_refused_before_writing(store: FeatureStore) -> None:
    with pytest.raises(BadInput, match="plain JSON"):
        store.write("m", "s", IDS, {"a": X}, meta={"a": object()})
    with pytest.raises(BadInput, match="plain JSON"):
        store.writer("m", "s", {}, {"a": (5, "float32")}, meta={"a": X})


def test_what_a_killed_process_left_is_cleared_a_week_later(store: FeatureStore) -> None:
    folder = store.write("m", "s", IDS, {"a": X}).path.parent
    old, new = (f".writing-{int(time.time()) - age}-0a" for age in (8 * 86400, 6 * 86400))
    for name in (old, new):
        (folder / name).mkdir()
        (folder / name / "part-00000.arrow").write_bytes(b"half")
    store.write("m", "s", IDS, {"b": X})
    assert [p.name for p in folder.glob(".writing*")] == [new]


def test_a_damaged_table_does_not_hide_the_others(store: FeatureStore) -> None:
    bad, good = store.write("m", "s", IDS, {"a": X}), store.write("m", "s", IDS, {"b": X})
    (bad.path / "part-00000.arrow").write_bytes(b"")
    assert store.open("m", "s", good.digest).layers.keys() == {"b"}
    with pytest.raises(BadInput, match=bad.digest):
        store.open("m", "s", bad.digest)
