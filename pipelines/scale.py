"""What a zoo costs on a cluster: extraction by simulation of its driver, comparison by the plan of its passes.

``python -m consilience.pipelines.scale --models 100 --samples 10000000 --nodes 64 --gpus 8`` tells it of a zoo
that does not exist; ``consilience plan STUDY --nodes 64 --gpus 8`` of what a study has left to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from consilience.engine.costs.size import Size
from consilience.engine.errors import BadInput
from consilience.engine.machine import gigabytes
from consilience.engine.pairs import pairs_of
from consilience.engine.planning import Plan, make_plan, needs_of
from consilience.engine.simulation import Cluster, Simulated, simulate
from consilience.pipelines.console import Console
from consilience.pipelines.rates import ITEM, Rates, measured
from consilience.pipelines.zoo.planning import study_plan
from consilience.pipelines.zoo.prepare import Prepared


@dataclass(frozen=True)
class Scale:
    """Hours and bytes of both halves. The comparison is spread evenly over the nodes."""

    cluster: Cluster
    extraction: Simulated
    plans: tuple[Plan, ...]

    @property
    def hours(self) -> tuple[float, float]:
        """Of extraction and of comparison."""
        return self.extraction.seconds / 3600, sum(x.seconds for x in self.plans) / self.cluster.nodes / 3600

    @property
    def dominant(self) -> str:
        """What takes most of the time."""
        extraction, comparison = self.hours
        if extraction >= comparison:
            return f"extraction, by {self.extraction.bottleneck}"
        step = max((s for plan in self.plans for s in plan.steps), key=lambda s: s.seconds)
        return f"comparison, by {step.name}"

    def show(self, console: Console) -> None:
        """Print it."""
        nodes, each = self.cluster.nodes, self.cluster.gpus
        what = f"{nodes} nodes x {each} GPUs" if each else f"{nodes} nodes x {self.cluster.cores} cores"
        found = self.extraction
        rows = [("extraction", f"{self.hours[0]:.2f}", gigabytes(found.bytes), "", "")]
        rows += [
            (
                s.name, f"{s.seconds / nodes / 3600:.2f}", gigabytes(s.bytes), f"{s.flops:.1e}", gigabytes(s.memory),
            )
            for plan in self.plans
            for s in plan.steps
        ]  # fmt: skip
        console.table(f"On {what}", ("part", "hours", "written or read", "FLOP", "memory a node"), rows)
        busy = ", ".join(f"{name} {100 * share:.0f} %" for name, share in found.busy.items())
        if found.received:
            console.say(f"Of the time of extraction, busy: {busy}. Its bottleneck: {found.bottleneck}.")
        console.say(f"Most of the time goes to {self.dominant}.")


def of_study(
    prepared: Prepared, cluster: Cluster, rates: Rates, console: Console, logs: bool = True
) -> Scale:
    """What a study has left to do: features that the store lacks, and scores that are not kept.

    With `logs` a model of which the store holds the log of an extraction goes at the rate that it had then.
    """
    plan, works = study_plan(prepared, rates.speed(cluster)), []
    console.say(rates.told())
    for seat in (x for x in prepared.seats if x.table is None):
        own = measured(prepared.store, seat.name, rates) if logs else None
        if own:
            console.say(own.told_of(seat.name))
        rows = None if seat.job is None else seat.job.rows
        works.append((own or rates).work(seat.name, seat.samples, sum(seat.layers.values()), rows))
    console.say()
    return Scale(cluster, simulate(works, cluster), tuple(x.plan for x in plan.comparisons + plan.profiles))


def zoo(
    models: int,
    layers: int,
    units: int,
    samples: int,
    metrics: Sequence[str],
    cluster: Cluster,
    rates: Rates,
    sampled: bool = False,
) -> Scale:
    """A zoo of models all alike; `sampled`: by random parts of all pairs of samples, every sample read once.

    Raises BadInput where half of a node's memory cannot hold the comparison.
    """
    from consilience.engine.metrics import parse

    count, budget = models * layers, 0.5 * cluster.memory
    size = Size(samples, (units,) * count, ITEM, 20, pairs_of(range(count), range(count)))
    needs, speed = needs_of([parse(m) for m in metrics]), rates.speed(cluster)
    made = make_plan(size, needs, budget=budget, speed=speed, sampled=sampled)
    works = [rates.work(f"model {i + 1}", samples, units * layers) for i in range(models)]
    return Scale(cluster, simulate(works, cluster), (made,))


def _main(
    models: int = 100,
    layers: int = 12,
    units: int = 768,
    samples: int = 10_000_000,
    nodes: int = 64,
    gpus: int = 8,
    metric: Annotated[list[str] | None, typer.Option()] = None,
    forward: Annotated[
        float, typer.Option(help="Samples a second through the model, of one replica.")
    ] = 1000.0,
    sampled: Annotated[bool, typer.Option(help="Random parts of all pairs, as with until_se.")] = False,
) -> None:
    """What such a zoo costs on such a cluster."""
    rates, console = Rates(forward=forward), Console()
    console.say(rates.told() + "\n")
    try:
        found = zoo(models, layers, units, samples, metric or ["cka"], Cluster(nodes, gpus), rates, sampled)
    except BadInput as bad:
        console.say(str(bad), style="red")
        raise typer.Exit(2) from None
    found.show(console)


if __name__ == "__main__":
    typer.run(_main)
