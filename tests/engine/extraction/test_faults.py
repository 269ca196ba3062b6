"""What may go wrong on one machine, and several models at once: the table is what it would have been."""

import shutil
import threading
import time
import urllib.request

import numpy as np
import pytest
from tiny import Cramped, Crashing, Gated, Numbers, SlowOnce, Tiny

from consilience.engine.errors import BadInput
from consilience.engine.extraction import Extraction, extract, extract_all
from consilience.engine.extraction.costs import shard_costs
from consilience.engine.extraction.runlog import notes, read_runs
from consilience.engine.features import FeatureStore
from consilience.engine.features.damage import repair

pytestmark = pytest.mark.usefixtures("ray_local")


def contents(table):
    return {p.name: p.read_bytes() for p in sorted(table.path.glob("*.arrow"))}


def same(table, clean):
    """To the byte, but for times."""
    assert contents(table) == contents(clean)
    assert {**table.manifest, "times": 0} == {**clean.manifest, "times": 0}


def lines(table, event):
    return [x for run in read_runs(table.path) for x in run.lines.to_pylist() if x["event"] == event]


def test_models_run_side_by_side_and_each_table_is_that_of_the_model_alone(tmp_path):
    models = [Tiny(name=f"m{i}", seconds=0.05) for i in range(3)]
    seen = []
    tables = extract_all(
        [Extraction(model, Numbers(700)) for model in models],
        FeatureStore(tmp_path),
        progress=lambda *step: seen.append(step),
    )
    assert [table.model for table in tables] == ["m0", "m1", "m2"]
    spans = {t.model: [(x["began"], x["ended"]) for x in lines(t, "written")] for t in tables}
    assert max(spans["m0"])[1] > min(spans["m1"])[0]
    assert max(spans["m1"])[1] > min(spans["m0"])[0]
    loads = {t.model: len(lines(t, "loaded")) for t in tables}
    assert sum(loads.values()) <= 4  # of six that each model on both cores would take
    for model, table in zip(models, tables):
        alone = extract(model, Numbers(700), FeatureStore(tmp_path / "alone" / model.name))
        assert contents(table) == contents(alone)
        mine = [done for stage, done, _ in seen if stage == f"extract {model.name}"]
        assert mine[0] == 0
        assert mine[-1] == 700
        assert mine == sorted(mine)


def test_a_table_that_is_wanted_twice_is_extracted_once(tmp_path):
    wanted = Extraction(Tiny(), Numbers(40))
    one, other = extract_all([wanted, wanted], FeatureStore(tmp_path))
    assert one.path == other.path
    assert len(lines(one, "written")) == 1


def test_a_shard_that_one_process_is_slow_with_is_finished_by_another(tmp_path):
    model = SlowOnce(seconds=0.02, late=600, lasts=100, seen=tmp_path / "seen")
    table = extract(model, Numbers(700), FeatureStore(tmp_path / "store"))
    assert table.manifest["times"]["seconds"] < 60
    assert max(x["attempt"] for x in lines(table, "written")) == 2
    same(table, extract(Tiny(), Numbers(700), FeatureStore(tmp_path / "clean")))
    assert not list(table.path.glob(".part-*"))


def test_a_segmentation_fault_costs_one_sample(tmp_path):
    table = extract(Crashing(at=frozenset({2})), Numbers(5), FeatureStore(tmp_path))
    assert table.rejected.to_pylist() == [
        {"sample_id": "s2", "reason": "the process died whenever this sample was in it"}
    ]
    assert list(table.sample_ids) == ["s0", "s1", "s3", "s4"]
    assert len(lines(table, "died")) == 2 + 1 + 2  # twice whole, in one half, twice alone
    # Its batch went on as if the sample had not been there: as where it cannot be read.
    clean = extract(Tiny(), Numbers(5, unreadable=frozenset({2})), FeatureStore(tmp_path / "clean"))
    assert contents(table)["part-00000.arrow"] == contents(clean)["part-00000.arrow"]


def test_a_disk_that_is_full_in_the_middle_of_a_part_keeps_the_others(tmp_path):
    full = tmp_path / "full"
    full.touch()
    model, store = Cramped(after=400, room=2000, full=full), FeatureStore(tmp_path / "store")
    with pytest.raises(BadInput, match=r"room to write .*part-0000\d.*File too large.*free space, or name"):
        extract(model, Numbers(700), store, replicas=1)
    assert len(list(store.root.rglob("part-*.arrow"))) == 3
    assert not list(store.root.rglob("*.tmp"))
    full.unlink()
    table = extract(model, Numbers(700), store, replicas=1)
    assert table.manifest["times"]["shards"] == 3
    same(table, extract(Tiny(), Numbers(700), FeatureStore(tmp_path / "clean")))
    first, second = read_runs(table.path)
    assert first.state.startswith("stopped: expected room to write")
    assert second.state == "finished"


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory, ray_local):
    """Where a table with rejects is whole, and what it was made of."""
    model, stimuli = Tiny(nan=frozenset({9})), Numbers(700, unreadable=frozenset({300}))
    folder = tmp_path_factory.mktemp("undamaged")
    return model, stimuli, folder, extract(model, stimuli, FeatureStore(folder), replicas=1)


