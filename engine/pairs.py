"""Which pairs of representations a comparison is about, and what of all their products that takes."""

from collections.abc import Iterable, Sequence

import numpy as np

from consilience.engine.errors import BadInput, unknown


def pairs_of(a: Sequence[int], b: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Each pair of one of `a` with one of `b` once, and every representation with itself."""
    return with_own(asked_of(a, b), [*a, *b])


def asked_of(a: Sequence[int], b: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Each pair of one of `a` with one of `b` once."""
    return tuple(sorted({(min(i, j), max(i, j)) for i in a for j in b}))


def named(pairs: Iterable[tuple[str, str]], names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """The numbers of pairs given by name, each once. BadInput for a name that is not among `names`, and for none."""
    number = {name: i for i, name in enumerate(names)}
    found = set()
    for pair in pairs:
        for name in pair:
            if name not in number:
                raise unknown("representation", name, names)
        i, j = sorted(number[name] for name in pair)
        found.add((i, j))
    if not found:
        raise BadInput("at least one pair", "none", "leave pairs out to compare all")
    return tuple(sorted(found))


def with_own(pairs: Sequence[tuple[int, int]], every: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Those pairs, and each of `every` with itself."""
    return tuple(sorted({*pairs, *((i, i) for i in every)}))


def covering(pairs: Sequence[tuple[int, int]], count: int) -> tuple[int, ...] | None:
    """Few representations of which one is in every pair, greedily chosen among `count`.

    None where that would be more than half of them: then products of all with all take no longer.
    """
    wanted = np.zeros((count, count), bool)
    if pairs:
        a, b = np.array(pairs).T
        wanted[a, b] = wanted[b, a] = True
    own = np.diagonal(wanted).copy()
    np.fill_diagonal(wanted, False)
    degree = wanted.sum(axis=1)
    chosen: list[int] = []
    while degree.any():
        most = int(degree.argmax())
        chosen.append(most)
        if 2 * len(chosen) > count:
            return None
        degree -= wanted[most]
        wanted[most] = wanted[:, most] = False
        degree[most] = 0
    every = sorted({*chosen, *np.flatnonzero(own).tolist()})
    return None if 2 * len(every) > count else tuple(every)
