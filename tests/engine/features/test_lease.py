"""Two drivers on one table: real processes, on disk and on a real S3 server."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consilience.engine.features import FeatureStore
from consilience.engine.features import lease as lease_module

# Writes ten parts, each of which takes its time, and says which; a signal may come at any point.
DRIVER = """
import logging, sys, time
import numpy as np
from consilience.engine.features import FeatureStore
writer = FeatureStore(sys.argv[1]).writer("m", "s", {"rows": 5}, {"x": (3, "float64")})
with writer.lease():
    print("holds", flush=True)
    for index in writer.missing(10):
        rng = np.random.default_rng(index)
        writer.write_part(index, [f"{index}-{row}" for row in range(5)], {"x": rng.standard_normal((5, 3))})
        print("part", index, flush=True)
        time.sleep(float(sys.argv[2]))
    print(writer.finish().n, flush=True)
"""


def driver(root: Any, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVER, str(root), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_line(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    for said in process.stdout:
        if said.strip() == line:
            return
    raise AssertionError(process.communicate())


def writer_of(root: Any) -> Any:
    return FeatureStore(root).writer("m", "s", {"rows": 5}, {"x": (3, "float64")})


def undisturbed(root: Path) -> Any:
    assert driver(root, 0).communicate(timeout=60)[0].endswith("50\n")
    return FeatureStore(root).open("m", "s")


def same(a: Any, b: Any) -> bool:
    names = {*a.path.sizes()} if hasattr(a.path, "sizes") else {x.name for x in a.path.iterdir()}
    assert names == {x.name for x in b.path.iterdir()}
    for name in names - {"manifest.json"}:
        assert (a.path / name).read_bytes() == (b.path / name).read_bytes(), name
    return bool({**a.manifest, "times": 0} == {**b.manifest, "times": 0})


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_the_second_waits_says_so_and_opens_what_the_first_wrote(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    root = request.getfixturevalue("s3") if where == "s3" else tmp_path / "store"
    first = driver(root, 0.3)
    until_line(first, "part 0")
    second = driver(root, 0)
    out, err = second.communicate(timeout=60)
    assert first.communicate(timeout=60)[0].splitlines()[-1] == "50"
    assert out.split() == ["holds", "50"]  # it wrote nothing
    assert f"is being written by process {first.pid} on " in err
    assert err.count("waiting until it is finished") == 1
    assert same(FeatureStore(root).open("m", "s"), undisturbed(tmp_path / "alone"))


def test_many_at_once_write_every_part_once(tmp_path: Path) -> None:
    drivers = [driver(tmp_path / "store", 0.02) for _ in range(4)]
    said = [x.communicate(timeout=60)[0].splitlines() for x in drivers]
    parts = [line for lines in said for line in lines if line.startswith("part")]
    assert sorted(parts) == [f"part {i}" for i in range(10)]
    assert [lines[-1] for lines in said] == ["50"] * 4
    assert same(FeatureStore(tmp_path / "store").open("m", "s"), undisturbed(tmp_path / "alone"))


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_a_killed_holder_frees_the_table_at_once(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    root = request.getfixturevalue("s3") if where == "s3" else tmp_path / "store"
    first = driver(root, 0.3)
    until_line(first, "part 3")
    second = driver(root, 0)
    first.send_signal(signal.SIGKILL)  # and not waited for: it stays a zombie
    out, _ = second.communicate(timeout=30)  # far less than a lease takes to expire
    first.communicate()
    assert [line for line in out.splitlines() if line.startswith("part")] == [
        f"part {i}" for i in range(4, 10)
    ]
    assert same(FeatureStore(root).open("m", "s"), undisturbed(tmp_path / "alone"))


def held_elsewhere(place: Any) -> None:
    value = {"token": "t", "host": "elsewhere", "boot": "b", "pid": 1, "started": 0, "beat": 0}
    place.write_bytes(json.dumps(value).encode())


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_the_lease_of_another_machine_is_kept_while_its_heart_beats(
    where: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_of(request.getfixturevalue("s3") if where == "s3" else tmp_path)
    monkeypatch.setattr(lease_module, "EXPIRES", 1.0)
    monkeypatch.setattr(lease_module, "_LOOKS", 0.05)
    if where == "disk":
        writer.path.mkdir(parents=True)
    place = writer.path / lease_module.FILE
    held_elsewhere(place)
    beats = 0
    began = time.monotonic()

    def beat() -> bool:  # asked at every look
        nonlocal beats
        if time.monotonic() - began < 2.5:
            beats += 1
            if where == "disk":
                os.utime(place, ns=(beats, beats))
            else:
                value = json.loads(place.read_bytes())
                place.write_bytes(json.dumps({**value, "beat": beats}).encode())
        return False

    with lease_module.lease(writer.path, beat):
        assert time.monotonic() - began > 3.4  # a second after the last beat
        assert json.loads(place.read_bytes())["pid"] == os.getpid()
    assert not place.is_file()


def test_a_holder_that_was_taken_for_dead_leaves_the_new_lease_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "BEATS", 0.05)
    writer = writer_of(tmp_path)
    place = writer.path / lease_module.FILE
    with writer.lease():
        held_elsewhere(place)
        stands = place.read_bytes(), place.stat().st_mtime_ns
        time.sleep(0.3)
        assert (place.read_bytes(), place.stat().st_mtime_ns) == stands
    assert (place.read_bytes(), place.stat().st_mtime_ns) == stands


@pytest.mark.parametrize("where", ["disk", "s3"])
def test_a_heart_beats(
    where: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "BEATS", 0.05)
    writer = writer_of(request.getfixturevalue("s3") if where == "s3" else tmp_path)
    with writer.lease():
        first = lease_module._read(writer.path / lease_module.FILE)
        time.sleep(0.5)
        second = lease_module._read(writer.path / lease_module.FILE)
        assert first is not None
        assert second is not None
        assert first["token"] == second["token"]
        assert second["beat"] > first["beat"]


def test_a_half_written_lease_expires_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "EXPIRES", 0.3)
    monkeypatch.setattr(lease_module, "_LOOKS", 0.05)
    writer = writer_of(tmp_path)
    writer.path.mkdir(parents=True)
    (writer.path / lease_module.FILE).write_bytes(b'{"token": "x')
    with writer.lease():
        writer.write_part(0, ["a"], {"x": np.ones((1, 3))})
        assert writer.finish().n == 1
    assert sorted(x.name for x in writer.path.iterdir()) == [
        "manifest.json",
        "part-00000.arrow",
        "rejected.arrow",
    ]


def test_a_lease_is_not_taken_on_a_finished_table(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    writer.write_part(0, ["a"], {"x": np.ones((1, 3))})
    writer.finish()
    with writer.lease():
        assert not (writer.path / lease_module.FILE).exists()


def test_taking_away_a_dead_lease_spares_one_that_came_meanwhile(tmp_path: Path) -> None:
    place = tmp_path / lease_module.FILE
    held_elsewhere(place)
    lease_module._take_away(place, {"token": "of a dead one"})
    assert json.loads(place.read_bytes())["token"] == "t"
    lease_module._take_away(place, {"token": "t"})
    assert list(tmp_path.iterdir()) == []