@pytest.mark.parametrize("harm", ["flipped", "cut"])
@pytest.mark.parametrize("finished", [True, False])
def test_a_damaged_part_is_extracted_again_alone(tmp_path, undamaged, harm, finished):
    model, stimuli, folder, clean = undamaged
    full, store = tmp_path / "full", FeatureStore(tmp_path / "store")
    if finished:
        shutil.copytree(folder, store.root)
    else:
        full.touch()
        cramped = Cramped(nan=frozenset({9}), after=600, room=2000, full=full)
        with pytest.raises(BadInput, match="room to write"):
            extract(cramped, stimuli, store, replicas=1)
    part = next(store.root.rglob("part-00001.arrow"))
    value = bytearray(part.read_bytes())
    value[len(value) // 2] ^= 1
    part.write_bytes(value if harm == "flipped" else value[:-100])
    if finished:
        assert [x.file for x in repair(part.parent)] == [part.name]
    table = extract(model, stimuli, store, replicas=1)
    written = [x["shard"] for x in read_runs(table.path)[-1].lines.to_pylist() if x["event"] == "written"]
    assert sorted(written) == ([1] if finished else [1, 4, 5])
    same(table, clean)


def test_out_of_memory_on_the_device_halves_the_batch_and_the_log_says_of_which_samples(tmp_path):
    clean = extract(Tiny(), Numbers(64), FeatureStore(tmp_path / "clean"), batch_size=16)
    table = extract(Tiny(fits=5), Numbers(64), FeatureStore(tmp_path / "store"), batch_size=16)
    assert list(table.sample_ids) == list(clean.sample_ids)
    assert not table.manifest["rejected"]
    for layer in ("map", "tokens", "vector"):  # in its last bits a feature may depend on the batch
        np.testing.assert_allclose(table.take(layer, range(64)), clean.take(layer, range(64)), rtol=1e-5)
    said = "went through the model in smaller batches, the device being out of memory"
    assert (notes(table.path), notes(clean.path)) == ({said: 64}, {})


def test_the_log_tells_what_every_shard_took(tmp_path):
    model = Tiny(seconds=0.05, nan=frozenset({9}))
    table = extract(model, Numbers(700, unreadable=frozenset({300})), FeatureStore(tmp_path), replicas=1)
    found = lines(table, "written")
    assert [x["shard"] for x in found] == list(range(6))
    assert [x["rows"] for x in found] == [128] * 5 + [60]
    assert [x["rejects"] for x in found] == [1, 0, 1, 0, 0, 0]
    assert [x["bytes"] for x in found] == [4 * 12 * rows for rows in (128, 128, 127, 128, 128, 60)]
    for x in found:
        assert x["forward"] >= 0.05 * 4 - 0.01 if x["rows"] == 128 else 0.05 * 2 - 0.01
        assert x["load"] + x["forward"] + x["write"] <= x["seconds"]
        assert (x["ended"] - x["began"]).total_seconds() == pytest.approx(x["seconds"], abs=0.01)
        assert x["attempt"] == 1
    (loaded,) = lines(table, "loaded")
    assert loaded["pid"] == found[0]["pid"] > 0
    assert loaded["node"] == found[0]["node"] != ""
    costs = shard_costs(read_runs(table.path))
    assert costs.shards == 5
    assert costs.rows == 128
    assert costs.forward == sorted(x["forward"] for x in found[:5])[2]
    assert costs.start == loaded["wait"] + loaded["seconds"]
    assert 0 < loaded["wait"] < 60
    (run,) = read_runs(table.path)
    assert run.about["samples"] == 700
    assert run.about["shards"] == 6


def test_the_log_is_no_part_of_the_table(tmp_path):
    one = extract(Tiny(), Numbers(40), FeatureStore(tmp_path / "one"))
    for path in (one.path / ".runs").iterdir():
        path.unlink()
    again = extract(Tiny(), Numbers(40), FeatureStore(tmp_path / "one"))
    assert again.digest == one.digest
    assert FeatureStore(tmp_path / "one").names() == [("tiny", "numbers")]


def test_costs_of_a_log_without_shards_are_refused():
    with pytest.raises(BadInput, match=r"the log of a run that wrote a shard; got none"):
        shard_costs([])


def test_prometheus_reads_what_the_replicas_count_while_they_work(tmp_path):
    import ray

    gate = tmp_path / "gate"
    model = Gated(name="counted", seconds=0.02, nan=frozenset({9}), gate=gate, first=699)
    (node,) = ray.nodes()
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    found: dict[str, float] = {}

    def scrape():
        deadline = time.monotonic() + 60
        while found.get("consilience_rows_total") != 640 and time.monotonic() < deadline:
            time.sleep(0.5)
            found.clear()
            for line in urllib.request.urlopen(url, timeout=5).read().decode().splitlines():
                if line.startswith("ray_consilience_") and 'model="counted"' in line:
                    name, value = line.split("{")[0].removeprefix("ray_"), float(line.split()[-1])
                    phase = line.partition('phase="')[2].partition('"')[0]
                    key = f"{name}:{phase}" if phase else name
                    found[key] = found.get(key, 0) + value
        gate.touch()

    watcher = threading.Thread(target=scrape)
    watcher.start()
    extract(model, Numbers(700), FeatureStore(tmp_path / "store"))
    watcher.join()
    assert found["consilience_rows_total"] == 640
    assert found["consilience_bytes_total"] == 640 * 12 * 4
    assert found["consilience_rejects_total"] == 1
    assert found["consilience_seconds_total:forward"] >= 20 * 0.02
    assert {f"consilience_seconds_total:{x}" for x in ("wait", "load", "write")} <= set(found)
    assert found["consilience_shard_seconds_count"] == 5
    assert found["consilience_batch_size"] % 32 == 0
