"""What a stranger's store or file may not do: reach outside the store, or run code."""

import json
from pathlib import Path
from typing import Any

import h5py
import malice
import numpy as np
import pytest

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore, FeatureTable, import_files
from consilience.engine.features.damage import damages
from consilience.engine.features.files import read_ids

IDS = ["a", "b", "c", "d"]


@pytest.fixture
def table(tmp_path: Path) -> FeatureTable:
    return FeatureStore(tmp_path / "store").write("m", "s", IDS, {"x": np.eye(4)})


def edit(table: FeatureTable, change: Any) -> None:
    path = table.path / "manifest.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize("file", ["../../../../etc/passwd", "/etc/passwd", "x/part-00000.arrow", "..", ""])
def test_a_part_outside_the_table_is_refused(table: FeatureTable, tmp_path: Path, file: str) -> None:
    edit(table, lambda value: value["parts"][0].update(file=file))
    with pytest.raises(BadInput, match=r"another file than part-00000\.arrow as part 0"):
        FeatureTable(table.path)
    assert [damage.file for damage in damages(table.path)] == ["manifest.json"]  # which reads no part


@pytest.mark.parametrize("checksum", ["../../x", "", 7, None])
def test_a_checksum_that_would_name_another_file_of_the_cache_is_refused(
    table: FeatureTable, checksum: Any
) -> None:
    edit(table, lambda value: value["parts"][0].update(checksum=checksum))
    with pytest.raises(BadInput, match="no checksum of part 0"):
        FeatureTable(table.path)


@pytest.mark.parametrize("key", ["model", "n", "layers", "parts", "times"])
def test_a_manifest_without_a_key_is_refused_by_name(table: FeatureTable, key: str) -> None:
    edit(table, lambda value: value.pop(key))
    with pytest.raises(BadInput, match=f"no '{key}'"):
        FeatureTable(table.path)


@pytest.mark.parametrize("name", ["../../escape", "/tmp/escape", "..", "."])
def test_names_cannot_leave_the_store(tmp_path: Path, name: str) -> None:
    store: Any = FeatureStore(tmp_path / "a" / "b" / "store")
    for model, stimuli in ((name, "s"), ("m", name)):
        path = store.write(model, stimuli, IDS, {"x": np.eye(4)}).path
        assert path.relative_to(store.root).parts[0] != ".."
        assert len(path.relative_to(store.root).parts) == 3
        assert store.find(model, stimuli, path.name) is not None
    assert {x.name for x in tmp_path.iterdir()} == {"a"}


def test_a_digest_cannot_lead_to_another_store(table: FeatureTable, tmp_path: Path) -> None:
    other: Any = FeatureStore(tmp_path / "other")
    assert other.find("m", "s", f"../../../store/m/s/{table.digest}") is None
    (other.root / "m" / "s").mkdir(parents=True)
    assert other.find("m", "s", f"../../../store/m/s/{table.digest}") is None


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "pickle.npy", "pickle.npz"])
def test_pickles_are_refused_on_import(tmp_path: Path, name: str) -> None:
    mark, path = tmp_path / "mark", tmp_path / name
    data = malice.bare(mark) if name.startswith("pickle") else malice.npy(mark)
    assert malice.works(data, mark)
    path.write_bytes(malice.npz(mark, sample_id=np.array(IDS)) if name == "x.npz" else data)
    with pytest.raises(BadInput, match=f"readable {path.suffix} file.*{name}.*plain numeric arrays"):
        import_files([path], "m", "s", tmp_path / "store", ids=IDS if path.suffix == ".npy" else None)
    assert not mark.exists()
    assert not (tmp_path / "store").exists()


def test_pickles_are_refused_as_ids(tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "ids.npy"
    path.write_bytes(malice.npy(mark))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_ids(path)
    assert not mark.exists()


def test_objects_in_hdf5_are_refused(tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["sample_id"] = np.array(IDS, dtype="S1")
        file["x"] = np.array([np.void(malice.bare(mark))] * 4)
    with pytest.raises(BadInput, match="real numbers"):
        import_files([path], "m", "s", tmp_path / "store")
    assert not mark.exists()


def test_a_pickle_in_place_of_a_part_or_a_receipt_is_damage(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    writer: Any = FeatureStore(tmp_path / "store").writer("m", "s", {}, {"x": (4, "float64")})
    writer.write_part(0, IDS, {"x": np.eye(4)})
    receipt = next(writer.path.glob(".part-*.json"))
    whole = receipt.read_bytes()
    receipt.write_bytes(malice.bare(mark))
    assert writer.missing(1) == [0]
    receipt.write_bytes(whole)
    writer.write_part(0, IDS, {"x": np.eye(4)})
    table = writer.finish()
    (table.path / "part-00000.arrow").write_bytes(malice.bare(mark))
    with pytest.raises(BadInput, match="part-00000"):
        FeatureTable(table.path)
    assert not mark.exists()
