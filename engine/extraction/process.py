"""What a replica's process runs, sent by value: a node that joins late may have other code, or none.

Nothing of the package is imported there before it is known to be the same.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from consilience.engine.execution.code import Found, installed

if TYPE_CHECKING:
    from consilience.engine.extraction.fitting import Fitted
    from consilience.engine.extraction.queue import Run
    from consilience.engine.extraction.receipt import Receipt
    from consilience.engine.extraction.scheduler import Loaded


class Actor:
    """A replica, which counts what it does for Ray's metrics. It is made of `parts`, references to what Ray holds."""

    def __init__(self, parts: Sequence[Any], device: str, threads: int):
        self._made_of = parts, device, threads

    def start(self, expected: Found) -> "Loaded | tuple[str, str, Found]":
        """Load the model, and say where that was; where there is other code than `expected`: node, host, that code."""
        import os
        import socket
        import time

        import ray

        node, found = ray.get_runtime_context().get_node_id(), installed()
        if found != expected:
            return node, socket.gethostname(), found
        from consilience.engine.extraction.meters import Meters
        from consilience.engine.extraction.replica import Replica
        from consilience.engine.extraction.scheduler import Loaded
        from consilience.engine.extraction.unloadable import unmade

        began, clock = time.time(), time.perf_counter()
        refs, device, threads = self._made_of
        with unmade():
            model, stimuli, job, writer = ray.get(list(refs))
        self._replica = Replica(model, stimuli, job, writer, device, threads)
        self._replica.load()
        self._meters = Meters(self._replica.model.card.name)
        return Loaded(node, os.getpid(), began, time.perf_counter() - clock)

    def fit(self, attempt: int) -> "Fitted":
        """How many samples go through the model at once within the memory of the job."""
        from consilience.engine.extraction.fitting import fit

        return fit(self._replica, attempt)

    def extract(self, task: "Run", batch: int | None = None) -> "Receipt":
        """The shard of `task`, counted; in batches of so many samples, if the job does not say how many."""
        self._replica.cut_at(batch)
        receipt = self._replica.run(task.shard, task.poison)
        self._meters.count(receipt, self._replica.batch_limit)
        return receipt

    def probe(self, start: int, stop: int, batch: int | None = None) -> None:
        """Whether one of these rows kills the process."""
        self._replica.cut_at(batch)
        self._replica.probe(start, stop)
