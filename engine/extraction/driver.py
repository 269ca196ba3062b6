"""The driver: finds what is missing, shares the cluster between the models, and makes tables of what came back."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Unpack

from consilience.engine.extraction.actors import RayCrew
from consilience.engine.extraction.cluster import ray_running
from consilience.engine.extraction.fitting import Fitted, record, recorded
from consilience.engine.extraction.interfaces import Model, Remote, StimulusSet
from consilience.engine.extraction.job import Job, plan_job, table_meta, table_spec
from consilience.engine.extraction.placement import settle
from consilience.engine.extraction.recorder import Recorder
from consilience.engine.extraction.scheduler import Outcome, Scheduler
from consilience.engine.extraction.settings import Settings
from consilience.engine.extraction.shards import Shard
from consilience.engine.extraction.work import Member, Work
from consilience.engine.features import FeatureStore, FeatureTable
from consilience.engine.features.writer import TableWriter
from consilience.engine.progress import Progress, silent


@dataclass(frozen=True)
class Extraction:
    """One table that is wanted: of which model and stimuli, which layers, how they are pooled, and how all of it is
    computed. `gpus` is what one of its replicas takes of a GPU, or how many, where that is not said for all."""

    model: Model
    stimuli: StimulusSet
    layers: str | Sequence[str] = "all"
    pool: str = "mean"
    how: Settings = field(default_factory=lambda: Settings())
    gpus: float | None = None

    def plan(self) -> Job:
        """What it comes to. Raises BadInput as `plan_job` does."""
        return plan_job(self.model, self.stimuli, self.layers, self.pool, **self.how)


@dataclass
class _Missing:
    """A table that the store does not hold, or holds in part; `fitted` is the batch that was found for it, if any."""

    wanted: Extraction
    job: Job
    writer: TableWriter
    shards: list[Shard]
    fitted: Fitted | None = None

    @property
    def unsized(self) -> bool:
        """Whether its batch is still to be found."""
        return self.job.memory is not None and self.fitted is None

    def keep(self, fitted: Fitted) -> None:
        """Take what was found, and have whoever goes on with this table find it."""
        record(self.writer.path, fitted)
        self.fitted = fitted

    def finish(self, began: float, tokens: int = 0) -> FeatureTable:
        paid = {"tokens": tokens} if tokens else {}
        fitted = vars(self.fitted) if self.fitted else {}
        return self.writer.finish(
            times={"seconds": perf_counter() - began, "shards": len(self.shards), **paid, **fitted}
        )


def extract(
    model: Model,
    stimuli: StimulusSet,
    store: FeatureStore,
    *,
    layers: str | Sequence[str] = "all",
    pool: str = "mean",
    device: str = "auto",
    address: str | None = None,
    replicas: int | None = None,
    gpus: float | None = None,
    progress: Progress = silent,
    **how: Unpack[Settings],
) -> FeatureTable:
    """The features of `stimuli` in `model`, from the store, or extracted on Ray and written there.

    `layers` is "all", names, or glob patterns; `pool` one of "mean", "max", "cls", "last" (on feature maps "mean" and
    "max" go over space), or "flat", which keeps every position of layers where all samples have as many. `how` is as in
    `Settings`: in other types, of other weights, compiled or projected features are tables of their own. With
    `autocast` they are float32 still, and the hardware they were made on shows in their third digit or fourth; a batch
    that was found is in the manifest's times, and kept for whoever continues. The rest is as in `extract_all`.
    """
    wanted = Extraction(model, stimuli, layers, pool, how)
    return extract_all(
        [wanted], store, device=device, address=address, replicas=replicas, gpus=gpus, progress=progress
    )[0]


def extract_all(
    wanted: Sequence[Extraction],
    store: FeatureStore,
    *,
    device: str = "auto",
    address: str | None = None,
    replicas: int | None = None,
    gpus: float | None = None,
    progress: Progress = silent,
) -> list[FeatureTable]:
    """The tables `wanted`, in their order: from the store, or extracted side by side on one Ray cluster.

    `device` "auto" takes GPUs where the cluster has some. `gpus` is what one replica takes of a GPU and may be a
    fraction, or how many; `replicas` is how many of each model there are at most. By default there are as many as the
    cluster has room for, which the models share alike; nodes that join are used, and nodes may leave. A table is the
    same to the byte for any number of replicas. A sample that cannot be read, that the model cannot take, that kills
    its process, or whose features are not finite, is in the table's ``rejected`` with its reason. An interrupted
    extraction is continued by the same call. What became of every shard stands in a log beside the table (`runlog`).

    `progress` is called with stage "extract <model>", samples done, and samples in all. Raises BadInput for a layer,
    pool or view that does not exist, before anything is loaded, and when no sample at all could be extracted.
    """
    began = perf_counter()
    tables: dict[str, FeatureTable] = {}
    absent: dict[str, tuple[Extraction, Job, TableWriter]] = {}
    order = []
    for one in wanted:
        job = one.plan()
        spec, meta = table_spec(one.model, one.stimuli, job), table_meta(one.model, one.stimuli, job)
        writer = store.writer(one.model.card.name, one.stimuli.name, spec, job.schema(), meta=meta)
        order.append(writer.digest)
        found = store.find(one.model.card.name, one.stimuli.name, writer.digest)
        if found is not None:
            progress(f"extract {one.model.card.name}", job.samples, job.samples)
            tables[writer.digest] = found
        else:
            absent[writer.digest] = one, job, writer
    with ExitStack() as leases:
        for digest in sorted(absent):  # in one order, or two drivers might wait for each other
            leases.enter_context(absent[digest][2].lease())
        to_do = []
        for digest, (one, job, writer) in absent.items():
            shards = job.shards()
            table = _Missing(one, job, writer, [shards[index] for index in writer.missing(len(shards))])
            if job.memory is not None:
                table.fitted = recorded(writer.path, job.memory, len(table.shards) < len(shards))
            if table.shards:
                to_do.append(table)
            else:
                tables[digest] = table.finish(began)
        if to_do:
            with ray_running(address):
                tables |= _run(to_do, device, replicas, gpus, progress, began)
    return [tables[digest] for digest in order]


def _run(
    missing: Sequence[_Missing],
    device: str,
    replicas: int | None,
    gpus: float | None,
    progress: Progress,
    began: float,
) -> dict[str, FeatureTable]:
    """Extract what is `missing`, whatever dies meanwhile."""
    parts: dict[Work, Sequence[Any]] = {}
    crew = RayCrew(parts)
    tables: dict[Work, _Missing] = {}
    nodes = crew.nodes()
    for table in missing:
        model, stimuli = table.wanted.model, table.wanted.stimuli
        if isinstance(model, Remote):  # whatever runs it, it is not here
            ask = settle(nodes, "cpu", min(model.at_once, replicas or model.at_once))
        else:
            share = table.wanted.gpus if gpus is None else gpus
            ask = settle(nodes, device, replicas, share, model.card.parameters, table.job.memory or 0)
        work = Work(
            model.card.name, table.shards, ask, table.fitted.batch if table.fitted else None, table.unsized
        )
        parts[work], tables[work] = (model, stimuli, table.job, table.writer), table

    def tell(member: Member, outcome: Outcome) -> None:
        if isinstance(outcome, Fitted):  # on disk before the first shard is handed out
            tables[member.work].keep(outcome)
        recorder.tell(member, outcome)

    finished = {}
    with Recorder(progress) as recorder:
        for work, table in tables.items():
            recorder.open(work, table.writer, table.job, table.shards)
        with closing(Scheduler(list(tables), crew, tell, recorder.beat).run()) as done:
            for work in done:
                finished[tables[work].writer.digest] = tables[work].finish(began, recorder.paid[work])
                recorder.finished(work)
    return finished
