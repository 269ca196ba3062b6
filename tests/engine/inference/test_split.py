"""What is set aside: halves and folds that the number of groups does not move, and groups inside them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.engine.inference.split import folded, held_out, split


@given(st.integers(8, 3000), st.integers(0, 5))
def test_halves(n, seed):
    cut = split(n, seed)
    assert np.array_equal(np.sort(np.concatenate([cut.train, cut.held])), np.arange(n))
    assert abs(len(cut.train) - len(cut.held)) <= 1
    for rows in (cut.train, cut.held, cut.anchors(7), cut.gallery(7)):
        assert (np.diff(rows) > 0).all()
    assert len(cut.anchors(4)) == len(cut.gallery(4)) == 4
    assert set(cut.anchors(4)) <= set(cut.train)
    assert set(cut.gallery(4)) <= set(cut.held)
    assert np.array_equal(cut.gallery(n), cut.held)


@given(st.integers(4, 300), st.integers(1, 25), st.integers(0, 5))
def test_groups_of_the_samples_held_out(m, groups, seed):
    held = held_out(np.arange(m) * 3, groups, seed, se=True)
    sizes = np.bincount(held.group)
    assert len(sizes) == min(m, groups)
    assert sizes.max() - sizes.min() <= 1
    values = np.random.default_rng(0).normal(size=m)
    for inside, mean in zip(held.inside, held.means(values)):
        assert mean == pytest.approx(values[inside].mean())
    few = held.only_tested()
    assert np.array_equal(few.inside, held.inside[list(held.subsets.tested)])
    assert few.subsets.tested == tuple(range(len(held.subsets.tested)))


@given(st.integers(8, 300), st.integers(2, 10), st.integers(1, 12))
def test_folds_do_not_depend_on_the_groups_inside_them(n, folds, groups):
    folds = min(folds, n // 2)
    dealt, plain = folded(n, folds, groups, 0), folded(n, folds, 1, 0)
    inside = min(groups, n // folds)
    assert dealt.count == folds * inside
    assert (dealt.sizes > 0).all()
    assert np.array_equal(np.sort(dealt.order), np.arange(n))
    assert np.array_equal(dealt.edges[::inside], plain.edges)
    for start, stop in zip(plain.edges, plain.edges[1:]):
        assert set(dealt.order[start:stop]) == set(plain.order[start:stop])
