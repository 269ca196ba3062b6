"""Six regions of twenty people who heard the first chapter of Alice in Wonderland, and the words on their clock."""

import numpy as np

from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.hrf import to_volumes
from consilience.connectors.brains.interfaces import Region, Subject
from consilience.connectors.brains.registry import register
from consilience.connectors.datasets import alice as data


@register(
    "alice", "a story heard in the scanner: 6 regions x 362 volumes, 19 subjects; word rate, sound, motion"
)
def alice() -> Brains:
    """Regions LATL, RATL, LPTL, LIPL, LPreM and LIFG, one time course each. Rows are the volumes 10 to 371 of the scan
    (the ten before were discarded), ``vol010`` to ``vol371``; nuisance spaces are word rate, sound power and motion.
    Subject s33, whose time courses are constant, is rejected. `volumes_of_words` puts features of words on the rows."""
    return Brains(
        name=data.DATA.name,
        names=data.subjects(),
        load=_load,
        fingerprint=data.DATA.fingerprint,
        cached=data.DATA.cached,
        licence=data.DATA.licence,
        citation=data.DATA.citation,
        url=data.DATA.url,
        stimuli="alice",
        on_rows=volumes_of_words,
        notes={"tr": data.TR, "first": data.FIRST},
    )


def volumes_of_words(features: np.ndarray, hrf: str | None = "spm") -> tuple[list[str], np.ndarray]:
    """Features (2127, d) of the words on the 362 volumes: the ids of the volumes, and (362, d).

    The words come in the order of the stimulus set ``alice``; `hrf` is as in `to_volumes`.
    """
    words = data.words()
    values = to_volumes(
        features,
        onsets=[word.onset for word in words],
        volumes=data.VOLUMES,
        tr=data.TR,
        first=data.FIRST,
        hrf=hrf,
    )
    return _ids(), values


def _ids() -> list[str]:
    return [f"vol{i:03d}" for i in range(data.DISCARDED, data.DISCARDED + data.VOLUMES)]


def _load(name: str) -> Subject:
    responses = data.responses(name)
    regions = {region: Region(responses[:, [column]]) for column, region in enumerate(data.REGIONS)}
    return Subject(name, _ids(), regions, nuisance=data.nuisance(name))
