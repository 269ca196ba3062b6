"""What the scheduler decides, on a cluster that is not there and in a time that does not pass."""

import tracemalloc
from collections import Counter

import pytest
from fake_crew import FakeCrew

from consilience.engine.errors import BadInput
from consilience.engine.extraction.fitting import Fitted
from consilience.engine.extraction.placement import Ask, Node
from consilience.engine.extraction.queue import Fit, Run
from consilience.engine.extraction.scheduler import Loaded, Lost, Scheduler, Unfit
from consilience.engine.extraction.shards import Shard, shards
from consilience.engine.extraction.work import Member, Work


def work(name, n, **ask):
    return Work(name, shards(n, 1), Ask("cpu", **ask))


def run(works, crew):
    """Finish all; the names in the order in which they were finished, and the moments."""
    return [(one.name, crew.now) for one in Scheduler(works, crew, clock=crew.clock).run()]


def written(crew):
    """How often each shard of each model was begun."""
    return Counter(
        (member.work.name, task.shard.index) for _, member, task in crew.called if not isinstance(task, Fit)
    )


def test_models_share_the_room_alike_and_leave_it_to_the_others_when_they_are_done():
    crew = FakeCrew([Node("a", 4)])
    done = dict(run([work("long", 60), work("short", 10)], crew))
    at_first = Counter(name for when, name in crew.started if when == 0)
    assert at_first == {"long": 2, "short": 2}
    assert done["short"] == 2 + 10 / 2
    # The last 50 shards of the other are shared by four, once two more have loaded.
    assert done["long"] == pytest.approx(7 + 2 + (60 - 2 * 7) / 4, abs=1)
    assert max(written(crew).values()) == 1


def test_on_a_small_machine_a_replica_stays_with_its_model_until_its_shards_are_done():
    crew = FakeCrew([Node("a", 2)], loading=5.0)
    names = [f"m{i}" for i in range(6)]
    run([work(name, 10) for name in names], crew)
    # One after the other, each on both cores, would load twelve times; the last one may take the core that is free.
    assert len(crew.started) <= 7
    assert crew.now <= 6 * (5 + 10) / 2 + 5
    assert max(written(crew).values()) == 1


def test_a_second_replica_that_would_load_longer_than_the_rest_takes_is_not_started():
    crew = FakeCrew([Node("a", 1)], loading=10.0, later={15.0: lambda: crew.there.append(Node("b", 1))})
    run([work("m", 12)], crew)
    assert len(crew.started) == 1
    assert crew.now == 22


def test_a_node_that_joins_is_used_and_one_that_leaves_is_survived():
    crew = FakeCrew(
        [Node("a", 1)],
        later={10.0: lambda: crew.there.append(Node("b", 2)), 30.5: lambda: crew.lose("b")},
    )
    run([work("m", 80)], crew)
    on = Counter(member.node for _, member, _ in crew.called)
    assert on["b"] == pytest.approx(2 * 18, abs=3)
    assert crew.now == pytest.approx(2 + 80 - on["b"] + 1, abs=3)
    assert sum(written(crew).values()) == 80 + 2  # the two that ran on the lost node


def test_replicas_are_not_placed_where_memory_or_their_number_forbids():
    crew = FakeCrew([Node("a", 8, memory=10)])
    run([work("fat", 20, memory=4), work("other", 20, memory=4)], crew)
    assert len([x for x in crew.started if x[0] == 0]) == 2
    crew = FakeCrew([Node("a", 8)])
    run([work("capped", 20, most=3)], crew)
    assert len(crew.started) == 3


def slow_once(shard, seconds):
    """A second a shard, but for the first time that one is run."""
    seen = set()

    def takes(member):
        index = member.task.shard.index
        if index == shard and index not in seen:
            seen.add(index)
            return seconds
        return 1.0

    return takes


def test_a_shard_that_runs_well_past_the_typical_time_is_run_elsewhere_too():
    crew = FakeCrew([Node("a", 2)], slow_once(3, 500.0))
    run([work("m", 12)], crew)
    assert crew.now < 20
    counts = written(crew)
    assert counts.pop(("m", 3)) == 2
    assert set(counts.values()) == {1}
    first = next(member for _, member, task in crew.called if task == Run(Shard(3, 3, 4)))
    assert first in crew.stopped


def test_no_shard_is_run_twice_while_others_wait_or_before_it_is_late():
    crew = FakeCrew([Node("a", 2)], slow_once(0, 10.0))
    run([work("m", 40)], crew)
    assert max(written(crew).values()) == 1
    crew = FakeCrew([Node("a", 2)], slow_once(11, 2.5))
    run([work("m", 12)], crew)
    assert max(written(crew).values()) == 1


