"""The metric guide says what the code says, and its cases show what it claims of them."""

from pathlib import Path

import numpy as np
import pytest

from consilience.engine.metrics.registry import parse, registered
from consilience.pipelines.guide.cases import CASES, METRICS, scored
from consilience.pipelines.guide.costs import costs
from consilience.pipelines.guide.page import guide

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_docstrings_make():
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page == guide(), "run: python -m consilience.pipelines.guide docs/metrics.md"


@pytest.mark.parametrize("name", sorted(registered()))
def test_every_metric_says_what_it_is_and_when_it_misleads(name):
    title, formula, *rest = registered()[name].paragraphs
    assert title.endswith(".")
    assert len(formula) > 20
    assert rest, name
    assert rest[-1].startswith("Misleads ")


def test_the_cases_show_what_they_claim():
    scores = {case.__name__: dict(zip(METRICS, scored(case))) for case in CASES}
    few = scores["few_samples"]
    assert abs(few["cka"]) < 0.05 < 0.7 < few["cka:estimator=biased"]
    assert few["linreg"] > 0.999
    outlier = scores["shared_outlier"]
    assert outlier["cka"] > 0.99
    assert outlier["mutual_knn"] < 0.3 > outlier["svcca"]
    weak = scores["weak_subspace"]
    assert weak["cka"] < 0.05 < 0.99 < weak["linreg"]
    transfer = scores["high_cka_low_transfer"]
    assert transfer["cka"] > 0.95
    assert transfer["svcca"] < 0.35
    recorded = scores["few_recorded_units"]
    assert recorded["cka"] < 0.5 < 0.9 < recorded["cka:estimator=unbiased_both"] < 1.1
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(400, 20))
    whole = [latent @ rng.normal(size=(20, 4000)) + rng.normal(size=(400, 4000)) for _ in range(2)]
    from consilience import score

    assert score("cka", *whole) > 0.97


def test_costs_are_those_of_the_declarations():
    said = {name: costs(metric) for name, metric in registered().items()}
    for name in ("relative", "indra", "matching"):
        assert "moments" not in said[name], "nothing is fitted"
    for name in ("unit_corr", "unit_match"):
        assert "d³" not in said[name], "nothing is decomposed"
    for name in registered():
        work = parse(name).work
        if parse(name).needs == "moments" and work.pair:
            assert f"{work.maps + work.pair:g} d³ a pair" in said[name]
    assert "With `match=soft`: then, on every subset and permutation, 30 ns (1000 ns" in said["unit_match"]
    assert "again for every permutation" in said["mnn"]
    assert "again for every permutation" not in said["stitch"]
