"""How a long step tells whoever watches how far it is: one callable, so that the engine draws nothing itself."""

from typing import Protocol


class Progress(Protocol):
    """Called as ``progress(stage, done, total)``; `done` grows from 0 to `total` within one stage."""

    def __call__(self, stage: str, done: float, total: float) -> None: ...


def silent(stage: str, done: float, total: float) -> None:
    """The progress of a caller that does not watch."""
