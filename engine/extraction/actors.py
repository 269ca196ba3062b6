"""The replicas as Ray actors: started where Ray finds room, called without waiting, and heard of when they are done."""

from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from consilience.engine.execution.code import by_value, refusal, running
from consilience.engine.extraction.placement import Node
from consilience.engine.extraction.process import Actor
from consilience.engine.extraction.queue import Fit, Run
from consilience.engine.extraction.scheduler import Lost, Outcome, Unfit
from consilience.engine.extraction.unloadable import unsendable
from consilience.engine.extraction.work import Member, Work

_GONE = 10.0  # seconds to wait for killed processes
_NODE_DIED = "node has died"  # in what Ray says of an actor


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

    def start(self, work: Work, node: str | None) -> Any:
        """A new actor, for which Ray finds a node if none is named."""
        import ray
        from ray import cloudpickle
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if work not in self._shared:
            with unsendable(work.name):
                self._shared[work] = [ray.put(part) for part in self._parts[work]]
        ask = work.ask
        actor: Any = ray.remote(num_cpus=ask.cpus, num_gpus=ask.gpus, memory=ask.memory)(Actor)
        if node is not None:
            actor = actor.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))
        with by_value(cloudpickle, Actor):
            return actor.remote(self._shared[work], ask.device, ask.threads)

    def load(self, member: Member) -> None:
        self._listen(member, member.handle.start.remote(tuple(running())))

    def call(self, member: Member) -> None:
        """Send its task."""
        task, actor, batch = member.task, member.handle, member.work.batch
        assert task is not None
        if isinstance(task, Fit):
            self._listen(member, actor.fit.remote(task.attempt))
        elif isinstance(task, Run):
            self._listen(member, actor.extract.remote(task, batch))
        else:
            self._listen(member, actor.probe.remote(task.start, task.stop, batch))

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
        from ray.exceptions import RayError, RayTaskError

        self._calls.pop(member, None)
        error = future.exception()
        if error is None:
            answer = future.result()
            if not isinstance(answer, tuple):
                return answer
            node, host, found = answer
            return Unfit(node, refusal(f"the node {host}", found, running()))
        if isinstance(error, RayTaskError):
            error.cause.__cause__ = error
            return error.cause
        if not isinstance(error, RayError):
            return error
        ray.kill(member.handle)
        there = {node.id for node in self.nodes()}
        left = member.node not in there if member.node else _NODE_DIED in str(error)
        return Lost(_reason(str(error)), left)


def _reason(text: str) -> str:
    """Of what Ray says of a dead actor, that it died and how the process ended or why, without advice."""
    first, *more = text.strip().splitlines()
    how = more[-1].rpartition("Worker exit detail: ")[2].partition(" Some common causes")[0] if more else ""
    return f"{first} {how}".rstrip()
