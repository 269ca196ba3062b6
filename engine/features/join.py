"""Put every representation on the same samples: joined on `sample_id`, and what does not match is counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation


@dataclass(frozen=True)
class Joined:
    """Representations whose row i is the same sample, and what the join left out, per model."""

    representations: list[Representation]
    n: int
    sample_ids: np.ndarray | None = None
    dropped: dict[str, int] = field(default_factory=dict)


def join(representations: Sequence[Representation]) -> Joined:
    """Keep the samples that all `representations` have, in the order of the first one. What is joined can be joined
    again.

    Raises:
        BadInput: for plain arrays of different lengths, for a mixture of plain arrays and features with ids, for
            duplicate ids, and where no sample is common to all.
    """
    plain = [r for r in representations if r.sample_ids is None]
    if len(plain) == len(representations):
        return _same_length(representations)
    if plain:
        with_ids = next(r for r in representations if r.sample_ids is not None)
        raise BadInput(
            "sample ids for all representations or for none",
            f"none for {plain[0].name!r}, ids for {with_ids.name!r}",
            "write the plain arrays with FeatureStore.write(model, stimuli, sample_ids, layers)",
        )
    ids = representations[0].sample_ids
    assert ids is not None
    one_an_array = {
        id(r.sample_ids): r for r in representations
    }.values()  # the layers of a table share theirs
    if all(r.checked and r.n == len(ids) and bool(np.all(r.sample_ids == ids)) for r in one_an_array):
        return Joined(list(representations), representations[0].n, ids)  # tables hold each id once
    positions: dict[int, dict[str, int]] = {}  # the layers of one table share one id array
    for r in representations:
        assert r.sample_ids is not None
        if id(r.sample_ids) not in positions:
            positions[id(r.sample_ids)] = _positions(r)
    common = set.intersection(*(set(p) for p in positions.values()))
    if not common:
        sizes = ", ".join(_first_id(r) for r in {r.model: r for r in representations}.values())
        raise BadInput(
            "samples that all representations share", f"no common sample_id: {sizes}",
            "extract all models on the same stimulus set, under the same ids",
        )  # fmt: skip
    kept = [i for i in ids if i in common]
    rows = {key: np.fromiter((p[i] for i in kept), np.int64, len(kept)) for key, p in positions.items()}
    dropped = {r.model: r.n - len(kept) for r in representations if r.n > len(kept)}
    common_ids = np.asarray(kept, object)
    joined = [replace(r.joined(rows[id(r.sample_ids)]), sample_ids=common_ids) for r in representations]
    return Joined(joined, len(kept), common_ids, dropped)


def _same_length(representations: Sequence[Representation]) -> Joined:
    first = representations[0]
    for r in representations:
        if r.n != first.n:
            raise BadInput(
                "arrays of the same length (row i is the same sample in each)",
                f"{first.n} rows in {first.name!r}, {r.n} in {r.name!r}",
                "cut them to the same samples, or give sample ids (FeatureStore.write) and let them be joined",
            )
    return Joined(list(representations), first.n)


def _positions(r: Representation) -> dict[str, int]:
    assert r.sample_ids is not None
    positions = {str(s): i for i, s in enumerate(r.sample_ids)}
    if len(positions) < r.n:
        raise BadInput(
            f"each sample_id once in {r.model!r}",
            f"{r.n - len(positions)} duplicates",
            "keep one row a sample",
        )
    return positions


def _first_id(r: Representation) -> str:
    assert r.sample_ids is not None
    return f"{r.model} has {r.n} ({r.sample_ids[0]!r}, …)"
