"""The report, opened in a real browser."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import consilience as cs
from consilience.engine.errors import BadInput
from consilience.pipelines.report import render, write

CKA = "cka:estimator=unbiased,kernel=linear"


def cell_centre(page: Any, row: int, column: int) -> tuple[float, float]:
    page.locator("#heat").scroll_into_view_if_needed()
    script = """([y, x]) => { const gd = document.getElementById("heat"), at = gd.getBoundingClientRect();
        const {xaxis, yaxis} = gd._fullLayout;
        return [at.left + xaxis._offset + xaxis.c2p(x), at.top + yaxis._offset + yaxis.c2p(y)]; }"""
    return tuple(page.evaluate(script, [row, column]))


def framed(page: Any) -> tuple[float, float]:
    """The middle of the frame around the cell that is shown."""
    box = page.locator("#heat-frame").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def plain(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html.replace("<br>", ""))


def rows(page: Any) -> list[list[str]]:
    return page.eval_on_selector_all(
        "#ranked tbody tr", "trs => trs.map(tr => [...tr.cells].map(td => td.textContent.trim()))"
    )


def test_it_draws_without_an_error_and_asks_the_network_for_nothing(page: Any) -> None:
    assert page.problems == []
    assert page.title() == "OpenMoji: pictures and their names · Consilience"
    for figure in ("heat", "profile", "matrix", "map"):
        assert page.locator(f"#{figure} svg.main-svg").count() > 0, figure


def test_the_heat_map_has_the_cells_of_the_table(page: Any, scores: xr.Dataset) -> None:
    z = page.evaluate("document.getElementById('heat').data[0].z")
    np.testing.assert_allclose(z, scores["score"].sel(metric=CKA).values, rtol=1e-6)
    assert page.locator("#heat .hm image").count() == 1


@pytest.mark.parametrize(("row", "column"), [(5, 60), (90, 20), (114, 114)])
def test_pointing_at_a_cell_shows_what_is_stored(
    page: Any, scores: xr.Dataset, row: int, column: int
) -> None:
    page.mouse.move(0, 0)
    page.mouse.move(*cell_centre(page, row, column))
    expected = plain(cs.plot.heatmap(scores).data[0].text[row][column])
    assert f"{scores['score'].sel(metric=CKA).values[row, column]:.4f}" in expected
    page.wait_for_function("t => document.getElementById('heat-tip').textContent === t", arg=expected)
    assert framed(page) == pytest.approx(cell_centre(page, row, column), abs=1)
    assert page.inner_text("#heat-readout").replace(" · ", "") == expected


def test_the_arrow_keys_move_over_the_cells(page: Any, scores: xr.Dataset) -> None:
    page.select_option("#model-a", "minilm")
    page.wait_for_function("document.getElementById('heat').data[0].z.length === 7")
    page.focus("#heat")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    assert page.inner_text("#heat-readout").startswith("minilm/hidden.0 × efficientnet-lite0/blocks.1")
    page.select_option("#model-a", "")
    page.wait_for_function("document.getElementById('heat').data[0].z.length === 115")


def test_the_selectors_change_metric_pair_and_variable(fresh: Any, scores: xr.Dataset) -> None:
    fresh.select_option("#metric", label="procrustes:form=angular,whiten=1")
    fresh.wait_for_function("document.getElementById('heat').data[0].z.length === 29")
    assert "smaller is more alike" in fresh.inner_text("#heat-note")
    assert "29 of 115 layers" in fresh.inner_text("#heat-note")
    fresh.select_option("#metric", label=CKA)
    fresh.select_option("#model-a", "minilm")
    fresh.select_option("#model-b", "smollm2-135m")
    fresh.select_option("#shown", "z")
    fresh.wait_for_function("document.documentElement.dataset.ready === '0|minilm|smollm2-135m|z'")
    one = scores.sel(metric=CKA)
    block = one["z"].values[np.ix_(one["model_a"] == "minilm", one["model_b"] == "smollm2-135m")]
    np.testing.assert_allclose(fresh.evaluate("document.getElementById('heat').data[0].z"), block, rtol=1e-4)
    assert fresh.inner_text("#profile-pair") == "minilm with smollm2-135m"


def test_a_click_on_the_matrix_shows_that_pair(fresh: Any) -> None:
    fresh.locator("#matrix").scroll_into_view_if_needed()
    fresh.wait_for_timeout(300)
    box = fresh.locator("#matrix .hm image").first.bounding_box()
    fresh.mouse.move(box["x"] + box["width"] * 1.5 / 6, box["y"] + box["height"] * 0.5 / 6)
    fresh.wait_for_selector("#matrix .hovertext")
    fresh.mouse.down()
    fresh.mouse.up()
    fresh.wait_for_function("document.getElementById('model-a').value !== ''")
    order = fresh.evaluate("consilience.DATA.metrics[0].order")
    assert [fresh.input_value("#model-a"), fresh.input_value("#model-b")] == [order[0], order[1]]


def test_best_pairs_come_first_and_rank_by_their_held_out_score(page: Any, scores: xr.Dataset) -> None:
    shown = rows(page)
    assert len(shown) == 15
    values = [float(row[3].split()[0]) for row in shown]
    assert values == sorted(values, reverse=True)
    assert page.get_attribute("#ranked th[data-key=score]", "aria-sort") == "descending"


def test_filtering_sorting_and_paging_all_pairs(fresh: Any, scores: xr.Dataset) -> None:
    fresh.select_option("#scope", "all")
    models = scores["model_a"].values
    different = int((models[:, None] != models).sum()) // 2
    fresh.wait_for_function(
        "n => document.getElementById('count').textContent.endsWith(n)",
        arg=f"{different:,}".replace(",", "\u202f"),
    )
    assert len(rows(fresh)) == 25
    fresh.click("#next")
    assert fresh.inner_text("#count").startswith("26 to 50")
    fresh.fill("#search", "minilm/hidden.6 lite0/blocks.16")
    fresh.wait_for_function("document.getElementById('count').textContent === '1 to 1 of 1'")
    (row,) = rows(fresh)
    one = scores["score"].sel(metric=CKA, a="efficientnet-lite0/blocks.16", b="minilm/hidden.6").item()
    assert float(row[3].split()[0]) == pytest.approx(one, abs=1e-4)
    fresh.check("#every-metric")
    fresh.wait_for_function("document.getElementById('count').textContent === '1 to 5 of 5'")
    fresh.fill("#search", "")
    fresh.click("#ranked th[data-key=log10_p] button")
    assert fresh.get_attribute("#ranked th[data-key=log10_p]", "aria-sort") == "ascending"
    fresh.fill("#search", "no such layer")
    fresh.wait_for_function("document.getElementById('count').textContent === '0'")
    assert fresh.inner_text("#ranked tbody") == "No pair fits."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(open_report: Any, report: Path, scheme: str) -> None:
    page = open_report(
        report, viewport={"width": 360, "height": 740}, color_scheme=scheme, is_mobile=True, has_touch=True
    )
    assert page.problems == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.select_option("#scope", "all")
    page.check("#every-metric")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.context.close()


def test_dark_mode_follows_the_system_while_open(fresh: Any) -> None:
    look = "[getComputedStyle(document.body).backgroundColor, document.getElementById('heat').data[0].colorscale[0][1]]"
    fresh.emulate_media(color_scheme="light")
    light = fresh.evaluate(look)
    fresh.emulate_media(color_scheme="dark")
    fresh.wait_for_function(f"([a, b]) => {{ const [c, d] = {look}; return a !== c && b !== d; }}", arg=light)
    assert fresh.evaluate(look)[0] == "rgb(18, 21, 28)"


def test_cells_without_a_score_are_hatched_and_say_why(open_report: Any, make: Any, tmp_path: Path) -> None:
    scores = make(["minilm", "efficientnet-lite0"], [CKA])
    scores["score"][0, 2, 10] = np.nan
    key = f"{CKA}|{scores['a'].values[2]}|{scores['b'].values[10]}"
    scores.attrs["reasons"] = json.dumps({key: "the features are constant"})
    page = open_report(write(scores, tmp_path / "deep" / "report.html"))
    assert "hatch" in page.evaluate("getComputedStyle(document.querySelector('#heat .bglayer .bg')).fill")
    page.mouse.move(*cell_centre(page, 2, 10))
    page.wait_for_function(
        "document.getElementById('heat-tip').textContent.includes('the features are constant')"
    )
    assert "Hatched cells" in page.inner_text("#heat-note")
    assert "at least three models" in page.inner_text("#map-note")
    assert page.problems == []
    page.context.close()


def test_a_table_that_says_nothing_of_itself_and_holds_nothing_out_still_draws(
    open_report: Any, make: Any, tmp_path: Path
) -> None:
    scores = make(["minilm", "efficientnet-lite0"], [CKA])
    scores.attrs.clear()
    for name in (
        "score_select",
        "score_holdout",
        "se_holdout",
        "z_holdout",
        "p_holdout",
        "se",
        "p",
        "z",
        "q",
    ):
        scores[name][:] = np.nan
    page = open_report(write(scores, tmp_path / "report.html"))
    assert page.problems == []
    assert "No score was held out" in page.inner_text("#models")
    assert len(rows(page)) == 25
    page.context.close()


def test_models_of_two_kinds_on_the_two_sides(open_report: Any, make: Any, tmp_path: Path) -> None:
    scores = make()
    a = np.flatnonzero(scores["model_a"].values == "minilm")
    b = np.flatnonzero(scores["model_b"].values != "minilm")
    page = open_report(write(scores.isel(a=a, b=b), tmp_path / "report.html"))
    assert page.problems == []
    assert page.evaluate("document.getElementById('matrix').data[0].z.length") == 1
    page.context.close()


def test_names_are_text_never_markup(open_report: Any, make: Any, tmp_path: Path) -> None:
    bad = "</script><script>window.bad=1</script><img src=x onerror=window.bad=2>"
    scores = make(["minilm", "efficientnet-lite0", "smollm2-135m"], [CKA])
    for side in "ab":
        named = [f"{bad}{m}" if m == "minilm" else m for m in scores[f"model_{side}"].values]
        labels = [f"{m}/{l}" for m, l in zip(named, scores[f"layer_{side}"].values)]
        scores = scores.assign_coords({f"model_{side}": (side, named), side: labels})
    scores.attrs["study"] = scores.attrs["summary"] = json.dumps([bad])
    page = open_report(write(scores, tmp_path / "report.html"))
    page.mouse.move(*cell_centre(page, 0, 20))
    page.wait_for_selector("#heat-tip:not([hidden])")
    assert page.evaluate("window.bad") is None
    assert page.problems == []
    page.context.close()


def test_the_page_holds_the_words_a_reader_needs(scores: xr.Dataset) -> None:
    page = render(scores)
    for text in (
        "unreadable picture",
        "CC BY-SA 4.0",
        "@software{consilience",
        "Kornblith 2019",
        "k / (n - 1)",
        "4\u202f652\u202f008",
    ):
        assert text in page, text
    assert len(page) < 2.5e6
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"(?!data:)", page)


def test_what_is_no_score_table_is_refused(scores: xr.Dataset) -> None:
    with pytest.raises(BadInput, match="Dataset without score"):
        render(scores.drop_vars("score"))
    with pytest.raises(BadInput, match="at least one score"):
        render(scores.assign(score=scores["score"] * np.nan))
