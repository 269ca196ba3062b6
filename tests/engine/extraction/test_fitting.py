"""Batches that are found within a bound on memory: how, by whom, and that whoever goes on takes the same."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from tiny import Hungry, Numbers, Tiny

from consilience.engine.errors import BadInput
from consilience.engine.extraction import extract
from consilience.engine.extraction.fitting import FILE, Fitted, fit, largest, record, recorded
from consilience.engine.extraction.job import plan_job, table_spec
from consilience.engine.extraction.peaks import ProcessMeter
from consilience.engine.extraction.replica import Replica
from consilience.engine.extraction.runlog import read_runs
from consilience.engine.features import FeatureStore

MB = 1 << 20


@pytest.mark.parametrize(
    ("bound", "fits", "batch", "tried"),
    [
        (100, 99, 8, [1, 2, 4, 8]),  # 16 is foretold to take 170
        (90, 99, 8, [1, 2, 4, 8]),
        (89, 99, 4, [1, 2, 4]),
        (10**6, 99, 64, [1, 2, 4, 8, 16, 32, 64]),
        (10**6, 5, 4, [1, 2, 4, 8]),  # there was less than was allowed
        (19, 99, 0, [1]),
        (100, 0, 0, [1]),
    ],
)
def test_sizes_are_doubled_while_they_fit_and_what_cannot_is_not_tried(bound, fits, batch, tried):
    seen = []

    def peak_of(size):
        seen.append(size)
        return 10 + 10 * size if size <= fits else None

    found, peak = largest(peak_of, 10, bound, 100)
    assert (found, seen) == (batch, tried)
    assert peak == (10 + 10 * batch if batch else 20 if fits else bound)


def replica_of(model, n, tmp_path, memory):
    stimuli = Numbers(n)
    job = plan_job(model, stimuli, batch_size="auto", memory=memory)
    spec = table_spec(model, stimuli, job)
    replica = Replica(
        model, stimuli, job, FeatureStore(tmp_path).writer("m", "s", spec, job.schema()), "cpu", 1
    )
    replica.load()
    return replica


def fitted_and_run(folder):
    """What is found within 100 MB more than are taken, the bound, and the peak of a shard that is cut so."""
    model, meter = Hungry(each=4 * MB), ProcessMeter()
    replica_of(model, 100, folder, "4GB")  # torch is loaded by then
    fit(replica_of(model, 100, folder, meter.now() + 40 * MB))  # and what is allocated once
    bound = meter.now() + 100 * MB
    replica = replica_of(model, 100, folder, bound)
    found = fit(replica)
    replica.cut_at(found.batch)
    meter.reset()
    replica.run(replica.job.shards()[0])
    return found, bound, meter.peak()


def test_a_batch_of_the_longest_samples_fits_the_bound_and_so_does_the_run(tmp_path):
    """In a process of its own, as a replica has: memory that others freed would be taken again, and not seen."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found, bound, taken = pool.submit(fitted_and_run, tmp_path).result()
    # Of the two-digit numbers, 8 MB each, and as much to spare; less where freed memory, which counts as taken, serves.
    assert found.batch in (4, 8)
    assert found.peak <= bound == found.memory
    assert taken <= bound


def test_a_bound_that_not_even_one_sample_meets_is_told_with_what_it_takes(tmp_path):
    replica = replica_of(Hungry(each=4 * MB), 100, tmp_path, 1000)
    with pytest.raises(
        BadInput, match=r"one sample goes through tiny; got 1\.0 kB, where it takes \d.*raise memory"
    ):
        fit(replica)


