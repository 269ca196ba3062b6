"""The registry of metrics. Their ids are those of `consilience.engine.parameters`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from consilience.engine import outside
from consilience.engine.costs.work import SPECTRUM, Work
from consilience.engine.errors import BadInput, unknown
from consilience.engine.parameters import Choice, Number, Only, Parameter, parts, read, spelled

__all__ = [
    "EUCLIDEAN", "INVARIANCES", "STATISTICS", "Choice", "Metric", "Number", "Request", "Work", "canonical", "metrics",
    "parse", "register", "registered",
]  # fmt: skip

SINGLE = ("covariance", "means", "directions", "distances", "probe")  # statistics of one representation
PAIRWISE = (
    "sums",
    "classes",
    "batches",
    "neighbours",
    "overlaps",
    "unions",
    "triangles",
)  # statistics of pairs of samples
STATISTICS = (*PAIRWISE, "moments", "held_out", *SINGLE)
ON_LISTS = ("neighbours", "overlaps")  # what is made of the neighbour lists of two representations
INVARIANCES = ("permutation", "rotation", "scaling", "translation", "linear")
EUCLIDEAN = INVARIANCES[
    :4
]  # of units among each other, by an orthogonal matrix, by one factor, by a constant row


@dataclass(frozen=True)
class Metric:
    """A registered metric: the statistic it needs and the function that turns it into scores.

    Attributes:
        needs: ``sums`` of a space over all pairs of samples, within ``classes`` or within ``batches``; ``neighbours``,
            their ``overlaps`` alone, or the ``unions`` of two samples' neighbours; whole ``triangles`` of few samples;
            ``moments``; ``held_out`` samples. Of one representation ``covariance``, ``means``, ``directions``,
            ``distances``, or labels that a ``probe`` predicts. From the parameters if those matter.
        symmetric: whether X with Y scores as Y with X; from the parameters if those matter.
        only: parameter -> (other, value, …): it is part of the id only where the other has such a value. Of a
            parameter with itself: only where it is not what it is by default.
        clash: why the parameters do not go together, in three parts (expected, got, fix), or None.
        repeats: from the parameters, whether inner products of different repeats of the samples are needed.
        part: what the `Sums` of one class or batch add to what `finish` gets then.
        sampled: from the parameters, whether random batches of samples estimate the score without bias (then `part` is
            needed) or, of ``overlaps``, random samples do.
        units: from the parameters, whether sums over every unit alone are needed (with ``sums`` and ``classes``).
        space: the space whose sums or neighbours are needed, from the parameters.
        factor: what one representation contributes to every pair, from `Own` (``moments``) or `Side` (``held_out``)
            and the parameters.
        work: what it takes beyond the passes it shares (``moments``, ``held_out``, ``neighbours``), from the parameters
            if those matter; see `Work`. By default that of the singular values of X'Y.
        fits: whether moments of the train samples are needed (``held_out``); from the parameters if those matter.
        values: whether the inner products with the neighbours are needed.
        nearest: to how many neighbours the ``distances`` are needed, from the parameters.
        finish: the function; what it gets and returns depends on `needs` (see `consilience.engine.metrics`).
        null: the exact mean, variance and skewness of the score under permutation of the samples, or None: permute.
            Of ``held_out`` metrics it is had from their `Scores` and the number of a subset.
        best: the best score there is: that of identical representations, or a bound (`cycle_knn`).
        biased: whether unrelated representations look alike where they have more units than samples; from the
            parameters if those matter.
        undefined: why a score may be NaN, for the reader of the table.
        leaves_out: which samples a metric of one representation cannot use, for the reader of the profile.
        invariances: changes of X, alone, that the score does not see, of `INVARIANCES`; from the parameters if those
            matter. ``linear`` is any invertible map of the units.
    """

    name: str
    finish: Callable[..., Any]
    needs: str | Callable[..., str]
    parameters: Mapping[str, Parameter]
    range: str
    source: str
    symmetric: bool | Callable[..., bool] = True
    direction: str = ""
    only: Only = field(default_factory=dict)
    clash: Callable[..., tuple[str, str, str] | None] | None = None
    units: bool | Callable[..., bool] = False
    part: Callable[..., Any] | None = None
    sampled: bool | Callable[..., bool] = False
    repeats: bool | Callable[..., bool] = False
    space: Callable[..., str] | None = None
    factor: Callable[..., Any] | None = None
    work: Work | Callable[..., Work] = SPECTRUM
    fits: bool | Callable[..., bool] = False
    values: bool = False
    nearest: Callable[..., int] | None = None
    null: Callable[..., Any] | None = None
    best: float | Callable[..., float] = 1.0
    biased: bool | Callable[..., bool] = False
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
    def paragraphs(self) -> list[str]:
        """The docstring of `finish`: title, formula, what there is to know, and last where the metric misleads."""
        return [" ".join(p.split()) for p in (self.finish.__doc__ or "").strip().split("\n\n")]

    @property
    def formula(self) -> str:
        """The second paragraph of the docstring."""
        return self.paragraphs[1] if len(self.paragraphs) > 1 else ""


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
        return self.needs in ("classes", "probe")

    @property
    def units(self) -> bool:
        """Whether sums over every unit alone are needed."""
        return self._declared(self.metric.units)

    @property
    def sampled(self) -> bool:
        """Whether a random part of the pairs of samples estimates the score without bias."""
        return self._declared(self.metric.sampled)

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
