"""Which shard is handed out next, and what follows when the process that had it dies. No Ray here: pure state.

A shard whose process dies goes back to the front. If it kills again it is suspect: its halves are probed (run without
writing), halves of a half that kills again, until single samples are found that kill alone, and do so twice. They are
poison: the shard runs once more without them. Processes also die of what no sample does, so a round that finds nobody
to blame is followed by another run, and only several such rounds end the extraction.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from consilience.engine.errors import BadInput
from consilience.engine.extraction.shards import Shard

_CHANCES = 2  # deaths until a shard is suspect, and until a sample alone is poison
_ROUNDS = 3  # of probing one shard


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

    def halves(self) -> "tuple[Probe, ...]":
        """Two halves; a probe of one row stays what it is."""
        if self.stop - self.start == 1:
            return (self,)
        middle = (self.start + self.stop) // 2
        return Probe(self.shard, self.start, middle), Probe(self.shard, middle, self.stop)


@dataclass(frozen=True)
class Fit:
    """Find how many samples go through the model at once, before any shard is handed out; no shard is at stake.

    `attempt` counts from 0: a process died each time before, maybe of a sample that it looked at.
    """

    attempt: int = 0


Task = Run | Probe | Fit


@dataclass
class _Suspect:
    rounds: int = 0
    open: int = 0
    alone: Counter[int] = field(default_factory=Counter)  # row -> deaths while nothing else ran with it
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
        """A task whose process went for a reason that is known comes back without blame."""
        self._waiting.appendleft(task)

    def deaths(self, shard: Shard) -> int:
        """How many processes died with the whole of `shard`, so far."""
        return self._deaths.get(shard.index, 0)

    def done(self, task: Run | Probe) -> None:
        """`task` ended well."""
        if isinstance(task, Probe):
            self._close(task)
            return
        self._deaths.pop(task.shard.index, None)
        self._suspects.pop(task.shard.index, None)

    def died(self, task: Run | Probe) -> None:
        """The process died with `task`. Raises BadInput when again and again no sample can be blamed for it."""
        if isinstance(task, Run):
            self._run_died(task)
            return
        suspect = self._suspects[task.shard.index]
        if task.stop - task.start > 1:
            self._probe(task)
            self._close(task)
            return
        suspect.alone[task.start] += 1
        if suspect.alone[task.start] < _CHANCES:
            self._waiting.appendleft(task)
            return
        suspect.poison.append(task.start)
        self._close(task)

    def _run_died(self, task: Run) -> None:
        shard = task.shard
        self._deaths[shard.index] += 1
        if self._deaths[shard.index] < _CHANCES:
            self._waiting.appendleft(task)
            return
        rounds = self._suspects[shard.index].rounds if shard.index in self._suspects else 0
        if rounds == _ROUNDS:
            raise _blameless(shard)
        self._suspects[shard.index] = _Suspect(rounds + 1)
        self._probe(Probe(shard, shard.start, shard.stop))

    def _probe(self, task: Probe) -> None:
        halves = task.halves()
        self._suspects[task.shard.index].open += len(halves)
        self._waiting.extendleft(reversed(halves))

    def _close(self, task: Probe) -> None:
        suspect = self._suspects[task.shard.index]
        suspect.open -= 1
        if not suspect.open:
            self._waiting.appendleft(Run(task.shard, tuple(sorted(suspect.poison))))


def _blameless(shard: Shard) -> BadInput:
    return BadInput(
        f"samples {shard.start} to {shard.stop - 1} to be extracted",
        "a process that died each time, though no single sample kills it",
        "it is probably out of memory: use a smaller batch or fewer replicas, and repeat the command, which goes on "
        "from here",
    )
