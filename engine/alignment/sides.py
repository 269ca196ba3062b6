"""The two sides of an alignment: layers of models, and regions of subjects' brains."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput, unknown
from consilience.engine.features.representation import Representation
from consilience.engine.features.representations import representations
from consilience.engine.features.table import FeatureTable
from consilience.engine.reading import Features, read
from consilience.engine.scoring.models import by_model

Brains = Mapping[str, Any] | Iterable[FeatureTable]
LEAST_SUBJECTS = 2


@dataclass(frozen=True)
class Sides:
    """`layers` of models, then `recordings` of regions, as one list of representations.

    `models` maps each model to the numbers of its layers; `recorded` (regions, subjects) holds the numbers of the
    recordings in that list, -1 where a subject lacks a region.
    """

    layers: tuple[Representation, ...]
    recordings: tuple[Representation, ...]
    models: dict[str, np.ndarray]
    regions: tuple[str, ...]
    subjects: tuple[str, ...]
    recorded: np.ndarray

    @property
    def representations(self) -> list[Representation]:
        return [*self.layers, *self.recordings]

    @property
    def present(self) -> np.ndarray:
        """(regions, subjects): who has which region."""
        return self.recorded >= 0

    @property
    def depth(self) -> np.ndarray:
        """(layers,): from 0 at the first layer of a model to 1 at its last, which an only layer is."""
        depth = np.ones(len(self.layers))
        for numbers in self.models.values():
            if len(numbers) > 1:
                depth[numbers] = np.linspace(0, 1, len(numbers))
        return depth

    @property
    def model_of(self) -> np.ndarray:
        """(layers,): the number of the model of each."""
        of = np.empty(len(self.layers), int)
        for m, layers in enumerate(self.models.values()):
            of[layers] = m
        return of

    def brains(self, region: int) -> np.ndarray:
        """The numbers of the recordings of one region, those subjects alone that have it."""
        return self.recorded[region, self.present[region]]

    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Layers with recordings, layers of different models, and recordings of one region by different subjects."""
        recordings = range(len(self.layers), len(self.representations))
        pairs = {(i, j) for i in range(len(self.layers)) for j in recordings}
        for region in range(len(self.regions)):
            pairs |= set(combinations(self.brains(region).tolist(), 2))
        for one, other in combinations(self.models.values(), 2):
            pairs |= {(min(i, j), max(i, j)) for i in one.tolist() for j in other.tolist()}
        return tuple(sorted(pairs))

    def pairs_with_itself(self) -> tuple[tuple[int, int], ...]:
        """The same, and every representation with itself."""
        return tuple(sorted({*self.pairs(), *((i, i) for i in range(len(self.representations)))}))


def sides_of(models: Features, brains: Brains, hierarchy: Sequence[str] | None) -> Sides:
    """The sides, checked; see `align` for what they may be.

    Raises:
        BadInput: for fewer than two subjects, a subject without regions, a model under the name of a subject, and a
            hierarchy that is none of the regions.
    """
    layers = tuple(read(models))
    subjects: dict[str, list[Representation]] = {}
    for name, given in _named(brains):
        if name in subjects:
            raise BadInput("every subject once", f"{name!r} twice", "give each its own name")
        subjects[name] = _regions_of(name, given)
    if len(subjects) < LEAST_SUBJECTS:
        raise BadInput(f"{LEAST_SUBJECTS} subjects or more", str(len(subjects)), "add subjects")
    own = by_model(layers, range(len(layers)), ()).a
    if both := sorted(set(own) & set(subjects)):
        raise BadInput("models and subjects of different names", f"{both[0]!r} as both", "rename one of them")
    regions = tuple(dict.fromkeys(r.layer for those in subjects.values() for r in those))
    if hierarchy is not None:
        check_hierarchy(hierarchy, regions)
    recorded = np.full((len(regions), len(subjects)), -1)
    recordings: list[Representation] = []
    for s, those in enumerate(subjects.values()):
        for r in those:
            recorded[regions.index(r.layer), s] = len(layers) + len(recordings)
            recordings.append(r)
    return Sides(layers, tuple(recordings), own, regions, tuple(subjects), recorded)


def check_hierarchy(hierarchy: Sequence[str], regions: Sequence[str]) -> None:
    """Refuse a hierarchy that is not of two or more of the regions, each once."""
    if len(hierarchy) < 2 or len(set(hierarchy)) < len(hierarchy):
        raise BadInput(
            "a hierarchy of two regions or more, each once", ", ".join(hierarchy) or "none",
            "leave hierarchy out where there is no order",
        )  # fmt: skip
    for region in hierarchy:
        if region not in regions:
            raise unknown("region", region, regions)


def _named(brains: Brains) -> list[tuple[str, Any]]:
    if isinstance(brains, Mapping):
        return list(brains.items())
    tables = [brains] if isinstance(brains, FeatureTable) else list(brains)
    for table in tables:
        if not isinstance(table, FeatureTable):
            raise BadInput(
                "brains as a list of feature tables, or as a mapping from subjects to regions",
                f"{type(table).__name__} in a list", "give {subject: {region: array}}",
            )  # fmt: skip
    return [(table.model, table) for table in tables]


def _regions_of(subject: str, given: Any) -> list[Representation]:
    """The recordings of one subject, a region each."""
    if isinstance(given, FeatureTable):
        return representations({subject: given})
    if not isinstance(given, Mapping) or not given:
        got = "none" if isinstance(given, Mapping) else type(given).__name__
        raise BadInput(
            f"regions of the subject {subject!r}", got, "give {region: array or RDM}, or a feature table"
        )
    found = []
    for region, value in given.items():
        its = [value] if isinstance(value, Representation) else representations({region: value})
        if len(its) > 1:
            raise BadInput(
                f"one array or RDM for {subject!r} in {region!r}", f"{len(its)} layers", "choose one layer"
            )
        found.append(replace(its[0], model=subject, layer=region))
    return found
