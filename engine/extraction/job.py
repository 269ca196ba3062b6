"""What is to be extracted, settled and refused before anything is loaded: layers, view, pool, batches, the digest."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Unpack

from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import WHOLE, Layer, Loading, Measured, Model, StimulusSet
from consilience.engine.extraction.pools import refuse_impossible
from consilience.engine.extraction.projecting import told
from consilience.engine.extraction.settings import Settings, memory_bound, refuse_settings
from consilience.engine.extraction.shards import Shard, shard_rows, shards
from consilience.engine.extraction.widths import projected, widths
from consilience.engine.random_projection import bound

DTYPE = "float32"
# Throughput is flat around these on CPUs (larger activations leave the cache) and near its best on GPUs.
BATCH = {"image": 16, "text": 32, "speech": 8}
# Batches that are put in order of length together: enough that a batch is of nearly one length, few enough to wait in
# memory, where pictures have one length anyway.
SORTED = {"image": 1, "text": 16, "speech": 4}
VERSION = 1


@dataclass(frozen=True)
class Job:
    """One table to extract. `samples` is how many there are, `rows` how many of them a shard has, `together` how many
    batches are put in order of length before they are cut; `autocast` the type of torch's products, if not float32.
    `memory` is the bound in bytes within which the batch is to be found before the first shard, None where it is given;
    `loading` how the weights are loaded, `compile` whether torch compiles the network. `widths` are the values of a
    pooled vector by layer, and `project` to how many they are projected at most.

    Their ids stay with the stimulus set: there may be millions, and every replica asks it for them.
    """

    view: str
    layers: tuple[Layer, ...]
    pool: str
    batch_size: int
    rows: int
    samples: int
    together: int = 1
    autocast: str | None = None
    memory: int | None = None
    loading: Loading = WHOLE
    compile: bool = False
    widths: tuple[int, ...] = ()
    project: int | None = None

    def shards(self) -> list[Shard]:
        return shards(self.samples, self.rows)

    def schema(self) -> dict[str, tuple[int, str]]:
        """Layer name -> (units, dtype), as the feature store wants it."""
        return {
            layer.name: (width, DTYPE)
            for layer, width in zip(self.layers, projected(self.widths, self.project))
        }


def plan_job(
    model: Model,
    stimuli: StimulusSet,
    layers: str | Sequence[str] = "all",
    pool: str = "mean",
    **how: Unpack[Settings],
) -> Job:
    """Settle what to extract, and how. `layers` is "all", or names and glob patterns ("block.*").

    Raises BadInput for a layer, pool or view that does not exist, a pool that a layer's axes do not allow, an empty
    stimulus set, settings that there are not or that the model cannot have (`settings`), a `project` that leaves
    nothing out, and a batch that is none, or "auto" without a bound. Loads no weights.
    """
    loading = Loading(how.get("quantize"), how.get("device_map"))
    autocast, compiled, project = how.get("autocast"), how.get("compile", False), how.get("project")
    refuse_settings(model, autocast, loading, compiled)
    chosen = select_layers(model.layers(), layers)
    refuse_impossible(pool, chosen)
    card = model.card
    if card.modality not in stimuli.views():
        raise BadInput(
            f"a stimulus set with the view {card.modality!r}, which {card.name} takes",
            f"{stimuli.name}, which has {', '.join(stimuli.views())}",
            "choose a model and stimuli of one modality",
        )
    samples = len(stimuli.sample_ids())
    if not samples:
        raise BadInput(
            "at least one stimulus", f"{stimuli.name}, which is empty", "check what it is made from"
        )
    batch_size = how.get("batch_size")
    allowed = memory_bound(model, batch_size, how.get("memory"))
    if batch_size is None or batch_size == "auto":
        batch_size = BATCH[card.modality]
    if batch_size < 1:
        raise BadInput("a batch of 1 or more", str(batch_size), "leave it out to get the default")
    wide = widths(model, chosen, pool)
    rows = shard_rows(samples, batch_size, 4 * sum(projected(wide, project)))
    together = SORTED[card.modality] if isinstance(model, Measured) else 1
    return Job(
        card.modality, chosen, pool, batch_size, rows, samples, together=together, autocast=autocast, memory=allowed,
        loading=loading, compile=compiled, widths=wide, project=project,
    )  # fmt: skip


def select_layers(known: Sequence[Layer], wanted: str | Sequence[str]) -> tuple[Layer, ...]:
    """The layers that match any of the names or patterns, in the model's order; "all" is every layer."""
    patterns = [wanted] if isinstance(wanted, str) else list(wanted)
    if patterns == ["all"]:
        return tuple(known)
    names = [layer.name for layer in known]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise unknown("layer", pattern, names)
    if not patterns:
        raise BadInput("at least one layer", "none", "name layers, or 'all'")
    return tuple(layer for layer in known if any(fnmatchcase(layer.name, p) for p in patterns))


def table_spec(model: Model, stimuli: StimulusSet, job: Job) -> dict[str, Any]:
    """Everything that decides the bytes of the table, as JSON values: its digest names the table.

    Batch and shard size are in it: the batch moves results in their last bits, and a resumed run must cut alike.
    """
    # Of a batch that is found only that it was: with the bound or what was found in it, the table of one machine would
    # be another's on the next, and be extracted again for its last bits. What was found is kept beside the table, so
    # that whoever goes on with it cuts alike (`fitting`), and is told in the manifest's times.
    batch_size = job.batch_size if job.memory is None else "auto"
    sorted_by_length = {"together": job.together} if job.together > 1 else {}
    # Not on which devices it was: one table may be made on several kinds of nodes.
    how = {
        "autocast": job.autocast, "quantize": job.loading.quantize, "compile": job.compile,
        "project": told(job.project) if job.project else None,
    }  # fmt: skip
    return {
        "version": VERSION,
        "card": asdict(model.card),
        "stimuli": {"name": stimuli.name, "fingerprint": stimuli.fingerprint, "view": job.view},
        "layers": [asdict(layer) for layer in job.layers],
        "pool": job.pool,
        "dtype": DTYPE,
        "batch_size": batch_size,
        "shard_rows": job.rows,
        **sorted_by_length,
        **{name: value for name, value in how.items() if value},
    }


def table_meta(model: Model, stimuli: StimulusSet, job: Job) -> dict[str, Any]:
    """What a report says of the table: the card, what each layer records, whose pictures or texts they are, and by how
    much a projection changes distances at most."""
    projection = {"projection_error_bound": bound(job.samples, job.project)} if job.project else {}
    return {
        "card": asdict(model.card),
        "meaning": {layer.name: layer.meaning for layer in job.layers},
        "pool": job.pool,
        "view": job.view,
        "licence": stimuli.licence,
        "citation": stimuli.citation,
        **projection,
    }
