"""Samples read and made into model inputs, on threads beside the model; what fails is a reason, and no error."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from consilience.engine.extraction.interfaces import Model, StimulusSet, noted


@dataclass(frozen=True)
class Unreadable:
    """In place of a model input: why there is none."""

    reason: str


@dataclass(frozen=True)
class Read:
    """A model input, and what was noted while it was made."""

    value: Any
    notes: Sequence[str]


class Readers:
    """`threads` of them, but at least two."""

    def __init__(self, model: Model, stimuli: StimulusSet, view: str, threads: int):
        self.model, self.stimuli, self.view = model, stimuli, view
        self._pool = ThreadPoolExecutor(max_workers=max(2, threads))

    def submit(self, row: int) -> Future[Read | Unreadable]:
        """The sample of that row, when it is read."""
        return self._pool.submit(self._read, row)

    def _read(self, row: int) -> Read | Unreadable:
        with noted() as notes:
            try:
                item = self.stimuli.get(self.view, row)
            except Exception as error:
                return Unreadable(f"cannot be read: {in_words(error)}")
            try:
                return Read(self.model.preprocess(item), notes)
            except Exception as error:
                return Unreadable(f"cannot be preprocessed: {in_words(error)}")


def in_words(error: Exception) -> str:
    """What was raised, on one line of moderate length."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
