"""Replicas that do nothing, on a cluster that is not there, in a time that passes when everybody waits."""

import heapq
from collections.abc import Callable, Sequence
from itertools import count

from consilience.engine.extraction.fitting import Fitted
from consilience.engine.extraction.placement import Node
from consilience.engine.extraction.queue import Fit, Run, Task
from consilience.engine.extraction.receipt import Receipt
from consilience.engine.extraction.scheduler import Loaded, Lost, Outcome
from consilience.engine.extraction.work import Member, Work


class FakeCrew:
    """`seconds(member)` is what its task takes; a model loads in `loading`. `later` holds what happens to the nodes."""

    def __init__(
        self,
        nodes: list[Node],
        seconds: Callable[[Member], float] = lambda member: 1.0,
        loading: float = 2.0,
        later: dict[float, Callable[[], None]] | None = None,
    ):
        self.there, self.seconds, self.loading = nodes, seconds, loading
        self.now = 0.0
        self.later = sorted((later or {}).items())
        self._events: list[tuple[float, int, Member, Outcome]] = []
        self._order = count()
        self.works: set[Work] = set()
        self.started: list[tuple[float, str]] = []
        self.stopped: list[Member] = []
        self.called: list[tuple[float, Member, Task]] = []

    def clock(self) -> float:
        return self.now

    def nodes(self) -> list[Node]:
        return self.there

    def start(self, work: Work, node: str | None) -> int:
        self.started.append((self.now, work.name))
        return next(self._order)

    def load(self, member: Member) -> None:
        ask = member.work.ask
        used = {node.id: 0.0 for node in self.there}
        for other in self.members(member.work):
            if other.handle != member.handle and other.node in used:
                used[other.node] += other.work.ask.cpus
        node = member.node or next(n.id for n in self.there if used[n.id] + ask.cpus <= n.cpus)
        member.node = node  # Ray knows it at once
        self._at(self.loading, member, Loaded(node, 1, 0.0, self.loading))

    def members(self, work: Work) -> set[Member]:
        self.works.add(work)
        return {member for each in self.works for member in each.members}

    def call(self, member: Member) -> None:
        task = member.task
        assert task is not None
        self.called.append((self.now, member, task))
        done: Outcome = None
        if isinstance(task, Run):
            done = Receipt(len(task.shard), 0, 0, 0, 0, 0, 0, 0, self.now)
        elif isinstance(task, Fit):
            done = Fitted(8, 1, 1)
        self._at(self.seconds(member), member, done)

    def stop(self, members: Sequence[Member]) -> None:
        self.stopped += members

    def lose(self, node: str) -> None:
        """A node leaves, with all that ran on it."""
        self.there = [n for n in self.there if n.id != node]
        gone = {member for _, _, member, _ in self._events if member.node == node}
        self._events = [event for event in self._events if event[2] not in gone]
        heapq.heapify(self._events)
        for member in gone:
            self._at(0, member, Lost("its node went", True))

    def wait(self, seconds: float) -> list[tuple[Member, Outcome]]:
        until = self.now + seconds
        if self.later and self.later[0][0] <= min(until, self._events[0][0] if self._events else until):
            self.now, change = self.later.pop(0)
            change()
            return []
        if not self._events or self._events[0][0] > until:
            self.now = until
            return []
        self.now, _, member, outcome = heapq.heappop(self._events)
        return [(member, outcome)]

    def _at(self, seconds: float, member: Member, outcome: Outcome) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), member, outcome))
