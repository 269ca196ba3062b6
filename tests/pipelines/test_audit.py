"""The page of an audit, opened in a real browser."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import consilience as cs
from consilience.engine.audit import Audit
from consilience.engine.audit.dominance import spread
from consilience.engine.audit.findings import RULES
from consilience.pipelines.audit import render, write
from consilience.pipelines.audit.figures import MOST_POINTS, cumulated
from consilience.pipelines.audit.words import percent

READY = "document.documentElement.dataset.ready"
FIGURES = (
    "agreement-figure",
    "dominance-x",
    "dominance-y",
    "outliers-0",
    "outliers-1",
    *(f"size-{k}" for k in range(4)),
)


@pytest.fixture(scope="module")
def audit() -> Audit:
    """Little is shared but one unit of 1e4 times the variance of the others."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 30)), rng.normal(size=(120, 150))
    x[:, 3] = y[:, 17] = 100 * rng.normal(size=120)
    return cs.audit({"smollm2/hidden.14": x}, {"<b>minilm</b>/hidden.6": y}, repeats=3)


@pytest.fixture(scope="module")
def path(audit: Audit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(audit, tmp_path_factory.mktemp("audit") / "deep" / "audit.html")


@pytest.fixture(scope="module")
def page(open_report: Any, path: Path) -> Iterator[Any]:
    page = open_report(path, ready=READY, viewport={"width": 1200, "height": 900})
    yield page
    page.context.close()


def test_it_draws_without_an_error_and_asks_the_network_for_nothing(page: Any) -> None:
    assert page.problems == []
    assert page.title() == "smollm2/hidden.14 with <b>minilm</b>/hidden.6 · Consilience"
    for figure in FIGURES:
        assert page.locator(f"#{figure} svg.main-svg").count() > 0, figure


def test_it_opens_with_the_findings_their_rules_and_figures(page: Any, audit: Audit) -> None:
    assert page.locator("#findings li > p").all_inner_texts() == [f.text for f in audit.findings]
    assert audit.findings[0].name == "dominant units"
    details = page.locator("#findings details").first
    details.locator("summary").click()
    assert audit.findings[0].rule in details.inner_text()
    assert f"cka without {audit.findings[0].figures['cka without']:.4g}" in details.inner_text()
    cells = "trs => trs.map(tr => [tr.cells[0].innerText, tr.cells[2].innerText])"
    applied = dict(page.eval_on_selector_all(".rules tbody tr", cells))
    assert list(applied) == list(RULES)
    assert {name for name, here in applied.items() if here == "yes"} == {f.name for f in audit.findings}


def test_figure_1_has_every_metric_nearest_to_identity_first(page: Any, audit: Audit) -> None:
    at = page.evaluate(
        "document.getElementById('agreement-figure').data.flatMap(t => t.x.map((x, k) => [t.y[k], x]))"
    )
    labels = page.evaluate("document.getElementById('agreement-figure').layout.yaxis.ticktext")
    drawn = {labels[y]: x for y, x in at}
    assert len(labels) == 13, "eleven metrics, two of them both ways"
    assert set(labels) - set(drawn) == {"linreg Y to X"}, "Y has more units than samples"
    found = audit.agreement["adjusted"].sel(way="X to Y")
    assert drawn["mutual_knn"] == pytest.approx(
        float(found.sel(metric="mutual_knn:distance=cosine,k=10")), rel=1e-5
    )
    assert drawn["linreg X to Y"] == pytest.approx(
        float(found.sel(metric="linreg:folds=0,ridge=0")), rel=1e-5
    )
    assert [x for _, x in sorted(at)] == sorted(drawn.values())


def test_the_other_figures_hold_the_datasets(page: Any, audit: Audit) -> None:
    def lines(figure: str) -> dict[str, list[float]]:
        script = "id => Object.fromEntries(document.getElementById(id).data.map(t => [t.name, t.y]))"
        return page.evaluate(script, figure)

    cka, knn = audit.outliers["score"]
    assert lines("outliers-0")["X alone"] == pytest.approx(cka.sel(top_y=0).values, rel=1e-5, abs=1e-6)
    assert lines("outliers-1")["Y alone"] == pytest.approx(knn.sel(top_x=0).values, rel=1e-5)
    assert lines("outliers-0")["both"] == pytest.approx(np.diagonal(cka), rel=1e-5, abs=1e-6)
    assert lines("size-3")["mean ± sd"] == pytest.approx(audit.size["mean"][3].values, rel=1e-5)
    assert lines("size-2")["chance"] == pytest.approx(audit.size["null_mean"][2].values, rel=1e-5)
    shares = np.sort(audit.dominance["x"]["share"].values)[::-1]
    assert lines("dominance-x")["units"] == pytest.approx(np.cumsum(shares), rel=1e-5)
    assert lines("dominance-y")["components"][-1] == pytest.approx(1, rel=1e-5)


def test_pointing_at_a_mark_shows_its_numbers(page: Any, audit: Audit) -> None:
    page.locator("#size-2").scroll_into_view_if_needed()
    page.locator("#size-2 .scatterlayer .trace .point").first.hover(force=True)
    page.wait_for_selector("#size-2 .hovertext")
    mean = float(audit.size["mean"][2, 0])
    shown = page.locator("#size-2 .hovertext").text_content()
    assert f"{int(audit.size['size'][0])} samples" in shown
    assert f"{mean:.3f}" in shown


def test_the_tables_hold_the_numbers(page: Any, audit: Audit) -> None:
    scores = page.locator(".scores").inner_text()
    assert scores.count("Blind to") == 11
    cka = float(audit.agreement["score"][0, 0])
    assert f"{cka:.4f}" in scores
    rows = page.locator("#dominance table").first.locator("tbody tr").all_inner_texts()
    assert len(rows) == 10
    assert rows[0].split("\t")[:2] == ["3", percent(float(audit.dominance["x"]["share"][3]))]
    assert "Y has more units than there are samples" in page.inner_text("#bias")
    assert f"{float(audit.bias['null_mean']):.3f}: the exact mean" in page.inner_text("#bias")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(open_report: Any, path: Path, scheme: str) -> None:
    page = open_report(
        path, ready=READY, viewport={"width": 360, "height": 740}, color_scheme=scheme, is_mobile=True, has_touch=True
    )  # fmt: skip
    assert page.problems == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.context.close()


def test_dark_mode_and_width_follow_while_open(open_report: Any, path: Path) -> None:
    page = open_report(path, ready=READY, viewport={"width": 1200, "height": 900}, color_scheme="light")
    look = "[getComputedStyle(document.body).backgroundColor, document.getElementById('size-0').data[0].line.color]"
    light = page.evaluate(look)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"([a, b]) => {{ const [c, d] = {look}; return a !== c && b !== d; }}", arg=light)
    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_function(f"{READY} === '700'")
    fits = "[...document.querySelectorAll('.plot')].every(e => e._fullLayout.width === e.clientWidth)"
    assert page.evaluate(fits)
    page.context.close()


