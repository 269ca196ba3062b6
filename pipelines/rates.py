"""What one replica does in a second: as assumed, or as the log of an earlier extraction has it."""

from dataclasses import dataclass, replace
from math import inf, isfinite

from consilience.engine.errors import BadInput
from consilience.engine.extraction.costs import ShardCosts, shard_costs
from consilience.engine.extraction.runlog import read_runs
from consilience.engine.extraction.shards import shard_rows
from consilience.engine.features import FeatureStore
from consilience.engine.machine import Speed, gigabytes
from consilience.engine.simulation import Cluster, ModelWork, ShardCost

ITEM = 4  # bytes of a feature
BATCH = 32


@dataclass(frozen=True)
class Rates:
    """Of one replica: samples a second through the model and through decoding, bytes a second to disk, seconds to load.
    Of the driver: seconds a shard. Of one GPU: operations a second of float32 products, a tenth of it in float64. Of
    one node: bytes a second read."""

    forward: float = 1000.0
    read: float = 1500.0
    write: float = 1e9
    load: float = 30.0
    dispatch: float = 0.003
    flops: float = 20e12
    disk: float = 5e9

    def told(self) -> str:
        """In words."""
        return (
            f"Assumed of a replica: {self.forward:,.0f} samples/s through the model, {self.read:,.0f}/s decoded, "
            f"{gigabytes(self.write)}/s written, {self.load:g} s to load; {self.dispatch * 1e3:g} ms a shard in the "
            f"driver; {self.flops / 1e12:g} TFLOP/s a GPU; {gigabytes(self.disk)}/s read by a node."
        )

    def told_of(self, model: str) -> str:
        """What is not assumed, of that model."""
        return (
            f"Logged of {model}: {self.forward:,.4g} samples/s through the model, {gigabytes(self.write)}/s written, "
            f"{self.load:.3g} s to start and load; {self.dispatch * 1e3:.3g} ms from shard to shard."
        )

    def work(self, name: str, samples: int, units: int, rows: int | None = None) -> ModelWork:
        """The extraction of one model with so many units in all its layers, in shards of so many rows."""
        row = ITEM * units
        rows = rows or shard_rows(samples, BATCH, row)
        size = float(rows * row)
        cost = ShardCost(
            self.load, rows / self.read, rows / self.forward, size / self.write, self.dispatch, size,
            max(1, rows // BATCH),
        )  # fmt: skip
        return ModelWork(name, -(-samples // rows), cost)

    def speed(self, cluster: Cluster) -> Speed:
        """Of one node."""
        each = cluster.gpus or cluster.cores
        return Speed(self.flops * each, self.flops * each / 10, self.disk, each)

    def logged(self, costs: ShardCosts) -> "Rates":
        """Those of a replica as its log has them; what it does not tell stays as it is.

        A log does not tell how fast samples are decoded, only how long the model waited for them: that is counted as
        part of the model.
        """
        return replace(
            self,
            forward=costs.rows / max(costs.seconds - costs.write, 1e-9),
            read=inf,
            write=costs.bytes / max(costs.write, 1e-9),
            load=costs.start if isfinite(costs.start) else self.load,
            dispatch=costs.wait,
        )


def measured(store: FeatureStore, model: str, otherwise: Rates) -> Rates | None:
    """Those of the last extraction of `model` into `store` that wrote a shard, on whatever stimuli; None: none did."""
    runs = [run for folder in store.begun(model) for run in read_runs(folder)]
    for run in sorted(runs, key=lambda run: run.beat, reverse=True):
        try:
            return otherwise.logged(shard_costs([run]))
        except BadInput:
            continue  # it wrote none
    return None
