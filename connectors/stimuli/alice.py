"""The words of the first chapter of Alice in Wonderland, as they were heard in the scanner."""

from collections.abc import Sequence
from typing import Any

from consilience.connectors.datasets import alice as data
from consilience.connectors.stimuli.registry import register

BEFORE = 9


@register(
    "alice", "the 2,127 words of a chapter of Alice in Wonderland, with the times at which they were heard"
)
class Alice:
    """The words in the order of the story: ``0001`` to ``2127``. `onsets` and `offsets` are in seconds on the clock of
    the brain data set ``alice``. They are fetched when they are first asked for."""

    name = data.DATA.name
    licence = data.DATA.licence
    citation = data.DATA.citation
    fingerprint = data.DATA.fingerprint

    def views(self) -> Sequence[str]:
        return ("text",)

    def sample_ids(self) -> Sequence[str]:
        return [f"{i:04d}" for i in range(1, len(data.words()) + 1)]

    def get(self, view: str, index: int) -> Any:
        return data.words()[index].text

    @property
    def onsets(self) -> list[float]:
        return [word.onset for word in data.words()]

    @property
    def offsets(self) -> list[float]:
        return [word.offset for word in data.words()]


@register(
    "alice-context",
    f"the words of alice, each with the {BEFORE} before it, as a listener has just heard them",
)
class AliceInContext(Alice):
    """The same words under the same ids; the text is the word and the words that were heard before it."""

    name = "alice-context"
    fingerprint = f"{data.DATA.fingerprint} {BEFORE} words before"

    def get(self, view: str, index: int) -> Any:
        return " ".join(word.text for word in data.words()[max(0, index - BEFORE) : index + 1])
