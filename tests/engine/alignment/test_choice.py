"""The layer taken for a subject is the best one for the others, and knows nothing of that subject."""

import numpy as np
import reference_alignment as reference
from hypothesis import given
from hypothesis import strategies as st

from consilience.engine.alignment.choice import NONE, held_out, scores_of

seeds = st.integers(0, 2**32 - 1)


@given(subjects=st.integers(2, 6), sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3), seed=seeds)
def test_the_choice_is_that_of_its_definition(subjects, sizes, seed):
    rng = np.random.default_rng(seed)
    models = np.split(rng.permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    scores = rng.normal(size=(3, sum(sizes), subjects))
    chosen, held = held_out(scores, models)
    assert chosen.shape == held.shape == (3, len(sizes), subjects)
    for d in range(3):
        for m, layers in enumerate(models):
            want, its = reference.held_out(scores[d, layers])
            assert chosen[d, m].tolist() == layers[want].tolist()
            np.testing.assert_array_equal(held[d, m], its)
            np.testing.assert_array_equal(scores_of(scores[d], chosen[d])[m], its)


@given(subject=st.integers(0, 4), seed=seeds)
def test_the_choice_never_sees_the_subject_scored(subject, seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(6, 5))
    changed = scores.copy()
    changed[:, subject] = rng.choice([-1e6, np.nan, np.inf, 0.0, 1e6], size=6)
    models = [np.arange(4), np.arange(4, 6)]
    before, after = held_out(scores, models)[0], held_out(changed, models)
    np.testing.assert_array_equal(before[:, subject], after[0][:, subject])
    np.testing.assert_array_equal(after[1][:, subject], changed[before[:, subject], subject])


def test_a_layer_without_a_score_for_one_of_the_others_is_not_chosen():
    scores = np.array([[3.0, 3, np.nan], [2, 2, 2], [1, 1, 1]])
    chosen, held = held_out(scores, [np.arange(3)])
    assert chosen.tolist() == [[1, 1, 0]]
    np.testing.assert_array_equal(held, [[2, 2, np.nan]])


def test_where_there_is_nothing_to_choose_there_is_no_score():
    chosen, held = held_out(np.full((2, 3), np.nan), [np.arange(2)])
    assert (chosen == NONE).all()
    assert np.isnan(held).all()
    chosen, held = held_out(np.ones((2, 1)), [np.arange(2)])
    assert (chosen == NONE).all()
    assert np.isnan(held).all()
    assert np.isnan(scores_of(np.ones((2, 1)), chosen)).all()


def test_of_equal_layers_the_first_is_chosen():
    assert (held_out(np.ones((4, 3)), [np.array([1, 2]), np.array([3, 0])])[0] == [[1], [3]]).all()