def test_samples_that_cannot_be_used_are_passed_over(tmp_path):
    replica = replica_of(
        Hungry(raising=frozenset(range(10, 90)), refused=frozenset({95})), 100, tmp_path, "900GB"
    )
    assert fit(replica).batch == 64
    with pytest.raises(
        BadInput,
        match=r"a sample that goes through tiny.*none of 3, the last since .*cannot take 2",
    ):
        fit(replica_of(Tiny(refused=frozenset({0, 1, 2})), 3, tmp_path, "4GB"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": "auto"}, "`memory` beside batch 'auto'.*got none"),
        ({"batch_size": 8, "memory": "4GB"}, "`memory` beside batch 'auto' alone.*got batch 8"),
        ({"memory": "4GB"}, "got batch left out"),
        ({"batch_size": "all", "memory": "4GB"}, "a number of samples or 'auto' as batch; got 'all'"),
        ({"batch_size": "auto", "memory": "4 sheep"}, "a memory size such as '8GB'"),
        ({"batch_size": "auto", "memory": 0}, "memory of more than nothing"),
        ({"batch_size": "auto", "memory": "nanGB"}, "memory of more than nothing"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message):
    with pytest.raises(BadInput, match=message):
        plan_job(Tiny(), Numbers(9), **arguments)


def test_a_model_elsewhere_and_one_on_a_gpu_that_torch_does_not_see_are_refused(tmp_path):
    class Asked(Tiny):
        at_once, tokens = 1, 0

        def cost(self, tokens):
            return None

    class Table(Tiny):
        arithmetic = "a table"

    with pytest.raises(BadInput, match="a model whose memory is here, for batch 'auto'; got tiny"):
        plan_job(Asked(), Numbers(9), batch_size="auto", memory="4GB")
    replica = replica_of(Table(), 9, tmp_path, "4GB")
    assert fit(replica).batch == 8
    replica.device = "cuda"
    with pytest.raises(BadInput, match="memory on a GPU can be told; got tiny, which a table computes"):
        fit(replica)


def test_the_table_is_named_by_that_it_was_found_and_not_by_the_machine():
    def spec(**arguments):
        return table_spec(Tiny(), Numbers(500), plan_job(Tiny(), Numbers(500), **arguments))

    one = spec(batch_size="auto", memory="1GB")
    assert one == spec(batch_size="auto", memory=2 * 10**9)
    assert one["batch_size"] == "auto"
    assert one != spec()


def written(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.glob("part-*.arrow"))}


@pytest.mark.usefixtures("ray_local")
def test_every_replica_and_whoever_goes_on_takes_the_batch_that_was_found_first(tmp_path):
    model, stimuli = Tiny(seconds=0.01), Numbers(700)
    table = extract(model, stimuli, FeatureStore(tmp_path / "a"), batch_size="auto", memory="1.5GB")
    times = table.manifest["times"]
    assert (times["batch"], times["memory"]) == (128, 1_500_000_000)
    assert 0 < times["peak"] < times["memory"]
    plain = extract(model, stimuli, FeatureStore(tmp_path / "b"), batch_size=128)
    assert written(table.path) == written(plain.path)
    (run,) = read_runs(table.path)
    events = run.lines.column("event").to_pylist()
    assert events[:2] == ["loaded", "fitted"]
    assert events.count("fitted") == 1
    assert run.about["batch"] == 128
    # Another folder, where a run was stopped after it had found 4, with another bound.
    writer = FeatureStore(tmp_path / "c").writer(
        "tiny", "numbers", table.manifest["spec"], plan_job(model, stimuli).schema()
    )
    writer.path.mkdir(parents=True)
    record(writer.path, Fitted(4, 10**9, 10**9))
    with pytest.raises(BadInput, match=r"at least 1\.0 GB of memory, which batches of 4 take.*got 800\.0 MB"):
        recorded(writer.path, 800_000_000, begun=True)
    assert recorded(writer.path, 800_000_000, begun=False) is None
    on = extract(model, stimuli, FeatureStore(tmp_path / "c"), batch_size="auto", memory="2GB", replicas=2)
    assert on.path == writer.path
    assert on.manifest["times"]["batch"] == 4
    assert written(on.path) == written(
        extract(model, stimuli, FeatureStore(tmp_path / "d"), batch_size=4).path
    )
    assert written(on.path) != written(table.path)
    # Mended later, in the same batches still.
    assert json.loads((on.path / FILE).read_text())["batch"] == 4
    assert {**on.manifest["spec"]} == table.manifest["spec"]


@pytest.mark.usefixtures("ray_local")
def test_a_bound_that_nothing_meets_stops_the_run_before_any_shard(tmp_path):
    with pytest.raises(BadInput, match=r"memory in which one sample goes through tiny; got 1\.0 MB"):
        extract(Tiny(), Numbers(9), FeatureStore(tmp_path), batch_size="auto", memory="1MB")
    assert not list(tmp_path.rglob("part-*"))
    assert not list(tmp_path.rglob(FILE))


@pytest.mark.usefixtures("ray_local")
def test_a_sample_that_kills_the_process_while_the_batch_is_found_is_rejected_later(tmp_path):
    model = Tiny(killing=frozenset({0}))  # all are as long: the first is taken
    table = extract(model, Numbers(9), FeatureStore(tmp_path), batch_size="auto", memory="1.5GB")
    assert table.rejected["sample_id"].to_pylist() == ["s0"]
    assert table.manifest["times"]["batch"] == 8
    np.testing.assert_array_equal(table.sample_ids, [f"s{i}" for i in range(1, 9)])
