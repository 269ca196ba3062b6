"""Stimuli of the benchmarks of extraction: some pictures, and texts of mixed length."""

import numpy as np

from consilience.connectors.stimuli import open_stimuli


class Some:
    """The first pictures of OpenMoji."""

    def __init__(self, n: int):
        self.whole, self.n = open_stimuli("openmoji"), n
        self.name, self.licence, self.citation = "some", "", ""
        self.fingerprint = f"{self.whole.fingerprint} {n}"
        self.views, self.get = self.whole.views, self.whole.get

    def sample_ids(self) -> list[str]:
        return list(self.whole.sample_ids()[: self.n])


class Mixed:
    """Texts whose lengths differ as those of documents do: their logarithm is normal, around 30 words."""

    name, licence, citation, fingerprint = "mixed", "", "", "mixed 1"

    def __init__(self, n: int):
        rng = np.random.default_rng(0)
        words = [
            "the",
            "cat",
            "saw",
            "a",
            "house",
            "by",
            "old",
            "trees",
            "while",
            "rain",
            "fell",
            "on",
            "hills",
        ]
        sizes = np.clip(np.exp(rng.normal(3.4, 1.0, n)), 1, 480).astype(int)
        self.texts = [" ".join(rng.choice(words, size)) for size in sizes]

    def views(self) -> tuple[str, ...]:
        return ("text",)

    def sample_ids(self) -> list[str]:
        return [f"{i:05d}" for i in range(len(self.texts))]

    def get(self, view: str, index: int) -> str:
        return self.texts[index]
