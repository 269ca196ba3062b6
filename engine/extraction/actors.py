"""The replicas as Ray actors: started where Ray finds room, called without waiting, and heard of when they are done."""

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from consilience.engine.execution.code import Code, check, running
from consilience.engine.extraction.placement import Node
from consilience.engine.extraction.queue import Run
from consilience.engine.extraction.receipt import Receipt
from consilience.engine.extraction.replica import Replica
from consilience.engine.extraction.scheduler import Loaded, Lost, Outcome
from consilience.engine.extraction.unloadable import not_made, unsendable
from consilience.engine.extraction.work import Member, Work

_GONE = 10.0  # seconds to wait for killed processes
_NODE_DIED = "node has died"  # in what Ray says of an actor


class Actor(Replica):
    """A replica in a process of its own, which counts what it does for Ray's metrics."""

    def start(self, code: Code) -> Loaded:
        """Load the model; say where that was. Refused on a node that came late with another version than `code`."""
        import ray

        from consilience.engine.extraction.meters import Meters

        check(f"the node {socket.gethostname()}", running(), code)
        began, clock = time.time(), time.perf_counter()
        self.load()
        self._meters = Meters(self.model.card.name)
        node = ray.get_runtime_context().get_node_id()
        return Loaded(node, os.getpid(), began, time.perf_counter() - clock)

    def extract(self, task: Run) -> Receipt:
        """`run`, counted."""
        receipt = self.run(task.shard, task.poison)
        self._meters.count(receipt, self.batch_limit)
        return receipt


class RayCrew:
    """Actors on the Ray cluster this process is connected to. `parts` is what each work's replicas are made of."""

    def __init__(self, parts: dict[Work, Sequence[Any]]):
        self._parts = parts
        self._shared: dict[Work, list[Any]] = {}
        self._came: SimpleQueue[tuple[Member, Any]] = SimpleQueue()
        self._calls: dict[Member, Any] = {}

    def nodes(self) -> list[Node]:
        """The nodes that are alive."""
        import ray

        found = ((x["NodeID"], x["Resources"]) for x in ray.nodes() if x["Alive"])
        return [
            Node(id, has.get("CPU", 0), has.get("GPU", 0), has.get("memory", float("inf")))
            for id, has in found
        ]

    def start(self, work: Work) -> Any:
        """A new actor, for which Ray finds a node."""
        import ray

        if work not in self._shared:
            with unsendable(work.name):
                self._shared[work] = [ray.put(part) for part in self._parts[work]]
        ask = work.ask
        actor: Any = ray.remote(num_cpus=ask.cpus, num_gpus=ask.gpus, memory=ask.memory)(Actor)
        return actor.remote(*self._shared[work], ask.device, ask.threads)

    def load(self, member: Member) -> None:
        self._listen(member, member.handle.start.remote(running()))

    def call(self, member: Member) -> None:
        """Send its task."""
        task, actor = member.task, member.handle
        assert task is not None
        if isinstance(task, Run):
            self._listen(member, actor.extract.remote(task))
        else:
            self._listen(member, actor.probe.remote(task.start, task.stop))

    def stop(self, members: Sequence[Member]) -> None:
        """Kill actors, and see that those that had work are gone: they might yet write their parts."""
        import ray

        for member in members:
            ray.kill(member.handle)
        if calls := [self._calls.pop(member) for member in members if member in self._calls]:
            ray.wait(calls, num_returns=len(calls), timeout=_GONE)

    def wait(self, seconds: float) -> list[tuple[Member, Outcome]]:
        """What the actors answered; one that died is killed for good, as it may only have been out of reach."""
        came = []
        with suppress(Empty):
            came.append(self._came.get(timeout=seconds))
            while True:
                came.append(self._came.get_nowait())
        return [(member, self._outcome(member, future)) for member, future in came]

    def _listen(self, member: Member, call: Any) -> None:
        # A callback a call: `ray.wait` on all of them would cost the more the more actors there are.
        self._calls[member] = call
        call.future().add_done_callback(lambda future: self._came.put((member, future)))

    def _outcome(self, member: Member, future: Any) -> Outcome:
        import ray
        from ray.exceptions import RayActorError, RayError, RayTaskError

        self._calls.pop(member, None)
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, RayTaskError):
            error.cause.__cause__ = error
            return error.cause
        if not isinstance(error, RayError):
            return error
        if isinstance(error, RayActorError) and error.actor_init_failed:
            return not_made(str(error).rstrip().splitlines()[-1])
        ray.kill(member.handle)
        there = {node.id for node in self.nodes()}
        left = member.node not in there if member.node else _NODE_DIED in str(error)
        return Lost(str(error).splitlines()[0], left)
