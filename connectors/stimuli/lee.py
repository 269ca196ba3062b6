"""Fifty short news texts, and how alike people find every two of them."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from consilience.connectors.files import package_folder, sha256
from consilience.connectors.stimuli.registry import register

if TYPE_CHECKING:
    import numpy as np


@register("lee", "50 short news texts, of which people rated how alike every two are")
class Lee:
    """The texts ``01`` to ``50``, of 45 to 126 words."""

    name = "lee"
    licence = "not stated; the files are those of gensim, LGPL-2.1"
    citation = (
        "Lee, Pincombe & Welsh 2005, An empirical evaluation of models of text document similarity. "
        "Proceedings of the 27th Annual Conference of the Cognitive Science Society"
    )

    def __init__(self) -> None:
        folder = package_folder("gensim", "gensim", self.name) / "test" / "test_data"
        self._texts, self._ratings = folder / "lee.cor", folder / "similarities0-1.txt"

    @cached_property
    def fingerprint(self) -> str:
        return sha256([self._texts])

    def views(self) -> Sequence[str]:
        return ("text",)

    def sample_ids(self) -> Sequence[str]:
        return [f"{i:02d}" for i in range(1, len(self._lines) + 1)]

    def get(self, view: str, index: int) -> Any:
        return self._lines[index]

    def similarities(self) -> "np.ndarray":
        """(50, 50), 0.2 to 1: the mean rating on a scale of five steps, of 8 to 12 people a pair."""
        import numpy as np

        upper = np.triu(np.loadtxt(self._ratings), 1)
        return upper + upper.T + np.eye(len(upper))

    @cached_property
    def _lines(self) -> list[str]:
        return self._texts.read_text(encoding="latin-1").splitlines()
