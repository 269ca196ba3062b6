"""The registry of metrics, and the grammar of their ids.

An id is ``name`` or ``name:param=value,param=value``. Its canonical form spells out every parameter in alphabetical
order, so that two numbers with the same label were computed the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from consilience.engine.errors import BadInput, unknown

SINGLE = ("covariance", "means", "directions", "distances")  # statistics of one representation
STATISTICS = ("sums", "neighbours", "moments", *SINGLE)
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
        needs: ``sums`` of a space, ``neighbours`` or ``moments`` of two representations; ``covariance``, ``means``,
            ``directions`` or ``distances`` of one.
        only: parameter -> (other, value): it is part of the id only where the other parameter has that value.
        space: the space whose sums or neighbours are needed, from the parameters.
        factor: what one representation contributes to every pair (``moments``), from `Own` and the parameters.
        values: whether the inner products with the neighbours are needed.
        nearest: to how many neighbours the ``distances`` are needed, from the parameters.
        finish: the function; what it gets and returns depends on `needs` (see `consilience.engine.metrics`).
        null: the exact mean, variance and skewness of the score under permutation of the samples, or None: permute.
        best: the best score there is: that of identical representations, or a bound (`cycle_knn`).
        undefined: why a score may be NaN, for the reader of the table.
        leaves_out: which samples a metric of one representation cannot use, for the reader of the profile.
        invariances: changes of X, alone, that the score does not see, of `INVARIANCES`; from the parameters if those
            matter. ``linear`` is any invertible map of the units.
    """

    name: str
    finish: Callable[..., Any]
    needs: str
    parameters: Mapping[str, Parameter]
    range: str
    source: str
    symmetric: bool = True
    direction: str = ""
    only: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    space: Callable[..., str] | None = None
    factor: Callable[..., Any] | None = None
    values: bool = False
    nearest: Callable[..., int] | None = None
    null: Callable[..., Any] | None = None
    best: float | Callable[..., float] = 1.0
    undefined: str = (
        "a self term of the ratio is not positive: too few samples for this metric, or no variance left"
    )
    leaves_out: str = ""
    invariances: Sequence[str] | Callable[..., Sequence[str]] = ("permutation",)

    @property
    def single(self) -> bool:
        """Whether it is of one representation, and not of two."""
        return self.needs in SINGLE

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
    def nearest(self) -> int:
        """To how many neighbours the metric needs the distances."""
        assert self.metric.nearest is not None
        return self.metric.nearest(**self.parameters)

    @property
    def best(self) -> float:
        """The best score there is."""
        best = self.metric.best
        return best(**self.parameters) if callable(best) else best

    @property
    def invariances(self) -> tuple[str, ...]:
        """The changes of X that the score does not see."""
        declared = self.metric.invariances
        return tuple(declared(**self.parameters) if callable(declared) else declared)

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
    return {
        name: metric.title + " Of one representation." * metric.single
        for name, metric in sorted(registered().items())
    }


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
    for key, (other, value) in found.only.items():
        if values[other] != value:
            if key in given:
                raise BadInput(
                    f"{key!r} of {name!r} with {other}={value} only", f"{other}={values[other]}",
                    f"leave {key} out, or add {other}={value}",
                )  # fmt: skip
            del values[key]
    return Request(found, values)


def canonical(metric: str | Mapping[str, Any]) -> str:
    """The canonical id of a metric: every parameter spelled out, in alphabetical order."""
    return parse(metric).id
