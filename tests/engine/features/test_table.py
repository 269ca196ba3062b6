import json
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore, FeatureTable, RowsRejected
from consilience.engine.features import arrays as arrays_module

RNG = np.random.default_rng(0)
A = RNG.standard_normal((50, 6)).astype(np.float32)
B = RNG.standard_normal((50, 3))
IDS = [f"s{i}" for i in range(50)]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(arrays_module, "PART_BYTES", 48 * 12)  # 12 rows a part
    return FeatureStore(tmp_path).write(
        "model", "stimuli", IDS, {"block/0": A, "b": B}, meta={"licence": "CC0"}
    )


def damage(path: Path, at: int, flip: int = 0x10) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= flip
    path.write_bytes(data)


def test_reading_is_zero_copy_and_read_only(table: FeatureTable) -> None:
    assert [len(x) for x in table.parts("b")] == [12, 12, 12, 12, 2]
    for x in table.parts("block/0"):
        assert not x.flags.owndata
        assert not x.flags.writeable
    assert np.shares_memory(table.take("b", np.arange(13, 20)), table.parts("b")[1])


@pytest.mark.parametrize("n", [1, 7, 50])
def test_features_begin_at_whole_cache_lines(tmp_path: Path, n: int) -> None:
    layers = {"one": np.ones((n, 16), np.float32), "two": np.ones((n, 32), np.float16)}
    table = FeatureStore(tmp_path).write("model", "stimuli", [f"sample {'x' * i}" for i in range(n)], layers)
    for name in layers:
        assert table.parts(name)[0].ctypes.data % 64 == 0


def test_mapped_parts_hold_no_file_descriptor(table: FeatureTable) -> None:
    before = len(os.listdir("/proc/self/fd"))
    views = table.parts("b")
    assert len(os.listdir("/proc/self/fd")) == before
    del table
    np.testing.assert_array_equal(np.concatenate(views), B)


@pytest.mark.parametrize("rows", [[], [0], [49, 0, 0, 13], np.arange(50), np.arange(10, 30), np.arange(50)[::-1],
                                  np.array([3, 1], np.uint8), range(0, 50, 7)])  # fmt: skip
def test_take_gives_the_rows_asked_for(table: FeatureTable, rows: Any) -> None:
    index = np.asarray(rows, np.int64)
    np.testing.assert_array_equal(table.take("block/0", rows), A[index])
    out = np.empty((len(index), 3))
    assert table.take("b", rows, out=out) is out
    np.testing.assert_array_equal(out, B[index])


@pytest.mark.parametrize("rows", [[-1], [50], [0.5], [[0]], [True] * 50, 3])
def test_rows_that_are_not_there_are_refused(table: FeatureTable, rows: Any) -> None:
    with pytest.raises(BadInput, match="row numbers"):
        table.take("b", rows)


def test_an_out_that_does_not_fit_is_refused(table: FeatureTable) -> None:
    for out in (np.empty((2, 3), np.float32), np.empty((3, 3)), np.empty((2, 4))):
        with pytest.raises(BadInput, match="out of shape"):
            table.take("b", [0, 1], out=out)


def test_an_unknown_layer_is_answered_with_the_nearest(table: FeatureTable) -> None:
    for read in (table.take, lambda layer, _: table.array(layer), lambda layer, _: table.dataset([layer])):
        with pytest.raises(BadInput, match="did you mean 'block/0'"):
            read("block/9", [0])


def test_a_table_pickles_to_its_path(table: FeatureTable) -> None:
    assert len(pickle.dumps(table)) < 1000
    again = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(again.take("b", np.arange(50)), B)
    assert again.manifest == table.manifest


def test_dask_chunks_are_whole_parts(table: FeatureTable) -> None:
    assert table.array("b").chunks == ((50,), (3,))
    chunked = table.array("block/0", chunk_bytes=24 * 25)
    assert chunked.chunks == ((24, 24, 2), (6,))
    np.testing.assert_array_equal(chunked.compute(), A)
    np.testing.assert_array_equal(chunked[13:31:3, 1:4].compute(), A[13:31:3, 1:4])
    sums = chunked.astype("f8").sum(axis=0)
    np.testing.assert_allclose(sums.compute(scheduler="processes", num_workers=1), A.sum(axis=0), rtol=1e-5)


