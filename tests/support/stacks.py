"""A zoo of small models with several layers, extracted for real: a kind of model, and stimuli for it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from consilience.connectors.models import registry as models
from consilience.connectors.stimuli import registry as stimuli
from consilience.engine.extraction.interfaces import Layer, ModelCard, Outputs


@dataclass
class Points:
    """Points "p00000", … on a line."""

    n: int
    name: str = "points"
    licence: str = "none"
    citation: str = "none"

    @property
    def fingerprint(self) -> str:
        return str(self.n)

    def views(self) -> Sequence[str]:
        return ("text",)

    def sample_ids(self) -> Sequence[str]:
        return [f"p{i:05d}" for i in range(self.n)]

    def get(self, view: str, index: int) -> Any:
        return str(index)


@dataclass
class Stack:
    """`depth` random layers of `units`, one on the other, `work` times each; model number `seed` of a zoo.

    It cannot take the points `refused`.
    """

    seed: int
    depth: int = 4
    units: int = 8
    work: int = 1
    refused: frozenset[int] = frozenset()

    @property
    def card(self) -> ModelCard:
        about = f"{self.depth} x {self.units}, {sorted(self.refused)}"
        return ModelCard(f"stack-{self.seed:02d}", "text", "1", about, "number", "none", 60, "none", "none")

    def layers(self) -> Sequence[Layer]:
        return [Layer(f"layer.{i}", "bd", self.units, "a layer") for i in range(self.depth)]

    def load(self, device: str) -> None:
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        self.first = 3 * torch.randn(8, self.units, generator=generator)
        scale = self.units**-0.5
        self.weights = [
            1.5 * scale * torch.randn(self.units, self.units, generator=generator) for _ in range(self.depth)
        ]

    def preprocess(self, item: Any) -> Any:
        if int(item) in self.refused:
            raise ValueError(f"cannot take {item}")
        return float(item)

    def forward(self, batch: Sequence[Any]) -> Outputs:
        import torch

        place = torch.tensor(batch)[:, None] * torch.tensor([1.0, 0.37, 0.11, 0.053, 0.7, 0.29, 0.017, 0.5])
        x = place.sin() @ self.first
        found = {}
        for i, weights in enumerate(self.weights):
            for _ in range(self.work):
                x = (x @ weights).tanh()
            found[f"layer.{i}"] = x
        return Outputs(found)


def register_zoo(monkeypatch: pytest.MonkeyPatch, n: int, **options: Any) -> None:
    """For one test the models ``stack:SEED`` (``stack:SEED-`` refuses points 3 and 7) and the stimuli ``points``."""
    from ray import cloudpickle

    def stack(argument: str) -> Stack:
        refused = frozenset({3, 7}) if argument.endswith("-") else frozenset()
        return Stack(int(argument.rstrip("-")), refused=refused, **options)

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    for registry, name, make in ((models, "stack:SEED", stack), (stimuli, "points", lambda: Points(n))):
        monkeypatch.setitem(registry._REGISTRY._made, name, (f"of tests: {name}", make))
