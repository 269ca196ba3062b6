"""Models whose weights are files: ``net:FOLDER`` is a layer or two of the matrices in its ``weights.npz``.

A file ``jitter`` beside them, with a number in it, moves the weights that much, and nothing that tells models apart
knows of it: as of hardware or libraries that compute something else.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stacks import Points

from consilience.connectors.models import registry as models
from consilience.connectors.stimuli import registry as stimuli
from consilience.engine.extraction.interfaces import Layer, ModelCard, Outputs


@dataclass
class Net:
    folder: Path

    @property
    def card(self) -> ModelCard:
        weights = hashlib.sha256((self.folder / "weights.npz").read_bytes()).hexdigest()
        return ModelCard(self.folder.name, "text", "1", weights, "number", "none", 128, "none", "none")

    def layers(self) -> Sequence[Layer]:
        return [Layer(f"layer.{i}", "bd", 8, "a layer") for i in range(2)]

    def load(self, device: str) -> None:
        with np.load(self.folder / "weights.npz") as found:
            self.weights = [found["first"], found["second"]]
        jitter = self.folder / "jitter"
        if jitter.is_file():
            self.weights = [x + float(jitter.read_text()) for x in self.weights]

    def preprocess(self, item: Any) -> Any:
        return float(item)

    def forward(self, batch: Sequence[Any]) -> Outputs:
        import torch

        x = np.sin(np.array(batch)[:, None] * np.array([1.0, 0.37, 0.11, 0.053, 0.7, 0.29, 0.017, 0.5]))
        found = {}
        for i, weights in enumerate(self.weights):
            x = np.tanh(x @ weights)
            found[f"layer.{i}"] = torch.tensor(x, dtype=torch.float32)
        return Outputs(found)


def save_net(folder: Path, seed: int) -> None:
    """Write the weights of a net; another `seed` is other weights."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "weights.npz", first=rng.normal(size=(8, 8)), second=rng.normal(size=(8, 8)))


def register_nets(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    """For one test the models ``net:FOLDER`` and the stimuli ``points``."""
    from ray import cloudpickle

    for module in (sys.modules[__name__], sys.modules["stacks"]):
        cloudpickle.register_pickle_by_value(module)
    for registry, name, make in (
        (models, "net:FOLDER", lambda folder: Net(Path(folder))), (stimuli, "points", lambda: Points(n)),
    ):  # fmt: skip
        monkeypatch.setitem(registry._REGISTRY._made, name, (f"of tests: {name}", make))
