"""What extraction takes on a cluster that is not there: a discrete simulation of the driver, from costs of one shard.

The driver hands out the shards of one model after the other, the longest-waiting first, to replicas of which there is
one a GPU (or one a core). It does one thing at a time. A replica loads the weights once a model, reads ahead while the
model runs, and writes its part to a store that all share. Nothing here looks at a clock or at Ray.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESOURCES = ("forward", "reading", "writing", "loading", "store", "driver")


@dataclass(frozen=True)
class ShardCost:
    """Seconds that one shard takes of each phase, in one replica: `load` is of the weights, once a replica; `read` of
    decoding and preprocessing; `dispatch` of the driver. `bytes` are those of its part; `batches` of it are read ahead
    of the model one by one."""

    load: float
    read: float
    forward: float
    write: float
    dispatch: float
    bytes: float
    batches: int = 8

    @property
    def compute(self) -> float:
        """Reading and the model beside each other: the slower one, and one batch of the other."""
        b = self.batches
        return max(self.read + self.forward / b, self.forward + self.read / b)


@dataclass(frozen=True)
class ModelWork:
    """One model's table to extract: so many shards, and bytes of memory that a replica takes."""

    name: str
    shards: int
    cost: ShardCost
    memory: float = 0.0


@dataclass(frozen=True)
class Cluster:
    """`nodes` alike with `gpus` each (0: a replica a core), bytes of memory a node, and what the shared store takes in
    bytes a second. `spread` is the standard deviation of the logarithm of a shard's compute: stragglers."""

    nodes: int
    gpus: int
    cores: int = 64
    memory: float = 512e9
    store: float = 10e9
    spread: float = 0.1

    def replicas(self, work: ModelWork) -> int:
        """How many replicas of a model fit."""
        each = self.gpus or self.cores
        fit = int(self.memory // work.memory) if work.memory else each
        return self.nodes * max(1, min(each, fit))


@dataclass(frozen=True)
class Simulated:
    """What came of it: seconds, bytes written, when each shard was received, and of each resource the share of the time
    in which it was busy."""

    seconds: float
    bytes: float
    received: tuple[float, ...]
    busy: dict[str, float]
    limited: tuple[str, ...] = ()

    @property
    def bottleneck(self) -> str:
        """The resource that was busy most of the time; memory if it left GPUs or cores idle."""
        return "memory" if self.limited else max(self.busy, key=lambda name: self.busy[name])


def simulate(works: Sequence[ModelWork], cluster: Cluster, seed: int = 0) -> Simulated:
    """Extract all models, one after the other."""
    rng = np.random.default_rng(seed)
    now = capacity = 0.0
    spent = dict.fromkeys(RESOURCES, 0.0)
    received: list[float] = []
    for work in works:
        replicas = min(cluster.replicas(work), work.shards)
        end = _one(work, replicas, cluster, rng, now, spent, received)
        capacity += replicas * (end - now)
        now = end
    alone = {"store", "driver"}  # of which there is one
    share = {name: value / max(now if name in alone else capacity, 1e-12) for name, value in spent.items()}
    full = cluster.nodes * (cluster.gpus or cluster.cores)
    limited = tuple(work.name for work in works if cluster.replicas(work) < full)
    total = sum(work.shards * work.cost.bytes for work in works)
    return Simulated(now, total, tuple(received), share, limited)


def _one(
    work: ModelWork,
    replicas: int,
    cluster: Cluster,
    rng: np.random.Generator,
    began: float,
    spent: dict[str, float],
    received: list[float],
) -> float:
    """The moment at which the last shard of a model is received. Adds to `spent` seconds of every resource."""
    cost = work.cost
    slow = np.exp(cluster.spread * rng.standard_normal(work.shards) - cluster.spread**2 / 2)
    driver = store = began
    # Moments at which a replica has something to tell the driver, and whether it is a shard that is done.
    events = [(began + cost.load, replica, False) for replica in range(replicas)]
    heapq.heapify(events)
    given = 0
    while events:
        at, replica, done = heapq.heappop(events)
        driver = max(driver, at) + cost.dispatch
        if done:
            received.append(driver)
        if given == work.shards:
            continue
        computed = driver + cost.compute * float(slow[given])
        given += 1
        # Parts queue for the store, which takes no more than its rate however many replicas write.
        store = max(store, computed) + cost.bytes / cluster.store
        heapq.heappush(events, (max(computed + cost.write, store), replica, True))
    spent["loading"] += cost.load * replicas
    spent["reading"] += cost.read * work.shards
    spent["forward"] += cost.forward * float(slow.sum())
    spent["writing"] += cost.write * work.shards
    spent["driver"] += cost.dispatch * (work.shards + replicas)
    spent["store"] += work.shards * cost.bytes / cluster.store
    return received[-1]
