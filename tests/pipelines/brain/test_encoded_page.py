"""The page of an encoding: the matrix of layers and regions with its ceilings, the null, the pairs of models."""

from typing import Any

import numpy as np
import pytest

READY = "document.documentElement.dataset.ready"
WIDE = {"width": 1200, "height": 900}


@pytest.fixture(scope="module")
def page(open_report: Any, volumes: Any) -> Any:
    page = open_report(volumes[0] / "report.html", ready=READY, viewport=WIDE)
    yield page
    page.context.close()


def test_the_matrix_has_every_layer_each_nuisance_space_and_the_ceilings(page: Any, volumes: Any) -> None:
    table = volumes[1]["encoding"].sel(region="early")
    row = page.evaluate("document.getElementById('encoding-matrix').data[0].z[0]")
    layers = table["layer_r"].mean("subject")
    assert layers["representation"].values.tolist() == ["net/layer.0", "other/layer.0"]
    beside = table["r_mean"].sel(space=["rate", "motion"]).values
    ends = [float(table[name].mean("subject")) for name in ("ceiling", "lower", "upper")]
    assert row.pop(4) is None
    assert row == pytest.approx([*layers.values, *beside, *ends], rel=1e-5)
    np.testing.assert_allclose(
        layers, table["r_mean"].sel(space=["net", "other"]), err_msg="each has one layer"
    )


def test_the_null_of_the_mean_over_subjects_is_drawn_with_what_was_observed(page: Any, volumes: Any) -> None:
    table = volumes[1]["encoding"].sel(region="early")
    assert table["null"].dims == ("space", "draw")
    counts = page.evaluate("JSON.parse(document.getElementById('data').textContent).encoding.null[0]")
    assert [sum(found["counts"]) for found in counts] == [19] * 4
    drawn = page.evaluate("document.getElementById('encoding-null-0').data.at(-1).x")
    assert drawn == pytest.approx(table["unique_r2_mean"].values, rel=1e-5)
    above = (table["null"] >= table["unique_r2_mean"]).sum("draw").values
    np.testing.assert_allclose(table["null_p"], (1 + above) / 20)
    assert float(table["null_p"].sel(space="net")) == 0.05
    assert float(table["null_p"].sel(space="other")) > 0.05


def test_the_line_of_the_ceiling_is_that_of_the_repeats(page: Any, volumes: Any) -> None:
    (shape,) = page.evaluate("document.getElementById('encoding-r-0').layout.shapes")
    ceiling = float(volumes[1]["encoding"]["ceiling"].sel(region="early").mean())
    assert (shape["x0"], shape["x1"]) == pytest.approx((ceiling, ceiling))
    assert "Line: the ceiling by repeats" in page.locator("#encoding").inner_text()


def test_models_in_pairs_are_in_a_table(page: Any, volumes: Any) -> None:
    table = volumes[1]["encoding"].sel(model="net", model_b="other")
    rows = page.locator("#encoding-pairs tr").all_inner_texts()
    assert len(rows) == 2
    region, models, difference, _, q, shown = rows[0].split("\t")
    assert (region, models) == ("early", "net − other")
    assert float(difference) == pytest.approx(float(table["difference"].sel(region="early")), abs=6e-4)
    assert float(q) == pytest.approx(float(table["difference_q"].sel(region="early")), rel=0.06)
    assert shown == ("subjects" if float(q) < 0.05 else "not shown")
    assert (
        "With 3 subjects the pair has to differ by 4.3 standard errors"
        in page.locator("#encoding").inner_text()
    )
