"""What a metric declares of itself: all that the passes, the suites and the guide know of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import pi
from typing import Any

from consilience.engine.costs.work import SPECTRUM, Work
from consilience.engine.parameters import Only, Parameter

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

Range = tuple[float | None, float | None]  # the lowest and the highest score there is; None: no bound


def spelled_range(bounds: Range) -> str:
    """In words, as ``0..π/2`` and ``-∞..1``."""
    low, high = ("π/2" if b == pi / 2 else b if b is None else f"{b:g}" for b in bounds)
    return f"{'-∞' if low is None else low}..{'∞' if high is None else high}"


@dataclass(frozen=True)
class Metric:
    """A registered metric: the statistic it needs and the function that turns it into scores.

    Attributes:
        needs: ``sums`` of a space over all pairs of samples, within ``classes`` or within ``batches``; ``neighbours``,
            their ``overlaps`` alone, or the ``unions`` of two samples' neighbours; whole ``triangles`` of few samples;
            ``moments``; ``held_out`` samples. Of one representation ``covariance``, ``means``, ``directions``,
            ``distances``, or labels that a ``probe`` predicts. From the parameters if those matter.
        range: the lowest and the highest score of features, None where there is no bound; from the parameters if those
            matter. An RDM that no features have may score lower.
        symmetric: whether X with Y scores as Y with X; from the parameters if those matter.
        only: parameter -> (other, value, …): it is part of the id only where the other has such a value. Of a
            parameter with itself: only where it is not what it is by default.
        clash: why the parameters do not go together, in three parts (expected, got, fix), or None.
        labels: whether labels of ``held_out`` samples are needed; from the parameters if those matter.
        repeats: from the parameters, whether inner products of different repeats of the samples are needed.
        part: what the `Sums` of one class or batch add to what `finish` gets then.
        sampled: from the parameters, whether random batches of samples estimate the score without bias (then `part` is
            needed) or, of ``overlaps``, random samples do.
        unsampled: why they do not, from the parameters if those matter; empty: what holds of all that need the same.
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
        alike: whether identical representations score `best` by definition; from the parameters if those matter.
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
    range: Range | Callable[..., Range]
    source: str
    symmetric: bool | Callable[..., bool] = True
    direction: str = ""
    only: Only = field(default_factory=dict)
    clash: Callable[..., tuple[str, str, str] | None] | None = None
    units: bool | Callable[..., bool] = False
    part: Callable[..., Any] | None = None
    sampled: bool | Callable[..., bool] = False
    unsampled: str | Callable[..., str] = ""
    labels: bool | Callable[..., bool] = False
    repeats: bool | Callable[..., bool] = False
    space: Callable[..., str] | None = None
    factor: Callable[..., Any] | None = None
    work: Work | Callable[..., Work] = SPECTRUM
    fits: bool | Callable[..., bool] = False
    values: bool = False
    nearest: Callable[..., int] | None = None
    null: Callable[..., Any] | None = None
    best: float | Callable[..., float] = 1.0
    alike: bool | Callable[..., bool] = True
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
        return (self.finish.__doc__ or self.name).strip().splitlines()[0]

    @property
    def paragraphs(self) -> list[str]:
        """The docstring of `finish`: title, formula, what there is to know, and last where the metric misleads."""
        return [" ".join(p.split()) for p in (self.finish.__doc__ or "").strip().split("\n\n")]

    @property
    def formula(self) -> str:
        """The second paragraph of the docstring."""
        return self.paragraphs[1] if len(self.paragraphs) > 1 else ""
