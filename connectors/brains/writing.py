"""From a subject to feature tables."""

from collections.abc import Iterator
from typing import Any

from consilience.connectors.brains.interfaces import Region, Store, Subject


def tables_of(model: str, subject: Subject, trials: bool) -> Iterator[tuple[str, Subject, dict[str, Region]]]:
    """The tables of a subject: the name of the model, the subject whose rows it has, and the layers.

    See `Brains.write` for the names.
    """
    whole = subject.trials() if trials else subject
    yield model, whole, {name: region.mean() for name, region in whole.regions.items()}
    for index, repeat in enumerate(whole.repeats):
        yield f"{model}@{repeat}", whole, dict(whole.repeat(index).regions)
    if whole.nuisance:
        yield f"{model}@nuisance", whole, {name: Region(space) for name, space in whole.nuisance.items()}


def write_table(
    store: Store, model: str, stimuli: str, subject: Subject, layers: dict[str, Region], meta: dict[str, Any]
) -> Any:
    """One table; the only place that tells the store which layers are dissimilarities."""
    rdms = {name: "rdm" for name, region in layers.items() if region.kind == "rdm"}
    places = {
        name: region.coordinates.round(3).tolist()
        for name, region in layers.items()
        if region.coordinates is not None
    }
    groups = list(subject.groups) if subject.groups is not None else None
    return store.write(
        model,
        stimuli,
        subject.sample_ids,
        {name: region.values for name, region in layers.items()},
        meta={**meta, "groups": groups, "coordinates": places},
        kinds=rdms or None,
    )
