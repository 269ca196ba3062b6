"""Order of neighbours, and the way back: closed forms, ties, copies, few samples and lists that are not full."""

import numpy as np
import pytest
import reference_knn

import consilience as cs
from consilience.engine.errors import BadInput
from consilience.engine.metrics import knn, knn_cycle, knn_order
from consilience.engine.passes.neighbours import NeighbourLists
from consilience.engine.passes.overlaps import overlaps

ORDERED = {
    "lcs_knn": lambda p, q, k: reference_knn.common_length(p, q) / k,
    "edit_knn": lambda p, q, k: 1 - reference_knn.levenshtein(p, q) / k,
    "rank_knn": lambda p, q, k: reference_knn.rank_similarity(p, q),
}
FAMILY = [*ORDERED, "cycle_knn"]


def view(*lists):
    found = np.array(lists)
    return NeighbourLists(found, np.arange(found.shape[1]))


def finish(metric, left, right):
    module = knn_cycle if metric == "cycle_knn" else knn_order
    return getattr(module, metric)(left, right, distance="cosine", k=left.lists.shape[2])


def drawn(seed, representations, n, k, gaps):
    """Lists that have something in common; a share `gaps` of them ends early."""
    rng = np.random.default_rng(seed)
    lists = np.full((representations, n, k), -1)
    for r, i in np.ndindex(representations, n):
        others = (i + 1 + np.argsort(np.arange(n - 1) + rng.normal(size=n - 1) * k / 2)) % n
        have = k if rng.random() >= gaps else rng.integers(0, k + 1)
        lists[r, i, :have] = others[:have]
    return view(*lists)


def plain(lists):
    """The lists of one representation as Python lists, without empty entries."""
    return [[int(j) for j in row if j >= 0] for row in lists]


def expected(metric, p, q, k):
    if metric == "cycle_knn":
        return reference_knn.cycle_of(p, q)
    return reference_knn.mean(lambda a, b: ORDERED[metric](a, b, k), p, q)


@pytest.mark.parametrize("chunk", [1, 2**9, 2**22])
@pytest.mark.parametrize(
    ("representations", "n", "k", "gaps"),
    [(3, 9, 3, 0.5), (2, 30, 8, 0.3), (4, 12, 1, 0.2), (2, 40, 31, 0.2), (2, 70, 65, 0.1), (3, 20, 4, 0.0)],
)
@pytest.mark.parametrize("metric", FAMILY)
def test_every_pair_equals_its_definition(monkeypatch, metric, representations, n, k, gaps, chunk):
    monkeypatch.setattr(knn_order, "TABLE_BYTES", chunk)
    monkeypatch.setattr(knn_cycle, "CHUNK_ELEMENTS", chunk)
    left, right = drawn(1, representations, n, k, gaps), drawn(2, representations, n, k, gaps)
    for other in (right, left):
        want = [[expected(metric, plain(p), plain(q), k) for q in other.lists] for p in left.lists]
        np.testing.assert_allclose(finish(metric, left, other), want, atol=1e-12)


@pytest.mark.parametrize(
    ("p", "q", "lcs", "edit", "rank"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1, 1, 1),
        ([1, 2, 3, 4], [4, 3, 2, 1], 1 / 4, 0, (2 / 20 + 2 / 10) * 2 / (1 + 1 / 2 + 1 / 3 + 1 / 4)),
        ([1, 2, 3, 4], [5, 6, 7, 8], 0, 0, 0),
        ([1, 2, 3, 4], [5, 1, 2, 3], 3 / 4, 1 / 2, (2 / 6 + 2 / 10 + 2 / 14) / (1 + 1 / 2 + 1 / 3)),
        ([1, 2, 3, 4], [1, 5, 3, 4], 3 / 4, 3 / 4, (1 + 1 / 3 + 1 / 4) / (1 + 1 / 2 + 1 / 3)),
        ([1, 2, 3, 4], [2, 1, 3, 4], 3 / 4, 1 / 2, (2 / 6 * 2 + 1 / 3 + 1 / 4) / (1 + 1 / 2 + 1 / 3 + 1 / 4)),
        ([1, 2, 3, 4], [5, 6, 7, 4], 1 / 4, 1 / 4, 1 / 4),
        ([1, 2, 3, -1], [1, 2, 3, -1], 3 / 4, 1, 1),
        ([1, 2, 3, 4], [1, 2, -1, -1], 2 / 4, 1 / 2, 1),
        ([-1, -1, -1, -1], [1, 2, 3, 4], 0, 0, 0),
    ],
)  # fmt: skip
def test_closed_forms_of_the_order(p, q, lcs, edit, rank):
    for metric, want in zip(ORDERED, (lcs, edit, rank)):
        assert finish(metric, view([p]), view([q]))[0, 0] == pytest.approx(want, abs=1e-12), metric


