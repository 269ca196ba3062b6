import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore
from consilience.engine.features.disk import atomic
from consilience.engine.features.location import write_json


def write(root: Any) -> Any:
    return FeatureStore(root).write("m", "s", ["a", "b"], {"x": np.eye(2)})


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        temporary.write_bytes(bytes(1 // 0))
    assert path.read_text() == '{\n "a": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_where_a_file_stands_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(BadInput, match="name a folder, not a file"):
            write(root)


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="needs a file system that nobody may write to")
def test_no_permission_is_said_with_the_place() -> None:
    with pytest.raises(BadInput, match=r"permission to write /sys/.*another place"):
        write("/sys/consilience")


def test_a_disk_that_is_too_small_is_refused_before_writing(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    huge = np.broadcast_to(np.float32(1), (2, int(free)))  # no memory behind it
    with pytest.raises(BadInput, match="GB of room in"):
        FeatureStore(tmp_path).write("m", "s", ["a", "b"], {"x": huge})
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_a_disk_that_fills_up_while_writing_is_said_and_nothing_stays_behind(tmp_path: Path) -> None:
    # A limit on the size of files fails a write in its midst, as a full disk does.
    script = (
        "import resource, signal, sys, numpy as np\n"
        "from consilience.engine.errors import BadInput\n"
        "from consilience.engine.features import FeatureStore\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    FeatureStore(sys.argv[1]).write('m', 's', range(1000), {'x': np.eye(1000)})\n"
        "except BadInput as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert "expected room to write" in done.stdout, done
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
