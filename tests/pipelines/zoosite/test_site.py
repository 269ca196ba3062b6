"""The site over the runs of a study: its statistics by literal computations, its pages in a real browser."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from toys import toy_study, write_toys

from consilience.engine.errors import BadInput
from consilience.pipelines.zoo.run import run
from consilience.pipelines.zoosite import write
from consilience.pipelines.zoosite.statistics import aligned, grouping, means, trend


def zoo(models: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and scores that rise with them."""
    rng = np.random.default_rng(seed)
    size = 10 ** rng.uniform(6, 9, models)
    both = np.add.outer(np.log10(size), np.log10(size))
    noise = 0.02 * rng.normal(size=both.shape)
    return size, 0.03 * both + noise + noise.T


def test_a_trend_is_the_line_of_the_means_with_the_jackknife_over_models() -> None:
    size, scores = zoo(7)
    scores[2, 5] = scores[5, 2] = np.nan
    found = trend(size, scores)
    assert found is not None

    def slope(kept: list[int]) -> float:
        y = [np.nanmean([scores[i, j] for j in kept if j != i]) for i in kept]
        return float(stats.linregress(np.log10(size[kept]), y).slope)

    left = np.array([slope([i for i in range(7) if i != k]) for k in range(7)])
    se = np.sqrt(6 / 7 * ((left - left.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, 6) * se
    assert found.slope == pytest.approx(slope(list(range(7))))
    assert (found.se, found.low, found.high) == pytest.approx((se, found.slope - half, found.slope + half))


def test_a_trend_takes_four_models_of_different_sizes() -> None:
    size, scores = zoo(5)
    assert trend(np.where(np.arange(5) < 2, np.nan, size), scores) is None
    assert trend(np.full(5, 1e6), scores) is None
    one_apart = np.where(np.arange(5) == 0, 1e7, 1e6)
    assert trend(one_apart, scores) is None, "without that one there is no slope"
    assert trend(size, scores) is not None


def test_the_mean_of_a_model_leaves_itself_and_what_is_missing_out() -> None:
    scores = np.array([[1.0, 0.2, np.nan], [0.2, 1.0, 0.4], [np.nan, 0.4, 1.0]])
    assert means(scores).tolist() == pytest.approx([0.2, 0.3, 0.4])
    assert np.isnan(means(np.full((2, 2), np.nan))).all()


def test_a_trend_over_years_is_over_years_as_they_are() -> None:
    _, scores = zoo(6)
    years = 2015.0 + np.arange(6)
    found, log = trend(years, scores, decades=False), trend(10 ** (years - 2015), scores)
    assert found is not None
    assert log is not None
    assert (found.slope, found.se) == pytest.approx((log.slope, log.se))


def test_groups_that_hold_together_are_found_and_their_chance_is_exact() -> None:
    labels = ["a", "a", "a", "b", "b", "b", ""]
    same = np.equal.outer(labels, labels)
    rng = np.random.default_rng(1)
    noise = 0.01 * rng.normal(size=(7, 7))
    scores = np.where(same, 0.8, 0.3) + noise + noise.T
    found = grouping(labels, scores, more_is_alike=True)
    assert found is not None
    assert found.sizes == {"a": 3, "b": 3}
    i, j = np.triu_indices(6, 1)
    inside = np.array(labels)[i] == np.array(labels)[j]
    assert found.within == pytest.approx(scores[i, j][inside].mean())
    assert found.between == pytest.approx(scores[i, j][~inside].mean())
    # Of the 20 ways to choose three of six, two are this grouping: p is about 0.1, however clear the groups.
    assert found.p == pytest.approx(0.1, abs=0.04)
    distance = grouping(labels, -scores, more_is_alike=False)
    assert distance is not None
    assert distance.p == found.p
    assert grouping(["a", "b", "c"], scores[:3, :3], True) is None, "no two models of one group"
    assert grouping(["a", "a", "a"], scores[:3, :3], True) is None, "one group"


def test_maps_are_turned_and_mirrored_onto_the_last() -> None:
    rng = np.random.default_rng(0)
    names, xy = list("abcde"), rng.normal(size=(5, 2))
    angle = 2.0
    turned = xy @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * [1, -1] + [
        3,
        1,
    ]
    _, second, last = aligned([(names[:4], turned[:4]), (["z"], np.ones((1, 2))), (names, xy)])
    assert second.tolist() == [[1, 1]], "nothing in common to turn it by"
    assert last is xy
    (found, _) = aligned([(names[:4], turned[:4]), (names, xy)])
    np.testing.assert_allclose(found, xy[:4], atol=1e-12)


KNOWN = ("eye", "ear", "nose", "hand")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for k, model in enumerate(("eye", "ear", "nose", "a/b <i>"), 1):
        write_toys(folder, model, parameters=10**k)
    (folder / "mine.toml").write_text(
        "".join(f"[{x}]\nyear = {2015 + k}\narchitecture = 'net {k % 2}'\n" for k, x in enumerate(KNOWN))
    )
    study = toy_study(folder, metrics=["cka", "procrustes"], more="cards: mine.toml")
    run(study)
    write_toys(folder, "ear", share=0.2, parameters=100)
    run(study)
    write_toys(folder, "hand", parameters=50)
    run(study)
    write(folder / "out", folder / "out" / "zoo")
    return folder / "out" / "zoo"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_draw_and_lead_to_each_other(site: Path, open_report: Any, scheme: str) -> None:
    ready = "document.documentElement.dataset.ready"
    page = open_report(
        site / "index.html", ready, viewport={"width": 390, "height": 800}, color_scheme=scheme
    )
    assert page.problems == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("#zoo-map svg.main-svg").count() > 0
    assert "hand: new model" in page.locator("#map-when").text_content()
    assert page.evaluate("document.getElementById('zoo-map').data.at(-1).x.length") == 5
    page.locator("#map-run").fill("0")
    page.wait_for_function("document.documentElement.dataset.ready === '0|0'")
    assert page.evaluate("document.getElementById('zoo-map').data.at(-1).x.length") == 4
    page.select_option("#metric", "1")
    page.wait_for_function("document.documentElement.dataset.ready === '1|0'")
    assert " for ten times the parameters " in page.locator("#trend-note").text_content()
    page.select_option("#over", "2")
    assert " for each year " in page.locator("#trend-note").text_content()
    axis = "document.getElementById('trend-figure')._fullLayout.xaxis"
    assert page.evaluate(f"[{axis}.type, {axis}.title.text]") == ["linear", "year"]
    assert page.evaluate("document.getElementById('trend-figure').data[0].x") == [2015, 2018]
    page.select_option("#over", "1")
    assert (
        page.locator("#trend-note")
        .text_content()
        .startswith("A slope takes four models of which that is known")
    )
    assert "architecture" in page.locator("#groups tbody").text_content()
    assert page.locator("#model-list tbody tr").count() == 5
    assert page.locator("i").count() == 0, "names are text"
    page.get_by_role("link", name="a/b <i>").click()
    page.wait_for_function(ready)
    assert page.locator("h1").text_content() == "a/b <i>"
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("#neighbours table").first.locator("tbody tr").count() == 4
    assert page.problems == []
    page.get_by_role("link", name="toy").click()
    page.get_by_role("link", name="ear").click()
    page.wait_for_function(ready)
    assert "weights ear-0-1.0 → ear-0-0.2" in page.locator("#past").text_content()
    assert page.evaluate("document.getElementById('own-figure').data[0].x.length") == 3


def test_a_folder_without_runs_has_no_site(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="which keeps no run"):
        write(tmp_path, tmp_path / "zoo")
