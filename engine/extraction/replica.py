"""One replica of a model: reads, preprocesses on threads while the model runs, pools, and writes parts of the table.

A plain class: Ray makes an actor of it, a test or a benchmark can call it in its own process.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from time import perf_counter, time
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Measured, Model, Outputs, Remote, StimulusSet
from consilience.engine.extraction.job import Job
from consilience.engine.extraction.pools import pooled
from consilience.engine.extraction.projecting import Projection
from consilience.engine.extraction.reading import Read, Readers, Unreadable, in_words
from consilience.engine.extraction.receipt import PHASES, Receipt
from consilience.engine.extraction.shards import Shard, batches
from consilience.engine.features.writer import TableWriter

_RAISED = "the model raised"
_SMALLER = "went through the model in smaller batches, the device being out of memory"
_AHEAD = 2  # batches that are prepared while one is in the model; of those in order of length, one lot


class Replica:
    """A loaded model and where its features go. `threads` is for torch within an operation."""

    def __init__(
        self, model: Model, stimuli: StimulusSet, job: Job, writer: TableWriter, device: str, threads: int
    ):
        self.model, self.stimuli, self.job, self.writer = model, stimuli, job, writer
        self.device, self.threads = device, threads
        self._projection = Projection(job.project, device) if job.project else None
        self._readers = Readers(model, stimuli, job.view, threads)
        self.batch_limit = job.batch_size  # halved when the device is out of memory, for good
        self._ids: Sequence[str] = ()
        self._spent: dict[str, float] = defaultdict(float)  # phase -> seconds, of the shard at hand
        self._notes: Counter[str] = Counter()  # of the shard at hand
        self._tokens = self._positions = 0  # of it: tokens of samples, and all that went through the model
        self._free = perf_counter()  # since then there was nothing to do

    def load(self) -> None:
        """Load the weights."""
        import torch

        from consilience.engine.extraction.loading import load
        from consilience.engine.extraction.memory import keep_freed_memory

        keep_freed_memory()
        if self.device == "cpu":
            torch.set_num_threads(self.threads)
        # TF32 would move features by 1e-3 with the hardware they were made on.
        torch.backends.cudnn.allow_tf32 = False
        load(self.model, self.job, self.device)
        self._ids = self.stimuli.sample_ids()
        self._free = perf_counter()

    def cut_at(self, batch: int | None) -> None:
        """From here on so many samples go through the model at once, where the job does not say how many."""
        if batch is not None and batch != self.job.batch_size:
            self.job = replace(self.job, batch_size=batch)
            self.batch_limit = batch

    @property
    def waiting(self) -> int:
        """How many batches are in memory at once, read or being read."""
        return self.job.together * (self._ahead + 1)

    def inputs(self, rows: Sequence[int]) -> tuple[list[Any], str]:
        """The model inputs of those samples that have one, and why the last that has none does not."""
        found = [future.result() for future in [self._readers.submit(row) for row in rows]]
        reasons = [x.reason for x in found if isinstance(x, Unreadable)]
        return [x.value for x in found if isinstance(x, Read)], reasons[-1] if reasons else ""

    def through(self, inputs: list[Any]) -> None:
        """Do all that `run` does with a batch of these inputs but keep its features."""
        import torch

        with torch.inference_mode():
            self._pooled(inputs)
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

    @property
    def _ahead(self) -> int:
        return _AHEAD if self.job.together == 1 else 1

    def _features(
        self, start: int, stop: int, reasons: dict[int, str]
    ) -> Iterator[tuple[list[int], dict[str, np.ndarray]]]:
        """Rows and their pooled features, batch after batch; `reasons` gains a line for every row that has none."""
        poison = set(reasons)
        size, lots = self.job.batch_size, self.job.together
        todo = deque(batches(start, stop, size * lots))
        ahead: deque[list[tuple[int, Future[Read | Unreadable]]]] = deque()
        while todo or ahead:
            while todo and len(ahead) <= self._ahead:
                rows = [row for row in todo.popleft() if row not in poison]
                ahead.append([(row, self._readers.submit(row)) for row in rows])
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
                failed, self.batch_limit = f"out of memory: {in_words(error)}", max(1, len(rows) // 2)
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
            except Exception as error:
                failed = f"{_RAISED} {in_words(error)}"
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
