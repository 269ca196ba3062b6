import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore
from consilience.engine.features.objects import ObjectPath

SPEC = {"model": "m", "rows per part": 10}
LAYERS = {"a": (3, "float32"), "b": (2, "float16")}


def features(index: Any) -> Any:
    """Ids and arrays of part `index`, always the same."""
    rng = np.random.default_rng(index)
    ids = [f"{index}-{row}" for row in range(10)]
    return ids, {"a": rng.standard_normal((10, 3)), "b": rng.standard_normal((10, 2))}


def new_writer(root: Any) -> Any:
    return FeatureStore(root).writer("m", "s", SPEC, LAYERS, meta={"licence": "CC0"})


def write(writer: Any, index: Any) -> Any:
    writer.write_part(index, *features(index))


def content(path: Path) -> Any:
    return {p.name: p.read_bytes() for p in path.iterdir() if p.name != "manifest.json"}


def test_a_table_is_its_parts_in_order_whatever_the_order_of_writing(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    assert writer.missing(3) == [0, 1, 2]
    for index in (2, 0, 1):
        write(writer, index)
    assert writer.missing(3) == []
    table = writer.finish(times={"seconds": 1.5})
    assert table.sample_ids.tolist() == [i for index in range(3) for i in features(index)[0]]
    expected = np.concatenate([features(index)[1]["a"] for index in range(3)]).astype(np.float32)
    np.testing.assert_array_equal(table.take("a", np.arange(30)), expected)
    assert table.manifest["times"]["seconds"] == 1.5
    assert table.meta == {"licence": "CC0"}
    assert table.manifest["spec"] == SPEC
    np.testing.assert_allclose(
        table.manifest["layers"]["a"]["total_variance"],
        expected.astype(np.float64).var(axis=0).sum(),
        rtol=1e-6,
    )
    assert sorted(p.name for p in table.path.iterdir()) == [
        "manifest.json", "part-00000.arrow", "part-00001.arrow", "part-00002.arrow", "rejected.arrow"
    ]  # fmt: skip


def test_resuming_writes_only_what_is_missing_and_gives_the_same_bytes(tmp_path: Path) -> None:
    whole, broken = new_writer(tmp_path / "whole"), new_writer(tmp_path / "broken")
    for index in range(3):
        write(whole, index)
    write(broken, 1)
    resumed = pickle.loads(pickle.dumps(new_writer(tmp_path / "broken")))
    assert resumed.missing(3) == [0, 2]
    for index in resumed.missing(3):
        write(resumed, index)
    whole.missing(3)
    a, b = whole.finish(), resumed.finish()
    assert content(a.path) == content(b.path)
    assert {**a.manifest, "times": 0} == {**b.manifest, "times": 0}


def test_a_part_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write(writer, 0)
    before = content(writer.path)
    writer.write_part(0, ["other"], {"a": np.zeros((1, 3)), "b": np.zeros((1, 2))})
    assert content(writer.path) == before


def test_a_part_cut_short_by_a_power_cut_is_missing(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    for index in range(2):
        write(writer, index)
    part = writer.path / "part-00001.arrow"
    whole = part.read_bytes()
    part.write_bytes(whole[:-100])
    assert writer.missing(2) == [1]
    write(writer, 1)
    assert part.read_bytes() == whole
    assert writer.missing(2) == []


def test_finishing_too_early_names_what_is_missing(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write(writer, 1)
    writer.missing(4)
    with pytest.raises(BadInput, match=r"3 missing: 0, 2, 3"):
        writer.finish()
    assert not writer.finished
    assert FeatureStore(tmp_path).tables() == []


def test_finishing_twice_opens_the_table(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write(writer, 0)
    first = writer.finish()
    assert new_writer(tmp_path).finish().manifest == first.manifest
    assert new_writer(tmp_path).missing(7) == []
    write(writer, 3)  # a straggler that comes too late
    assert sorted(p.name for p in first.path.glob("part*")) == ["part-00000.arrow"]


def test_rejects_are_listed_in_order_and_a_part_may_hold_nothing_else(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    ids, arrays = features(0)
    writer.write_part(0, ids[1:], {k: x[1:] for k, x in arrays.items()}, [(ids[0], "unreadable")])
    writer.write_part(
        1, [], {"a": np.empty((0, 3)), "b": np.empty((0, 2))}, [("x", "too long"), ("y", "killed")]
    )
    arrays = features(2)[1]
    arrays["a"][3, 1] = np.nan
    arrays["a"][4, 1] = -np.inf
    arrays["b"][4, 0] = 1e6  # beyond float16
    writer.write_part(2, features(2)[0], arrays)
    table = writer.finish()
    assert table.rejected.to_pylist() == [
        {"sample_id": "0-0", "reason": "unreadable"},
        {"sample_id": "x", "reason": "too long"},
        {"sample_id": "y", "reason": "killed"},
        {"sample_id": "2-3", "reason": "NaN or Inf in a"},
        {"sample_id": "2-4", "reason": "NaN or Inf in a, b"},
    ]
    assert table.n == 17 == len(table.sample_ids)
    assert table.manifest["rejected"] == 5
    assert [len(x) for x in table.parts("b")] == [9, 8]
    assert np.isfinite(table.take("b", np.arange(17))).all()


def test_a_table_with_no_sample_left_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    writer.write_part(0, [], {"a": np.empty((0, 3)), "b": np.empty((0, 2))}, [("x", "unreadable")])
    with pytest.raises(BadInput, match="'x', unreadable"):
        writer.finish()


def test_an_id_in_two_parts_is_refused(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write(writer, 0)
    writer.write_part(1, *features(0))
    with pytest.raises(BadInput, match="'0-0'"):
        writer.finish()


def test_an_id_both_kept_and_rejected_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="repeated: '0-0'"):
        new_writer(tmp_path).write_part(0, *features(0), [("0-0", "unreadable")])


@pytest.mark.parametrize(
    "layers",
    [
        {"a": np.zeros((10, 3))},
        {"a": np.zeros((10, 3)), "b": np.zeros((10, 2)), "c": np.zeros((10, 2))},
        {"a": np.zeros((9, 3)), "b": np.zeros((10, 2))},
        {"a": np.zeros((10, 4)), "b": np.zeros((10, 2))},
        {"a": np.zeros(10), "b": np.zeros((10, 2))},
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, layers: Any) -> None:
    with pytest.raises(BadInput):
        new_writer(tmp_path).write_part(0, features(0)[0], layers)
    assert not new_writer(tmp_path).path.exists()


def test_several_processes_write_one_table(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_write_in_process, [(writer, index) for index in range(4)]))
    assert writer.missing(4) == []
    assert writer.finish().n == 40


def _write_in_process(task: Any) -> Any:
    write(*task)


def test_the_same_part_from_several_writers_at_once_is_one_of_theirs(tmp_path: Path) -> None:
    # A worker given up for dead may still write. Batches of another size move features a little, so the two differ.
    writer = new_writer(tmp_path)
    ids, arrays = features(0)

    def other(k: Any) -> Any:
        writer.write_part(0, ids, {name: x + k for name, x in arrays.items()})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(other, range(4)))
    table = writer.finish()
    table.verify()
    assert len(list(table.path.iterdir())) == 3


def test_of_two_receipts_the_one_of_the_file_is_used(tmp_path: Path) -> None:
    writer = new_writer(tmp_path)
    write(writer, 0)
    (own,) = writer.path.glob(".part-*.json")
    index, checksum, ending = own.name[1:].split(".")
    own.with_name(f".{index}.{'0' * len(checksum)}.{ending}").write_bytes(own.read_bytes())
    writer.finish().verify()


def test_a_killed_writer_leaves_nothing_that_counts(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from consilience.engine.features import parts\n"
        "from tests_writer import new_writer, write\n"
        "writer = new_writer(sys.argv[1])\n"
        "write(writer, 0)\n"
        "parts.file_checksum = lambda path: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write(writer, 1)\n"
    )
    (tmp_path / "tests_writer.py").write_text(Path(__file__).read_text())
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=env, timeout=60)
    assert done.returncode == -signal.SIGKILL
    writer = new_writer(tmp_path)
    assert list(writer.path.glob("*.tmp"))
    assert writer.missing(2) == [1]
    write(writer, 1)
    table = writer.finish()
    assert table.n == 20
    assert not [p for p in table.path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_a_folder_is_listed_a_few_times_a_run_and_never_for_a_part(
    where: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = new_writer(request.getfixturevalue("s3") if where == "s3" else tmp_path)
    listed = []
    scandir, of_object = os.scandir, ObjectPath.sizes

    def counted(place: Any) -> Any:
        listed.append(str(place))
        return scandir(place)

    def counted_too(place: ObjectPath) -> Any:
        listed.append(str(place))
        return of_object(place)

    monkeypatch.setattr(os, "scandir", counted)
    monkeypatch.setattr(ObjectPath, "sizes", counted_too)
    writer.missing(40)
    for index in range(40):
        write(writer, index)
    assert writer.finish().n == 400
    # What is missing (twice, and a look between), the receipts, what is cleared away; the cache of parts is local.
    in_store = [x for x in listed if "/cache/" not in x]
    assert in_store == [str(writer.path)] * 5
