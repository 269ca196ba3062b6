"""The layer profile of the report, in a real browser: its lines, bands, words, and what it says when pointed at."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from consilience.engine.errors import BadInput
from consilience.engine.inference.interval import interval
from consilience.pipelines.report import render, write
from consilience.pipelines.report.numbers import decimals, fixed

CKA = "cka:estimator=unbiased,kernel=linear"
WIDE = {"width": 1200, "height": 900}


def traces(page: Any, chart: int) -> list[dict[str, Any]]:
    """What is drawn in a chart: bands first, then lines."""
    return page.evaluate(
        """(id) => document.getElementById(id).data.map(
        ({x, y, mode, line}) => ({x, y, band: mode === "lines", line}))""",
        f"trait-{chart}",
    )


def lines(page: Any, chart: int) -> list[dict[str, Any]]:
    return [trace for trace in traces(page, chart) if not trace["band"]]


def point_at(page: Any, chart: int, model: int, layer: int) -> None:
    element = page.locator(f"#trait-{chart}")
    element.scroll_into_view_if_needed()
    x, y = page.evaluate(
        """([id, model, layer]) => { const gd = document.getElementById(id), at = gd.getBoundingClientRect();
        const line = gd.data.filter(({mode}) => mode !== "lines")[model], {xaxis, yaxis} = gd._fullLayout;
        const left = at.left + xaxis._offset, top = at.top + yaxis._offset;
        return [left + xaxis.d2p(line.x[layer]), top + yaxis.d2p(line.y[layer])]; }""",
        [f"trait-{chart}", model, layer],
    )
    page.mouse.move(0, 0)
    page.mouse.move(x, y)


def test_a_chart_a_metric_and_a_line_a_model(page: Any, layer_profile: xr.Dataset) -> None:
    headings = page.eval_on_selector_all("#traits h4", "all => all.map((x) => x.textContent)")
    assert headings == [
        "Intrinsic dimension", "Participation ratio", "Magnitude of the mean", "Uniformity", "Concentricity"
    ]  # fmt: skip
    models = list(dict.fromkeys(layer_profile["model_a"].values))
    assert page.eval_on_selector_all("#traits-key li", "all => all.map((x) => x.textContent)") == models
    for chart, metric in enumerate(layer_profile["metric"].values):
        one = layer_profile.sel(metric=metric)
        bands = [trace for trace in traces(page, chart) if trace["band"]]
        assert len(bands) == len(lines(page, chart)) == len(models)
        low, high = interval(one["score"].values, one["se"].values, 20)
        for model, line, band in zip(models, lines(page, chart), bands):
            at = np.flatnonzero(one["model_a"].values == model)
            np.testing.assert_allclose(line["y"], one["score"].values[at], rtol=1e-6)
            np.testing.assert_allclose(line["x"], np.linspace(0, 1, len(at)), atol=1e-6)
            np.testing.assert_allclose(band["y"][: len(at)], low[at], rtol=1e-5)
            np.testing.assert_allclose(band["y"][len(at) :][::-1], high[at], rtol=1e-5)


def test_pointing_at_a_layer_shows_its_score_and_interval(page: Any, layer_profile: xr.Dataset) -> None:
    one = layer_profile.isel(metric=0).sel(a="smollm2-135m/hidden.12")
    score, se = float(one["score"]), float(one["se"])
    low, high = map(float, interval(score, se, 20))
    digits = decimals(se)
    point_at(page, 0, 5, 12)
    page.wait_for_function("document.querySelector('#trait-0 .hovertext')?.textContent.includes('hidden.12')")
    said = page.text_content("#trait-0 .hovertext")
    for text in (
        fixed(score, digits),
        f"± {fixed(se, digits)}",
        f"{fixed(low, digits)} to {fixed(high, digits)}",
    ):
        assert text in said, (text, said)


def test_lengths_that_differ_a_thousandfold_stand_on_a_logarithmic_scale(page: Any) -> None:
    scales = page.evaluate(
        "[0, 1, 2, 3, 4].map((k) => document.getElementById(`trait-${k}`)._fullLayout.yaxis.type)"
    )
    assert scales == ["linear", "linear", "log", "linear", "linear"]
    assert [page.text_content(f"#trait-{k}-scale") for k in (0, 2)] == ["", " · logarithmic"]


def test_colours_follow_the_system_and_charts_the_width(fresh: Any) -> None:
    look = "[document.getElementById('trait-0').data.at(-1).line.color, document.getElementById('trait-0').clientWidth]"
    fresh.emulate_media(color_scheme="light")
    light, wide = fresh.evaluate(look)
    fresh.emulate_media(color_scheme="dark")
    fresh.wait_for_function(f"c => {look}[0] !== c", arg=light)
    fresh.set_viewport_size({"width": 400, "height": 900})
    fresh.wait_for_function(f"w => {look}[1] !== w", arg=wide)
    fresh.wait_for_function(
        "document.getElementById('trait-0')._fullLayout.width === document.getElementById('trait-0').clientWidth"
    )
    assert fresh.problems == []


def test_what_has_no_score_or_leaves_samples_out_says_so(
    open_report: Any, make: Any, make_profile: Any, tmp_path: Path
) -> None:
    models = ["minilm", "efficientnet-lite0"]
    scores, profile = make(models, [CKA]), make_profile(models)
    profile["score"][0, 2] = np.nan
    profile["se"][0, 3:] = np.nan
    profile["score"][3, 7:] = np.nan  # a metric that one model was not asked for
    first = str(profile["metric"].values[0])
    profile.attrs["reasons"] = json.dumps({f"{first}|minilm/hidden.2": "almost all samples are copies"})
    profile.attrs["notes"] = json.dumps({f"{first}|minilm/hidden.1": "3 of 1447 samples left out: copies"})
    page = open_report(write(scores, tmp_path / "report.html", profile), viewport=WIDE)
    assert page.problems == []
    assert [len(line["x"]) for line in lines(page, 0)] == [6, 17]
    assert len(lines(page, 3)) == 1
    assert "minilm/hidden.2: almost all samples are copies" in page.inner_text("#methods")
    point_at(page, 0, 0, 1)
    page.wait_for_function(
        "document.querySelector('#trait-0 .hovertext')?.textContent.includes('3 of 1447 samples')"
    )
    page.context.close()


def test_a_table_without_a_profile_has_no_such_section(open_report: Any, make: Any, tmp_path: Path) -> None:
    page = open_report(write(make(["minilm", "efficientnet-lite0"], [CKA]), tmp_path / "report.html"))
    assert page.problems == []
    assert page.locator("#traits").count() == 0
    assert page.locator("nav a[href='#traits']").count() == 0
    page.context.close()


def test_names_are_text_never_markup(open_report: Any, make: Any, make_profile: Any, tmp_path: Path) -> None:
    bad = "</script><script>window.bad=1</script><img src=x onerror=window.bad=2>"
    models = ["minilm", "efficientnet-lite0"]
    profile = make_profile(models)
    named = [f"{bad}{m}" for m in profile["model_a"].values]
    layers = [f"{bad}{x}" for x in profile["layer_a"].values]
    profile = profile.assign_coords(model_a=("a", named), layer_a=("a", layers))
    profile.attrs["reasons"] = json.dumps({f"{profile['metric'].values[1]}|{bad}": bad})
    page = open_report(write(make(models, [CKA]), tmp_path / "report.html", profile), viewport=WIDE)
    point_at(page, 1, 0, 3)
    page.wait_for_selector("#trait-1 .hovertext")
    assert page.evaluate("window.bad") is None
    assert page.problems == []
    page.context.close()


def test_many_models_are_told_apart_by_broken_lines(
    open_report: Any, make: Any, make_profile: Any, tmp_path: Path
) -> None:
    profile = make_profile()
    twice = profile.assign_coords(
        a=[f"again-{x}" for x in profile["a"].values],
        model_a=("a", [f"again-{x}" for x in profile["model_a"].values]),
    )
    both = xr.concat([profile, twice], "a", combine_attrs="override")
    page = open_report(write(make(["minilm", "efficientnet-lite0"], [CKA]), tmp_path / "report.html", both))
    looks = [line["line"]["color"] + line["line"]["dash"] for line in lines(page, 0)]
    assert len(set(looks)) == 12
    page.context.close()


def test_the_methods_tell_how_each_number_was_had(scores: xr.Dataset, layer_profile: xr.Dataset) -> None:
    page = render(scores, layer_profile)
    for text in (
        "balanced half-samples over 20 groups",
        "of one representation; range 0..∞",
        "Facco et al. 2017",
    ):
        assert text in page, text
    assert "balanced half-samples" not in render(scores)


def test_what_is_no_profile_is_refused(scores: xr.Dataset) -> None:
    with pytest.raises(BadInput, match=r"a profile, with dims \(metric, a\)"):
        render(scores, scores)
