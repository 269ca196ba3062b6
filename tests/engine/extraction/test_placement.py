import math

import pytest

from consilience.engine.errors import BadInput
from consilience.engine.extraction.placement import Ask, Node, room, settle

GB = 1 << 30


def most(nodes, ask, limit=500):
    """How many replicas the nodes have room for, if each goes to the first that has."""
    placed: list[tuple[Ask, str]] = []
    while len(placed) < limit and room(nodes, placed, ask):
        placed.append((ask, ""))
    return len(placed)


def test_on_cpus_there_is_a_replica_of_one_thread_a_core():
    nodes = [Node("a", 16, memory=256 * GB), Node("b", 8, memory=256 * GB)]
    ask = settle(nodes)
    assert (ask.device, ask.threads, ask.cpus) == ("cpu", 1, 1.0)
    assert most(nodes, ask) == 24


def test_where_memory_holds_fewer_they_share_the_cores():
    billion = 10**9  # 8 GB while it loads, and 1 more, of half the memory
    nodes = [Node("a", 16, memory=64 * GB)]
    ask = settle(nodes, parameters=billion)
    assert (ask.threads, ask.cpus) == (5, 5.0)
    assert most(nodes, ask) == 3
    # Threads are the same on all nodes, or a table's last bits would depend on who extracted which shard: those that
    # keep most cores busy.
    nodes = [*nodes, Node("b", 64, memory=2000 * GB)]
    assert settle(nodes, parameters=billion) == ask
    assert most(nodes, ask) == 3 + 12


def test_a_model_that_fits_nowhere_has_a_node_for_itself():
    nodes = [Node("a", 4, memory=8 * GB)]
    ask = settle(nodes, parameters=10**11)
    assert most(nodes, ask) == 1
    assert ask.threads == 4


def test_more_replicas_than_cores_share_them_and_take_no_other_threads():
    nodes = [Node("a", 2, memory=64 * GB)]
    ask = settle(nodes, replicas=8)
    assert (ask.threads, ask.cpus, ask.most, ask.memory) == (1, 0.25, 8, 0)
    assert most(nodes, ask) == 8
    assert settle(nodes, replicas=1).cpus == 1


@pytest.mark.parametrize(
    ("share", "room"), [(1.0, 8), (None, 8), (0.5, 16), (0.4, 16), (0.3, 24), (0.6, 8), (2.0, 4)]
)
def test_gpus_are_shared_in_fractions_of_one(share, room):
    nodes = [Node("head", 8), Node("a", 32, gpus=4), Node("b", 32, gpus=4)]
    ask = settle(nodes, gpus=share)
    assert ask.device == "cuda"
    assert most(nodes, ask) == room
    assert ask.threads == ask.cpus == 64 // room


def test_gpus_without_a_core_each_share_the_cores():
    nodes = [Node("a", 2, gpus=8)]
    assert settle(nodes).cpus == 0.25
    assert most(nodes, settle(nodes)) == 8


def test_what_cannot_be_is_refused():
    with pytest.raises(
        BadInput, match=r"1 GPU on the Ray cluster for device='cuda'; got 0. Fix: use device='cpu'"
    ):
        settle([Node("a", 2)], "cuda")
    with pytest.raises(BadInput, match=r"2 GPU on the Ray cluster .*got 3"):
        settle([Node("a", 2, gpus=1)] * 3, "cuda", gpus=2)
    with pytest.raises(BadInput, match="replicas of 1 or more; got 0"):
        settle([Node("a", 2)], replicas=0)


def test_a_replica_that_waits_for_room_keeps_others_from_being_started():
    node = Node("a", 2)
    two, one = Ask("cpu", cpus=2), Ask("cpu", cpus=1)
    assert room([node], [(one, "a")], one)
    assert not room([node], [(one, "a"), (two, "")], one)
    assert room([node], [(two, "gone")], two)
    assert room([Node("a", 2, memory=math.inf)], [], Ask("cpu", memory=10**18))