def test_a_dataset_has_samples_and_units(table: FeatureTable, tmp_path: Path) -> None:
    data = table.dataset()
    assert data["block/0"].dims == ("sample", "unit:block/0")
    assert data["b"].dims == ("sample", "unit:b")
    np.testing.assert_array_equal(data["b"].sel(sample=["s7", "s3"]), B[[7, 3]])
    assert data.attrs["model"] == "model"
    one = table.dataset(["b"])
    assert one["b"].dims == ("sample", "unit")
    same = FeatureStore(tmp_path).write("m", "s", IDS, {"x": A, "y": A + 1}).dataset()
    assert same.sizes == {"sample": 50, "unit": 6}
    xr.testing.assert_allclose(same["x"] + 1, same["y"])


@pytest.mark.filterwarnings("ignore::consilience.engine.features.RowsRejected")
def test_it_draws_itself(tmp_path: Path, table: FeatureTable) -> None:
    html = table._repr_html_()
    assert "model" in html
    assert "block/0" in html
    assert "float64" in html
    assert "rejected" not in html
    bad = A.copy()
    bad[:15] = np.nan
    other = FeatureStore(tmp_path).write("<b>m</b>", "s", IDS, {"<i>": bad})
    html = other._repr_html_()
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;i&gt;" in html
    assert "15 rejected" in html
    assert "and 5 more" in html
    assert repr(other) == "<FeatureTable <b>m</b> on s: 35 samples, 15 rejected, 1 layers>"


def test_a_truncated_part_is_found_on_opening(table: FeatureTable) -> None:
    part = table.path / "part-00002.arrow"
    part.write_bytes(part.read_bytes()[:-8])
    with pytest.raises(
        BadInput,
        match=r"part-00002\.arrow of \d+ bytes; got \d+ bytes\. Fix: `consilience verify",
    ):
        FeatureTable(table.path)


def test_a_part_that_is_gone_is_found_on_opening(table: FeatureTable) -> None:
    (table.path / "part-00004.arrow").unlink()
    with pytest.raises(BadInput, match=r"part-00004\.arrow.*no such file"):
        FeatureTable(table.path)


def test_any_flipped_bit_is_found_by_verify(table: FeatureTable) -> None:
    table.verify()
    part = table.path / "part-00001.arrow"
    for at in RNG.integers(0, part.stat().st_size, 20):
        damage(part, at)
        with pytest.raises(BadInput, match=r"part-00001\.arrow as it was written.*Fix: `consilience verify"):
            table.verify()
        damage(part, at)
    table.verify()


def test_a_damaged_part_never_reads_as_another_table(table: FeatureTable) -> None:
    # Damage that Arrow notices is a BadInput, whatever Arrow calls it; other damage is for `verify` to find.
    part = table.path / "part-00000.arrow"
    for at in [0, 9, 30, *range(part.stat().st_size - 400, part.stat().st_size, 13)]:
        damage(part, at)
        with suppress(BadInput):
            assert FeatureTable(table.path).take("b", [0]).shape == (1, 3)
        damage(part, at)


def test_a_newer_format_is_refused(table: FeatureTable) -> None:
    manifest = table.path / "manifest.json"
    manifest.write_text(json.dumps({**table.manifest, "version": 2}))
    with pytest.raises(
        BadInput, match=r"version 1 or lower; got version 2 .*newer consilience.*pip install --upgrade"
    ):
        FeatureTable(table.path)


def test_a_damaged_or_foreign_manifest_is_refused(table: FeatureTable) -> None:
    manifest = table.path / "manifest.json"
    manifest.write_text(manifest.read_text()[:-20])
    with pytest.raises(BadInput, match=r"manifest in JSON.*manifest\.json"):
        FeatureTable(table.path)
    manifest.write_text('{"name": "vscode"}')
    with pytest.raises(BadInput, match="something else"):
        FeatureTable(table.path)


def test_a_folder_without_a_manifest_is_no_table(table: FeatureTable, tmp_path: Path) -> None:
    (table.path / "manifest.json").unlink()
    with pytest.raises(BadInput, match=r"has no manifest\.json"):
        FeatureTable(table.path)
    with pytest.raises(BadInput, match="not there"):
        FeatureTable(tmp_path / "nowhere")


def test_damaged_rejects_are_refused(table: FeatureTable) -> None:
    (table.path / "rejected.arrow").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"rejected\.arrow"):
        _ = FeatureTable(table.path).rejected


def test_the_warning_class_is_public() -> None:
    assert issubclass(RowsRejected, UserWarning)
