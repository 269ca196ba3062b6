"""One table that is being extracted: its shards, the replicas that work on them, and how long shards take it."""

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.extraction.placement import Ask
from consilience.engine.extraction.queue import Fit, Run, ShardQueue, Task
from consilience.engine.extraction.shards import Shard

_LOADS = 3  # processes in a row that may die while they load the model
_LATER_LOADS = 50  # the same, once the model has been loaded: then it is rarely the model
_SLOW, _SLOW_SECONDS = 2.0, 1.0  # a shard is overdue after so many times the typical time, and seconds more
_TYPICAL = 64  # the last shards, of which the median is typical


@dataclass(eq=False)
class Member:
    """A replica, as the driver sees it: its process, the task it has and since when."""

    work: "Work"
    handle: Any
    since: float
    loaded: bool = False
    node: str = ""
    pid: int = 0
    task: Task | None = None


class Work:
    """The shards of one table that are missing. `name` is the model's, `ask` what one of its replicas takes.

    `batch` is how many samples go through the model at once, where the job does not say so; while it is `unsized`, the
    first replica has to find it before a shard is handed out.
    """

    def __init__(
        self, name: str, shards: Iterable[Shard], ask: Ask, batch: int | None = None, unsized: bool = False
    ):
        self.name, self.ask, self.batch, self.unsized = name, ask, batch, unsized
        self.queue = ShardQueue(shards)
        self.members: set[Member] = set()
        self.running: dict[Member, Task] = {}
        self.idle: list[Member] = []
        self.doubled: set[int] = set()  # shards that run twice
        self._typical: deque[float] = deque(maxlen=_TYPICAL)
        self._loading: float | None = None  # seconds
        self._lost_loads = self._lost_fits = 0

    @property
    def finished(self) -> bool:
        """Whether no shard waits or runs."""
        return not self.queue and not self.running

    def loaded(self, member: Member, seconds: float) -> None:
        """A replica stands; it took so long."""
        member.loaded, self._loading, self._lost_loads = True, seconds, 0
        self.idle.append(member)

    def give(self, member: Member, now: float) -> bool:
        """Give an idle replica the task that has waited longest, or else a shard that is overdue elsewhere."""
        task: Task
        if self.unsized:
            if self.running:
                return False
            task = Fit(self._lost_fits)
        elif self.queue:
            task = self.queue.take()
        elif late := self.overdue(now):
            task = late[0]
            self.doubled.add(task.shard.index)
        else:
            return False
        self.idle.remove(member)
        self.running[member] = member.task = task
        member.since = now
        return True

    def fitted(self, member: Member, batch: int) -> None:
        """`member` found how many samples go through the model at once."""
        del self.running[member]
        member.task = None
        self.idle.append(member)
        self.batch, self.unsized = batch, False

    def done(self, member: Member, now: float) -> list[Member]:
        """The task of `member` ended well. Returns those that had the same, and are of no more use."""
        task = self.running.pop(member)
        assert not isinstance(task, Fit)
        member.task = None
        self.idle.append(member)
        self.queue.done(task)
        if isinstance(task, Run):
            self._typical.append(now - member.since)
        if task.shard.index not in self.doubled:
            return []
        self.doubled.discard(task.shard.index)
        return [other for other, its in self.running.items() if its == task]

    def leave(self, member: Member) -> None:
        """A replica is no more, without having lost anything."""
        self.members.discard(member)
        self.running.pop(member, None)
        if member in self.idle:
            self.idle.remove(member)

    def lost(self, member: Member, reason: str, blameless: bool) -> None:
        """The process of `member` died; `blameless` if for a reason outside it, as when its node went.

        Raises BadInput when process after process dies while it loads the model, or with a shard of which no sample
        kills.
        """
        task = self.running.get(member)
        self.leave(member)
        if not member.loaded:
            self._lost_loads += not blameless
            # Of many that load at once on different nodes, some may yet succeed.
            limit = (_LOADS if self._loading is None else _LATER_LOADS) + len(self.loading())
            if self._lost_loads >= limit:
                raise _cannot_load(self.name, self._lost_loads, reason)
        elif task is None:
            return
        elif isinstance(task, Fit):
            self._lost_fits += not blameless
            if self._lost_fits >= _LOADS:
                raise _cannot_fit(self.name, self._lost_fits, reason)
        elif task.shard.index in self.doubled:
            self.doubled.discard(task.shard.index)  # it runs on, in the other process
        elif blameless:
            self.queue.give_back(task)
        else:
            self.queue.died(task)

    def overdue(self, now: float) -> list[Run]:
        """Shards that run well past the typical time, in one process only; the longest-running first."""
        if not self._typical or len(self.doubled) == len(self.running):
            return []
        limit = _SLOW * statistics.median(self._typical) + _SLOW_SECONDS
        late = [
            (member.since, task)
            for member, task in self.running.items()
            if isinstance(task, Run) and task.shard.index not in self.doubled and now - member.since > limit
        ]
        return [task for _, task in sorted(late, key=lambda x: x[0])]

    def loading(self) -> list[Member]:
        """The replicas that do not stand yet."""
        return [member for member in self.members if not member.loaded]

    def lacking(self, now: float) -> int:
        """For how many more replicas there is work, that is worth the time in which they load."""
        if self.ask.most is not None and len(self.members) >= self.ask.most:
            return 0
        if self.unsized:  # the others would wait, and a bound that nothing meets is told before they load
            return 1 - len(self.members)
        if not self.queue:
            return len(self.overdue(now)) - len(self.members) + len(self.running)
        lacking = len(self.queue) - (len(self.members) - len(self.running))
        if lacking > 0 and self.running and self._typical and self._loading is not None:
            ahead = len(self.queue) / len(self.running) * statistics.median(self._typical)
            return lacking if ahead > self._loading else 0
        return lacking


def _cannot_load(name: str, times: int, reason: str) -> BadInput:
    return BadInput(
        f"{name} to load",
        f"a process that died while it loaded, {times} times ({reason})",
        "it is probably out of memory: use fewer replicas or a smaller model",
    )


def _cannot_fit(name: str, times: int, reason: str) -> BadInput:
    return BadInput(
        f"memory for {name} to find a batch in",
        f"a process that died while it tried larger ones, {times} times ({reason})",
        "lower `memory`: the machine has less to give",
    )
