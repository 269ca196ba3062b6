"""What imaging data are once they are read: subjects, with regions that respond to the same stimuli.

A subject becomes a feature table, a region a layer of it, a voxel (or vertex, sensor, neuron) a unit.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from consilience.engine.errors import BadInput

Kind = Literal["units", "rdm"]


class Store(Protocol):
    """What a feature store offers to write with: ``consilience.FeatureStore``."""

    def write(
        self,
        model: str,
        stimuli: str,
        sample_ids: Any,
        layers: Mapping[str, Any],
        *,
        meta: Mapping[str, Any] | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> Any: ...


@dataclass(frozen=True)
class Excluded:
    """What of a recording was left out and why: `count` of `what` ("voxels of IT"), or a whole subject or region."""

    subject: str
    what: str
    reason: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.subject}: {self.count} {self.what}: {self.reason}"


@dataclass(frozen=True)
class Region:
    """One region of one subject.

    `values` are responses (n, units) of kind ``"units"``, or dissimilarities (n, n) of kind ``"rdm"``. Repeats of all
    stimuli are kept apart: (n, repeats, units), as the engine takes them, and (repeats, n, n). `coordinates`
    (units, 3) says where a unit lies, in mm. `left_out` counts what of the region is not among
    these: (``"units"``, or ``"voxels"`` of which a unit is the mean; the reason) -> how many.
    """

    values: np.ndarray
    kind: Kind = "units"
    coordinates: np.ndarray | None = None
    left_out: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """The number of stimuli."""
        return int(self.values.shape[-1] if self.kind == "rdm" else self.values.shape[0])

    @property
    def repeats(self) -> int:
        """How often each stimulus was measured; 1 where that is not kept apart."""
        return int(self.values.shape[self._axis]) if self.values.ndim == 3 else 1

    def mean(self) -> "Region":
        """The mean over repeats: of responses, or of dissimilarities."""
        if self.values.ndim == 2:
            return self
        return replace(self, values=self.values.mean(axis=self._axis, dtype=np.float64))

    def repeat(self, index: int) -> "Region":
        """One repeat by itself."""
        return replace(self, values=self.values.take(index, axis=self._axis))

    @property
    def _axis(self) -> int:
        return 0 if self.kind == "rdm" else 1


@dataclass(frozen=True)
class Subject:
    """The responses of one subject: row i of every region is the stimulus (or time point, or trial) ``sample_ids[i]``.

    `repeats` names the repeats that the regions keep apart (sessions, runs). `groups` says for each row to which run or
    story it belongs, for folds that do not leak. `nuisance` holds spaces (n, k) that an encoding model has to allow
    for. `reference` marks a recording that stands beside the subjects, such as their mean.

    Raises BadInput where the shapes do not fit together.
    """

    name: str
    sample_ids: Sequence[str]
    regions: Mapping[str, Region]
    repeats: tuple[str, ...] = ()
    groups: Sequence[str] | None = None
    nuisance: Mapping[str, np.ndarray] = field(default_factory=dict)
    excluded: tuple[Excluded, ...] = ()
    reference: bool = False

    def __post_init__(self) -> None:
        n = len(self.sample_ids)
        if twice := [i for i, count in Counter(self.sample_ids).items() if count > 1]:
            raise BadInput(
                f"every sample id of {self.name} once",
                f"{', '.join(map(repr, twice[:3]))}{', …' if twice[3:] else ''} several times",
                "keep the trials of a stimulus apart as repeats (of_trials), or average them",
            )
        if len(self.repeats) == 1:
            raise BadInput(
                f"two or more repeats of {self.name}, or no names of any", "one", "leave its name out"
            )
        for name, region in self.regions.items():
            if region.n != n or (region.kind == "rdm" and region.values.shape[-2] != n):
                shape = f"{(n, n)}" if region.kind == "rdm" else f"({n}, units)"
                raise BadInput(
                    f"region {name!r} of {self.name} of shape {shape}, one row a sample id",
                    f"shape {region.values.shape}",
                    "give one sample id a row",
                )
            if region.repeats != max(1, len(self.repeats)):
                raise BadInput(
                    f"{len(self.repeats)} repeats in region {name!r} of {self.name}, as they are named",
                    f"{region.repeats}",
                    "name every repeat, or average them",
                )
            if region.coordinates is not None and region.coordinates.shape != (region.values.shape[-1], 3):
                raise BadInput(
                    f"coordinates of region {name!r} of {self.name} of shape ({region.values.shape[-1]}, 3)",
                    f"shape {region.coordinates.shape}",
                    "give x, y and z of every unit, in mm",
                )
        for name, space in self.nuisance.items():
            if np.ndim(space) != 2 or len(space) != n:
                raise BadInput(
                    f"nuisance space {name!r} of {self.name} of shape ({n}, columns)",
                    f"shape {np.shape(space)}",
                    "cut it to the rows that were recorded",
                )
        if self.groups is not None and len(self.groups) != n:
            raise BadInput(
                f"{n} groups for {self.name}, one a row",
                str(len(self.groups)),
                "give each row its run or story",
            )

    def repeat(self, index: int) -> "Subject":
        """One repeat by itself, without the name of the others."""
        return replace(
            self, repeats=(), regions={name: region.repeat(index) for name, region in self.regions.items()}
        )

    def trials(self) -> "Subject":
        """Every repeat of every stimulus as a row of its own, ``<stimulus>@<repeat>``; the group is the repeat.

        Raises BadInput where there are no repeats, and for regions of which only dissimilarities are known.
        """
        if not self.repeats or any(region.kind == "rdm" for region in self.regions.values()):
            got = "no repeats" if not self.repeats else "dissimilarities"
            raise BadInput(f"responses with repeats in {self.name}", got, "use the rows as they are")
        flat = {
            name: replace(region, values=region.values.swapaxes(0, 1).reshape(-1, region.values.shape[-1]))
            for name, region in self.regions.items()
        }
        return replace(
            self,
            sample_ids=[f"{i}@{repeat}" for repeat in self.repeats for i in self.sample_ids],
            groups=[repeat for repeat in self.repeats for _ in self.sample_ids],
            regions=flat,
            repeats=(),
            nuisance={name: np.tile(space, (len(self.repeats), 1)) for name, space in self.nuisance.items()},
        )
