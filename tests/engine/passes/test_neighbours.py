"""Nearest neighbours found on tiles, against a search through all samples; ties, copies, and subsets of rows."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

import consilience as cs
from consilience.engine.comparison import Comparison
from consilience.engine.costs import tiles
from consilience.engine.features.representation import ArraySource
from consilience.engine.inference.subsets import subsets
from consilience.engine.passes import executors
from consilience.engine.passes.blocks import frame
from consilience.engine.passes.layout import layout
from consilience.engine.passes.neighbours import kept
from consilience.engine.passes.overlaps import overlaps_within
from consilience.engine.passes.second_order import second_order

SPACES = {"rdm-cosine": "cosine", "rdm-euclidean": "euclidean", "inner": "inner"}


def search(x, space, k, groups=10, tile_rows=7, strip_rows=20):
    """The neighbour lists of every subset, each as row number -> neighbours' row numbers."""
    c = Comparison({"x": x}, metrics=["cka"], groups=groups)
    chosen = subsets(c.groups.count)
    frames = [frame(r) for r in c.representations]
    found = second_order(
        c.representations, frames, c.groups, chosen, layout(c.groups, tile_rows), searches={space: k}, null=False,
        strip_rows=strip_rows, run=executors.run,
    ).neighbours[space]  # fmt: skip
    lists = []
    for s in range(chosen.count):
        view = found.lists(chosen, s, k)
        rows = c.groups.order[view.rows]
        lists.append({int(i): [int(rows[j]) for j in near if j >= 0] for i, near in zip(rows, view.lists[0])})
    return lists


@given(st.integers(0, 2**32 - 1), st.integers(30, 70), st.sampled_from(sorted(SPACES)))
@settings(max_examples=15, deadline=None)
def test_lists_of_all_rows_and_of_every_subset(seed, n, space):
    x = np.random.default_rng(seed).normal(size=(n, 4))
    for found in search(x, space, 4):
        rows = np.array(sorted(found))
        want = reference.neighbours(x[rows], 4, SPACES[space])
        for i, near in zip(rows, want):
            assert found[int(i)] == [int(rows[j]) for j in near]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 0.3, 40.0])
@pytest.mark.parametrize("tile_rows", [3, 50])
def test_copies_are_at_distance_zero_and_ties_go_to_the_lower_row_number(tile_rows, offset, dtype):
    x = np.repeat(np.eye(5) + offset, 8, axis=0).astype(dtype)  # every sample has seven copies
    found = search(x, "rdm-euclidean", 3, tile_rows=tile_rows)[0]
    for i, near in found.items():
        copies = [j for j in range(i // 8 * 8, i // 8 * 8 + 8) if j != i]
        assert near == copies[:3]


@given(st.integers(0, 2**32 - 1), st.integers(40, 70), st.integers(1, 6), st.booleans())
@settings(max_examples=15, deadline=None)
def test_common_neighbours_are_counted_within_every_subset(seed, n, k, few):
    rng = np.random.default_rng(seed)
    x = {str(i): rng.normal(size=(n, 3)) for i in range(4)}
    c = Comparison(x, metrics=["cka"], groups=10)
    chosen = subsets(c.groups.count)
    frames = [frame(r) for r in c.representations]
    found = second_order(
        c.representations, frames, c.groups, chosen, layout(c.groups, 9), searches={"rdm-cosine": k}, null=False,
        strip_rows=20, run=executors.run,
    ).neighbours["rdm-cosine"]  # fmt: skip
    some = [3, 1] if few else None
    counts = overlaps_within(found, chosen, k, some, executors.run)
    for s in range(chosen.count):
        rows = np.sort(c.groups.order[np.repeat(chosen.masks[s], c.groups.sizes)])
        near = [reference.neighbours(z[rows], k, "cosine") for z in x.values()]
        for a, left in enumerate(near):
            for at, b in enumerate(some or range(4)):
                common = [len(set(p) & set(q)) for p, q in zip(left, near[b])]
                assert counts[s, a, at].tolist() == np.bincount(common, minlength=k + 1).tolist()


def test_a_sample_without_direction_is_far_from_all():
    x = np.random.default_rng(0).normal(size=(40, 3))
    x[7] = 0
    found = search(x, "rdm-cosine", 5)[0]
    nearer = sum(7 in near for i, near in found.items() if i != 7)
    assert nearer < 40
    assert len(found[7]) == 5


def test_enough_candidates_are_kept_for_the_jackknife():
    assert kept(10, 1000, 0.0) == 10
    assert kept(10, 1000, 0.05) > 14
    assert kept(10, 12, 0.5) == 11  # never more than there are


def test_float32_similarities_of_far_features_are_ordered_by_what_is_left():
    """Distances come from rows in a shifted frame, so a common offset does not blur them."""
    x = (np.random.default_rng(1).normal(size=(60, 5)) + 500).astype(np.float32)
    found = search(x, "rdm-euclidean", 3)[0]
    want = reference.neighbours(x.astype(np.float64), 3, "euclidean")
    assert all(found[i] == list(near) for i, near in enumerate(want))


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_neighbours_that_float32_cannot_tell_apart(distance):
    """All samples point the same way, as in a language model with an outlier unit: cosines are 1 but for 1e-4."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1100, 12))
    x[:, 0] += 300 * (1 + 0.3 * rng.normal(size=len(x)) ** 2)
    y = x[:, 1:] + rng.normal(size=(len(x), 11))
    x, y = x.astype(np.float32), y.astype(np.float32)
    want = reference.mutual_knn(x.astype(np.float64), y.astype(np.float64), 10, distance)
    got = cs.score({"name": "mutual_knn", "distance": distance}, x, y)
    assert abs(got - want) < 1e-9


@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_rows_that_fit_are_read_once_and_the_scores_are_those_of_rows_read_again(monkeypatch, precision):
    rng = np.random.default_rng(3)
    x = {name: rng.normal(size=(2500, 70)).astype(np.float32) for name in "abc"}
    read, take = [], ArraySource.take

    def counted(self, rows, out=None):
        read.append(len(rows))
        return take(self, rows, out)

    def scores():
        read.clear()
        asked = ["rsa:rdm=cosine,compare=pearson", "mutual_knn"] if precision == "exact" else ["mutual_knn"]
        found = cs.compare(x, metrics=asked, se=False, null=False, precision=precision)
        return found["score"].values, sum(read)

    monkeypatch.setattr(ArraySource, "take", counted)
    (kept_scores, once), _ = scores(), monkeypatch.setattr(tiles, "KEPT_BYTES", 0)
    again_scores, again = scores()
    np.testing.assert_allclose(kept_scores, again_scores, rtol=1e-6)
    assert once < again
