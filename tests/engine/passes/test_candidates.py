"""Neighbours found in few digits, against a search through all samples in float64."""

import hard
import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.engine.comparison import Comparison
from consilience.engine.passes import candidates
from consilience.engine.passes.neighbours import wanted
from consilience.engine.scoring.precision import fast_neighbours

K = 5


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch):
    """On few samples too, which keeps the tests short."""
    monkeypatch.setattr(candidates, "SCORING", 1e-3)


def compared(x, **options):
    c = Comparison(x, metrics=[{"name": "mutual_knn", "k": K}], null=False, **options)
    return c, c.setting()


def literal(x):
    """(n, K): a row of zeros has a cosine of 0 with all others, as if it had a unit of its own."""
    own = np.eye(len(x))[:, ~x.any(axis=1)]
    return reference.neighbours(np.concatenate([x.astype(np.float64), own], axis=1), K)


def alike(x, lists, want):
    """The share of entries that agree: those whose cosines float32 does not tell apart are as good as each other."""
    unit = x.astype(np.float64) / np.maximum(
        np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True), 1e-300
    )
    near = [np.vecdot(unit[:, None], unit[found]) for found in (lists, want)]
    return ((lists == want) | (np.abs(near[0] - near[1]) < 2**-24)).mean()


def lists_of(x, **options):
    """For every subset of the rows: its rows, and their lists, both as row numbers of the features; and the notes."""
    c, setting = compared({"x": x}, **options)
    found, notes = fast_neighbours(K, setting)
    order, lists = c.groups.order, []
    for s in range(setting.subsets.count):
        view = found.lists(setting.subsets, s, K)
        rows = order[view.rows]
        by = np.argsort(rows)
        lists.append((rows[by], np.where(view.lists[0] >= 0, rows[view.lists[0]], -1)[by]))
    return lists, notes


@pytest.mark.parametrize("name", sorted(hard.CASES))
def test_lists_of_all_rows_are_those_of_a_search_through_all(name):
    x = hard.CASES[name](np.random.default_rng(0), 1300)
    ((_, found),), notes = lists_of(x, se=False, groups=1)
    assert alike(x, found, literal(x)) >= 0.9999
    assert notes["precision"] == "fast" or name in ("tight clusters", "very few dimensions")


@given(st.integers(0, 2**32 - 1), st.sampled_from(["isotropic", "clusters", "language model", "copies"]))
@settings(max_examples=4, deadline=None)
def test_lists_of_every_subset_are_those_of_a_search_through_it(seed, name):
    x = hard.CASES[name](np.random.default_rng(seed), 1030)
    found, notes = lists_of(x, groups=4)
    assert notes["precision"] == "fast"
    for rows, lists in found:
        within = np.searchsorted(rows, lists)
        assert alike(x[rows], within, literal(x[rows])) >= 0.9999


def test_lists_that_are_not_certain_are_searched_for_again(monkeypatch):
    """A twentieth of the samples lie so near each other that eight bits do not tell them apart."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1600, 96)).astype(np.float32)
    x[::20] = x[0] + 0.01 * rng.normal(size=(80, 96))
    monkeypatch.setattr(candidates, "EXTRA", (8, 16))
    again, best = [], candidates.best

    def counted(*arguments):
        again.append(len(arguments[2]))
        return best(*arguments)

    monkeypatch.setattr(candidates, "best", counted)
    ((_, found), *_), notes = lists_of(x, groups=10)
    assert notes["precision"] == "fast"
    assert sum(again[1:]) >= 2 * 80  # after the trial: among all samples, and within halves
    want = literal(x)
    np.testing.assert_array_equal(found, want)
    monkeypatch.setattr(candidates, "CLOSE", -1.0)  # as if all lists were certain, and
    monkeypatch.setattr(candidates, "LEAST_ALIKE", 0.0)  # nobody had looked
    assert (lists_of(x, groups=10)[0][0][1] != want).any()


def test_what_few_digits_do_is_tried_on_samples():
    rng = np.random.default_rng(5)
    names = "isotropic", "clusters", "tight clusters"
    _, setting = compared({name: hard.CASES[name](rng, 1300) for name in names})
    work, count = setting.tile_pass(setting.groups), wanted(K, setting.groups, setting.subsets)
    found = candidates.trials(work, count, True, 0, setting.run)
    plain, clusters, tight = (one[1] for one in found if one is not None)
    assert plain.certain == clusters.certain == 1
    assert plain.extra < clusters.extra
    assert tight.certain < 0.5
    assert [t.serves for t in (plain, clusters, tight)] == [True, True, False]
    assert plain.alike == 1


def test_representations_they_do_not_serve_are_searched_in_float32():
    rng = np.random.default_rng(6)
    x = {name: hard.CASES[name](rng, 1300) for name in ("tight clusters", "isotropic", "very few dimensions")}
    x["narrow"] = rng.normal(size=(1300, 8)).astype(np.float32)
    _, setting = compared(x, groups=4)
    found, notes = fast_neighbours(K, setting)
    assert {"tight clusters", "narrow"} <= set(notes["in float32"])
    assert "isotropic" not in notes["in float32"]
    view = found.lists(setting.subsets, 0, K)
    order = setting.groups.order
    for r, features in enumerate(x.values()):
        lists = order[view.lists[r]][np.argsort(order)]
        assert (lists == literal(features)).mean() >= 0.9999


def test_few_samples_are_searched_in_float32(monkeypatch):
    """Where scoring the candidates again takes longer than few digits save."""
    monkeypatch.undo()
    assert candidates.affordable(10_000, 768, halves=False) > 30
    assert candidates.affordable(10_000, 96, halves=True) < 10
    x = hard.CASES["isotropic"](np.random.default_rng(7), 1300)
    _, notes = lists_of(x)
    assert notes["precision"].startswith("exact: few digits do not serve")
