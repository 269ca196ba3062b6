"""What a connector must offer so that the engine can extract from it: a stimulus set and a model.

Nothing here imports torch: a card, its layers and a digest must be there in milliseconds when the table already exists.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from consilience.engine.errors import BadInput

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

MODALITIES = ("image", "text", "speech")
AXES = ("bchw", "bhwc", "btd", "bd")

_NOTES: ContextVar[list[str] | None] = ContextVar("notes", default=None)


def note(text: str) -> None:
    """Say of the sample at hand what was done to it that nobody asked for, as by a model that resamples it.

    To be called while a stimulus is read or preprocessed. Samples of the same note are counted, in the log of the run.
    """
    notes = _NOTES.get()
    if notes is not None and text not in notes:
        notes.append(text)


@contextmanager
def noted() -> Iterator[list[str]]:
    """What is noted in this thread meanwhile."""
    notes: list[str] = []
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


class NotInstalled(BadInput):
    """A registered model or stimulus set whose package is missing; `fix` is the pip line that adds it."""


@dataclass(frozen=True)
class Layer:
    """One output of a model: its name, and what its axes mean.

    `axes` names the axes of the raw tensor, batch first: ``"bchw"`` and ``"bhwc"`` feature maps, ``"btd"`` tokens,
    ``"bd"`` vectors. `units` is the length of the feature axis (c or d), and so of the pooled vector.
    `meaning` says in words what the family records there (for instance "after the final norm").
    """

    name: str
    axes: str
    units: int
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
    """What one forward pass gives: raw tensors by layer name, and the token mask (batch, token) if there is one.

    `positions` is how many tokens went through the model, padding included; None: as many as the mask has places.
    `masks` are those of layers that have other numbers of tokens.
    """

    layers: "Mapping[str, torch.Tensor]"
    mask: "torch.Tensor | None" = None
    positions: int | None = None
    masks: "Mapping[str, torch.Tensor]" = field(default_factory=dict)

    def mask_of(self, layer: str) -> "torch.Tensor | None":
        """The token mask of that layer."""
        return self.masks.get(layer, self.mask)


@runtime_checkable
class Model(Protocol):
    """A model. `card` and `layers` are cheap; `load` is called once, in the process that extracts.

    Before `load` the object is pickled to other processes: keep it small, and load weights in `load`.
    """

    @property
    def card(self) -> ModelCard: ...

    def layers(self) -> Sequence[Layer]:
        """Every output, in the order of depth."""
        ...

    def load(self, device: str) -> None:
        """Put the weights on `device`, in evaluation mode."""
        ...

    def preprocess(self, item: Any) -> Any:
        """One stimulus -> one model input. Called from several threads at once; what it raises rejects the sample."""
        ...

    def forward(self, batch: Sequence[Any]) -> Outputs:
        """A batch of preprocessed inputs -> the raw outputs of every layer."""
        ...


@dataclass(frozen=True)
class Loading:
    """How weights are loaded, if not whole, in float32 and on one device.

    `quantize` "8bit" or "4bit" is what the weights of linear layers are kept in. `device_map` "auto" spreads the model
    over all devices that its process sees; a mapping says of modules on which they are ("cpu", 0, "disk").
    """

    quantize: str | None = None
    device_map: str | Mapping[str, str | int] | None = None


WHOLE = Loading()


@runtime_checkable
class Loadable(Protocol):
    """A model whose weights can be loaded in other ways; its `load` takes a `Loading` beside the device."""

    def refuse_loading(self, how: Loading) -> None:
        """Raise BadInput for what it does not have, or for which a package is missing. Loads nothing."""
        ...

    def load(self, device: str, how: Loading = WHOLE) -> None: ...


@runtime_checkable
class Compilable(Protocol):
    """A model whose network torch can compile: it is told after `load`."""

    def compile(self) -> None: ...


@runtime_checkable
class Choosy(Protocol):
    """A model that can leave out layers, which costs it less: it is told before `load` which ones are wanted."""

    def only(self, names: Sequence[str]) -> None: ...


@runtime_checkable
class Remote(Protocol):
    """A model elsewhere, which is asked over a network and paid by the token.

    `at_once` is how many processes may ask at a time; `tokens` how many were paid for in this one so far.
    """

    @property
    def at_once(self) -> int: ...

    @property
    def tokens(self) -> int: ...

    def cost(self, tokens: float) -> float | None:
        """US dollars for so many tokens; None where the price is not known."""
        ...


@runtime_checkable
class Foreign(Protocol):
    """A model that torch does not compute: `arithmetic` says what does. It cannot be cast by torch."""

    @property
    def arithmetic(self) -> str: ...


@runtime_checkable
class Measured(Protocol):
    """A model whose inputs have a length: those of nearly one go through it together, so that little is padded."""

    def length(self, given: Any) -> int:
        """Of a model input, as `preprocess` made it: how many tokens, or whatever the model's time grows with."""
        ...


@runtime_checkable
class Even(Protocol):
    """A model that knows in which of its layers every sample has as many positions: tokens, or places of a map."""

    def positions(self) -> Mapping[str, int]:
        """How many, by the names of those layers. Asked for before `load`, where all of them are to be kept."""
        ...


@runtime_checkable
class Labelled(Protocol):
    """A stimulus set whose samples are of classes."""

    def labels(self) -> Mapping[str, str]:
        """Sample id -> its class."""
        ...


@runtime_checkable
class Picture(Protocol):
    """A picture that waits to be told its size: a drawing is drawn at it, without loss by resampling."""

    def image(self, size: int) -> "Image":
        """RGB pixels. A drawing comes `size` pixels wide and high; a photograph as it is stored, and whoever asked
        resizes it."""
        ...


@runtime_checkable
class StimulusSet(Protocol):
    """Samples under ids, in one or more views (``image``, ``text``, ``speech``)."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever a sample id or the content of a stimulus does."""
        ...

    @property
    def licence(self) -> str: ...

    @property
    def citation(self) -> str: ...

    def views(self) -> Sequence[str]: ...

    def sample_ids(self) -> Sequence[str]: ...

    def get(self, view: str, index: int) -> Any:
        """The stimulus: a PIL image or a `Picture` (``image``), a string (``text``), or (samples, rate) (``speech``).

        Called from several threads at once; what it raises rejects the sample."""
        ...
