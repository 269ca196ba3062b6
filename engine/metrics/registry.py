"""The registry of metrics, and the grammar of their ids.

An id is ``name`` or ``name:param=value,param=value``. Its canonical form spells out every parameter in alphabetical
order, so that two numbers with the same label were computed the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from consilience.engine.errors import BadInput, unknown

STATISTICS = ("sums", "neighbours", "moments", "held_out")
INVARIANCES = ("permutation", "rotation", "scaling", "translation", "linear")
EUCLIDEAN = INVARIANCES[
    :4
]  # of units among each other, by an orthogonal matrix, by one factor, by a constant row


@dataclass(frozen=True)
class Choice:
    """A parameter that is one of a few words; the first is the default."""

    words: tuple[str, ...]

    @property
    def default(self) -> str:
        return self.words[0]

    def read(self, metric: str, name: str, value: Any) -> str:
        if str(value) not in self.words:
            raise unknown(f"value of {name!r} of {metric!r}", str(value), self.words)
        return str(value)


@dataclass(frozen=True)
class Number:
    """A parameter that is a number of the default's type, at least `low`, at most `high`."""

    default: int | float
    low: float
    high: float = float("inf")

    def read(self, metric: str, name: str, value: Any) -> int | float:
        kind = type(self.default)
        try:
            number = kind(value)
            right = float(value) == float(number)
        except (TypeError, ValueError):
            right = False
        if not right or not self.low <= number <= self.high:
            what = "a whole number" if kind is int else "a number"
            raise BadInput(
                f"{name!r} of {metric!r} as {what} from {self.low:g} to {self.high:g}", repr(value),
                f"use {name}={self.default}, the default, or another in that range",
            )  # fmt: skip
        return number


Parameter = Choice | Number


@dataclass(frozen=True)
class Metric:
    """A registered metric: the statistic it needs and the function that turns it into scores.

    Attributes:
        needs: ``sums`` of a space, ``neighbours``, ``moments``, or ``held_out`` samples.
        symmetric: whether X with Y scores as Y with X; from the parameters if those matter.
        only: parameter -> (other, value, …): it is part of the id only where the other parameter has such a value.
        space: the space whose sums or neighbours are needed, from the parameters.
        factor: what one representation contributes to every pair, from `Own` (``moments``) or `Side` (``held_out``)
            and the parameters.
        fits: whether moments of the train samples are needed (``held_out``); from the parameters if those matter.
        values: whether the inner products with the neighbours are needed.
        finish: the function; what it gets and returns depends on `needs` (see `consilience.engine.metrics`).
        null: the exact mean, variance and skewness of the score under permutation of the samples, or None: permute.
            Of ``held_out`` metrics it is had from their `Scores` and the number of a subset.
        best: the best score there is: that of identical representations, or a bound (`cycle_knn`).
        undefined: why a score may be NaN, for the reader of the table.
        invariances: changes of X, alone, that the score does not see, of `INVARIANCES`; from the parameters if those
            matter. ``linear`` is any invertible map of the units.
    """

    name: str
    finish: Callable[..., Any]
    needs: str
    parameters: Mapping[str, Parameter]
    symmetric: bool | Callable[..., bool]
    direction: str
    range: str
    source: str
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    space: Callable[..., str] | None = None
    factor: Callable[..., Any] | None = None
    fits: bool | Callable[..., bool] = False
    values: bool = False
    null: Callable[..., Any] | None = None
    best: float | Callable[..., float] = 1.0
    undefined: str = (
        "a self term of the ratio is not positive: too few samples for this metric, or no variance left"
    )
    invariances: Sequence[str] | Callable[..., Sequence[str]] = ("permutation",)

    @property
    def title(self) -> str:
        return (self.finish.__doc__ or "").strip().splitlines()[0]

    @property
    def formula(self) -> str:
        """The second paragraph of the docstring."""
        paragraphs = (self.finish.__doc__ or "").strip().split("\n\n")
        return " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""


