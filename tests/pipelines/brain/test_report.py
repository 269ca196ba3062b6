"""The pages of two real studies in a real browser."""

import json
from pathlib import Path
from typing import Any

import pytest

from consilience.pipelines.brain.report import write

READY = "document.documentElement.dataset.ready"
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def page(open_report: Any, pictures: Any) -> Any:
    page = open_report(pictures.output / "report.html", ready=READY, viewport=WIDE)
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def encoded(open_report: Any, story: Any) -> Any:
    page = open_report(story.output / "report.html", ready=READY, viewport=WIDE)
    yield page
    page.context.close()


def test_the_pages_draw_without_an_error_and_ask_the_network_for_nothing(page: Any, encoded: Any) -> None:
    for one in (page, encoded):
        assert one.problems == []
        assert one.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for figure in ("matrix", "depth-0", "subjects-0", "null-0", "turing-0", "universality-0"):
        assert page.locator(f"#{figure} svg.main-svg").count() > 0, figure
    for figure in ("encoding-r-0", "encoding-r-1", "encoding-unique-0", "encoding-unique-1"):
        assert encoded.locator(f"#{figure} svg.main-svg").count() > 0, figure


def test_the_matrix_has_every_layer_and_both_ceilings(page: Any, pictures: Any) -> None:
    z = page.evaluate("document.getElementById('matrix').data[0].z")
    table = pictures.tables["alignment"].isel(metric=0)
    assert [len(row) for row in z] == [122 + 1 + 2]
    assert z[0][:122] == pytest.approx(table["score"].mean("subject").sel(region="IT").values, rel=1e-6)
    assert z[0][123:] == pytest.approx([table["lower"].item(), table["upper"].item()], rel=1e-6)


def test_pointing_at_a_dot_shows_the_score_of_the_table(page: Any, pictures: Any) -> None:
    page.locator("#subjects-0").scroll_into_view_if_needed()
    page.locator("#subjects-0 .scatterlayer .trace .point").first.hover(force=True)
    page.wait_for_selector("#subjects-0 .hovertext")
    shown = page.locator("#subjects-0 .hovertext").text_content()
    one = pictures.tables["alignment"].isel(metric=0, region=0, model=0, subject=0)
    assert f"{one['held_out'].item():.3f}" in shown
    assert one["chosen"].item() in shown
    assert str(one["subject"].item()) in shown


def test_every_subject_pair_and_verdict_is_there(page: Any, pictures: Any) -> None:
    count = "id => document.getElementById(id).data.slice(0, -1).map(t => t.x.length)"
    assert page.evaluate(count, "subjects-0") == [4] * 6
    assert page.evaluate(count, "turing-0") == [6, *[4] * 6], "six pairs of four brains, then the models"
    told = page.locator("#verdicts tr td:nth-child(3)").all_inner_texts()
    assert told == [str(v) for v in pictures.tables["alignment"]["verdict"].values.ravel()]


def test_the_null_is_drawn_from_all_draws(page: Any, pictures: Any) -> None:
    assert pictures.tables["alignment"].sizes["draw"] == 1000
    counts = page.evaluate(
        "JSON.parse(document.getElementById('data').textContent).alignment.metrics[0].null"
    )
    assert [sum(found["counts"]) for found in counts[0]] == [1000] * 6


def test_the_encoding_has_a_dot_a_subject_and_the_stored_means(encoded: Any, story: Any) -> None:
    found = encoded.evaluate("document.getElementById('encoding-unique-1').data.map(t => t.x)")
    table = story.tables["encoding"].sel(region="LIPL")
    assert [len(x) for x in found] == [19] * 5 + [5]
    assert found[-1] == pytest.approx(table["unique_r2_mean"].values, rel=1e-5)
    assert found[0] == pytest.approx(table["unique_r2"].sel(space="glove").values, rel=1e-5)


def test_the_depths_of_chosen_layers_are_drawn(encoded: Any, story: Any) -> None:
    drawn = encoded.evaluate("document.getElementById('encoding-depths').data.map(t => [t.name, t.y])")
    depths = story.tables["encoding"]["best_depth"].sel(space="minilm").values
    assert [name for name, _ in drawn] == ["minilm"]
    assert drawn[0][1] == pytest.approx(depths)


def test_exclusions_methods_and_sources_are_on_the_page(encoded: Any) -> None:
    text = encoded.locator("main").inner_text()
    assert "s33" in encoded.locator("#exclusions").inner_text()
    for words in (
        "CC BY 4.0",
        "Brennan et al. 2016",
        "20 leading principal components",
        "alice-context",
        "GloVe",
    ):
        assert words in text, words
    assert "says of no region where it lies" in text


@pytest.mark.parametrize("look", [{"viewport": PHONE}, {"viewport": WIDE, "color_scheme": "dark"}])
def test_a_phone_and_the_dark_are_drawn_too(open_report: Any, pictures: Any, look: dict[str, Any]) -> None:
    page = open_report(pictures.output / "report.html", ready=READY, **look)
    assert page.problems == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()


def test_regions_with_coordinates_are_shown_in_the_brain(
    open_report: Any, pictures: Any, tmp_path: Path
) -> None:
    table = pictures.tables["alignment"].copy()
    told = json.loads(table.attrs["recordings"])
    told["coordinates"] = {"IT": [[40.0, -60.0, -15.0], [-40.0, -60.0, -15.0]]}
    table.attrs = {**table.attrs, "recordings": json.dumps(told)}
    page = open_report(write({"alignment": table}, tmp_path / "report.html"), ready=READY, viewport=WIDE)
    page.locator("iframe.brain").scroll_into_view_if_needed()
    page.frame_locator("iframe.brain").locator(".js-plotly-plot canvas").first.wait_for(state="attached")
    assert page.locator("iframe.brain").count() == 1
    # nilearn's own page has hints for its makers on the console; nothing may fail, and nothing be fetched.
    assert not [x for x in page.problems if x.startswith("http") or "Error" in x]
    page.context.close()
