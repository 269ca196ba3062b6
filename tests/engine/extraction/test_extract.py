"""The whole of extraction on a real Ray: replicas, deaths, resumption."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tiny
from tiny import Numbers, Tiny

from consilience.engine.errors import BadInput
from consilience.engine.execution.code import Code
from consilience.engine.extraction import actors, driver, extract
from consilience.engine.features import FeatureStore

pytestmark = pytest.mark.usefixtures("ray_local")


def parts(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("part-*.arrow"))}


def timeless(table):
    return {key: value for key, value in table.manifest.items() if key != "times"}


def reasons(table):
    rejected = table.rejected
    return dict(zip(rejected["sample_id"].to_pylist(), rejected["reason"].to_pylist()))


def test_the_table_is_the_same_to_the_byte_for_any_number_of_replicas(tmp_path):
    seen = []
    model, stimuli = Tiny(seconds=0.01, nan=frozenset({9})), Numbers(700, unreadable=frozenset({300}))
    one = extract(model, stimuli, FeatureStore(tmp_path / "one"), replicas=1)
    two = extract(
        model, stimuli, FeatureStore(tmp_path / "two"), replicas=2, progress=lambda *step: seen.append(step)
    )
    assert len(parts(one.path)) == 6
    assert parts(one.path) == parts(two.path)
    assert timeless(one) == timeless(two)
    assert set(reasons(two)) == {"s9", "s300"}
    assert seen[0] == ("extract tiny", 0, 700)
    assert seen[-1] == ("extract tiny", 700, 700)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_a_table_that_is_there_needs_no_ray(tmp_path, monkeypatch):
    store = FeatureStore(tmp_path)
    first = extract(Tiny(), Numbers(40), store)

    def refuse(*_):
        raise AssertionError("Ray was asked for")

    monkeypatch.setattr(driver, "ray_running", refuse)
    assert extract(Tiny(), Numbers(40), store).path == first.path


def test_a_killed_replica_costs_its_shard_a_second_run_and_no_more(tmp_path):
    pids = tmp_path / "pids"
    pids.mkdir()
    model = Tiny(seconds=0.05, pid_file=pids / "replica")

    def kill_one():
        while not (found := list(pids.iterdir())):
            time.sleep(0.02)
        time.sleep(0.15)
        os.kill(int(found[0].suffix[1:]), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    table = extract(model, Numbers(700), FeatureStore(tmp_path / "store"), replicas=2)
    killer.join()
    # Two replicas, and one in the dead one's place unless the other has done all by then.
    assert len(list(pids.iterdir())) in (2, 3)
    assert table.n == 700
    assert not reasons(table)
    clean = extract(Tiny(), Numbers(700), FeatureStore(tmp_path / "clean"))
    assert parts(table.path) == parts(clean.path)


def test_a_sample_that_kills_its_process_is_found_and_rejected(tmp_path):
    table = extract(
        Tiny(killing=frozenset({5})), Numbers(12), FeatureStore(tmp_path), batch_size=4, replicas=2
    )
    assert reasons(table) == {"s5": "the process died whenever this sample was in it"}
    assert table.n == 11


def test_a_replica_with_other_code_is_refused_with_both(tmp_path, monkeypatch):
    monkeypatch.setattr(
        actors, "running", lambda: Code("9.9.9", "0a1b")
    )  # as if its node had come late with another
    with pytest.raises(BadInput, match=r"consilience 9\.9\.9 .*0a1b.* on all workers.*; got .* on the node"):
        extract(Tiny(), Numbers(12), FeatureStore(tmp_path))


def test_what_cannot_be_sent_or_made_there_is_told_as_that(tmp_path, monkeypatch):
    locked = Tiny()
    vars(locked)["lock"] = threading.Lock()
    with pytest.raises(BadInput, match=r"tiny and its stimuli to be pickled.*got TypeError: .*lock"):
        extract(locked, Numbers(12), FeatureStore(tmp_path))
    with pytest.raises(
        BadInput, match=r"unpickled where features are extracted; got .*No module named 'gone'"
    ):
        extract(Foreign(), Numbers(12), FeatureStore(tmp_path))


class Foreign(Tiny):
    """Its module is not there where features are extracted."""

    def __reduce__(self):
        return exec, ("import gone",)


def test_what_a_model_raises_while_it_loads_reaches_the_caller(tmp_path):
    class Broken(Tiny):
        def load(self, device):
            raise BadInput("weights", "none", "download them")

    class Deadly(Tiny):
        def load(self, device):
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(BadInput, match=r"^expected weights; got none. Fix: download them$"):
        extract(Broken(), Numbers(12), FeatureStore(tmp_path))
    how = r"tiny to load; got a process that died while it loaded, 3 times \(The actor died .* unexpectedly exits"
    with pytest.raises(BadInput, match=how) as refused:
        extract(Deadly(), Numbers(12), FeatureStore(tmp_path))
    assert "common causes" not in str(refused.value)


def test_a_model_that_takes_no_sample_is_stopped_early(tmp_path):
    model = Tiny(raising=frozenset(range(10_000)))
    with pytest.raises(
        BadInput,
        match="tiny to take samples 0 to 127; got all rejected, the first since the model raised Run",
    ):
        extract(model, Numbers(5_000), FeatureStore(tmp_path), replicas=1)
    assert not list(tmp_path.rglob("part-*"))  # or the same command would go on with nothing but rejects


SCRIPT = """
import sys
sys.path.insert(0, {support!r})
import tiny
from ray import cloudpickle
cloudpickle.register_pickle_by_value(tiny)
from consilience.engine.extraction import extract
from consilience.engine.features import FeatureStore
extract(tiny.Tiny(seconds=0.05), tiny.Numbers(1300), FeatureStore({store!r}), replicas=1)
"""


def test_after_a_killed_driver_only_the_missing_shards_are_extracted(tmp_path):
    script = SCRIPT.format(support=str(Path(tiny.__file__).parent), store=str(tmp_path / "store"))
    first = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(found := list((tmp_path / "store").rglob("part-*.arrow"))) < 3:
        assert first.poll() is None, first.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.kill()
    first.communicate()
    time.sleep(1)  # its replica outlives it by a moment
    folder = found[0].parent
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*.arrow")}
    assert not (folder / "manifest.json").exists()

    table = extract(Tiny(), Numbers(1300), FeatureStore(tmp_path / "store"))
    assert table.path == folder
    assert table.manifest["times"]["shards"] == 11 - len(before) > 0
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == before
    clean = extract(Tiny(), Numbers(1300), FeatureStore(tmp_path / "clean"))
    assert parts(table.path) == parts(clean.path)
    assert timeless(table) == timeless(clean)