@dataclass(frozen=True)
class Request:
    """A metric with all its parameters."""

    metric: Metric
    parameters: Mapping[str, Any]

    @property
    def space(self) -> str:
        """The space whose sums or neighbours the metric needs."""
        assert self.metric.space is not None
        return self.metric.space(**self.parameters)

    @property
    def best(self) -> float:
        """The best score there is."""
        return self._declared(self.metric.best)

    @property
    def symmetric(self) -> bool:
        """Whether X with Y scores as Y with X."""
        return self._declared(self.metric.symmetric)

    @property
    def fits(self) -> bool:
        """Whether moments of the train samples are needed."""
        return self._declared(self.metric.fits)

    @property
    def invariances(self) -> tuple[str, ...]:
        """The changes of X that the score does not see."""
        return tuple(self._declared(self.metric.invariances))

    def _declared(self, value: Any) -> Any:
        return value(**self.parameters) if callable(value) else value

    @property
    def id(self) -> str:
        """The canonical id."""
        if not self.parameters:
            return self.metric.name
        values = {k: f"{v:g}" if isinstance(v, float) else str(v) for k, v in self.parameters.items()}
        return self.metric.name + ":" + ",".join(f"{k}={values[k]}" for k in sorted(values))


_METRICS: dict[str, Metric] = {}
_loaded_outside = False


def register(name: str, **about: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as the metric `name`; `about` holds the other attributes of `Metric`."""

    def add(finish: Callable[..., Any]) -> Callable[..., Any]:
        metric = Metric(name=name, finish=finish, **{"parameters": {}, **about})
        if metric.needs not in STATISTICS:
            raise unknown("statistic", metric.needs, STATISTICS)
        if name in _METRICS:
            raise ValueError(f"two metrics are registered as {name!r}")
        _METRICS[name] = metric
        return finish

    return add


def registered() -> dict[str, Metric]:
    """All metrics by name, those of outside packages (entry points ``consilience.metrics``) too."""
    global _loaded_outside
    if not _loaded_outside:
        _loaded_outside = True
        for point in entry_points(group="consilience.metrics"):
            point.load()
    return _METRICS


def metrics() -> dict[str, str]:
    """The registered metrics: name -> one line on what it is."""
    return {name: metric.title for name, metric in sorted(registered().items())}


def parse(metric: str | Mapping[str, Any]) -> Request:
    """Read an id (``"cka:estimator=biased"``) or a mapping (``{"name": "cka", "estimator": "biased"}``).

    Raises:
        BadInput: for an unknown metric, parameter or value.
    """
    if isinstance(metric, Mapping):
        given = {str(k): v for k, v in metric.items() if k != "name"}
        name = str(metric.get("name", ""))
    else:
        name, _, rest = str(metric).partition(":")
        given = {}
        for part in filter(None, rest.split(",")):
            key, equals, value = part.partition("=")
            if not equals:
                raise BadInput(
                    "a metric id like 'cka:estimator=biased'", repr(metric), f"write {part!r} as param=value"
                )
            given[key.strip()] = value.strip()
    known = registered()
    if name not in known:
        raise unknown("metric", name, known)
    found = known[name]
    for key in given:
        if key not in found.parameters:
            raise unknown(f"parameter of {name!r}", key, found.parameters)
    values = {k: p.read(name, k, given.get(k, p.default)) for k, p in found.parameters.items()}
    for key, (other, *those) in found.only.items():
        if values[other] not in those:
            if key in given:
                raise BadInput(
                    f"{key!r} of {name!r} with {other}={' or '.join(those)} only", f"{other}={values[other]}",
                    f"leave {key} out, or add {other}={those[0]}",
                )  # fmt: skip
            del values[key]
    return Request(found, values)


def canonical(metric: str | Mapping[str, Any]) -> str:
    """The canonical id of a metric: every parameter spelled out, in alphabetical order."""
    return parse(metric).id
