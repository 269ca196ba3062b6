"""How many samples go through a model at once within a bound on memory: found by doubling, before the first shard.

On a CPU the bound is on the whole process (some hundred megabytes of it are Python and torch), with the samples that
wait their turn and the part that is being filled; on a GPU on what torch takes of its memory. The longest of the
samples that are looked at stands for every sample. A size is not tried where the last two foretell that it would not
fit, so that the bound is not passed to find it.
"""

import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Foreign, Measured
from consilience.engine.extraction.peaks import DeviceMeter, ProcessMeter
from consilience.engine.features.location import Location, write_json
from consilience.engine.machine import gigabytes

if TYPE_CHECKING:
    from consilience.engine.extraction.replica import Replica

FILE = ".batch.json"
_LOOKED_AT = 256  # samples, spread over all, of which the longest is taken


@dataclass(frozen=True)
class Fitted:
    """`batch` samples go through the model at once, when `peak` bytes are taken of the `memory` that was allowed."""

    batch: int
    peak: int
    memory: int

    def words(self) -> str:
        return f"{self.batch}, found within {gigabytes(self.memory)} ({gigabytes(self.peak)} taken)"


def largest(peak_of: Callable[[int], int | None], base: int, bound: int, most: int) -> tuple[int, int]:
    """The largest power of two up to `most` of which the peak is within `bound`, and that peak; 0 and what one sample
    takes where not even one meets it.

    `peak_of` a size is in bytes, None where there was not enough memory to tell; `base` is what is taken before.
    """
    size, before, found, peak = 1, base, 0, base
    while size <= most:
        used = peak_of(size)
        if used is None or used > bound:
            return (found, peak) if found else (0, used or bound)
        found, peak = size, used
        if used + 2 * (used - before) > bound:
            break
        size, before = 2 * size, used
    return found, peak


def fit(replica: "Replica", attempt: int = 0) -> Fitted:
    """How many samples go through the loaded model of `replica` at once within its job's memory. The more attempts took
    the process with them, the fewer samples are looked at, and others: one of them may be what kills.

    Raises BadInput when not even one does, or when none of the samples that were looked at could be used.
    """
    import torch

    job, name = replica.job, replica.model.card.name
    assert job.memory is not None
    on_device = replica.device.startswith("cuda")
    if on_device and isinstance(replica.model, Foreign):
        raise BadInput(
            "a model that torch computes, whose memory on a GPU can be told",
            f"{name}, which {replica.model.arithmetic} computes",
            "give a number of samples as batch, and leave memory out",
        )  # fmt: skip
    meter = DeviceMeter() if on_device else ProcessMeter()
    item = _longest(replica, attempt)
    # Beside what is measured: the samples that wait their turn, and the features of a part.
    each = 0 if on_device else len(pickle.dumps(item)) * replica.waiting
    part = 0 if on_device else 4 * job.rows * sum(width for width, _ in job.schema().values())

    def peak_of(size: int) -> int | None:
        meter.reset()
        try:
            replica.through([item] * size)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            return None
        return base + int(meter.spare * (meter.peak() - before)) + each * size

    before = meter.now()
    base = before + part
    found, peak = largest(peak_of, base, job.memory, min(job.rows, job.samples))
    if not found:
        alone, least = gigabytes(base), gigabytes(1.1 * max(peak, base))
        raise BadInput(
            f"memory in which one sample goes through {name}",
            f"{gigabytes(job.memory)}, where it takes {gigabytes(peak)} or more, {alone} of it before any sample",
            f"raise memory to {least} or more, ask for fewer layers, or take a smaller model",
        )
    return Fitted(found, peak, job.memory)


def _longest(replica: "Replica", attempt: int) -> Any:
    """The longest model input of some samples, of those that the model takes, which is thereby warm."""
    model, samples = replica.model, replica.job.samples
    rows = range(min(attempt, samples - 1), samples, -(-samples // _LOOKED_AT) * 4**attempt)
    inputs, reason = replica.inputs(rows)
    measure = model.length if isinstance(model, Measured) else lambda given: len(pickle.dumps(given))
    for given in sorted(inputs, key=measure, reverse=True):
        try:
            replica.through([given])
        except BadInput:
            raise
        except Exception as error:  # whatever a model raises; in the run the sample is rejected for it
            reason = f"{type(error).__name__}: {error}"
        else:
            return given
    raise BadInput(
        f"a sample that goes through {model.card.name}, to find a batch with",
        f"none of {len(rows)}, the last since {reason}",
        "mend the stimuli or the model",
    )


def recorded(table: Location, memory: int, begun: bool) -> Fitted | None:
    """What was found for the table in that folder, to go on with; None where nothing was, and where it takes more than
    the `memory` that is allowed now and no part is written yet.

    Raises BadInput where parts are: others, cut otherwise, would not be those of one run.
    """
    place = table / FILE
    if not place.is_file():
        return None
    found = Fitted(**json.loads(place.read_bytes()))
    if found.peak > memory and not begun:
        return None
    if found.peak > memory:
        raise BadInput(
            f"at least {gigabytes(found.peak)} of memory, which batches of {found.batch} take: parts of {table} are "
            "written in them",
            gigabytes(memory),
            "allow as much, or delete that folder to begin anew",
        )
    return found


def record(table: Location, found: Fitted) -> None:
    """Keep what was found beside the parts of the table, before there is one: whoever goes on with it cuts alike."""
    write_json(table / FILE, asdict(found))
