"""The registry of metrics. Their ids are those of `consilience.engine.parameters`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from consilience.engine.errors import unknown
from consilience.engine.parameters import Choice, Number, Only, Parameter, parts, read, spelled

__all__ = [
    "EUCLIDEAN", "INVARIANCES", "STATISTICS", "Choice", "Metric", "Number", "Request", "canonical", "metrics", "parse",
    "register", "registered",
]  # fmt: skip

STATISTICS = ("sums", "neighbours", "moments")
INVARIANCES = ("permutation", "rotation", "scaling", "translation", "linear")
EUCLIDEAN = INVARIANCES[
    :4
]  # of units among each other, by an orthogonal matrix, by one factor, by a constant row


@dataclass(frozen=True)
class Metric:
    """A registered metric: the statistic it needs and the function that turns it into scores.

    Attributes:
        needs: ``sums`` of a space, ``neighbours`` or ``moments``.
        only: parameter -> (other, value): it is part of the id only where the other parameter has that value.
        space: the space whose sums or neighbours are needed, from the parameters.
        factor: what one representation contributes to every pair (``moments``), from `Own` and the parameters.
        values: whether the inner products with the neighbours are needed.
        finish: the function; what it gets and returns depends on `needs` (see `consilience.engine.metrics`).
        null: the exact mean, variance and skewness of the score under permutation of the samples, or None: permute.
        best: the best score there is: that of identical representations, or a bound (`cycle_knn`).
        undefined: why a score may be NaN, for the reader of the table.
        invariances: changes of X, alone, that the score does not see, of `INVARIANCES`; from the parameters if those
            matter. ``linear`` is any invertible map of the units.
    """

    name: str
    finish: Callable[..., Any]
    needs: str
    parameters: Mapping[str, Parameter]
    symmetric: bool
    direction: str
    range: str
    source: str
    only: Only = field(default_factory=dict)
    space: Callable[..., str] | None = None
    factor: Callable[..., Any] | None = None
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
        return spelled(self.metric.name, self.parameters)


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
    name, given = parts("metric", "cka:estimator=biased", metric)
    known = registered()
    if name not in known:
        raise unknown("metric", name, known)
    found = known[name]
    return Request(found, read(name, found.parameters, found.only, given))


def canonical(metric: str | Mapping[str, Any]) -> str:
    """The canonical id of a metric: every parameter spelled out, in alphabetical order."""
    return parse(metric).id
