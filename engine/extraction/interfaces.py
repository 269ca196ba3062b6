"""What a connector must offer so that the engine can extract from it: a stimulus set and a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch

MODALITIES = ("image", "text", "speech")


@dataclass(frozen=True)
class Layer:
    """One output of a model: its name, and what its axes mean.

    `axes` names the axes of the raw tensor, batch first: ``"bchw"`` feature maps, ``"btd"`` tokens, ``"bd"`` vectors.
    `meaning` says in words what the family records there (for instance "after the final norm").
    """

    name: str
    axes: str
    meaning: str


@dataclass(frozen=True)
class ModelCard:
    """Everything that decides a model's features, known without loading it; its digest names the feature table."""

    name: str
    modality: str
    revision: str
    weights_hash: str
    preprocessing: str
    objective: str
    parameters: int
    licence: str
    citation: str


@dataclass(frozen=True)
class Outputs:
    """What one forward pass gives: raw tensors by layer name, and the token mask (batch, token) if there is one."""

    layers: Mapping[str, torch.Tensor]
    mask: torch.Tensor | None = None


@runtime_checkable
class Model(Protocol):
    """A model. `card` and `layers` are cheap; `load` is called once, in the process that extracts."""

    card: ModelCard

    def layers(self) -> Sequence[Layer]:
        """Every output, in the order of depth."""
        ...

    def load(self, device: str) -> None:
        """Put the weights on `device`, in evaluation mode."""
        ...

    def preprocess(self, item: Any) -> Any:
        """One stimulus -> one model input. Called from several threads at once."""
        ...

    def forward(self, batch: Sequence[Any]) -> Outputs:
        """A batch of preprocessed inputs -> the raw outputs of every layer."""
        ...


@runtime_checkable
class StimulusSet(Protocol):
    """Samples under ids, in one or more views (``image``, ``text``, ``speech``)."""

    name: str
    fingerprint: str
    licence: str
    citation: str

    def views(self) -> Sequence[str]: ...

    def sample_ids(self) -> Sequence[str]: ...

    def get(self, view: str, index: int) -> Any:
        """The stimulus: a PIL image (``image``), a string (``text``), or (samples, rate) (``speech``)."""
        ...
