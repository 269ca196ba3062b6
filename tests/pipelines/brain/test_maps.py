"""Scores of every unit are kept, and shown where they lie: volumes, surfaces and markers, in a real browser."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from volume_brains import DRIVEN, PLACES

from consilience.engine.scores import open_scores
from consilience.pipelines.brain.report.maps import maps
from consilience.pipelines.brain.report.places import MEAN, Field, shown
from consilience.pipelines.brain.report.views import vertices_of, views, volume_of

READY = "document.documentElement.dataset.ready"
EARLY = PLACES["early"]


@pytest.fixture(scope="module")
def page(open_report: Any, volumes: Any) -> Any:
    page = open_report(volumes[0] / "report.html", ready=READY, viewport={"width": 1200, "height": 900})
    yield page
    page.context.close()


def test_every_unit_is_kept_beside_the_means_of_its_region(volumes: Any) -> None:
    output, tables, _ = volumes
    units = open_scores(output / "units.nc")
    xr.testing.assert_equal(units, tables["units"])
    assert units["r"].dtype == np.float32
    assert units.sizes["unit_of"] == 3 * (120 + 30)
    one = units.sel(space="net").isel(unit_of=(units["unit_subject"] == "s2").values)
    early = one.isel(unit_of=(one["unit_region"] == "early").values)
    np.testing.assert_allclose(early["unit_place"], EARLY, atol=1e-3)
    assert early["r"].values[DRIVEN].mean() > 0.3 > abs(early["r"].values[~DRIVEN].mean())
    mean = tables["encoding"]["r"].sel(space="net", region="early", subject="s2")
    assert float(early["r"].mean()) == pytest.approx(float(mean), abs=1e-6)
    motion = units.sel(space="motion")
    assert np.isfinite(motion["r"].values).all()


def test_voxels_become_the_volume_that_they_came_from() -> None:
    image = volume_of(EARLY, np.arange(120) - 60.0)
    np.testing.assert_allclose(image.affine[:3, :3], np.diag([3.0, 3.0, 3.0]))
    at = np.linalg.solve(image.affine, np.c_[EARLY, np.ones(120)].T)[:3].round().astype(int)
    found = image.get_fdata()[tuple(at)]
    np.testing.assert_allclose(found, np.where(np.arange(120) == 60, found, np.arange(120) - 60.0), rtol=1e-6)
    assert found[60] != 0, "a voxel of 0 is a voxel"
    assert (image.get_fdata() != 0).sum() == 120
    flat = volume_of(EARLY[EARLY[:, 2] == EARLY[0, 2]], np.ones(30))
    np.testing.assert_allclose(np.diag(flat.affine), [3, 3, 3, 1], err_msg="of a slice")
    assert volume_of(np.random.default_rng(0).normal(size=(40, 3)) * 30, np.ones(40)) is None
    assert volume_of(np.array([[0.0, 0, 0], [30, 60, 20], [10, -20, 40]]), np.ones(3)) is None


def test_vertices_of_fsaverage5_are_known_and_drawn_on_it() -> None:
    from nilearn.datasets import load_fsaverage

    right = load_fsaverage("fsaverage5")["white_matter"].parts["right"].coordinates[40:400].round(3)
    found = vertices_of(right)
    assert found is not None
    np.testing.assert_array_equal(found, 10242 + np.arange(40, 400))
    assert vertices_of(right + 1.0) is None
    pages = views(Field(right, np.linspace(-1, 1, 360), [""] * 360), 1.0, common=False)
    assert list(pages) == ["surface"]
    assert list(views(Field(right + 1.0, np.ones(360), [""] * 360), 1.0, common=True)) == ["markers"]


def test_the_mean_is_shown_where_subjects_have_the_same_coordinates(volumes: Any) -> None:
    _, tables, _ = volumes
    (of,) = shown(tables)
    assert list(of.fields) == [MEAN, "s1", "s2", "s3"]
    assert "r of net" in of.what
    whole = tables["units"]["r"].sel(space="net").values.reshape(3, 150).mean(axis=0)
    places = np.concatenate([EARLY, PLACES["far"]])
    at = {tuple(place): value for place, value in zip(places.tolist(), whole)}
    for place, value in zip(of.fields[MEAN].where.tolist(), of.fields[MEAN].values):
        assert at[tuple(place)] == pytest.approx(value, abs=1e-6)
    moved = tables["units"].copy(deep=True)
    moved["unit_place"][:150] += 1.0
    (own,) = shown({**tables, "units": moved})
    assert list(own.fields) == ["s1", "s2", "s3"]
    assert not own.common


def test_views_beyond_the_room_are_left_out_and_counted(volumes: Any) -> None:
    whole = maps(volumes[1])
    (figure,) = whole["figures"]
    assert [(x["who"], x["kind"]) for x in figure["views"]] == [
        (who, kind) for kind in ("volume", "surface") for who in (MEAN, "s1", "s2", "s3")
    ]
    assert figure["left_out"] == 0
    size = sum(map(len, whole["pieces"]))
    each = sum(sum(len(whole["pieces"][p]) for p in view["pieces"]) for view in figure["views"])
    assert size < 0.5 * each, "what views share is kept once"
    part = maps(volumes[1], most=2_000_000)
    assert sum(map(len, part["pieces"])) <= 2_000_000
    assert part["figures"][0]["left_out"] == 4
    assert part["figures"][0]["kinds"] == ["volume"]


def test_the_page_shows_the_volume_and_the_surface_of_each_subject(page: Any, volumes: Any) -> None:
    assert (volumes[0] / "report.html").stat().st_size < 10e6
    frame = page.locator("iframe.brain")
    frame.scroll_into_view_if_needed()
    page.frame_locator("iframe.brain").locator("canvas[id^='3Dviewer']").wait_for(state="visible")
    first = frame.get_attribute("srcdoc")
    page.select_option("#map-0-who", "s2")
    assert frame.get_attribute("srcdoc") != first
    page.select_option("#map-0-kind", "surface")
    page.frame_locator("iframe.brain").locator(".js-plotly-plot canvas").first.wait_for(state="attached")
    assert not [x for x in page.problems if x.startswith("http") or "Error" in x]


def test_the_report_of_a_run_of_brains_is_drawn_anew(call: Any, volumes: Any, tmp_path: Path) -> None:
    for number, given in enumerate((volumes[0], volumes[0] / "encoding.nc")):
        page = tmp_path / f"{number}.html"
        code, said, _ = call("report", given, "--output", page)
        assert code == 0
        assert str(page) in "".join(said.split("\n"))
        assert "Encoding by net" in page.read_text(encoding="utf-8")
