"""The moment pass against sums written out, for any groups, block of rows and pairs; and what is made of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.engine.comparison import Comparison
from consilience.engine.inference.split import folded
from consilience.engine.inference.subsets import subsets
from consilience.engine.passes import executors, moments
from consilience.engine.passes.blocks import Frame
from consilience.engine.passes.moment_state import over_folds, over_groups
from consilience.engine.passes.moment_sums import empty, fill
from consilience.engine.passes.moments import MomentPass


def work(arrays, pairs, groups=4, **options):
    """The pass over those arrays in frames that change nothing, so that sums can be compared as they are."""
    c = Comparison({str(k): x for k, x in enumerate(arrays)}, groups=groups)
    frames = tuple(Frame(np.zeros(r.d), 1.0) for r in c.representations)
    return MomentPass(
        tuple(c.representations), frames, c.groups, tuple(pairs), np.dtype(np.float64), "cpu", **options
    )


@given(st.integers(8, 60), st.integers(1, 150), st.integers(1, 20), st.integers(3, 30), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_sums_of_every_group(n, d, e, block, groups):
    rng = np.random.default_rng([n, d, e])
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, e))
    before, moments.BLOCK_ROWS = moments.BLOCK_ROWS, block
    try:
        job = work([x, y], [(0, 0), (0, 1), (1, 1)], groups, norms=True, squares=(1,))
        state = moments.moments(job)
    finally:
        moments.BLOCK_ROWS = before
    for g, (start, stop) in enumerate(zip(job.groups.edges, job.groups.edges[1:])):
        rows = job.groups.order[start:stop]
        a, b = x[rows], y[rows]
        f = np.stack([np.ones(len(rows)), (a**2).sum(1), (b**2).sum(1)], axis=1)
        found = state[g]
        np.testing.assert_allclose(found.first, f.T @ f, rtol=1e-12)
        np.testing.assert_allclose(found.left[0], f.T @ a, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.right[1], f.T @ b, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.squares[1], (b**2).sum(0), rtol=1e-9, atol=1e-9)
        for pair, want in {(0, 0): a.T @ a, (0, 1): a.T @ b, (1, 1): b.T @ b}.items():
            np.testing.assert_allclose(found.products[pair], want, rtol=1e-9, atol=1e-9)


def test_right_sides_in_an_order_of_their_own():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 5))
    order = rng.permutation(40)
    job = work([x, y], [(0, 1), (0, 0)], 1, right=order)
    ((product, n),) = over_groups(moments.moments(job), (0, 1), np.ones((1, 1), bool))
    centred = x[job.groups.order], y[order]
    want = (centred[0] - x.mean(0)).T @ (centred[1] - y.mean(0))
    np.testing.assert_allclose(product, want, atol=1e-12)
    assert n == 40


def test_covariances_of_every_subset_of_groups():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 4)) + 3, rng.normal(size=(50, 2)) - 1
    job = work([x, y], [(0, 1)], 6)
    masks = subsets(6).masks
    state = moments.moments(job)
    for mask, (product, n) in zip(masks, over_groups(state, (0, 1), masks)):
        rows = job.groups.order[np.repeat(mask, job.groups.sizes)]
        a, b = x[rows], y[rows]
        np.testing.assert_allclose(product, (a - a.mean(0)).T @ (b - b.mean(0)), atol=1e-10)
        assert n == len(rows)


def test_covariances_of_every_fold_on_every_subset_of_groups():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 4)) + 3, rng.normal(size=(60, 2)) - 1
    dealt = folded(60, 3, 4, 0)
    masks = subsets(4).masks
    job = replace(work([x, y], [(0, 1)]), groups=dealt)
    cells = np.split(dealt.order, dealt.edges[1:-1])  # group g of fold f is the one of number 4f + g
    for mask, found in zip(masks, over_folds(moments.moments(job), (0, 1), masks, 3)):
        folds = [
            np.concatenate([cells[4 * f + g] for g in range(4) if mask[g]]).astype(int) for f in range(3)
        ]
        for f, fold in enumerate(found):
            test, train = folds[f], np.concatenate(folds[:f] + folds[f + 1 :])
            a, b = x - x[train].mean(0), y - y[train].mean(0)
            np.testing.assert_allclose(fold.matrix, a[train].T @ b[train], atol=1e-10)
            np.testing.assert_allclose(fold.test, a[test].T @ b[test], atol=1e-10)
            assert fold.n == len(train)


@pytest.mark.parametrize("cached", [1, 400, 10**7])
def test_sums_over_matrices_without_making_them(monkeypatch, cached):
    monkeypatch.setattr("consilience.engine.passes.moment_sums.TASK_BYTES", 4 * cached)
    monkeypatch.setattr("consilience.engine.passes.moment_sums.CACHED_BYTES", cached)
    rng = np.random.default_rng(2)
    arrays = [rng.normal(size=(30, d)) for d in (40, 7)]
    job = work(arrays, [(0, 0), (0, 1), (1, 1)], 3, norms=True)
    chosen = subsets(3)
    sums = empty(job.groups, chosen, 2)
    fill(sums, job, moments.moments(job), chosen.masks, executors.run)
    for s, mask in enumerate(chosen.masks):
        rows = job.groups.order[np.repeat(mask, job.groups.sizes)]
        grams = [a[rows] @ a[rows].T for a in arrays]
        diagonals = [np.diag(g) for g in grams]
        off = [g - np.diag(d) for g, d in zip(grams, diagonals)]
        for a in range(2):
            np.testing.assert_allclose(sums.total[s, a], off[a].sum(), atol=1e-9)
            np.testing.assert_allclose(sums.trace[s, a], diagonals[a].sum(), atol=1e-9)
            for b in range(2):
                np.testing.assert_allclose(sums.cross[s, a, b], np.trace(off[a] @ off[b]), atol=1e-8)
                np.testing.assert_allclose(sums.rows[s, a, b], off[a].sum(1) @ off[b].sum(1), atol=1e-8)
                np.testing.assert_allclose(sums.diag[s, a, b], diagonals[a] @ diagonals[b], atol=1e-8)
                np.testing.assert_allclose(sums.diag_rows[s, a, b], diagonals[a] @ off[b].sum(1), atol=1e-8)


def test_pairs_of_one_batch_are_of_few_representations() -> None:
    from consilience.engine.features.representations import representations
    from consilience.engine.pairs import pairs_of
    from consilience.engine.passes.moments import batches, near

    reps = representations({f"m{i}": np.zeros((8, 10)) for i in range(60)})
    pairs = pairs_of(range(60), range(60))
    budget = 8.0 * 100 * 2 * 36  # 36 pairs in two groups
    ordered = near(reps, pairs, 2, budget)
    assert sorted(ordered) == sorted(pairs)
    read = [len({x for pair in batch for x in pair}) for batch in batches(reps, ordered, 2, budget)]
    assert max(read) <= 3 * 6 + 2
    assert (
        sum(read)
        < sum(len({x for pair in batch for x in pair}) for batch in batches(reps, pairs, 2, budget)) / 1.5
    )
    assert near(reps, [], 2, budget) == []
