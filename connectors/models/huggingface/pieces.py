"""Long sounds in pieces that overlap: where each begins, and which of its frames are kept.

All pieces are of one length, the last of them ending with the sound. Where two overlap, the first counts up to the
middle of what they share, and the second from there: at the ends of a piece a model has heard less of what is around.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from consilience.connectors.models.huggingface.inputs import Part
from consilience.connectors.models.huggingface.sounds import Sounds
from consilience.engine.errors import BadInput

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Piece:
    """What the model takes of it, with its length in samples, and from which share of its frames to which are kept."""

    given: tuple[Any, int]
    first: float
    last: float


def cut(length: int, most: int, overlap: int) -> list[tuple[int, float, float]]:
    """Of a sound of `length` samples in pieces of `most`: where each begins, and from where to where it is kept, as
    shares of it."""
    if length <= most:
        return [(0, 0.0, 1.0)]
    begins = [*range(0, length - most, most - overlap), length - most]
    middles = [(after + before + most) / 2 for before, after in pairwise(begins)]
    edges = [0.0, *middles, float(length)]
    return [(b, (edges[k] - b) / most, (edges[k + 1] - b) / most) for k, b in enumerate(begins)]


class Pieces:
    """As `sounds` makes them, but of at most `seconds`, overlapping by `overlap` seconds."""

    def __init__(self, sounds: Sounds, seconds: float, overlap: float):
        self._most, self._overlap = round(seconds * sounds.rate), round(overlap * sounds.rate)  # samples
        if not 0 <= self._overlap < self._most or (sounds.most and seconds > sounds.most):
            limit = f" of at most {sounds.most:g} s, which the model takes," if sounds.most else ""
            raise BadInput(
                f"`chunk` in seconds,{limit} and a shorter `overlap`",
                f"chunk={seconds:g}, overlap={overlap:g}",
                "correct them, or leave both out",
            )
        self._sounds = sounds
        self.how = f"in pieces of {seconds:g} s that overlap by {overlap:g} s"
        self.says = f"{sounds.says}; {self.how}"

    def load(self) -> None:
        self._sounds.load()

    def preprocess(self, item: tuple[Any, int]) -> list[Piece]:
        """(samples, rate) -> its pieces."""
        samples = self._sounds.resampled(item)
        return [
            Piece(self._sounds.made(samples[begin : begin + self._most]), first, last)
            for begin, first, last in cut(len(samples), self._most, self._overlap)
        ]

    def length(self, given: list[Piece]) -> int:
        return sum(self._sounds.length(piece.given) for piece in given)

    def together(self, batch: Sequence[list[Piece]]) -> Iterator[Part]:
        """By numbers of pieces, in the order of the sounds."""
        return self._sounds.together([piece.given for pieces in batch for piece in pieces])


def joined(
    state: "torch.Tensor", lengths: Sequence[int], batch: Sequence[list[Piece]]
) -> "tuple[torch.Tensor, list[int]]":
    """The frames (piece, frame, unit) of a layer as (sound, frame, unit), 0 where a sound has fewer; and how many each
    has, of the `lengths` of its pieces."""
    import torch

    numbered = enumerate(lengths)
    kept = [
        [
            (number, slice(round(piece.first * frames), round(piece.last * frames)))
            for piece, (number, frames) in zip(pieces, numbered)
        ]
        for pieces in batch
    ]
    whole = [torch.cat([state[k, part] for k, part in mine]) for mine in kept]
    found = torch.nn.utils.rnn.pad_sequence(whole, batch_first=True)
    return found, [sum(part.stop - part.start for _, part in mine) for mine in kept]
