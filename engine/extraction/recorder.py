"""Who hears of everything that becomes of the shards, and says it: to the logs, and to whoever watches."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from consilience.engine.errors import BadInput
from consilience.engine.extraction import runlog
from consilience.engine.extraction.fitting import Fitted
from consilience.engine.extraction.job import Job
from consilience.engine.extraction.queue import Fit, Run
from consilience.engine.extraction.receipt import Receipt
from consilience.engine.extraction.runlog import RunLog
from consilience.engine.extraction.scheduler import Loaded, Lost, Outcome, Unfit
from consilience.engine.extraction.shards import Shard
from consilience.engine.extraction.work import Member, Work
from consilience.engine.features.writer import TableWriter
from consilience.engine.progress import Progress


class Recorder:
    """One log a table, and the progress of each."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._logs: dict[Work, RunLog] = {}
        self._begun: set[Work] = set()
        self._done: dict[Work, list[int]] = {}  # samples done, and in all
        self.paid: Counter[Work] = Counter()  # tokens

    def open(self, work: Work, writer: TableWriter, job: Job, missing: Sequence[Shard]) -> None:
        """Begin the log of the table that `work` writes."""
        done = job.samples - sum(map(len, missing))
        about = {
            "model": writer.model,
            "stimuli": writer.stimuli,
            "samples": job.samples,
            "samples_before": done,
            "shards": len(job.shards()),
            "shards_before": len(job.shards()) - len(missing),
            "replicas": 0,
            "batch": None if work.unsized else work.batch or job.batch_size,
        }
        self._logs[work] = RunLog(writer.path, about)
        self._done[work] = [done, job.samples]

    def tell(self, member: Member, outcome: Outcome) -> None:
        """Write down what became of the task of `member`."""
        work, task, now = member.work, member.task, time.time()
        began = now - (time.monotonic() - member.since)
        told = {"node": member.node, "pid": member.pid, "began": began, "ended": now}
        if task is not None and not isinstance(task, Fit):
            again = isinstance(task, Run) and task.shard.index in work.doubled
            told |= {"shard": task.shard.index, "attempt": 1 + work.queue.deaths(task.shard) + again}
        log = self._logs[work]
        if isinstance(outcome, Loaded):
            place = {"node": outcome.node, "pid": outcome.pid, "began": outcome.began}
            place["wait"] = max(0.0, outcome.began - began)
            log.add(runlog.LOADED, **(told | place), seconds=outcome.seconds)
            if work not in self._begun:  # a model that waits for its turn has no rate yet
                self._begun.add(work)
                self._say(work)
        elif isinstance(outcome, Fitted):
            log.add(runlog.FITTED, **told, rows=outcome.batch, bytes=outcome.peak)
            log.beat(batch=outcome.batch)
        elif isinstance(outcome, Receipt):
            measured = {key: value for key, value in vars(outcome).items() if key != "paid"}
            self.paid[work] += outcome.paid
            log.add(runlog.WRITTEN, **(told | measured | {"ended": outcome.began + outcome.seconds}))
            self._done[work][0] += outcome.rows
            self._say(work)
        elif isinstance(outcome, Lost):
            log.add(runlog.DIED, **told, reason=outcome.reason)
        elif isinstance(outcome, Unfit):
            log.add(runlog.DIED, **(told | {"node": outcome.node}), reason=f"left alone: {outcome.reason}")
        elif outcome is None:
            log.add(runlog.PROBED, **told)
        log.beat(replicas=len(work.members))

    def beat(self) -> None:
        """A sign of life of every table."""
        for work, log in self._logs.items():
            log.beat(replicas=len(work.members))

    def finished(self, work: Work) -> None:
        """The table of `work` is made."""
        self._logs.pop(work).close(runlog.FINISHED)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the logs of what was not finished."""
        for log in self._logs.values():
            with suppress(BadInput):  # a disk too full for this line is what `error` says already
                log.close(f"stopped: {str(error) or type(error).__name__}")

    def _say(self, work: Work) -> None:
        self._progress(f"extract {work.name}", *self._done[work])
