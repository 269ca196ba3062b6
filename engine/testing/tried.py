"""Features that a metric is tried on, and what it scores of them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.comparison import Comparison
from consilience.engine.metrics.registry import Request
from consilience.engine.profile import Profile

SAME = 1e-7  # of 1, or of a score above 1: scores that differ by less are the same
N, D, REPEATS = 60, 6, 3


@dataclass(frozen=True)
class Tried:
    """Two representations that have something in common, some of their units more than others."""

    request: Request
    x: np.ndarray
    y: np.ndarray

    @property
    def options(self) -> dict[str, Any]:
        """Labels, where the metric needs them."""
        if not self.request.labelled:
            return {}
        labels = np.arange(len(self.x)) % 3
        return {"labels": labels * 1.0 if self.request.parameters.get("task") == "r2" else labels}

    def table(self, cut: tuple[int, int] | None = None, **options: Any) -> xr.Dataset:
        """Of both with each other, or of each; with tiles and strips of so many rows as `cut` says."""
        given = {**self.options, **options}
        features: dict[str, np.ndarray] = {"x": self.x, "y": self.y}
        if self.request.metric.single:
            profile = Profile if cut is None else _cut(Profile, cut)
            return profile(features, [self.request.id], **given).run()
        compare = Comparison if cut is None else _cut(Comparison, cut)
        return compare(features, metrics=[self.request.id], **{"permutations": 2, "groups": 6, **given}).run()

    def score(self, x: np.ndarray | None = None, y: np.ndarray | None = None) -> float:
        """Of the two, or of others in their place; of the first alone for a metric of one representation."""
        tried = replace(self, x=self.x if x is None else x, y=self.y if y is None else y)
        scores = tried.alone()["score"].values[0]
        return float(scores.flat[0 if self.request.metric.single else 1])

    def alone(self) -> xr.Dataset:
        """The table without errors and null."""
        options: dict[str, Any] = {} if self.request.metric.single else {"null": False}
        return self.table(se=False, **options)


def _cut(kind: Any, rows: tuple[int, int]) -> Any:
    """Comparisons or profiles in blocks of another size than they plan for."""

    class Cut(kind):
        def plan(self, measured: Any = None) -> Any:
            return replace(super().plan(measured), tile_rows=rows[0], strip_rows=rows[1])

    return Cut


def tried(
    request: Request, seed: int = 0, n: int = N, d: tuple[int, int] = (D, D), dtype: Any = np.float64
) -> Tried:
    """Seeded features of n samples, with repeats where the metric needs them."""
    rng = np.random.default_rng(seed)
    shared, weights = rng.normal(size=(n, 1, 4)), rng.normal(size=(4, max(d)))
    sides = []
    for width in d:
        common = shared @ (weights[:, :width] + 0.5 * rng.normal(size=(4, width)))
        noise = rng.normal(size=(n, REPEATS if request.repeats else 1, width)) * np.geomspace(0.3, 2.0, width)
        made = common + noise + rng.normal(size=width)
        sides.append((made if request.repeats else made[:, 0]).astype(dtype))
    return Tried(request, *sides)


def must(holds: bool, request: Request, told: str) -> None:
    if not holds:
        raise AssertionError(f"{request.id}: {told}")
