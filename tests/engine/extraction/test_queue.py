import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.engine.errors import BadInput
from consilience.engine.extraction.queue import Probe, Run, ShardQueue
from consilience.engine.extraction.shards import shards


def drain(queue, kills, struck=frozenset()):
    """Run every task in turn; a task dies if it touches one of `kills`, or if its turn is in `struck`. Returns what was
    written, and how many tasks were taken."""
    written, taken = {}, 0
    while queue:
        task, taken = queue.take(), taken + 1
        span = (
            range(task.start, task.stop)
            if isinstance(task, Probe)
            else range(task.shard.start, task.shard.stop)
        )
        skipped = set() if isinstance(task, Probe) else set(task.poison)
        if taken in struck or any(row in kills and row not in skipped for row in span):
            queue.died(task)
            continue
        queue.done(task)
        if isinstance(task, Run):
            assert task.shard.index not in written
            written[task.shard.index] = task.poison
    return written, taken


@settings(max_examples=200)
@given(n=st.integers(1, 60), rows=st.integers(1, 17), data=st.data())
def test_every_shard_is_written_once_and_exactly_the_killers_are_poison(n, rows, data):
    kills = data.draw(st.sets(st.integers(0, n - 1), max_size=5))
    written, _ = drain(ShardQueue(shards(n, rows)), kills)
    assert sorted(written) == list(range(-(-n // rows)))
    assert {row for poison in written.values() for row in poison} == kills


def test_one_killer_is_found_by_halving():
    _, taken = drain(ShardQueue(shards(128, 128)), {77})
    assert (
        taken == 2 + 2 * 7 + 1 + 1
    )  # two runs that die, seven halvings, the sample alone once more, and the rest


def test_a_shard_that_waited_longer_goes_first_after_a_death():
    first, second = shards(20, 10)
    queue = ShardQueue([first, second])
    task = queue.take()
    queue.died(task)
    assert queue.take() == Run(first)
    assert queue.take() == Run(second)


def test_a_death_that_no_sample_causes_is_run_again_and_reported_in_the_end():
    queue = ShardQueue(shards(8, 8))
    queue.died(queue.take())
    for _ in range(3):
        queue.died(queue.take())
        for _ in range(2):
            queue.done(queue.take())
    with pytest.raises(BadInput, match=r"samples 0 to 7.*no single sample kills it.*use a smaller batch"):
        queue.died(queue.take())


@settings(max_examples=200)
@given(n=st.integers(1, 60), rows=st.integers(1, 17), data=st.data())
def test_random_deaths_beside_those_that_samples_cause_poison_no_other_sample(n, rows, data):
    kills = data.draw(st.sets(st.integers(0, n - 1), max_size=3))
    struck = data.draw(st.sets(st.integers(0, 200), max_size=4).filter(lambda x: min_gap(x) > 1))
    written, _ = drain(ShardQueue(shards(n, rows)), kills, struck)
    assert sorted(written) == list(range(-(-n // rows)))
    assert {row for poison in written.values() for row in poison} == kills


def min_gap(turns):
    turns = sorted(turns)
    return min((b - a for a, b in itertools.pairwise(turns)), default=9)
