"""One replica of a model: reads, preprocesses on threads while the model runs, pools, and writes parts of the table.

A plain class: Ray makes an actor of it, a test or a benchmark can call it in its own process.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter, time
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import (
    Choosy,
    Measured,
    Model,
    Outputs,
    Remote,
    StimulusSet,
    noted,
)
from consilience.engine.extraction.job import Job
from consilience.engine.extraction.pools import pooled
from consilience.engine.extraction.projecting import Projection
from consilience.engine.extraction.receipt import PHASES, Receipt
from consilience.engine.extraction.shards import Shard, batches
from consilience.engine.features.writer import TableWriter

_RAISED = "the model raised"
_SMALLER = "went through the model in smaller batches, the device being out of memory"
_AHEAD = 2  # batches that are prepared while one is in the model; of those in order of length, one lot


@dataclass(frozen=True)
class Unreadable:
    """In place of a model input: why there is none."""

    reason: str


@dataclass(frozen=True)
class Read:
    """A model input, and what was noted while it was made."""

    value: Any
    notes: Sequence[str]


class Replica:
    """A loaded model and where its features go. `threads` is for torch within an operation."""

    def __init__(
        self, model: Model, stimuli: StimulusSet, job: Job, writer: TableWriter, device: str, threads: int
    ):
        self.model, self.stimuli, self.job, self.writer = model, stimuli, job, writer
        self.device, self.threads = device, threads
        self._projection = Projection(job.project, device) if job.project else None
        self._readers = ThreadPoolExecutor(max_workers=max(2, threads))
        self.batch_limit = job.batch_size  # halved when the device is out of memory, for good
        self._ids: Sequence[str] = ()
        self._spent: dict[str, float] = defaultdict(float)  # phase -> seconds, of the shard at hand
        self._notes: Counter[str] = Counter()  # of the shard at hand
        self._tokens = self._positions = 0  # of it: tokens of samples, and all that went through the model
        self._free = perf_counter()  # since then there was nothing to do

    def load(self) -> None:
        """Load the weights."""
        import torch

        from consilience.engine.extraction.memory import keep_freed_memory

        keep_freed_memory()
        if self.device == "cpu":
            torch.set_num_threads(self.threads)
        # TF32 would move features by 1e-3 with the hardware they were made on.
        torch.backends.cudnn.allow_tf32 = False
        if isinstance(self.model, Choosy):
            self.model.only([layer.name for layer in self.job.layers])
        self.model.load(self.device)
        self._ids = self.stimuli.sample_ids()
        self._free = perf_counter()

    def run(self, shard: Shard, poison: Collection[int] = ()) -> Receipt:
        """Extract one shard and write its part. Rows in `poison` are rejected without being touched."""
        began, started = perf_counter(), time()
        wait, paid = began - self._free, self._paid
        self._spent.clear()
        self._notes.clear()
        self._tokens = self._positions = 0
        out = {
            name: np.empty((len(shard), width), np.float32) for name, (width, _) in self.job.schema().items()
        }
        kept: list[int] = []
        reasons = dict.fromkeys(poison, "the process died whenever this sample was in it")
        for rows, features in self._features(shard.start, shard.stop, reasons):
            places = [row - shard.start for row in rows]
            for name, values in features.items():
                out[name][places] = values
            kept += rows
        if not kept:
            self._refuse_hopeless(shard, reasons)
        rejects = [(self._ids[row], reasons[row]) for row in sorted(reasons)]
        kept.sort()
        whole = len(kept) == len(shard)
        arrays = {n: x if whole else x[[row - shard.start for row in kept]] for n, x in out.items()}
        with self._timed("write"):
            rejected = self.writer.write_part(shard.index, [self._ids[row] for row in kept], arrays, rejects)
        self._free = perf_counter()
        nbytes = sum(values.nbytes for values in arrays.values())
        phases = {phase: self._spent[phase] for phase in PHASES}
        return Receipt(
            len(shard), nbytes, rejected, wait, **phases, seconds=self._free - began, began=started,
            tokens=self._tokens, padding=self._positions - self._tokens, paid=self._paid - paid,
            notes=tuple(sorted(self._notes.items())),
        )  # fmt: skip

    @property
    def _paid(self) -> int:
        return self.model.tokens if isinstance(self.model, Remote) else 0

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self._spent[phase] += perf_counter() - began

    def _refuse_hopeless(self, shard: Shard, reasons: dict[int, str]) -> None:
        """Stop, with nothing written, when the model raised on all of a full shard: it is the model to be mended."""
        full = len(shard) >= min(self.job.rows, self.job.samples)
        if full and all(reason.startswith(_RAISED) for reason in reasons.values()):
            raise BadInput(
                f"{self.model.card.name} to take samples {shard.start} to {shard.stop - 1}",
                f"all rejected, the first since {reasons[shard.start]}",
                "mend the model, or choose stimuli that it can take",
            )

    def probe(self, start: int, stop: int) -> None:
        """Do all that `run` does with these rows but write: does one of them kill the process?"""
        for _ in self._features(start, stop, {}):
            pass
        self._free = perf_counter()

    def _features(
        self, start: int, stop: int, reasons: dict[int, str]
    ) -> Iterator[tuple[list[int], dict[str, np.ndarray]]]:
        """Rows and their pooled features, batch after batch; `reasons` gains a line for every row that has none."""
        poison = set(reasons)
        size, lots = self.job.batch_size, self.job.together
        todo = deque(batches(start, stop, size * lots))
        ahead: deque[list[tuple[int, Future[Read | Unreadable]]]] = deque()
        while todo or ahead:
            while todo and len(ahead) < (_AHEAD if lots == 1 else 1) + 1:
                rows = [row for row in todo.popleft() if row not in poison]
                ahead.append([(row, self._readers.submit(self._read, row)) for row in rows])
            inputs = {}
            with self._timed("load"):
                values = [(row, future.result()) for row, future in ahead.popleft()]
            for row, value in values:
                if isinstance(value, Unreadable):
                    reasons[row] = value.reason
                else:
                    inputs[row] = value.value
                    self._notes.update(value.notes)
            for lot in self._by_length(inputs):
                yield from self._forward(lot, [inputs[row] for row in lot], reasons)
                if len(lot) > self.batch_limit:  # which may move the last bits of their features
                    self._notes[_SMALLER] += len(lot)

    def _by_length(self, inputs: dict[int, Any]) -> Iterator[list[int]]:
        """The rows of `inputs` in batches: in their order, or those of nearly one length together."""
        rows, model = list(inputs), self.model
        if self.job.together > 1 and isinstance(model, Measured):
            rows.sort(key=lambda row: model.length(inputs[row]))
        for first in range(0, len(rows), self.job.batch_size):
            yield rows[first : first + self.job.batch_size]

    def _read(self, row: int) -> Read | Unreadable:
        with noted() as notes:
            try:
                item = self.stimuli.get(self.job.view, row)
            except Exception as error:
                return Unreadable(f"cannot be read: {_words(error)}")
            try:
                return Read(self.model.preprocess(item), notes)
            except Exception as error:
                return Unreadable(f"cannot be preprocessed: {_words(error)}")

    def _forward(
        self, rows: list[int], inputs: list[Any], reasons: dict[int, str]
    ) -> Iterator[tuple[list[int], dict[str, np.ndarray]]]:
        """The model on one batch, cut in halves when it raises, down to the sample that makes it raise."""
        import torch

        if len(rows) <= self.batch_limit:
            try:
                with self._timed("forward"), torch.inference_mode():
                    features = self._pooled(inputs)
            except BadInput:
                raise  # the model is not what it says: no fault of a sample
            except torch.cuda.OutOfMemoryError as error:
                failed, self.batch_limit = f"out of memory: {_words(error)}", max(1, len(rows) // 2)
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
            except Exception as error:
                failed = f"{_RAISED} {_words(error)}"
            else:
                yield rows, features
                return
            if len(rows) == 1:
                reasons[rows[0]] = failed
                return
        half = (len(rows) + 1) // 2
        yield from self._forward(rows[:half], inputs[:half], reasons)
        yield from self._forward(rows[half:], inputs[half:], reasons)

    def _pooled(self, inputs: list[Any]) -> dict[str, np.ndarray]:
        with self._cast():
            out = self.model.forward(inputs)
        missing = [layer.name for layer in self.job.layers if layer.name not in out.layers]
        if missing:
            raise BadInput(
                f"the layers that {self.model.card.name} says it has",
                f"no output for {', '.join(missing)}",
                "make the model's layers() and forward() agree",
            )
        self._count(out)
        found = {}
        for layer, width in zip(self.job.layers, self.job.widths):
            vector = pooled(self.job.pool, out.layers[layer.name], layer, out.mask_of(layer.name))
            if vector.shape[1] != width:
                raise BadInput(
                    f"{width} values of a sample in {layer.name!r} of {self.model.card.name}",
                    str(vector.shape[1]), "correct what the model's positions() says of it",
                )  # fmt: skip
            found[layer.name] = (self._projection(vector) if self._projection else vector).cpu().numpy()
        return found

    def _cast(self) -> AbstractContextManager[Any]:
        import torch

        if self.job.autocast is None:
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, getattr(torch, self.job.autocast))

    def _count(self, out: Outputs) -> None:
        if out.mask is not None:
            self._tokens += int(out.mask.sum())
            self._positions += out.mask.numel() if out.positions is None else out.positions


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
