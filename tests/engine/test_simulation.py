"""The simulated driver, held against closed forms."""

import pytest

from consilience.engine.simulation import Cluster, ModelWork, ShardCost, simulate

COST = ShardCost(load=10.0, read=0.0, forward=2.0, write=0.5, dispatch=0.0, bytes=0.0)


def cluster(nodes: int = 1, gpus: int = 1, **more: float) -> Cluster:
    return Cluster(nodes, gpus, spread=0.0, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("nodes", "gpus"), [(1, 1), (2, 2), (3, 1)])
def test_alike_shards_go_in_rounds(nodes: int, gpus: int) -> None:
    found = simulate([ModelWork("m", 12, COST)], cluster(nodes, gpus))
    assert found.seconds == pytest.approx(10 + 2.5 * 12 / (nodes * gpus))
    assert len(found.received) == 12
    assert found.bottleneck == ("forward" if nodes * gpus == 1 else "loading")
    assert found.busy["forward"] == pytest.approx(24 / (found.seconds * nodes * gpus))


def test_models_follow_each_other() -> None:
    works = [ModelWork("a", 4, COST), ModelWork("b", 8, COST)]
    alone = [simulate([work], cluster(2)).seconds for work in works]
    assert simulate(works, cluster(2)).seconds == pytest.approx(sum(alone))


def test_reading_runs_beside_the_model_but_for_a_batch() -> None:
    slow_read = ShardCost(0, 8.0, 4.0, 0, 0, 0, batches=4)
    assert slow_read.compute == 8 + 1
    found = simulate([ModelWork("m", 5, slow_read)], cluster())
    assert found.seconds == pytest.approx(45)
    assert found.bottleneck == "reading"


def test_a_driver_that_takes_longer_than_its_replicas_is_the_bottleneck() -> None:
    cost = ShardCost(0, 0, 1.0, 0, 0.1, 0)
    found = simulate([ModelWork("m", 2000, cost)], cluster(50))
    assert found.seconds == pytest.approx(200, rel=0.05)
    assert found.bottleneck == "driver"


def test_so_does_a_store_that_all_write_to() -> None:
    found = simulate([ModelWork("m", 400, ShardCost(0, 0, 1.0, 0.1, 0, 1e9))], cluster(20, store=5e9))
    assert found.seconds == pytest.approx(80, rel=0.05)
    assert found.bytes == 400e9
    assert found.bottleneck == "store"


def test_memory_that_leaves_gpus_idle_is_told() -> None:
    found = simulate([ModelWork("m", 40, COST, memory=60e9)], cluster(1, 4, memory=100e9))
    assert found.seconds == pytest.approx(10 + 40 * 2.5)
    assert (found.bottleneck, found.limited) == ("memory", ("m",))


def test_stragglers_make_the_end_longer_and_are_drawn_by_the_seed() -> None:
    works = [ModelWork("m", 64, COST)]
    rough = Cluster(4, 4, spread=0.5)
    assert simulate(works, rough).seconds > simulate(works, cluster(4, 4)).seconds
    assert simulate(works, rough) == simulate(works, rough)
    assert simulate(works, rough, seed=1).seconds != simulate(works, rough).seconds
