"""The drift report and the history page, opened in a real browser."""

import json
from pathlib import Path
from typing import Any

import pytest
from toys import toy_study, write_toys

from consilience.engine.errors import BadInput
from consilience.pipelines.history import write
from consilience.pipelines.reevaluate.run import reevaluate

READY = "document.documentElement.dataset.ready"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: the first, one with other weights, one with another model."""
    folder = tmp_path_factory.mktemp("pages")
    write_toys(folder, "eye", "ear", "<b>nose</b>")
    reevaluate(toy_study(folder, metrics=["cka", "mutual_knn"]))
    write_toys(folder, "ear", share=0.2)
    reevaluate(toy_study(folder, metrics=["cka", "mutual_knn"]))
    (folder / "out" / "drift.html").rename(folder / "out" / "second.html")
    write_toys(folder, "hand")
    reevaluate(toy_study(folder, metrics=["cka", "mutual_knn"]))
    write(folder / "out", folder / "out" / "history.html")
    return folder / "out"


def test_the_history_holds_every_run_what_joined_and_what_moved(output: Path, open_report: Any) -> None:
    page = open_report(output / "history.html", READY)
    assert page.problems == []
    rows = page.eval_on_selector_all(
        "#history-runs tbody tr", "trs => trs.map(tr => tr.cells[tr.cells.length - 1].textContent.trim())"
    )
    assert rows == ["hand: new model", "ear: weights ear-0-1.0 → ear-0-0.2", "the first run"]
    found = page.evaluate("JSON.parse(document.getElementById('data').textContent).history")
    pairs = {(x["a"], x["b"]): x for x in found["metrics"][0]["pairs"]}
    assert len(pairs) == 6
    assert [x["at"] for x in (pairs["ear", "eye"], pairs["ear", "hand"])] == [[0, 1, 2], [2]]
    (moved,) = pairs["ear", "eye"]["moved"]
    assert (moved["run"], moved["why"]) == (1, ["ear: weights ear-0-1.0 → ear-0-0.2"])
    assert pairs["<b>nose</b>", "eye"]["moved"] == []
    assert pairs["<b>nose</b>", "eye"]["score"][0] == pairs["<b>nose</b>", "eye"]["score"][2]
    lines = page.evaluate(
        "document.getElementById('history-figure').data.filter((t) => t.mode === 'lines+markers').length"
    )
    assert lines == 6
    page.select_option("#history-metric", "1")
    page.select_option("#history-pair", "0")
    page.wait_for_function("document.documentElement.dataset.history === '1|0'")
    assert page.evaluate("document.getElementById('history-figure').data.length") == 3
    assert page.locator("#history-figure b").count() == 0, "names are text"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_drift_report_draws_on_a_phone(output: Path, open_report: Any, scheme: str) -> None:
    size = {"width": 390, "height": 800}
    page = open_report(output / "second.html", READY, viewport=size, color_scheme=scheme)
    assert page.problems == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for figure in ("moved-figure", "scatter-figure", "history-figure"):
        assert page.locator(f"#{figure} svg.main-svg").count() > 0, figure


def test_the_drift_report_holds_the_numbers_of_the_json(output: Path, open_report: Any) -> None:
    every = [json.loads(x.read_text()) for x in (output / ".reevaluations").glob("*/drift.json")]
    (told,) = (x for x in every if x["drift"])
    page = open_report(output / "second.html", READY)
    assert page.locator(".verdict").text_content() == "Drift"
    assert page.locator(".verdict").get_attribute("data-alarm") == "true"
    assert page.locator("header .lead").text_content() == told["summary"][0]
    largest = page.evaluate("Math.max(...document.getElementById('moved-figure').data[0].x.map(Math.abs))")
    assert largest == pytest.approx(max(abs(x["largest"]["change"]) for x in told["models"]))
    rows = page.locator("#moved table.pairs").first.locator("tbody tr")
    assert rows.count() == min(20, len(told["drifted"]))
    assert rows.first.locator("td").nth(3).text_content() == f"{told['drifted'][0]['before']:.4f}"
    quiet = open_report(output / "drift.html", READY)
    assert quiet.locator(".verdict").text_content() == "No drift"
    assert quiet.locator("#moved").count() == 0
    assert "hand: new model" in quiet.locator("header").text_content()


def test_a_folder_without_runs_has_no_history(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="which keeps no run"):
        write(tmp_path, tmp_path / "history.html")
