"""Stimuli, and regions, that one subject of a data set lacks and another has."""

from collections.abc import Mapping, Sequence

from consilience.connectors.brains.interfaces import Excluded


def missing_of(ids: Mapping[str, Sequence[str]], what: str = "stimuli") -> tuple[Excluded, ...]:
    """What every subject lacks of the stimuli, or rows of time, that any of them has, counted; `ids` are those of each
    subject, and `what` they are called.

    Nothing of a recording is lost by it, but a comparison of several subjects joins on what they have in common, and a
    mean over subjects is over different stimuli.
    """
    everything = dict.fromkeys(i for own in ids.values() for i in own)
    found = []
    for name, own in ids.items():
        held = set(own)
        if lost := [i for i in everything if i not in held]:
            first = ", ".join(repr(i) for i in lost[:3]) + (", …" if lost[3:] else "")
            found.append(Excluded(name, f"of {len(everything)} {what} ({first})", "not recorded", len(lost)))
    return tuple(found)


def regions_missing_of(regions: Mapping[str, Sequence[str]]) -> tuple[Excluded, ...]:
    """The regions that every subject lacks of those that any of them has; `regions` are those of each subject."""
    everything = dict.fromkeys(name for own in regions.values() for name in own)
    return tuple(
        Excluded(subject, f"region ({name})", "not recorded")
        for subject, own in regions.items()
        for name in everything
        if name not in own
    )
