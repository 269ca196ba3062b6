"""The driver: finds what is missing, keeps every replica busy with shards, and outlives the replicas that die."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.extraction.cluster import ray_running
from consilience.engine.extraction.interfaces import Model, StimulusSet
from consilience.engine.extraction.job import Job, plan_job, table_meta, table_spec
from consilience.engine.extraction.queue import Probe, Run, ShardQueue
from consilience.engine.extraction.replica import Receipt, Replica
from consilience.engine.extraction.shards import Shard
from consilience.engine.features import FeatureStore, FeatureTable
from consilience.engine.features.writer import TableWriter
from consilience.engine.progress import Progress, silent

_LOADS = 3  # processes that may die while they load the model
_MEMORY = 0.5  # the share of free memory that replicas may plan with
_REPLICA_BYTES = 1 << 30  # of a process with torch and a batch of activations, beside the weights


@dataclass(frozen=True)
class Placement:
    """Where replicas run: how many at most, on which device, and what each asks of the cluster."""

    replicas: int
    device: str
    gpus: float
    threads: int


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
    batch_size: int | None = None,
    progress: Progress = silent,
) -> FeatureTable:
    """The features of `stimuli` in `model`, from the store, or extracted on Ray and written there.

    `layers` is "all", names, or glob patterns; `pool` one of "mean", "max", "cls", "last" (on feature maps "mean" and
    "max" go over space). `device` "auto" takes GPUs where the cluster has some. `gpus` is what one replica takes of a
    GPU and may be a fraction. The table is the same to the byte for any number of `replicas`. A sample that cannot be
    read, that the model cannot take, that kills its process, or whose features are not finite, is in the table's
    ``rejected`` with its reason. An interrupted extraction is continued by the same call.

    `progress` is called with stage "extract <model>", samples done, and samples in all. Raises BadInput for a layer,
    pool or view that does not exist, before anything is loaded, and when no sample at all could be extracted.
    """
    job = plan_job(model, stimuli, layers, pool, batch_size)
    stage, n = f"extract {model.card.name}", len(job.ids)
    spec = table_spec(model, stimuli, job)
    writer = store.writer(
        model.card.name, stimuli.name, spec, job.schema(), meta=table_meta(model, stimuli, job)
    )
    found = store.find(model.card.name, stimuli.name, writer.digest)
    if found is not None:
        progress(stage, n, n)
        return found
    began, every = perf_counter(), job.shards()
    with writer.lease():  # another driver may be at the same table
        missing = [every[index] for index in writer.missing(len(every))]
        if missing:
            progress(stage, n - sum(map(len, missing)), n)
            with ray_running(address):
                where = place(device, replicas, gpus, model.card.parameters)
                _run(model, stimuli, job, writer, where, missing, lambda done: progress(stage, done, n))
        return writer.finish(times={"seconds": perf_counter() - began, "shards": len(missing)})


def place(device: str, replicas: int | None, gpus: float | None, parameters: int = 0) -> Placement:
    """Settle device and number of replicas from what the cluster has, for a model of so many float32 parameters.

    On CPUs a replica has one thread and there is one a core, or as many as memory allows and the cores shared among
    them. One thread each wins since reading and preprocessing hold Python's lock, which stalls a model that is run on
    several threads beside them; and `replicas` does not change the threads, which can move the last bits of a result.
    """
    import psutil
    import ray

    has = ray.cluster_resources()
    if device == "auto":
        device = "cuda" if has.get("GPU", 0) > 0 else "cpu"
    if replicas is not None and replicas < 1:
        raise BadInput("replicas of 1 or more", str(replicas), "leave it out to get the default")
    cores = max(1, int(has.get("CPU", 1)))
    share = 0.0 if not device.startswith("cuda") else 1.0 if gpus is None else gpus
    if share:
        room = int(has.get("GPU", 0) / share)
        if not room:
            raise BadInput(
                f"{share:g} GPU on the Ray cluster for device={device!r}",
                f"{has.get('GPU', 0):g}",
                "use device='cpu'",
            )
    else:
        # While a model loads, its weights may be in memory twice.
        bytes_each = _REPLICA_BYTES + 2 * 4 * parameters
        room = max(1, min(cores, int(_MEMORY * psutil.virtual_memory().available / bytes_each)))
    return Placement(replicas or room, device, share, max(1, cores // room))


def _run(
    model: Model,
    stimuli: StimulusSet,
    job: Job,
    writer: TableWriter,
    where: Placement,
    missing: list[Shard],
    progress: Any,
) -> None:
    """Extract the shards `missing`, whatever dies meanwhile."""
    import ray
    from ray.exceptions import RayActorError, RayTaskError

    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    # More replicas than cores may be asked for, where they wait for a network: they then share cores.
    share = min(where.threads, cores / where.replicas)
    actor: Any = ray.remote(num_cpus=share if share < 1 else int(share), num_gpus=where.gpus)(Replica)
    parts = [ray.put(part) for part in (model, stimuli, job, writer)]
    queue, done, lost_loads = ShardQueue(missing), len(job.ids) - sum(map(len, missing)), 0
    busy: dict[Any, tuple[Any, Run | Probe | None]] = {}  # pending call -> actor, its task (None: it loads)

    def start() -> None:
        handle = actor.remote(*parts, where.device, where.threads)
        busy[handle.load.remote()] = (handle, None)

    def next_task(handle: Any) -> None:
        if not queue:
            ray.kill(handle)
            return
        task = queue.take()
        call = (
            handle.run.remote(task.shard, task.poison)
            if isinstance(task, Run)
            else handle.probe.remote(task.start, task.stop)
        )
        busy[call] = (handle, task)

    try:
        while queue or busy:
            while len(busy) < min(where.replicas, len(queue) + sum(t is not None for _, t in busy.values())):
                start()
            ready = ray.wait(list(busy))[0][0]
            handle, task = busy.pop(ready)
            try:
                result = ray.get(ready)
            except RayActorError as death:
                ray.kill(handle)  # it may only have been out of reach
                if task is not None:
                    queue.died(task)
                    continue
                lost_loads += 1
                if lost_loads == _LOADS:
                    raise _cannot_load(model, death) from death
                continue
            except RayTaskError as error:
                raise error.cause from error
            if task is not None:
                queue.done(task)
                if isinstance(result, Receipt):
                    done += result.rows
                    progress(done)
            next_task(handle)
    finally:
        for handle, _ in busy.values():
            ray.kill(handle)


def _cannot_load(model: Model, death: Exception) -> BadInput:
    return BadInput(
        f"{model.card.name} to load",
        f"a process that died while it loaded, {_LOADS} times ({str(death).splitlines()[0]})",
        "it is probably out of memory: use fewer replicas or a smaller model",
    )
