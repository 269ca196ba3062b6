"""Which shard is handed out next, and what follows when the process that had it dies. No Ray here: pure state.

A shard whose process dies goes back to the front. If it kills again it is suspect: its halves are probed (run without
writing), halves of a half that kills again, until single samples are found that kill alone. They are poison: the
shard runs once more without them.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from consilience.engine.errors import BadInput
from consilience.engine.extraction.shards import Shard

_CHANCES = 2


@dataclass(frozen=True)
class Run:
    """Extract `shard` without the rows of `poison`, and write its part."""

    shard: Shard
    poison: tuple[int, ...] = ()


@dataclass(frozen=True)
class Probe:
    """Run rows `start` to ``stop - 1`` of a suspect shard without writing."""

    shard: Shard
    start: int
    stop: int

    def halves(self) -> "tuple[Probe, Probe]":
        middle = (self.start + self.stop) // 2
        return Probe(self.shard, self.start, middle), Probe(self.shard, middle, self.stop)


@dataclass
class _Suspect:
    open: int = 0
    poison: list[int] = field(default_factory=list)


class ShardQueue:
    """Tasks in the order in which their shards began to wait."""

    def __init__(self, shards: Iterable[Shard]):
        self._waiting: deque[Run | Probe] = deque(Run(shard) for shard in shards)
        self._deaths: Counter[int] = Counter()
        self._suspects: dict[int, _Suspect] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> Run | Probe:
        """The task that has waited longest."""
        return self._waiting.popleft()

    def give_back(self, task: Run | Probe) -> None:
        """A task that no process began comes back without blame."""
        self._waiting.appendleft(task)

    def done(self, task: Run | Probe) -> None:
        """`task` ended well."""
        if isinstance(task, Probe):
            self._close(task)

    def died(self, task: Run | Probe) -> None:
        """The process died with `task`. Raises BadInput when no sample can be blamed for it."""
        if isinstance(task, Probe):
            suspect = self._suspects[task.shard.index]
            if task.stop - task.start == 1:
                suspect.poison.append(task.start)
            else:
                self._probe(task)
            self._close(task)
            return
        shard = task.shard
        self._deaths[shard.index] += 1
        if shard.index in self._suspects:
            raise _blameless(shard)
        if self._deaths[shard.index] < _CHANCES:
            self._waiting.appendleft(task)
            return
        self._suspects[shard.index] = _Suspect()
        whole = Probe(shard, shard.start, shard.stop)
        if len(shard) == 1:
            self._suspects[shard.index].poison.append(shard.start)
            self._waiting.appendleft(Run(shard, (shard.start,)))
        else:
            self._probe(whole)

    def _probe(self, task: Probe) -> None:
        halves = task.halves()
        self._suspects[task.shard.index].open += len(halves)
        self._waiting.extendleft(reversed(halves))

    def _close(self, task: Probe) -> None:
        suspect = self._suspects[task.shard.index]
        suspect.open -= 1
        if not suspect.open:
            if not suspect.poison:
                raise _blameless(task.shard)
            self._waiting.appendleft(Run(task.shard, tuple(sorted(suspect.poison))))


def _blameless(shard: Shard) -> BadInput:
    return BadInput(
        f"samples {shard.start} to {shard.stop - 1} to be extracted",
        "a process that died each time, though no single sample kills it",
        "it is probably out of memory: lower batch_size or replicas, and repeat the command, which goes on from here",
    )
