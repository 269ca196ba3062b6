"""Eight categories in twelve runs of one slice, as a study without models: decoding, reliability, and its page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from consilience.connectors.brains import open_brains
from consilience.engine.reliability import reliability
from consilience.pipelines.brain.run import plan
from consilience.pipelines.studyfiles.located import StudyError

READY = "document.documentElement.dataset.ready"


def test_categories_are_told_apart_well_above_chance(categories: Any) -> None:
    one = categories.tables["reliability"].sel(region="slice", subject="sub001")
    assert one["accuracy"].item() > 0.6
    assert one["chance"].item() == 0.125
    assert one["accuracy_p"].item() == 0.01
    assert one.sizes["repeat"] == 12
    assert (one["accuracy_repeat"] > 0.125).all()
    shown = one["confusion"].sel(stimulus="house", other="house").item()
    assert shown > 0.9, "houses are what is easiest to see"


def test_dissimilarities_come_again_over_runs(categories: Any) -> None:
    one = categories.tables["reliability"].sel(region="slice", subject="sub001")
    assert one["rdm_pairs"].item() > 0.1
    assert one["rdm_p"].item() == 0.01
    assert one["rdm_pairs"] < one["rdm_lower"] < one["rdm_upper"] < 1
    assert 0.6 < one["rdm"].item() < 0.9


def test_the_table_is_that_of_the_engine_on_the_same_responses(data_sets: Path, categories: Any) -> None:
    region = open_brains("haxby_slice").subject("sub001").regions["slice"]
    found = reliability({"slice": region.values}, splits=40, permutations=0).isel(region=0)
    one = categories.tables["reliability"].sel(region="slice", subject="sub001")
    for name in (
        "units",
        "units_ceiling",
        "rdm",
        "rdm_lower",
        "rdm_upper",
        "accuracy",
        "accuracy_repeat",
        "confusion",
    ):
        np.testing.assert_allclose(one[name], found[name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(one["unit"], found["unit"], rtol=1e-3, atol=1e-4)
    assert region.coordinates is not None
    np.testing.assert_allclose(one["unit_place"], region.coordinates, atol=1e-3)
    assert np.isnan(one["accuracy_low"]), "of one subject nothing is said of others"


def test_the_run_leaves_its_tables_and_says_what_it_found(categories: Any) -> None:
    said = " ".join(categories.said.split())
    for words in (
        "12 repeats, 1 regions x 1 subjects",
        "chance 0.125",
        "Spearman–Brown",
        "Haxby et al. 2001",
        "1 subject of",
    ):
        assert words in said, words
    rows = pd.read_parquet(categories.output / "reliability.parquet")
    assert len(rows) == 1
    assert not (categories.output / "alignment.nc").exists()
    done = json.loads((categories.output / "run.json").read_text())
    assert {"reliability.nc", "report.html"} <= set(done["results"])
    again, told = categories.again()
    assert "Nothing is new" in told
    assert again["reliability"].equals(categories.tables["reliability"])


def test_the_page_shows_it_with_its_places(open_report: Any, categories: Any) -> None:
    page = open_report(
        categories.output / "report.html", ready=READY, viewport={"width": 1200, "height": 900}
    )
    assert not [x for x in page.problems if x.startswith("http") or "Error" in x]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    one = categories.tables["reliability"].sel(region="slice", subject="sub001")
    drawn = page.evaluate("document.getElementById('decoding-0').data.map(t => t.x)")
    assert sorted(drawn[0]) == pytest.approx(sorted(one["accuracy_repeat"].values))
    assert drawn[1] == pytest.approx([one["accuracy"].item()])
    for figure, name in (("confusions-0", "confusion"), ("rdms-0", "rdm_of_mean")):
        z = page.evaluate(f"document.getElementById('{figure}').data[0].z")
        np.testing.assert_allclose(z, one[name], rtol=1e-5, atol=1e-9)
    again = page.evaluate("document.getElementById('again-0').data.map(t => t.x[0])")
    assert again == pytest.approx([one["rdm_lower"].item(), one["rdm_pairs"].item(), one["rdm"].item()])
    page.locator("iframe.brain").scroll_into_view_if_needed()
    frame = page.frame_locator("iframe.brain")
    frame.locator("canvas[id^='3Dviewer']").wait_for(state="visible")
    text = page.locator("main").inner_text()
    for words in (
        "Linear support vector machine",
        "CC BY-SA 3.0",
        "split-half reliability over repeats",
        "each subject's own",
    ):
        assert words in text, words
    page.context.close()


ALONE = "name: x\nbrain: haxby_slice\ntracking: null\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ALONE, ("`models:`, or `reliability:`", "neither")),
        (ALONE + "encode: {}\nreliability: {}\n", ("line 4, key encode", "`models:` for `encode:`")),
        (ALONE + "reliability: {metric: cka}\n", ("line 4, key reliability.metric", "rsa compared by")),
        (ALONE + "reliability: {metric: {name: rsa, rdm: crossnobis}}\n", ("reliability.metric", "rsa compared by")),
        (ALONE + "reliability: {splits: 0}\n", ("line 4, key reliability.splits", "1")),
        (ALONE + "reliability: {repeats: 3}\n", ("line 4, key reliability.repeats", "permutations")),
        (ALONE.replace("haxby_slice", "alice") + "reliability: {}\n", ("key reliability", "repeats are kept apart")),
        (ALONE + "regions: [V1]\nreliability: {}\n", ("line 4, key regions", "'V1'", "slice")),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_by_its_line(
    data_sets: Path, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(StudyError) as caught:
        plan(tmp_path / "study.yaml")
    for word in words:
        assert word in str(caught.value), str(caught.value)
