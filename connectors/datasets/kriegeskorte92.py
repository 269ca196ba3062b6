"""The 92 pictures of objects of Kriegeskorte et al. 2008, and the dissimilarity matrices that they gave in inferior
temporal cortex of four humans and two monkeys."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from consilience.connectors.datasets.fetching import DataSet

DATA = DataSet(
    name="kriegeskorte92",
    url="https://raw.githubusercontent.com/rsagroup/rsatoolbox/f1f83cadb7243492a1aae7460466e0f0140b20ac/"
    "demos/92imageData/",
    licence="MIT (of the repository that ships it; none is stated for the data)",
    citation="Kriegeskorte et al. 2008, Matching categorical object representations in inferior temporal cortex of man "
    "and monkey, Neuron 60",
)
HUMANS = ("BE", "KO", "SN", "TI")
SESSIONS = ("session1", "session2")
REFERENCES = ("monkey", "group")
_PICTURES = "Kriegeskorte_Neuron2008_supplementalData.mat"


@dataclass(frozen=True)
class Pictures:
    """`images` (92, 175, 175, 3) of uint8, and the category of each."""

    images: np.ndarray
    categories: tuple[str, ...]

    @property
    def ids(self) -> list[str]:
        """The place in the set with the category: ``13-human-face``."""
        return [f"{i:02d}-{name.replace(' ', '-')}" for i, name in enumerate(self.categories, 1)]


@cache
def pictures() -> Pictures:
    """The pictures, in the order of the rows of every matrix."""
    objects = _read(_PICTURES)["stimuli_92objs"]
    return Pictures(np.stack([o.image for o in objects]), tuple(str(o.category) for o in objects))


def human(subject: str) -> np.ndarray:
    """The matrices (2 sessions, 92, 92) of one subject: 1 - r of the patterns in inferior temporal cortex."""
    return np.stack([record.RDM for record in _read("92_brainRDMs.mat")["RDMs"][HUMANS.index(subject)]])


def reference(name: str) -> np.ndarray:
    """The matrix (92, 92) of the monkeys (674 neurons of two), or of the group of humans (316 voxels)."""
    from scipy.spatial.distance import squareform

    return squareform(_read(_PICTURES)["RDMs_mIT_hIT_fig1"][REFERENCES.index(name)].RDM)


@cache
def _read(name: str) -> dict[str, Any]:
    from scipy.io import loadmat

    return loadmat(DATA.path(name), squeeze_me=True, struct_as_record=False)
