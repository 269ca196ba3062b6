"""The registry of metrics. Their ids are those of `consilience.engine.parameters`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from consilience.engine import outside
from consilience.engine.costs.work import Work
from consilience.engine.errors import BadInput, unknown
from consilience.engine.metrics.metric import (
    EUCLIDEAN,
    INVARIANCES,
    ON_LISTS,
    PAIRWISE,
    SINGLE,
    STATISTICS,
    Metric,
    Range,
    spelled_range,
)
from consilience.engine.parameters import Choice, Number, parts, read, spelled

__all__ = [
    "EUCLIDEAN", "INVARIANCES", "ON_LISTS", "SINGLE", "STATISTICS", "Choice", "Metric", "Number", "Range", "Request",
    "Work", "canonical", "metrics", "parse", "register", "registered", "spelled_range",
]  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A metric with all its parameters."""

    metric: Metric
    parameters: Mapping[str, Any]

    @property
    def needs(self) -> str:
        """The statistic that the metric needs."""
        return self._declared(self.metric.needs)

    @property
    def work(self) -> Work:
        """What the metric takes beyond the passes it shares."""
        return self._declared(self.metric.work)

    @property
    def labelled(self) -> bool:
        """Whether labels of the samples are needed."""
        return self.needs in ("classes", "probe") or bool(self._declared(self.metric.labels))

    @property
    def units(self) -> bool:
        """Whether sums over every unit alone are needed."""
        return self._declared(self.metric.units)

    @property
    def sampled(self) -> bool:
        """Whether a random part of the pairs of samples estimates the score without bias."""
        return self._declared(self.metric.sampled)

    @property
    def unsampled(self) -> str:
        """Why it does not, where that is not so of all metrics that need the same."""
        return self._declared(self.metric.unsampled)

    @property
    def repeats(self) -> bool:
        """Whether inner products of different repeats of the samples are needed."""
        return self._declared(self.metric.repeats)

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
        return self._declared(self.metric.best)

    @property
    def range(self) -> Range:
        """The lowest and the highest score of features, None where there is no bound."""
        return self._declared(self.metric.range)

    @property
    def alike(self) -> bool:
        """Whether identical representations score `best` by definition."""
        return self._declared(self.metric.alike)

    @property
    def of_rdms(self) -> bool:
        """Whether the dissimilarities of the samples to each other are enough, and no units are needed."""
        return self.needs in PAIRWISE and not self.units and not self.repeats

    @property
    def biased(self) -> bool:
        """Whether unrelated representations look alike where they have more units than samples."""
        return self._declared(self.metric.biased)

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
        return spelled(self.metric.name, self.parameters)


_METRICS: dict[str, Metric] = {}


def register(name: str, **about: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as the metric `name`; `about` holds the other attributes of `Metric`."""

    def add(finish: Callable[..., Any]) -> Callable[..., Any]:
        metric = Metric(name=name, finish=finish, **{"parameters": {}, **about})
        if isinstance(metric.needs, str) and metric.needs not in STATISTICS:
            raise unknown("statistic", metric.needs, STATISTICS)
        if not callable(metric.range) and (isinstance(metric.range, str) or len(metric.range) != 2):
            raise BadInput(
                f"the range of {name!r} as the lowest and the highest score, None where there is no bound",
                repr(metric.range), "write for instance range=(0, 1), or range=(None, 1)",
            )  # fmt: skip
        if name in _METRICS:
            raise ValueError(f"two metrics are registered as {name!r}")
        _METRICS[name] = metric
        return finish

    return add


def registered() -> dict[str, Metric]:
    """All metrics by name, those of outside packages (entry points ``consilience.metrics``) too."""
    outside.load("consilience.metrics")
    return _METRICS


def metrics() -> dict[str, str]:
    """The registered metrics: name -> one line on what it is."""
    return {
        name: metric.title + " Of one representation." * metric.single
        for name, metric in sorted(registered().items())
    }


def parse(metric: str | Mapping[str, Any], **preferred: Any) -> Request:
    """Read an id (``"cka:estimator=biased"``) or a mapping (``{"name": "cka", "estimator": "biased"}``).

    Args:
        preferred: values of parameters that are not given, for metrics that have those parameters and where they go
            with what is given.

    Raises:
        BadInput: for an unknown metric, parameter or value.
    """
    name, given = parts("metric", "cka:estimator=biased", metric)
    known = registered()
    if name not in known:
        raise unknown("metric", name, known)
    found = known[name]
    values = read(name, found.parameters, found.only, given, preferred)
    if preferred and found.clash is not None and found.clash(**values) is not None:
        values = read(name, found.parameters, found.only, given)
    if found.clash is not None and (clash := found.clash(**values)) is not None:
        raise BadInput(*clash)
    return Request(found, values)


def canonical(metric: str | Mapping[str, Any]) -> str:
    """The canonical id of a metric: every parameter spelled out, in alphabetical order."""
    return parse(metric).id
