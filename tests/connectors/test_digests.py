"""Digests of files: of their content, and read again whenever it may have changed."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from consilience.connectors import digests as module
from consilience.connectors.digests import digests


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONSILIENCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "WORTH", 1)
    return tmp_path / "cache" / "digests.json"


def test_a_file_at_rest_is_read_once_and_again_when_it_was_written(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "bold.nii"
    file.write_bytes(b"one")
    assert digests([file]) == [hashlib.sha256(b"one").hexdigest()]
    assert not cache.exists(), "it may be written to within the same tick"
    time.sleep(2.1)
    digests([file])
    held = json.loads(cache.read_text())
    held[str(file)][0] = "as kept"
    cache.write_text(json.dumps(held))
    assert digests([file]) == ["as kept"], "it was not read"
    state = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))  # as if nothing had happened
    assert digests([file]) == [hashlib.sha256(b"two").hexdigest()]


def test_half_a_record_is_no_record(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "bold.nii"
    file.write_bytes(b"one")
    cache.parent.mkdir()
    cache.write_text('{"/x": ["abc", 1')
    assert digests([file, file]) == 2 * [hashlib.sha256(b"one").hexdigest()]
