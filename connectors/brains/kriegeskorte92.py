"""Human inferior temporal cortex on 92 pictures of objects, of which dissimilarity matrices were published."""

from consilience.connectors.brains.dataset import Brains
from consilience.connectors.brains.interfaces import Region, Subject
from consilience.connectors.brains.registry import register
from consilience.connectors.datasets import kriegeskorte92 as data


@register(
    "kriegeskorte92",
    "92 pictures: RDMs of human IT, 4 subjects x 2 sessions; beside them monkeys and the group",
)
def kriegeskorte92() -> Brains:
    """Region ``IT`` of subjects BE, KO, SN and TI, whose two sessions are kept apart; references ``monkey`` (674
    neurons of two monkeys) and ``group`` (mean of four humans, 316 voxels)."""
    return Brains(
        name=data.DATA.name,
        names=data.HUMANS,
        references=data.REFERENCES,
        load=_load,
        fingerprint=data.DATA.fingerprint,
        cached=data.DATA.cached,
        licence=data.DATA.licence,
        citation=data.DATA.citation,
        url=data.DATA.url,
        stimuli="kriegeskorte92",
    )


def _load(name: str) -> Subject:
    ids = data.pictures().ids
    if name in data.REFERENCES:
        return Subject(name, ids, {"IT": Region(data.reference(name), "rdm")}, reference=True)
    return Subject(name, ids, {"IT": Region(data.human(name), "rdm")}, repeats=data.SESSIONS)
