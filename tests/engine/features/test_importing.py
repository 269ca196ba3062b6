from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore, RowsRejected, import_files
from consilience.engine.features import arrays as arrays_module

RNG = np.random.default_rng(0)
A = RNG.standard_normal((12, 4)).astype(np.float32)
B = RNG.standard_normal((12, 3))
IDS = [f"s{i}" for i in range(12)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(arrays_module, "PART_BYTES", 200)  # 5 rows a part
    return FeatureStore(tmp_path / "store")


def npz(path: Path, ids: Any = IDS, **layers: Any) -> Path:
    np.savez(path, **({} if ids is None else {"sample_id": ids}), **layers)
    return path


def save(path: Path, ids: Any, layers: Any) -> Any:
    """`layers` in the format that the file's ending names."""
    if path.suffix == ".npz":
        npz(path, ids, **layers)
    elif path.suffix == ".safetensors":
        import json

        safetensors.numpy.save_file(layers, path, metadata={"sample_id": json.dumps(ids)})
    elif path.suffix == ".parquet":
        lists = {
            name: pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), x.shape[1])
            for name, x in layers.items()
        }
        pq.write_table(pa.table({"sample_id": ids, **lists}), path)
    else:
        with h5py.File(path, "w") as file:
            file["sample_id"] = ids
            for name, x in layers.items():
                file[name] = x
    return path


@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".parquet", ".h5", ".hdf5", ".NPZ"])
def test_every_format_gives_the_table_that_write_gives(
    store: FeatureStore, tmp_path: Path, ending: Any
) -> None:
    path = save(tmp_path / f"features{ending.lower()}", IDS, {"layer.0": A, "layer.1": B})
    path = path.rename(path.with_suffix(ending))
    table = import_files([path], "m", "s", store)
    assert table.digest == store.write("m", "s", IDS, {"layer.0": A, "layer.1": B}).digest
    np.testing.assert_array_equal(np.concatenate(table.parts("layer.1")), B)


def test_a_folder_will_do_for_a_store(tmp_path: Path) -> None:
    table = import_files([npz(tmp_path / "x.npz", a=A)], "m", "s", tmp_path / "new", meta={"licence": "CC0"})
    assert table.meta == {"licence": "CC0"}
    assert FeatureStore(tmp_path / "new").open("m", "s").digest == table.digest


@pytest.mark.parametrize("kind", ["list", "text", "npy"])
def test_plain_arrays_take_their_ids_from_beside_them(store: FeatureStore, tmp_path: Path, kind: Any) -> None:
    np.save(tmp_path / "block3.npy", A)
    np.save(tmp_path / "ids.npy", IDS)
    (tmp_path / "ids.txt").write_text("\n".join(IDS) + "\n")
    ids: Any = {"list": IDS, "text": tmp_path / "ids.txt", "npy": str(tmp_path / "ids.npy")}[kind]
    table = import_files([tmp_path / "block3.npy"], "m", "s", store, ids)
    assert list(table.layers) == ["block3"]
    assert table.sample_ids.tolist() == IDS
    np.testing.assert_array_equal(table.take("block3", np.arange(12)), A)


def test_safetensors_may_hold_bfloat16_and_integer_ids(store: FeatureStore, tmp_path: Path) -> None:
    tensors = {"a": torch.from_numpy(A).bfloat16(), "sample_id": torch.arange(12)}
    safetensors.torch.save_file(tensors, tmp_path / "x.safetensors")
    table = import_files([tmp_path / "x.safetensors"], "m", "s", store)
    assert table.sample_ids.tolist() == [str(i) for i in range(12)]
    np.testing.assert_array_equal(table.take("a", np.arange(12)), tensors["a"].float().numpy())


def test_parquet_lists_numbers_and_nulls(store: FeatureStore, tmp_path: Path) -> None:
    lists = pa.array([[1.0, 2.0], [3.0, None], [5.0, 6.0]])
    pq.write_table(pa.table({"sample_id": [7, 8, 9], "a": lists, "b": [1, 2, 3]}), tmp_path / "x.parquet")
    with pytest.warns(RowsRejected, match="the first 8"):
        table = import_files([tmp_path / "x.parquet"], "m", "s", store)
    assert table.sample_ids.tolist() == ["7", "9"]
    np.testing.assert_array_equal(table.take("a", [0, 1]), [[1, 2], [5, 6]])
    assert table.layers["b"].dim == 1


def test_a_sliced_parquet_file_of_several_row_groups_keeps_its_rows(
    store: FeatureStore, tmp_path: Path
) -> None:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(A.reshape(-1)), 4)
    table = pa.table({"sample_id": IDS, "a": lists.cast(pa.list_(pa.float32()))})
    pq.write_table(table.slice(2, 9), tmp_path / "x.parquet", row_group_size=4)
    got = import_files([tmp_path / "x.parquet"], "m", "s", store)
    np.testing.assert_array_equal(got.take("a", np.arange(9)), A[2:11])


