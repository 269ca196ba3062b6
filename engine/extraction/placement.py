"""What one replica asks of the cluster, and whether another one has room. No Ray here: pure functions of its nodes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consilience.engine.errors import BadInput

_MEMORY = 0.5  # the share of a node's memory that replicas may plan with
_REPLICA_BYTES = 1 << 30  # of a process with torch and a batch of activations, beside the weights
_ROUNDING = 1e-6  # of sums of fractions


@dataclass(frozen=True)
class Node:
    """One machine of the cluster, and what all of it offers; `memory` is in bytes."""

    id: str
    cpus: float
    gpus: float = 0.0
    memory: float = math.inf


@dataclass(frozen=True)
class Ask:
    """What a replica takes: a device, threads for torch, and of its node CPUs, a share of a GPU and bytes of memory.

    `most` is how many replicas of a model there may be; None is as many as there is room for.
    """

    device: str
    threads: int = 1
    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0
    most: int | None = None

    @property
    def gpu_room(self) -> float:
        """What it leaves to no other of its kind: of a GPU in shares of 0.4 each half is taken."""
        return 1 / int(1 / self.gpus + _ROUNDING) if 0 < self.gpus < 1 else self.gpus


def settle(
    nodes: Sequence[Node],
    device: str = "auto",
    replicas: int | None = None,
    gpus: float | None = None,
    parameters: int = 0,
    bound: int = 0,
) -> Ask:
    """What a replica of a model of so many float32 parameters asks for, on a cluster of `nodes`; `bound` is the bytes
    that it may take, if it was told.

    On CPUs a replica has one thread and there is one a core, or as many as memory allows and the cores shared among
    them. One thread each wins since reading and preprocessing hold Python's lock, which stalls a model that is run on
    several threads beside them; and `replicas` does not change the threads, which can move the last bits of a result.
    Raises BadInput for `replicas` below 1, and when no node has the share of a GPU that is asked for.
    """
    if replicas is not None and replicas < 1:
        raise BadInput("replicas of 1 or more", str(replicas), "leave it out to get the default")
    if device == "auto":
        device = "cuda" if any(node.gpus > 0 for node in nodes) else "cpu"
    if device.startswith("cuda"):
        return _on_gpus(nodes, device, replicas, 1.0 if gpus is None else gpus)
    # While a model loads, its weights may be in memory twice. One that fits nowhere may have a node for itself.
    needed = max(_REPLICA_BYTES + 2 * 4 * parameters, bound) / _MEMORY
    memory = min(needed, max(node.memory for node in nodes))
    threads = max(
        sorted({max(1, int(node.cpus // max(1, node.memory // memory))) for node in nodes}),
        key=lambda t: sum(t * min(node.cpus // t, node.memory // memory) for node in nodes),
    )
    cpus = float(threads)
    if replicas is None:
        return Ask(device, threads, cpus, memory=int(memory))
    # More replicas than cores may be asked for, where they wait for a network: they then share cores.
    cores = sum(node.cpus for node in nodes)
    return Ask(device, threads, _allowed(min(cpus, cores / replicas)), most=replicas)


def _on_gpus(nodes: Sequence[Node], device: str, replicas: int | None, share: float) -> Ask:
    ask = Ask(device, gpus=share, most=replicas)
    rooms = [(node, int(node.gpus / ask.gpu_room + _ROUNDING)) for node in nodes] if share > 0 else []
    rooms = [(node, room) for node, room in rooms if room]
    if not rooms:
        raise BadInput(
            f"{share:g} GPU on the Ray cluster for device={device!r}",
            f"{sum(node.gpus for node in nodes):g}",
            "use device='cpu'",
        )
    each = min(node.cpus / room for node, room in rooms)
    return Ask(device, max(1, int(each)), _allowed(each), share, most=replicas)


def _allowed(cpus: float) -> float:
    """Ray takes whole numbers of CPUs, or a fraction of one."""
    return float(int(cpus)) if cpus >= 1 else math.floor(cpus * 1e4) / 1e4


def room(nodes: Iterable[Node], placed: Iterable[tuple[Ask, str]], ask: Ask) -> str | None:
    """The first node with room for `ask` beside the replicas that are `placed`: what each asked for, and its node.

    One whose node is not known yet counts where it fits first; while it fits nowhere, neither does another.
    """
    free = {node.id: [node.cpus, node.gpus, node.memory] for node in nodes}
    waiting = []
    for other, node in placed:
        if node in free:
            _take(free[node], other)
        elif not node:
            waiting.append(other)
    for other in waiting:
        there = next((left for left in free.values() if _has(left, other)), None)
        if there is None:
            return None
        _take(there, other)
    return next((node for node, left in free.items() if _has(left, ask)), None)


def _wants(ask: Ask) -> tuple[float, float, float]:
    return ask.cpus, ask.gpu_room, ask.memory


def _has(left: Sequence[float], ask: Ask) -> bool:
    return all(have >= want - _ROUNDING for have, want in zip(left, _wants(ask)))


def _take(left: list[float], ask: Ask) -> None:
    left[:] = [have - want for have, want in zip(left, _wants(ask))]
