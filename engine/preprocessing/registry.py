"""The registry of preprocessing steps, and what a step is: fitted in passes over blocks, applied to a block."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from consilience.engine import outside
from consilience.engine.errors import unknown
from consilience.engine.parameters import Only, Parameter, parts, read, spelled

if TYPE_CHECKING:
    from consilience.engine.preprocessing.rows import Rows

Facts = dict[str, int | float]


@dataclass(frozen=True)
class Cost:
    """What fitting a step takes: passes over the features, floating-point operations, and bytes above a block."""

    passes: int = 1
    flops: float = 0.0
    memory: float = 0.0


class Step(ABC):
    """A fitted step: a small, frozen, picklable dataclass in float64. Its docstring is that of a metric.

    Attributes:
        parameters: of `fit`, by name. only: see `consilience.engine.parameters`.
        source: the paper that defines it.
    """

    name: ClassVar[str]
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    only: ClassVar[Only] = {}
    source: ClassVar[str] = ""

    @classmethod
    @abstractmethod
    def fit(cls, rows: "Rows", *_: Any, **parameters: Any) -> Self:
        """The step for these rows, from passes over blocks of them."""

    @abstractmethod
    def apply(self, x: np.ndarray) -> np.ndarray:
        """A block of rows (m, d), float32 or float64, as a new array (m, d'). A row's result depends on it alone."""

    @property
    def facts(self) -> Facts:
        """What was found while fitting, for the reader of the scores."""
        return {}

    @classmethod
    def width(cls, n: int, d: int, *_: Any, **parameters: Any) -> int:
        """Units left, at most, of d units and n rows. Raises BadInput for what cannot be done with so many."""
        return d

    @classmethod
    def cost(cls, n: int, d: int, itemsize: int, threads: int, *_: Any, **parameters: Any) -> Cost:
        """What fitting takes on n rows of d units of `itemsize` bytes."""
        return Cost()

    @classmethod
    def about(cls) -> dict[str, str]:
        """Title and formula, the first two paragraphs of the docstring, and source."""
        title, formula = [*(cls.__doc__ or "").strip().split("\n\n"), "", ""][:2]
        return {"title": title, "formula": " ".join(formula.split()), "source": cls.source}


@dataclass(frozen=True)
class Asked:
    """A step with all its parameters, not yet fitted."""

    step: type[Step]
    parameters: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The canonical id."""
        return spelled(self.step.name, self.parameters)


_STEPS: dict[str, type[Step]] = {}
S = TypeVar("S", bound=type[Step])


def register(name: str) -> Callable[[S], S]:
    """Register the decorated class as the step `name`."""

    def add(step: S) -> S:
        if name in _STEPS:
            raise ValueError(f"two preprocessing steps are registered as {name!r}")
        step.name = name
        _STEPS[name] = step
        return step

    return add


def registered() -> dict[str, type[Step]]:
    """All steps by name, those of outside packages (entry points ``consilience.preprocessing``) too."""
    outside.load("consilience.preprocessing")
    return _STEPS


def preprocessing() -> dict[str, str]:
    """The registered preprocessing steps: name -> one line on what it does."""
    return {name: step.about()["title"] for name, step in sorted(registered().items())}


def parse(step: str | Mapping[str, Any]) -> Asked:
    """Read an id (``"clip:quantile=exact"``) or a mapping (``{"name": "pca", "variance": 0.9}``).

    Raises:
        BadInput: for an unknown step, parameter or value.
    """
    name, given = parts("preprocessing step", "clip:quantile=exact", step)
    known = registered()
    if name not in known:
        raise unknown("preprocessing step", name, known)
    found = known[name]
    return Asked(found, read(name, found.parameters, found.only, given))
