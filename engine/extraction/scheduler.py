"""Which model has which room of the cluster, and which replica which shard. No Ray here: a `Crew` does what is decided.

Room goes to the model with the fewest replicas, the first of those that wait; loading costs, so a replica stays with
its model until no shard of it waits, and only then makes room for another model, if one wants it. What each event
costs does not depend on how many replicas there are; the whole is looked over about once a second.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from consilience.engine.errors import BadInput
from consilience.engine.extraction.fitting import Fitted
from consilience.engine.extraction.placement import Node, room
from consilience.engine.extraction.receipt import Receipt
from consilience.engine.extraction.work import Member, Work

LOOK = 1.0  # seconds between two looks at the nodes, and at shards that are late


@dataclass(frozen=True)
class Loaded:
    """A replica stands, on that node and as that process; it began to load at `began`, seconds since 1970."""

    node: str
    pid: int
    began: float
    seconds: float


@dataclass(frozen=True)
class Lost:
    """A replica's process died; `blameless` if for a reason outside it."""

    reason: str
    blameless: bool


@dataclass(frozen=True)
class Unfit:
    """A node cannot run replicas, and why."""

    node: str
    reason: BadInput


Outcome = (
    Loaded | Unfit | Fitted | Receipt | Lost | Exception | None
)  # of two loads, a fit, a run, any, a mistake, a probe


class Crew(Protocol):
    """The replicas' processes, wherever they are."""

    def nodes(self) -> list[Node]:
        """The nodes that are there now."""
        ...

    def start(self, work: Work, node: str | None) -> Any:
        """A handle of a new replica of that model, on the node of that id or on any."""
        ...

    def load(self, member: Member) -> None: ...

    def call(self, member: Member) -> None:
        """Have `member` do its task."""
        ...

    def stop(self, members: Sequence[Member]) -> None:
        """Kill their processes; what is still heard of them is of no account."""
        ...

    def wait(self, seconds: float) -> list[tuple[Member, Outcome]]:
        """What came back since, at least one thing if any does within so many seconds."""
        ...


Tell = Callable[[Member, Outcome], None]


class Scheduler:
    """Gets the shards of several works done by one crew.

    `tell` hears of every outcome, before anything follows; `look` is called about once a second of `clock`.
    """

    def __init__(
        self,
        works: Sequence[Work],
        crew: Crew,
        tell: Tell = lambda member, outcome: None,
        look: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.open, self.crew, self.tell, self.look, self.clock = list(works), crew, tell, look, clock
        self.unfit: set[str] = set()  # nodes that are left alone
        self._changed = True  # what replicas there are, or might be
        self._looked = 0.0

    def run(self) -> Generator[Work, None, None]:
        """Every work, as it is finished. Whatever ends the iteration, no replica is left behind.

        Raises what a replica raised, and BadInput for a model that cannot be loaded or a shard that kills at will.
        """
        try:
            while self.open:
                now = self.clock()
                if self._changed or now - self._looked > LOOK:
                    self._changed, self._looked = False, now
                    self._spread(now)
                    self.look()
                for member, outcome in self.crew.wait(LOOK):
                    if member in member.work.members:
                        self._settle(member, outcome)
                        if member.work.finished:
                            self._close(member.work)
                            yield member.work
        finally:
            for work in self.open:
                self._stop(work, list(work.members))

    def _settle(self, member: Member, outcome: Outcome) -> None:
        self.tell(member, outcome)
        work, now = member.work, self.clock()
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, Lost):
            work.lost(member, outcome.reason, outcome.blameless)
            self._changed = True
        elif isinstance(outcome, Unfit):
            self.unfit.add(outcome.node)
            self._stop(work, [member])
            if room(self._nodes(), [], work.ask) is None:
                raise outcome.reason
        elif isinstance(outcome, Loaded):
            member.node, member.pid = outcome.node, outcome.pid
            work.loaded(member, outcome.seconds)
        elif isinstance(outcome, Fitted):
            work.fitted(member, outcome.batch)
            self._changed = True  # there is work for more of them
        else:
            self._stop(work, work.done(member, now))
        self._hand_out(work, now)

    def _hand_out(self, work: Work, now: float) -> None:
        while work.idle and work.give(member := work.idle[-1], now):
            self.crew.call(member)
        if work.idle:
            self._changed = True  # its room may be of use to another

    def _close(self, work: Work) -> None:
        self._stop(work, list(work.members))
        self.open.remove(work)

    def _stop(self, work: Work, members: Sequence[Member]) -> None:
        if members:
            self._changed = True
            for member in members:
                work.leave(member)
            self.crew.stop(members)

    def _spread(self, now: float) -> None:
        """Give idle replicas what is overdue, stop those that wait for a room they no longer need, start new ones."""
        for work in self.open:
            self._hand_out(work, now)
            if not work.queue and not work.overdue(now):
                self._stop(work, work.loading())
        nodes, full = self._nodes(), set[Work]()
        while wanting := [work for work in self.open if work not in full and work.lacking(now) > 0]:
            work = min(wanting, key=lambda work: len(work.members))
            placed = [(other.ask, member.node) for other in self.open for member in other.members]
            if there := room(nodes, placed, work.ask):
                node = there if self.unfit else None  # Ray, which knows what others use, would choose any
                member = Member(work, self.crew.start(work, node), now, node=node or "")
                work.members.add(member)
                self.crew.load(member)
            elif spare := next((x.idle[0] for x in self.open if x is not work and x.idle), None):
                self._stop(spare.work, [spare])
            else:
                full.add(work)
        self._changed = False

    def _nodes(self) -> list[Node]:
        return [node for node in self.crew.nodes() if node.id not in self.unfit]
