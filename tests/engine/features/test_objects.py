"""A store in an object store, on a real S3 server."""

import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from s3 import client

from consilience.engine.comparison import compare
from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore, FeatureTable, import_files, lease, objects
from consilience.engine.features import arrays as arrays_module
from consilience.engine.features.checksum import file_checksum
from consilience.engine.features.location import location

X = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
Y = X @ np.random.default_rng(1).standard_normal((5, 3)).astype(np.float32)
IDS = [f"s{i}" for i in range(40)]
NAME = "org/model v1?#%"  # what a path or a URI would take for something else
SPEC = {"model": "m", "rows per part": 10}


def keys(uri: str) -> list[str]:
    """The names of all objects in the bucket, as another client sees them."""
    bucket, endpoint = uri.split("/")[2], uri.rpartition("=")[2]
    found = client(endpoint).list_objects_v2(Bucket=bucket).get("Contents", [])
    return sorted(x["Key"] for x in found if not x["Key"].endswith("/"))


def new_writer(root, layers=None):
    return FeatureStore(root).writer("m", "s", SPEC, layers or {"a": (5, "float32")})


def write(writer, index):
    rows = slice(10 * index, 10 * index + 10)
    writer.write_part(index, IDS[rows], {"a": X[rows]})


def test_a_table_written_to_s3_is_the_one_written_to_disk(s3: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(arrays_module, "PART_BYTES", 300)
    store = FeatureStore(s3)
    table = store.write(NAME, "s", IDS, {"a": X}, meta={"licence": "CC0"})
    local = FeatureStore(tmp_path / "local").write(NAME, "s", IDS, {"a": X}, meta={"licence": "CC0"})
    assert {**table.manifest, "times": 0} == {**local.manifest, "times": 0}
    folder = "some/stores/org%2Fmodel v1%3F%23%25/s/" + table.digest
    assert keys(s3) == sorted(f"{folder}/{path.name}" for path in local.path.iterdir())
    assert len(table.manifest["parts"]) == 3
    assert store.names() == [(NAME, "s")]
    for found in (
        store.open(NAME, "s"), store.open(NAME, "s", table.digest[:6]), store.find(NAME, "s", table.digest),
        *store.tables(), FeatureTable(str(table.path)), pickle.loads(pickle.dumps(table)),
    ):  # fmt: skip
        assert found is not None
        np.testing.assert_array_equal(found.take("a", np.arange(40)), X)
        assert found.sample_ids.tolist() == IDS
    assert store.find(NAME, "s", "0" * 64) is None
    with pytest.raises(BadInput, match=r"did you mean 'org/model"):
        store.open("org/model v2?#%", "s")


def test_the_same_arrays_again_are_the_same_table(s3: str) -> None:
    first = FeatureStore(s3).write("m", "s", IDS, {"a": X})
    before = keys(s3)
    assert FeatureStore(s3).write("m", "s", IDS, {"a": X}).manifest == first.manifest
    assert keys(s3) == before


def test_files_are_imported_and_tables_compared(s3: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", sample_id=IDS, a=X)
    x = import_files([tmp_path / "x.npz"], "x", "s", s3)
    y = FeatureStore(s3).write("y", "s", IDS[::-1], {"b": Y[::-1]})  # joined by sample id
    kwargs: Any = {"metrics": ["cka", "mutual_knn"], "permutations": 0}
    remote, local = compare([x, y], **kwargs), compare({"x/a": X, "y/b": Y}, **kwargs)
    np.testing.assert_allclose(remote["score"], local["score"], rtol=1e-6)


def test_parts_are_uploaded_by_any_process_resumed_and_finished(s3: str) -> None:
    writer = new_writer(s3)
    assert writer.missing(4) == [0, 1, 2, 3]
    write(writer, 1)
    resumed = pickle.loads(pickle.dumps(new_writer(s3)))
    assert resumed.missing(4) == [0, 2, 3]
    for index in (3, 0, 2):
        write(resumed, index)
    with pytest.raises(BadInput, match="5 missing: 4, 5, 6, 7, 8"):
        new_writer(s3).__class__(**{**vars(resumed), "n_parts": 9}).finish()
    table = resumed.finish()
    np.testing.assert_array_equal(table.take("a", np.arange(40)), X)
    names = [key.rpartition("/")[2] for key in keys(s3)]
    assert names == ["manifest.json", *(f"part-0000{i}.arrow" for i in range(4)), "rejected.arrow"]
    assert new_writer(s3).missing(4) == []


def test_a_part_cut_short_is_missing(s3: str) -> None:
    writer = new_writer(s3)
    write(writer, 0)
    part = writer.path / "part-00000.arrow"
    whole = part.read_bytes()
    part.write_bytes(whole[:-64])
    assert writer.missing(1) == [0]
    write(writer, 0)
    assert part.read_bytes() == whole


def test_a_part_with_other_bytes_is_missing(s3: str) -> None:
    writer = new_writer(s3)
    write(writer, 0)
    write(writer, 1)
    part = writer.path / "part-00000.arrow"
    whole = part.read_bytes()
    assert part.checksum() == file_checksum(part)
    part.write_bytes(whole)
    assert part.checksum() is None
    assert writer.missing(2) == [], "copied by something that leaves metadata behind"
    part.write_bytes(whole[:-300] + b"other" + whole[-295:])
    assert writer.missing(2) == [0]
    write(writer, 0)
    assert part.read_bytes() == whole


class Meddling:
    """A filesystem that lets something happen as soon as an object is opened for reading."""

    def __init__(self, files: Any, meanwhile: Callable[[], None]):
        self._files, self._meanwhile = files, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    def open_input_stream(self, key: str) -> Any:
        stream = self._files.open_input_stream(key)
        self._meanwhile()
        return stream


def test_an_object_that_goes_while_it_is_read_is_not_there(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = location(s3) / "lease"
    place.write_bytes(b"{}")
    inner = objects._filesystem
    monkeypatch.setattr(objects, "_filesystem", lambda *at: Meddling(inner(*at), place.unlink))
    with pytest.raises(FileNotFoundError):
        place.read_bytes()
    monkeypatch.setattr(objects, "_filesystem", inner)
    place.write_bytes(b"{}")
    monkeypatch.setattr(objects, "_filesystem", lambda *at: Meddling(inner(*at), place.unlink))
    assert lease._read(place) is None


def test_a_write_that_breaks_off_leaves_no_object(s3: str) -> None:
    place = location(s3) / "thing"
    with pytest.raises(TypeError):
        place.write_bytes("not bytes")  # type: ignore[arg-type]
    assert keys(s3) == []


def test_ids_in_two_parts_are_refused(s3: str) -> None:
    writer = new_writer(s3)
    write(writer, 0)
    writer.write_part(1, IDS[9:12], {"a": X[9:12]})
    with pytest.raises(BadInput, match=r"every sample id once.*'s9'"):
        writer.finish()


def test_rejects_are_kept(s3: str) -> None:
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.warns(UserWarning, match="1 of 40 rows"):
        table = FeatureStore(s3).write("m", "s", IDS, {"a": broken})
    assert table.rejected.to_pylist() == [{"sample_id": "s3", "reason": "NaN or Inf in a"}]


def test_a_part_is_fetched_once_and_the_cache_is_bounded(s3: str, tmp_path: Path, monkeypatch) -> None:
    tables = [FeatureStore(s3).write(f"m{i}", "s", IDS, {"a": X + i}) for i in range(3)]
    parts = tmp_path / "cache" / "parts"
    for path in parts.iterdir():
        path.unlink()
    size = tables[0].manifest["parts"][0]["bytes"]
    monkeypatch.setenv("CONSILIENCE_CACHE_GB", str(2.5 * size / 1e9))
    held = [parts / f"{table.manifest['parts'][0]['checksum']}.arrow" for table in tables]
    for i in (0, 1):
        FeatureTable(tables[i].path).take("a", [0])
        time.sleep(0.02)
    assert sorted(parts.iterdir()) == sorted(held[:2])
    inode = held[0].stat().st_ino
    time.sleep(0.02)
    first = FeatureTable(tables[0].path)  # now 1 was used longest ago
    np.testing.assert_array_equal(first.take("a", [0]), X[:1])
    assert held[0].stat().st_ino == inode
    FeatureTable(tables[2].path).take("a", [0])
    assert sorted(parts.iterdir()) == sorted([held[0], held[2]])
    held[0].unlink()
    np.testing.assert_array_equal(first.take("a", np.arange(40)), X)  # what is mapped stays


def test_an_object_with_other_bytes_is_refused_when_it_is_fetched(s3: str, tmp_path: Path) -> None:
    table = FeatureStore(s3).write("m", "s", IDS, {"a": X})
    part = table.path / "part-00000.arrow"
    damaged = bytearray(part.read_bytes())
    damaged[-300] ^= 1
    part.write_bytes(bytes(damaged))
    for path in (tmp_path / "cache" / "parts").iterdir():
        path.unlink()
    with pytest.raises(BadInput, match=r"part-00000.arrow.* as it was written .*other bytes.*--repair"):
        FeatureTable(table.path).take("a", [0])
    assert not list((tmp_path / "cache" / "parts").iterdir())
    part.write_bytes(bytes(damaged[:-1]))
    with pytest.raises(BadInput, match=r"part-00000.arrow.* of \d+ bytes"):
        FeatureTable(table.path)


def test_an_upload_that_is_killed_leaves_nothing_under_the_name(s3: str) -> None:
    script = (
        "import sys, numpy as np\n"
        "from consilience.engine.features import FeatureStore\n"
        "writer = FeatureStore(sys.argv[1]).writer('m', 's', {}, {'a': (1000, 'float32')})\n"
        "writer.write_part(0, range(50_000), {'a': np.ones((50_000, 1000), np.float32)})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, s3], stderr=subprocess.PIPE)
    bucket, server = s3.split("/")[2], client(s3.rpartition("=")[2])
    until = time.monotonic() + 60
    while not server.list_multipart_uploads(Bucket=bucket).get("Uploads"):
        assert process.poll() is None
        assert time.monotonic() < until
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [key for key in keys(s3) if key.endswith(".arrow")] == []
    writer = FeatureStore(s3).writer("m", "s", {}, {"a": (1000, "float32")})
    assert writer.missing(1) == [0]
    writer.write_part(0, ["x"], {"a": np.ones((1, 1000))})
    assert writer.finish().n == 1


def test_a_store_that_does_not_answer_and_a_bucket_that_is_not_there_are_said(s3: str) -> None:
    for uri in ("s3://bucket/x?endpoint_override=http://127.0.0.1:9", s3.replace("s3://b", "s3://another")):
        with pytest.raises(BadInput, match=r"an object store that answers at s3://.*credentials in the env"):
            FeatureStore(uri).write("m", "s", IDS, {"a": X})


def test_a_google_store_that_does_not_answer_is_said_within_the_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(objects, "_GOOGLE_PATIENCE", 2)
    began, nobody = time.monotonic(), "scheme=http&endpoint_override=127.0.0.1:9"
    with pytest.raises(BadInput, match=r"answers at gs://bucket/x.*GOOGLE_APPLICATION_CREDENTIALS"):
        FeatureStore(f"gs://bucket/x?{nobody}").names()
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    "uri",
    [
        "s3://AKIAX:sesame@bucket/prefix",
        "s3://AKIAX:ses/ame@bucket/prefix",
        "s3://sesame@bucket",
        "s3://bucket/x?access_key=AKIAX&secret_key=sesame",
        "s3://bucket/x?sesame",
        "s3://bucket/x?endpoint_override=http://me:sesame@host",
    ],
)
def test_credentials_in_a_uri_are_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(BadInput, match="environment") as refused:
        FeatureStore(uri)
    for secret in ("sesame", "ses/ame", "AKIAX"):
        assert secret not in str(refused.value)


def test_a_place_outside_the_store_and_an_unknown_kind_are_refused() -> None:
    for uri in ("s3://bucket/../other", "s3://bucket/a//b", "s3://bucket/./b"):
        with pytest.raises(BadInput, match="a place below the store"):
            FeatureStore(uri)
    with pytest.raises(BadInput, match=r"a known kind of store .*did you mean 's3'"):
        FeatureStore("s3a://bucket/x")
    with pytest.raises(BadInput, match=r"a known kind of store \(gcs, gs, s3\); got 'az'"):
        FeatureStore("az://container/x")


def test_no_credentials_are_written_down(s3: str) -> None:
    table = FeatureStore(s3).write("m", "s", IDS, {"a": X})
    text = str(table.manifest) + repr(FeatureStore(s3)) + str(table.path) + repr(pickle.dumps(table))
    assert "AKIATEST" not in text
    assert "kept/secret" not in text
