"""The notebook's figures hold the stored values, and refuse what is not in the table."""

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

import consilience as cs
from consilience.engine.errors import BadInput

CKA = "cka:estimator=unbiased,kernel=linear"
PROCRUSTES = "procrustes:form=angular,whiten=1"


def test_the_heat_map_of_the_zoo_holds_every_score(scores: xr.Dataset) -> None:
    figure = cs.plot.heatmap(scores)
    np.testing.assert_array_equal(figure.data[0].z, scores["score"].sel(metric=CKA).values)
    assert len(figure.data) == 1
    assert list(figure.layout.yaxis.ticktext) == list(dict.fromkeys(scores["model_a"].values))
    assert len(figure.layout.shapes) == 2 * 5


def test_the_heat_map_of_a_pair_is_named_by_layers(scores: xr.Dataset) -> None:
    figure = cs.plot.heatmap(scores, "mutual_knn", "minilm", "efficientnet-lite1")
    at = scores.sel(metric="mutual_knn:distance=cosine,k=10")
    block = at["score"].values[np.ix_(at["model_a"] == "minilm", at["model_b"] == "efficientnet-lite1")]
    np.testing.assert_array_equal(figure.data[0].z, block)
    assert list(figure.layout.yaxis.ticktext) == [f"hidden.{i}" for i in range(7)]


def test_pointing_shows_the_score_with_its_interval_null_z_and_p(scores: xr.Dataset) -> None:
    one = scores.sel(metric=CKA)
    text = cs.plot.heatmap(scores).data[0].text[3][20]
    digits = f"{one['score'].values[3, 20]:.4f}"
    assert text.startswith(f"{one['a'].values[3]} × {one['b'].values[20]}<br><b>{digits}</b> ± ")
    assert "95 % interval" in text
    assert "null 0.0070, z " in text


def test_layers_that_a_metric_was_not_asked_for_are_left_out(scores: xr.Dataset) -> None:
    assert np.shape(cs.plot.heatmap(scores, "svcca").data[0].z) == (29, 29)


def test_a_distance_runs_through_the_colours_the_other_way(scores: xr.Dataset) -> None:
    near, far = (cs.plot.heatmap(scores, m).data[0].colorscale for m in (CKA, PROCRUSTES))
    assert near[0][1] == far[-1][1] != near[-1][1]


def test_a_cell_without_a_score_says_why(make: Any) -> None:
    scores = make(["minilm", "efficientnet-lite0"], [CKA])
    scores["score"][0, 2, 5] = np.nan
    scores["score"][0, 2, 6] = np.nan
    key = f"{CKA}|{scores['a'].values[2]}|{scores['b'].values[5]}"
    scores.attrs["reasons"] = json.dumps({key: "features are <constant>"})
    _, empty = cs.plot.heatmap(scores).data
    assert np.isfinite(empty.z).sum() == 2
    assert empty.text[2][5].endswith("no score: features are &lt;constant&gt;")
    assert empty.text[2][6].endswith("no score: not computed for this pair")


def test_layers_draws_every_layer_of_b_and_the_band(scores: xr.Dataset) -> None:
    figure = cs.plot.layers(scores, "efficientnet-lite2", "minilm")
    assert len(figure.data) == 7 + 2
    band, bold = figure.data[-2:]
    assert len(bold.x) == 22
    assert (np.asarray(band.y)[:22] < np.asarray(bold.y)).all()
    assert (np.asarray(band.y)[:21:-1] > np.asarray(bold.y)).all()


def test_layers_shows_no_best_where_nothing_was_held_out(make: Any) -> None:
    scores = make(["minilm", "efficientnet-lite0"], [CKA])
    scores["score_holdout"][:] = np.nan
    assert len(cs.plot.layers(scores, "minilm", "efficientnet-lite0").data) == 17


def test_the_zoo_names_every_model_once(scores: xr.Dataset) -> None:
    figure = cs.plot.zoo(scores)
    assert sorted(a.text for a in figure.layout.annotations) == sorted(set(scores["model_a"].values))
    assert [t.name for t in figure.data if t.mode == "markers"] == ["image", "text"]


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda s: cs.plot.heatmap(s, "ckka"), "known metric of this score table"),
        (lambda s: cs.plot.heatmap(s, "cka"), "by its full id"),
        (lambda s: cs.plot.heatmap(s, None, "minilmm"), "did you mean 'minilm'"),
        (lambda s: cs.plot.layers(s, "minilm", "nothing-like-it"), "model on side 'b'"),
    ],
)
def test_what_is_not_in_the_table_is_refused(scores: xr.Dataset, draw: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        draw(scores)


def test_a_model_that_a_metric_was_not_asked_for_is_refused(make: Any) -> None:
    scores = make(["minilm", "efficientnet-lite0"], [CKA, PROCRUSTES])
    scores["score"].loc[{"metric": PROCRUSTES, "a": [f"minilm/hidden.{i}" for i in range(7)]}] = np.nan
    with pytest.raises(BadInput, match="layers of 'minilm' that 'procrustes"):
        cs.plot.heatmap(scores, PROCRUSTES, "minilm")


def test_show_puts_the_whole_report_in_a_frame(make: Any) -> None:
    html = cs.plot.show(make(["minilm", "efficientnet-lite0"], [CKA]), height=500)._repr_html_()
    assert html.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert "height:500px" in html
