"""Damage: found by checksum, and repaired to the byte."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore, FeatureTable, RowsRejected
from consilience.engine.features import arrays as arrays_module
from consilience.engine.features.damage import damages, repair
from consilience.engine.features.location import sizes

SPEC = {"rows": 6}
LAYERS = {"a": (3, "float32"), "b": (2, "float16"), "c": (4, "float64")}
PARTS = 5


def content(index: int) -> tuple[list[str], dict[str, np.ndarray], list[tuple[str, str]]]:
    """Part `index`; 1 holds a row that is not finite and one that was rejected before, 3 rejects alone."""
    rng = np.random.default_rng(index)
    n = 0 if index == 3 else 6
    arrays = {name: rng.standard_normal((n, dim)) for name, (dim, _) in LAYERS.items()}
    if index == 1:
        arrays["c"][2, 1] = np.nan
    rejects = [(f"{index}-x", "unreadable"), (f"{index}-y", "too long")] if index in (1, 3) else []
    return [f"{index}-{row}" for row in range(n)], arrays, rejects


def extract(root: Any) -> tuple[FeatureTable, list[int]]:
    """What a driver does: the table, and the parts that had to be written."""
    writer: Any = FeatureStore(root).writer("m", "s", SPEC, LAYERS)
    missing = writer.missing(PARTS)
    for index in missing:
        writer.write_part(index, *content(index))
    return writer.finish(), missing


def bytes_of(folder: Any) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in sizes(folder) if name != "manifest.json"}


def timeless(table: FeatureTable) -> Any:
    return {**table.manifest, "times": None}


def flip(path: Any, at: int = -40) -> None:
    value = bytearray(path.read_bytes())
    value[at] ^= 0x10
    path.write_bytes(bytes(value))


def cut(path: Any) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def remove(path: Any) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [flip, cut, remove])
def test_a_damaged_part_of_an_unfinished_table_is_made_again_alone(
    tmp_path: Path, harm: Callable[[Any], None]
) -> None:
    whole, _ = extract(tmp_path / "whole")
    writer: Any = FeatureStore(tmp_path / "store").writer("m", "s", SPEC, LAYERS)
    for index in range(PARTS):
        writer.write_part(index, *content(index))
    inodes = {path.name: path.stat().st_ino for path in writer.path.glob("part*")}
    harm(writer.path / "part-00002.arrow")
    table, missing = extract(tmp_path / "store")
    assert missing == [2]
    assert bytes_of(table.path) == bytes_of(whole.path)
    assert timeless(table) == timeless(whole)
    for name in inodes.keys() - {"part-00002.arrow"}:
        assert (table.path / name).stat().st_ino == inodes[name]


def test_a_damaged_receipt_costs_its_part(tmp_path: Path) -> None:
    whole, _ = extract(tmp_path / "whole")
    writer: Any = FeatureStore(tmp_path / "store").writer("m", "s", SPEC, LAYERS)
    for index in range(PARTS):
        writer.write_part(index, *content(index))
    receipts = [next(writer.path.glob(f".part-0000{index}.*.json")) for index in (0, 4)]
    cut(receipts[0])
    text = receipts[1].read_text()
    receipts[1].write_text(text.replace('"rows": 6', '"rows": 7'))
    assert receipts[1].read_text() != text
    table, missing = extract(tmp_path / "store")
    assert missing == [0, 4]
    assert bytes_of(table.path) == bytes_of(whole.path)
    assert timeless(table) == timeless(whole)


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_a_finished_table_is_repaired_to_the_byte(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole, _ = extract(tmp_path / "whole")
    root = request.getfixturevalue("s3") if where == "s3" else tmp_path / "store"
    table, _ = extract(root)
    assert damages(table.path) == []
    assert repair(table.path) == []
    flip(table.path / "part-00000.arrow")
    cut(table.path / "part-00002.arrow")
    remove(table.path / "part-00004.arrow")
    found = repair(table.path)
    assert [damage.file[:10] for damage in found] == ["part-00000", "part-00002", "part-00004"]
    assert found[0].what.startswith("other bytes")
    assert found[1].what.endswith("bytes instead of " + str(whole.manifest["parts"][2]["bytes"]))
    assert found[2].what == "missing"
    assert FeatureStore(root).find("m", "s", table.digest) is None
    again, missing = extract(root)
    assert missing == [0, 2, 4]
    assert bytes_of(again.path) == bytes_of(whole.path)
    assert timeless(again) == timeless(whole)
    assert damages(again.path) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(harmed=st.sets(st.integers(0, PARTS), min_size=1), place=st.floats(0, 0.999), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found_and_repaired(
    tmp_path_factory: pytest.TempPathFactory, harmed: set[int], place: float, bit: int
) -> None:
    root = tmp_path_factory.mktemp("store")
    table, _ = extract(root)
    before, manifest = bytes_of(table.path), timeless(table)
    names = sorted(before)  # the parts, and the list of rejects
    for index in harmed:
        value = bytearray(before[names[index]])
        value[int(place * len(value))] ^= 1 << bit
        (table.path / names[index]).write_bytes(bytes(value))
    assert {damage.file for damage in repair(table.path)} == {names[index] for index in harmed}
    again, missing = extract(root)
    # Without the list of rejects the parts that had some are made again too.
    assert set(missing) == harmed - {PARTS} | ({1, 3} if PARTS in harmed else set())
    assert bytes_of(again.path) == before
    assert timeless(again) == manifest


def test_a_table_whose_manifest_says_nothing_of_rejects_is_made_again_whole(tmp_path: Path) -> None:
    table, _ = extract(tmp_path)
    path = table.path / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace(',\n   "rejected": 3', "").replace(',\n   "rejected": 2', ""))
    assert path.read_text() != text
    flip(table.path / "part-00000.arrow")
    repair(table.path)
    assert extract(tmp_path)[1] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_a_users_own_arrays_are_repaired_by_writing_them_again(
    where: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays_module, "PART_BYTES", 300)
    root = request.getfixturevalue("s3") if where == "s3" else tmp_path / "store"
    x = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
    x[7, 0] = np.inf

    def write(into: Any) -> FeatureTable:
        with pytest.warns(RowsRejected):
            return FeatureStore(into).write("m", "s", [f"s{i}" for i in range(40)], {"x": x})

    whole, table = write(tmp_path / "whole"), write(root)
    flip(table.path / "part-00001.arrow")
    assert [damage.file for damage in repair(table.path)] == ["part-00001.arrow"]
    again = write(root)
    assert again.digest == table.digest
    assert bytes_of(again.path) == bytes_of(whole.path)
    assert timeless(again) == timeless(whole)
    assert sizes(FeatureStore(root).root / "m" / "s").keys() == {table.digest}


def test_a_repair_cut_short_is_finished_by_the_next_run(tmp_path: Path) -> None:
    whole, _ = extract(tmp_path / "whole")
    table, _ = extract(tmp_path / "store")
    flip(table.path / "part-00002.arrow")
    damaged = (table.path / "part-00002.arrow").read_bytes()
    repair(table.path)
    (table.path / "part-00002.arrow").write_bytes(damaged)  # as if killed before it was removed
    again, missing = extract(tmp_path / "store")
    assert missing == [2]
    assert bytes_of(again.path) == bytes_of(whole.path)


def test_verify_names_the_first_damage_and_the_way_out(tmp_path: Path) -> None:
    table, _ = extract(tmp_path)
    flip(table.path / "part-00002.arrow")
    with pytest.raises(BadInput, match=r"part-00002.arrow as it was written; got other bytes .*--repair"):
        table.verify()
    os.truncate(table.path / "part-00000.arrow", 10)
    with pytest.raises(BadInput, match=r"part-00000.arrow as it was written; got 10 bytes instead"):
        table.verify()


def test_a_damaged_manifest_is_listed_and_left(tmp_path: Path) -> None:
    table, _ = extract(tmp_path)
    path = table.path / "manifest.json"
    cut(path)
    found = repair(table.path)
    assert [damage.file for damage in found] == ["manifest.json"]
    assert path.is_file()
    with pytest.raises(BadInput, match="which is not there"):
        damages(tmp_path / "nothing")