def test_scores_that_chance_reaches_and_scores_that_there_are_not(open_report: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.zeros((30, 40))
    x[:, 7] = rng.normal(size=30)
    audit = cs.audit(rng.normal(size=(30, 40)), x, metrics=["cka", "linreg", "unit_corr"], repeats=1)
    undefined = replace(audit, agreement=audit.agreement.copy(deep=True))
    undefined.agreement["score"][2] = np.nan
    page = open_report(write(undefined, tmp_path / "audit.html"), ready=READY)
    assert page.problems == []
    assert "all chance" in page.inner_text("#agreement-figure")
    assert "No unit can be removed." in page.inner_text("#dominance")
    page.context.close()


def test_names_are_text_and_the_file_is_whole(audit: Audit) -> None:
    text = render(audit)
    assert "<b>minilm</b>" not in text
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"(?!data:)", text)
    assert len(text) < 2e6


def test_a_curve_over_many_units_is_drawn_by_some_of_its_points() -> None:
    x = np.random.default_rng(0).normal(size=(600, 500))
    units = cumulated(spread(np.cov(x.T), x[:3].T, 600))["units"]
    assert len(units["k"]) <= MOST_POINTS
    assert (units["k"][0], units["k"][-1]) == (1, 500)
    assert units["share"][-1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("share", "text"), [(1, "100.00 %"), (0.1234, "12.34 %"), (1e-5, "< 0.01 %"), (0, "< 0.01 %")]
)
def test_shares(share: float, text: str) -> None:
    assert percent(share) == text
