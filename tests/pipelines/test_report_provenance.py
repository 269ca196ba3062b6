"""What a score table says about itself is found, whatever its names hold and however it was cut down."""

import json
from typing import Any

import numpy as np
import pytest

from consilience.engine.errors import BadInput
from consilience.engine.scores import assemble
from consilience.pipelines.report.about import about
from consilience.pipelines.report.provenance import compared, metric_id, reasons, why


def table(reasons: dict[str, str]) -> Any:
    layers = [("m", "x|y"), ("m", "z")]
    score = np.array([[[1.0, np.nan], [np.nan, np.nan]]])
    return assemble(
        {"score": score}, layers, layers, ["cka"], groups=[0], groups_holdout=[0], direction=["similarity"], null=[""],
        attrs={"reasons": json.dumps(reasons)},
    )  # fmt: skip


def test_a_reason_is_found_though_a_layer_holds_the_separator() -> None:
    scores = table(
        {"cka|m/x|y|m/z": "constant", "cka|m/gone|m/z": "cut away", "other|m/z|m/z": "another metric"}
    )
    assert [reasons(scores)[int(i)] for i in why(scores, "cka").ravel()] == [
        "not computed for this pair", "constant", "not computed for this pair", "not computed for this pair"
    ]  # fmt: skip


def test_a_layer_counts_as_compared_where_it_has_a_score_or_a_reason() -> None:
    assert [list(side) for side in compared(table({}), "cka")] == [[0], [0]]
    assert [list(side) for side in compared(table({"cka|m/x|y|m/z": "constant"}), "cka")] == [[0], [0, 1]]


def test_metrics_are_found_by_id_by_bare_name_or_first(scores: Any) -> None:
    assert metric_id(scores, None) == metric_id(scores, "cka:estimator=unbiased,kernel=linear")
    assert metric_id(scores, "svcca") == "svcca:variance=0.99"
    with pytest.raises(
        BadInput, match="cka:estimator=unbiased,kernel=linear, cka:estimator=biased,kernel=linear"
    ):
        metric_id(scores, "cka")


def test_a_table_without_attributes_is_described_all_the_same() -> None:
    scores = table({})
    scores.attrs.clear()
    told = about(scores)
    assert told["title"] == "Representations compared"
    assert told["metrics"][0]["missing"] == 0
    assert told["samples"] is None
    assert "version" not in told["bibtex"]