def test_groups_of_an_h5_file_name_the_layers(store: FeatureStore, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["sample_id"] = np.array(IDS, "S")
        file["block/0"] = A
    assert list(import_files([tmp_path / "x.h5"], "m", "s", store).layers) == ["block/0"]


def test_files_with_the_same_ids_bring_their_layers_together(store: FeatureStore, tmp_path: Path) -> None:
    order = RNG.permutation(12)
    files = [
        npz(tmp_path / "a.npz", a=A),
        save(tmp_path / "b.h5", [IDS[i] for i in order], {"b": B[order]}),
    ]
    table = import_files(files, "m", "s", store)
    assert table.digest == store.write("m", "s", IDS, {"a": A, "b": B}).digest


def test_files_with_other_ids_and_the_same_layers_are_appended(store: FeatureStore, tmp_path: Path) -> None:
    cuts = [slice(0, 2), slice(2, 3), slice(3, 12)]
    files = [
        save(tmp_path / f"{k}{ending}", IDS[cut], {"a": A[cut], "b": B[cut]})
        for k, (cut, ending) in enumerate(zip(cuts, (".npz", ".h5", ".parquet")))
    ]
    table = import_files(files, "m", "s", store)
    assert table.digest == store.write("m", "s", IDS, {"a": A, "b": B}).digest


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ((IDS, {"a": A}), (IDS, {"a": B}), "a twice"),
        ((IDS, {"a": A}), (IDS[1:], {"a": A[1:]}), "12 and .*y.npz with 11 ids, 11 of them shared"),
        ((IDS[:6], {"a": A[:6]}), (IDS[6:], {"b": A[6:]}), "the layers of .*x.npz"),
        ((IDS[:6], {"a": A[:6]}), (IDS[6:], {"a": B[6:]}), "the layers of .*x.npz"),
        ((IDS[:6], {"a": A[:6]}), (IDS[6:], {"a": A[6:].astype("f8")}), "float64"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(
    store: FeatureStore, tmp_path: Path, first: Any, second: Any, text: str
) -> None:
    files = [save(tmp_path / name, *what) for name, what in [("x.npz", first), ("y.npz", second)]]
    with pytest.raises(BadInput, match=text):
        import_files(files, "m", "s", store)
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("name", "make", "ids", "text"),
    [
        ("x.npz", lambda p: npz(p, None, a=A), None, "sample ids for .*x.npz; got none"),
        ("x.npz", lambda p: npz(p, a=A), IDS[::-1], "two different lists"),
        ("x.npz", lambda p: npz(p), None, "at least one layer in .*x.npz"),
        ("x.npz", lambda p: npz(p, a=A[:5]), None, r"12 rows in layer 'a' of .*x.npz.*\(5, 4\)"),
        ("x.npz", lambda p: npz(p, a=np.array(IDS)), None, "real numbers"),
        ("x.npz", lambda p: npz(p, np.array(IDS, object), a=A), None, "readable .npz file"),
        ("x.npz", lambda p: npz(p, [*IDS[:-1], "s0"], a=A), None, "'s0'"),
        ("x.npz", lambda p: p.write_bytes(b"no zip"), None, "readable .npz file"),
        ("x.npy", lambda p: p.write_bytes(b""), IDS, "readable .npy file"),
        ("x.h5", lambda p: p.write_bytes(b"\0" * 99), None, "readable .h5 file"),
        ("x.parquet", lambda p: p.write_bytes(b"PAR1"), None, "readable .parquet file"),
        ("x.safetensors", lambda p: p.write_bytes(b"\0"), IDS, "readable .safetensors file"),
        ("x.parquet", lambda p: pq.write_table(pa.table({"sample_id": [1, 2], "a": [[1.0], [1.0, 2.0]]}), p), None,
         "lists of one length in column 'a'"),
        ("x.mat", lambda p: p.write_bytes(b""), None, "kind of feature file"),
        ("x.npz", lambda p: None, None, "not there"),
        ("x.npy", lambda p: np.save(p, A), "nowhere.txt", "nowhere.txt, which is not there"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_by_name(
    store: FeatureStore, tmp_path: Path, name: str, make: Any, ids: Any, text: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(BadInput, match=text):
        import_files([tmp_path / name], "m", "s", store, ids)
    assert store.tables() == []


def test_no_file_is_refused(store: FeatureStore) -> None:
    with pytest.raises(BadInput, match="at least one file"):
        import_files([], "m", "s", store)