def test_the_way_back():
    """A ring: each is the neighbour of the one before it, and on the other side of the one after it."""
    n = 7
    after, before = ((np.arange(n) + step)[:, None] % n for step in (1, -1))
    star = np.where(np.arange(n) > 0, 0, 1)[:, None]  # all have 0, which has 1
    lists = view(after, before, star)
    want = [
        [0, 1, 1 / n],  # i -> 0 -> 1 returns to 1
        [1, 0, 2 / n],  # 0 -> 1 -> 0 and i -> 0 -> n - 1
        [1 / n, 2 / n, 2 / n],
    ]
    np.testing.assert_allclose(finish("cycle_knn", lists, lists), want)


def test_the_way_back_is_directed():
    """0 -> 1 -> 0, 1 -> 2 -> 1 and 3 -> 1 -> 3, by Y and then by X; the other way 1 -> 0 -> 1 and 2 -> 0 -> 2."""
    x, y = view([[1, 3], [0, 3], [0, 1], [0, 2]]), view([[1, 2], [2, 3], [0, 1], [1, 2]])
    assert finish("cycle_knn", x, y)[0, 0] == 3 / 4
    assert finish("cycle_knn", y, x)[0, 0] == 2 / 4


@pytest.mark.parametrize("metric", FAMILY)
def test_rows_and_columns_of_the_table_are_left_and_right(metric):
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(60, 4))
    data = {f"m/{d}": shared @ rng.normal(size=(4, d)) + rng.normal(size=(60, d)) for d in (3, 4, 5)}
    got = cs.compare(data, metrics=[f"{metric}:k=4"], permutations=3)
    assert np.isfinite(got["se"]).all()
    assert np.isfinite(got["z"].values[0, 0, 1])
    reference = getattr(reference_knn, metric)
    want = [[reference(x, y, 4) for y in data.values()] for x in data.values()]
    np.testing.assert_allclose(got["score"].values[0], want, atol=1e-12)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("metric", FAMILY)
def test_ties_and_copies(metric, distance):
    """Samples on a coarse lattice, each there twice: nearly every distance is shared by many."""
    rng = np.random.default_rng(4)
    x, y = (np.repeat(rng.integers(1, 4, size=(20, 3)).astype(float), 2, axis=0) for _ in range(2))
    got = cs.score({"name": metric, "k": 5, "distance": distance}, x, y)
    want = getattr(reference_knn, metric)(x, y, 5, distance)
    assert abs(got - want) < (
        1e-12 if distance == "euclidean" else 0.02
    )  # cosines tie but for their rounding


@pytest.mark.parametrize("metric", FAMILY)
def test_few_samples(metric):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    for k in (1, 3):
        want = getattr(reference_knn, metric)(x, y, k)
        assert abs(cs.score({"name": metric, "k": k}, x, y) - want) < 1e-12
    with pytest.raises(BadInput, match="k smaller than the number of samples"):
        cs.score({"name": metric, "k": 4}, x, y)


@pytest.mark.parametrize("metric", FAMILY)
def test_identical_representations(metric):
    x = np.random.default_rng(6).normal(size=(200, 5))
    got = cs.score({"name": metric, "k": 3}, x, x.copy())
    if metric != "cycle_knn":
        assert got == pytest.approx(1.0, abs=1e-12)
        return
    # The way back from one's own neighbours is not sure: some are nobody's neighbour.
    lists = reference_knn.neighbours(x, 3)
    mutual = [any(i in lists[j] for j in near) for i, near in enumerate(lists)]
    assert got == pytest.approx(np.mean(mutual))
    assert 0.8 < got < 1
    assert cs.score({"name": metric, "k": 199}, x, x.copy()) == 1.0


def test_bounds_between_them():
    left, right = drawn(7, 3, 50, 6, 0.0), drawn(8, 3, 50, 6, 0.0)
    lcs, edit = (finish(m, left, right) for m in ("lcs_knn", "edit_knn"))
    mutual = knn.mutual_knn(overlaps(left.lists, right.lists), distance="cosine", k=6)
    assert (edit <= lcs + 1e-12).all()
    assert (lcs <= mutual + 1e-12).all()


@pytest.mark.parametrize("metric", FAMILY)
def test_unrelated_samples_score_what_permutations_say(metric):
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=(300, 5)), rng.normal(size=(300, 5))
    table = cs.compare({"x": x}, {"y": y}, [f"{metric}:k=5"], se=False, permutations=30)
    assert abs(table["z"].values[0, 0, 0]) < 4
    if metric == "cycle_knn":  # the neighbours on one side miss those that lead back on the other
        into = np.bincount(np.ravel(reference_knn.neighbours(x, 5)), minlength=300)
        miss = np.prod([(299 - into - m) / (299 - m) for m in range(5)], axis=0)
        assert table["null_mean"].values[0, 0, 0] == pytest.approx(1 - miss.mean(), abs=0.01)


def test_halves_with_too_few_samples_have_no_null():
    x = np.random.default_rng(21).normal(size=(12, 4))
    table = cs.compare(
        {"x": x, "y": x[:, :3]}, metrics=["mutual_knn:k=10", "jaccard_knn:k=10"], permutations=2
    )
    assert np.isfinite(table["score"]).all()
    assert np.isfinite(table["null_mean"]).all()
    assert np.isnan(table["p_holdout"].sel(metric="mutual_knn:distance=cosine,k=10")).all()
