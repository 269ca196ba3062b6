"""The best pair of layers is chosen on one half and reported on the other; the map and the order come from it."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.inference.interval import interval
from consilience.engine.scores import assemble
from consilience.pipelines.report.best import best_pairs, profile
from consilience.pipelines.report.maps import dissimilarity, plane, tree


def table(
    select: Any, holdout: Any, models: list[tuple[str, str]], direction: str = "similarity"
) -> xr.Dataset:
    values = {"score_select": np.array([select], float), "score_holdout": np.array([holdout], float)}
    values |= {"se_holdout": np.full_like(values["score_select"], 0.1), "score": values["score_holdout"]}
    return assemble(
        values,
        models,
        models,
        ["m"],
        groups=[20],
        groups_holdout=[10],
        direction=[direction],
        null=["none"],
        attrs={},
    )


TWO = [("u", "0"), ("u", "1"), ("v", "0"), ("v", "1")]
SELECT = [[9, 9, 1, 2], [9, 9, 4, 3], [1, 2, 9, 9], [5, 3, 9, 9]]
HOLDOUT = [[0, 0, 0.8, 0.7], [0, 0, 0.1, 0.9], [0.6, 0.5, 0, 0], [0.2, 0.4, 0, 0]]


def test_chosen_by_the_one_half_and_scored_by_the_other() -> None:
    best = best_pairs(table(SELECT, HOLDOUT, TWO), "m")
    assert set(best) == {("u", "v"), ("v", "u")}
    assert (best["u", "v"].layer_a, best["u", "v"].layer_b, best["u", "v"].score) == ("1", "0", 0.1)
    assert (best["v", "u"].layer_a, best["v", "u"].layer_b, best["v", "u"].score) == ("1", "0", 0.2)
    assert (best["u", "v"].low, best["u", "v"].high) == tuple(float(v) for v in interval(0.1, 0.1, 10))


def test_the_best_of_a_distance_is_the_smallest() -> None:
    best = best_pairs(table(SELECT, HOLDOUT, TWO, "distance"), "m")["u", "v"]
    assert (best.layer_a, best.layer_b, best.select, best.score) == ("0", "0", 1, 0.8)


def test_a_pair_whose_halves_are_not_both_known_is_not_chosen() -> None:
    select = np.array(SELECT, float)
    select[1, 2] = np.nan
    holdout = np.array(HOLDOUT, float)
    holdout[1, 3] = np.nan
    best = best_pairs(table(select, holdout, TWO), "m")
    assert (best["u", "v"].layer_a, best["u", "v"].layer_b) == ("0", "1")
    assert best_pairs(table(np.full((4, 4), np.nan), HOLDOUT, TWO), "m") == {}


def test_the_profile_chooses_a_layer_of_b_for_each_layer_of_a() -> None:
    there, score, low, high = profile(table(SELECT, HOLDOUT, TWO), "m", np.array([0, 1]), np.array([2, 3]))
    assert there.tolist() == [0, 1]
    assert score.tolist() == [0.7, 0.1]
    assert (low < score).all()
    assert (score < high).all()


def placed(points: np.ndarray, names: list[str]) -> xr.Dataset:
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    return table(distance, distance, [(name, "0") for name in names], "distance")


POINTS = np.array([[0.0, 0], [3, 0.2], [1, 2], [3.4, 0], [-1, 1.1]])


def test_the_map_keeps_distances_in_the_plane() -> None:
    found = plane(placed(POINTS, list("abcde")), "m")
    np.testing.assert_allclose(
        np.linalg.norm(found.xy[:, None] - found.xy, axis=-1),
        np.linalg.norm(POINTS[:, None] - POINTS, axis=-1),
        atol=1e-9,
    )
    assert found.held == pytest.approx(1)
    assert found.nearest == [4, 3, 4, 1, 0]


def test_the_map_does_not_turn_over_when_models_come_in_another_order() -> None:
    first, mixed = list("abcde"), [3, 1, 4, 0, 2]
    one = plane(placed(POINTS, first), "m")
    other = plane(placed(POINTS[mixed], [first[i] for i in mixed]), "m")
    np.testing.assert_allclose(other.xy, one.xy[mixed], atol=1e-9)


def test_similarities_are_read_as_inner_products_and_clipped() -> None:
    three = [("u", "0"), ("v", "0"), ("w", "0")]
    s = np.array([[1, 0.5, -0.1], [0.5, 1, 1.2], [-0.1, 1.2, 1]])
    models, distance = dissimilarity(table(s, s, three), "m")
    assert models == ["u", "v", "w"]
    np.testing.assert_allclose(distance, [[0, 1, np.sqrt(2)], [1, 0, 0], [np.sqrt(2), 0, 0]])


def test_clustering_puts_near_models_beside_each_other() -> None:
    points = np.array([[0.0, 0], [9, 0], [0.1, 0], [9.1, 0], [4, 0]])
    found = tree(placed(points, list("abcde")), "m")
    near = found.order.index
    assert found.order[0] == "a"
    assert abs(near("a") - near("c")) == abs(near("b") - near("d")) == 1
    stems = {tuple(sorted((places[0], places[-1]))) for places, _ in found.merges}
    assert {tuple(sorted((near("a"), near("c")))), tuple(sorted((near("b"), near("d"))))} <= stems
    assert max(heights[1] for _, heights in found.merges) == 1


def test_a_model_without_its_scores_is_left_off_the_map_and_put_last() -> None:
    scores = placed(POINTS, list("abcde"))
    for name in ("score_holdout", "score_select"):
        scores[name].loc[{"b": "c/0"}] = np.nan
        scores[name].loc[{"a": "c/0"}] = np.nan
    assert plane(scores, "m").models == list("abde")
    assert tree(scores, "m").order[-1] == "c"


def test_two_models_make_no_map() -> None:
    with pytest.raises(BadInput, match=r"at least 3 models.*got 2 for 'm'"):
        plane(placed(POINTS[:2], ["a", "b"]), "m")
