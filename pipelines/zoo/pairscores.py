"""The scores of a study's pairs: which are kept, which are to be computed, and all of them in one table.

The unit is a metric, a pair of representations and a context; see `contents`. So a model that joins brings its own
pairs with it, one that leaves takes nothing away, and neither the order of the models nor the choice of layers matters.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.scores import VARIABLES, assemble, label
from consilience.pipelines.zoo import segments
from consilience.pipelines.zoo.contents import Samples, contents, contexts, samples_of, sides, wide
from consilience.pipelines.zoo.merging import joined, of_metric
from consilience.pipelines.zoo.prepare import Comparison, Name, Prepared

if TYPE_CHECKING:
    import xarray as xr

KEPT = tuple(name for name in VARIABLES if name != "q")  # q is corrected over the table that there is
COORDINATES = ("groups", "groups_holdout", "direction", "null")
ABOUT = ("metrics", "notes", "preprocess", "preprocess_steps")
LEFT_OUT = "left_out"  # scores without each row group in turn, where they were not too many to be kept
NamePair = tuple[Name, Name]


@dataclass(frozen=True)
class Work:
    """Pairs of a comparison, and the metrics of which the scores of exactly these are missing.

    `missing` (R, R) has each of them once, above the diagonal or on it.
    """

    pairs: "Pairs"
    metrics: tuple[str, ...]
    missing: np.ndarray

    @property
    def names(self) -> list[Name]:
        """The representations in those pairs, in the order of the comparison."""
        wanted = {i for pair in zip(*self.missing.nonzero()) for i in pair}
        return [name for i, name in enumerate(self.pairs.names) if i in wanted]

    @property
    def named(self) -> list[NamePair]:
        """Those pairs."""
        names = self.pairs.names
        return [(names[i], names[j]) for i, j in zip(*self.missing.nonzero())]

    def compared(self, prepared: Prepared) -> list[Name]:
        """The representations that one sweep for those pairs is given, in its order.

        By the names of models: which side of a pair is permuted must not depend on their order in the file. One in
        float64 makes all computation so, and is there even if none of the pairs is its own.
        """
        needed = {*self.names, *wide(prepared, self.pairs.names)[:1]}
        return sorted((name for name in self.pairs.names if name in needed), key=lambda name: name[0])


class Pairs:
    """The pairs of one comparison, and their scores as far as they are kept."""

    def __init__(self, prepared: Prepared, comparison: Comparison):
        self.comparison, self.folder = comparison, prepared.kept
        self.names = sides(comparison)
        self.samples: Samples = samples_of(prepared, {model for model, _ in self.names})
        self.contexts = contexts(prepared, comparison, self.samples)
        found = contents(prepared, self.names)
        self.keys = [found[name] for name in self.names]
        self._segments: dict[str, list[segments.Segment]] = {}

    @cached_property
    def wanted(self) -> np.ndarray:
        """(R, R): which pairs are asked for, either way round."""
        a, b = (self._places(x) for x in (self.comparison.a, self.comparison.b or self.comparison.a))
        wanted = np.zeros((len(self.names),) * 2, bool)
        wanted[np.ix_(a, b)] = wanted[np.ix_(b, a)] = True
        return wanted

    def there(self, metric: str) -> np.ndarray:
        """(R, R): of which of the pairs asked for there are scores."""
        found = np.zeros_like(self.wanted)
        for segment in self._read(metric):
            a, b = self._rows(segment)
            inside = (a >= 0) & (b >= 0)
            found[a[inside], b[inside]] = True
        return found & self.wanted

    def counts(self, metric: str) -> tuple[int, int]:
        """How many pairs have scores, and how many do not yet."""
        known = int(np.triu(self.there(metric)).sum())
        return known, int(np.triu(self.wanted).sum()) - known

    def works(self) -> list[Work]:
        """What is to be computed, metrics that lack the same pairs together."""
        groups: dict[bytes, tuple[list[str], np.ndarray]] = {}
        for metric in self.comparison.metrics:
            missing = np.triu(self.wanted & ~self.there(metric))
            if missing.any():
                groups.setdefault(np.packbits(missing).tobytes(), ([], missing))[0].append(metric)
        return [Work(self, tuple(metrics), missing) for metrics, missing in groups.values()]

    def keep(self, work: Work, scores: "xr.Dataset") -> None:
        """Add the scores that `work` asked for, one metric after the other."""
        at = {label(*name): i for i, name in enumerate(self.names)}
        rows, columns = (np.array([at[str(x)] for x in scores[side].values]) for side in ("a", "b"))
        which = (work.missing | work.missing.T)[np.ix_(rows, columns)]
        i, j = which.nonzero()
        for k, metric in enumerate(str(x) for x in scores["metric"].values):
            reasons = of_metric(scores, "reasons", metric)
            texts = {
                row: reasons[name]
                for row, (x, y) in enumerate(zip(rows[i], columns[j]))
                if reasons
                and (name := f"{metric}|{label(*self.names[x])}|{label(*self.names[y])}") in reasons
            }
            about = {name: of_metric(scores, name, metric) for name in ABOUT}
            about["coordinates"] = {name: scores[name].values[k].item() for name in COORDINATES}
            about["names"] = {label(*name): key for name, key in zip(self.names, self.keys)}
            values = {name: scores[name].values[k][i, j] for name in KEPT}
            if LEFT_OUT in scores:
                values[LEFT_OUT] = scores[LEFT_OUT].values[k, : about["coordinates"]["groups"], i, j]
            segments.add(
                self._folder(metric),
                self.keys,
                {"a": rows[i], "b": columns[j]},
                values,
                {"reason": texts},
                about,
            )
            self._segments.pop(metric, None)

    def table(self, metric: str) -> "xr.Dataset":
        """The scores of that metric, over the sides of the comparison."""
        size = len(self.names)
        values = {name: np.full((size, size), np.nan) for name in KEPT}
        names = [label(*name) for name in self.names]
        mine = set(zip(names, self.keys))
        a_side, b_side = self.comparison.a, self.comparison.b or self.comparison.a
        left, right = self._places(a_side), self._places(b_side)
        reasons: dict[str, str] = {}
        about: dict[str, Any] = {name: {} for name in ABOUT}
        coordinates: dict[str, Any] = {}
        for segment in self._read(metric):
            a, b = self._rows(segment)
            (inside,) = ((a >= 0) & (b >= 0) & self.wanted[a, b]).nonzero()
            if not len(inside):
                continue
            for name in KEPT:
                values[name][a[inside], b[inside]] = segment.values(name)[inside]
            for row, text in segment.texts("reason").items():
                if a[row] in left and b[row] in right:
                    reasons[f"{metric}|{names[a[row]]}|{names[b[row]]}"] = text
            coordinates = segment.about["coordinates"]
            others = {name for name, key in segment.about["names"].items() if (name, key) not in mine}
            about = {name: joined(about[name], segment.about[name], others) for name in ABOUT}
        return assemble(
            {name: value[np.ix_(left, right)][None] for name, value in values.items()}, a_side, b_side, [metric],
            **{name: [coordinates[name]] for name in COORDINATES},
            attrs={"reasons": json.dumps(reasons), **{k: json.dumps(v) for k, v in about.items()}},
        )  # fmt: skip

    def left_out(self, metric: str) -> np.ndarray | None:
        """(groups, A, B): the scores of `table` without each row group in turn; None where they were not kept."""
        left, right = (self._places(x) for x in (self.comparison.a, self.comparison.b or self.comparison.a))
        size, found = len(self.names), None
        for segment in self._read(metric):
            if not segment.has(LEFT_OUT):
                continue
            a, b = self._rows(segment)
            (inside,) = ((a >= 0) & (b >= 0)).nonzero()
            values = segment.values(LEFT_OUT)
            if found is None:
                found = np.full((values.shape[1], size, size), np.nan)
            if len(found) == values.shape[1]:
                found[:, a[inside], b[inside]] = values[inside].T
        return None if found is None else found[:, left][:, :, right]

    def _places(self, names: Sequence[Name]) -> list[int]:
        return [self._at[name] for name in names]

    @cached_property
    def _at(self) -> dict[Name, int]:
        return {name: i for i, name in enumerate(self.names)}

    def _rows(self, segment: segments.Segment) -> tuple[np.ndarray, np.ndarray]:
        at = {key: i for i, key in enumerate(self.keys)}
        return segment.places("a", at), segment.places("b", at)

    def _folder(self, metric: str) -> Path:
        return self.folder / self.contexts[metric]

    def _read(self, metric: str) -> list[segments.Segment]:
        if metric not in self._segments:
            self._segments[metric] = segments.read(self._folder(metric))
        return self._segments[metric]