def test_of_a_shard_that_runs_twice_one_process_may_die():
    one = work("m", 2)
    crew = FakeCrew([Node("a", 2)], slow_once(1, 50.0))
    scheduler = Scheduler([one], crew, clock=crew.clock)

    def kill():
        late = next(m for m, task in one.running.items() if m.since < 4)
        scheduler._settle(late, Lost("killed", False))

    crew.later = [(6.5, kill)]
    usual = crew.seconds
    crew.seconds = lambda member: 5.0 if crew.now > 4 else usual(member)
    list(scheduler.run())
    assert written(crew) == {("m", 0): 1, ("m", 1): 2}
    assert crew.now < 15


class Deadly(FakeCrew):
    """Every process dies while it loads."""

    def load(self, member):
        self._at(1, member, Lost("killed", False))


def test_a_process_that_dies_while_it_loads_is_replaced_and_the_third_in_a_row_stops_the_run():
    one = work("m", 3)
    crew = Deadly([Node("a", 1)])
    with pytest.raises(BadInput, match="m to load; got a process that died while it loaded, 3 times"):
        run([one], crew)
    assert len(crew.started) == 3
    assert not one.members


class Strict(FakeCrew):
    """On nodes whose names begin with x no replica can be."""

    def start(self, work, node):
        self.named = node
        return super().start(work, node)

    def load(self, member):
        super().load(member)
        self._events = [(*at, who, self._seen(who, what)) for *at, who, what in self._events]

    def _seen(self, member, outcome):
        alien = isinstance(outcome, Loaded) and outcome.node.startswith("x")
        return Unfit(outcome.node, BadInput("1.0", f"0.9 on {outcome.node}", "install")) if alien else outcome


def test_a_node_that_joins_with_other_code_is_left_alone_and_told_apart_from_a_death():
    crew = Strict(
        [Node("a", 1)],
        later={10.0: lambda: crew.there.append(Node("x", 2)), 20.0: lambda: crew.there.append(Node("b", 1))},
    )
    told = []
    list(
        Scheduler([work("m", 60)], crew, lambda member, outcome: told.append(outcome), clock=crew.clock).run()
    )
    assert [x.node for x in told if isinstance(x, Unfit)] == ["x", "x"]
    assert {member.node for _, member, _ in crew.called} == {"a", "b"}
    assert crew.named == "b"
    assert crew.now < 50
    assert max(written(crew).values()) == 1


def test_a_cluster_whose_nodes_all_have_other_code_is_refused():
    crew = Strict([Node("x1", 1), Node("x2", 1)])
    with pytest.raises(BadInput, match=r"expected 1.0; got 0.9 on x2. Fix: install"):
        run([work("m", 3)], crew)
    assert len(crew.started) == 2


@pytest.mark.parametrize("shards_in_all", [1_000, 20_000])
def test_what_the_driver_holds_does_not_grow_with_what_is_done(shards_in_all):
    """Peak bytes above the list of shards, which there is one of per 128 MB of features."""
    todo = (Shard(i, 128 * i, 128 * (i + 1)) for i in range(shards_in_all))
    one = Work("m", todo, Ask("cpu"))
    crew = FakeCrew([Node("a", 16)])
    crew.called = Forgetful()
    tracemalloc.start()
    try:
        assert run([one], crew)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300_000


class Forgetful(list):
    def append(self, value):
        assert isinstance(value[2], Run)


def test_the_first_replica_finds_the_batch_before_a_shard_is_handed_out_and_others_are_started():
    crew = FakeCrew([Node("a", 4)], lambda member: 30.0 if isinstance(member.task, Fit) else 1.0)
    auto = Work("m", shards(12, 1), Ask("cpu"), unsized=True)
    told = []
    scheduler = Scheduler([auto], crew, lambda _, outcome: told.append(outcome), clock=crew.clock)
    assert list(scheduler.run()) == [auto]
    first, *rest = crew.called
    assert isinstance(first[2], Fit)
    assert not [task for _, _, task in rest if isinstance(task, Fit)]
    assert min(at for at, _, _ in rest) >= first[0] + 30
    assert [at < 30 for at, _ in crew.started] == [True, False, False, False]
    assert auto.batch == 8
    assert [type(x) for x in told[:2]] == [Loaded, Fitted]


def test_a_process_that_dies_while_it_finds_the_batch_is_followed_by_another_that_looks_elsewhere():
    auto = Work("m", shards(3, 1), Ask("cpu"), unsized=True)
    for attempt in range(3):
        member = Member(auto, None, 0.0)
        auto.members.add(member)
        auto.loaded(member, 1.0)
        assert auto.give(member, 0.0)
        assert member.task == Fit(attempt)
        if attempt < 2:
            auto.lost(member, "killed", blameless=False)
    with pytest.raises(
        BadInput, match=r"memory for m to find a batch in.*3 times \(killed\).*lower `memory`"
    ):
        auto.lost(member, "killed", blameless=False)
