"""Ceilings of an encoding, and what share of them is told: by repeats, and by other subjects."""

from typing import Any

import numpy as np
import pytest

from consilience.pipelines.brain.report.payload import encoding


def test_a_share_is_of_the_subjects_whose_repeats_have_a_ceiling(volumes: Any) -> None:
    _, tables, said = volumes
    one = tables["encoding"].sel(region="early")
    assert np.isfinite(one["ceiling"].values).tolist() == [True, True, False]
    assert int(one["bounded"]) == 2
    units = tables["units"].sel(space="net")
    shares = []
    for subject in ("s1", "s2"):
        its = units.isel(
            unit_of=((units["unit_subject"] == subject) & (units["unit_region"] == "early")).values
        )
        ceiling = its["r"] / its["normalised"]  # known of some units alone
        shares.append(float(its["r"].where(ceiling.notnull()).mean() / ceiling.mean()))
    net = one.sel(space="net")
    np.testing.assert_allclose(net["normalised_subject"], [*shares, np.nan], rtol=1e-5)
    assert float(net["normalised"]) == pytest.approx(np.mean(shares), rel=1e-5)
    assert 0.3 < float(net["normalised"]) < 1
    ceiling, share = float(one["ceiling"].mean()), 100 * np.mean(shares)
    told = f"By repeats the ceiling of r is {ceiling:.3f}; r is {share:.0f} % of it"
    assert f"{told} on average over the 2 of 3 subjects whose repeats have one." in said


def test_what_is_each_subjects_own_has_no_share_of_a_ceiling(volumes: Any) -> None:
    one = volumes[1]["encoding"].sel(region="early")
    assert float(one["r_mean"].sel(space="motion")) > 0.3
    assert np.isnan(one["normalised"].sel(space="motion")), "motion predicts noise too"
    assert np.isfinite(one["normalised"].sel(space="rate"))


def test_repeats_that_agree_by_chance_are_no_ceiling(volumes: Any) -> None:
    _, tables, said = volumes
    one = tables["encoding"].sel(region="far")
    assert one["ceiling"].isnull().all(), (
        "some voxels of noise agree in both halves, but no more than chance lets them"
    )
    assert int(one["bounded"]) == 0
    assert one["normalised"].isnull().all()
    assert "but reliable in none of 3 subjects" in said


def test_motion_and_subjects_without_a_reliable_ceiling_are_no_part_of_a_share(story: Any) -> None:
    table = story.tables["encoding"]
    assert table["normalised"].sel(space="motion").isnull().all()
    reliable = table["lower"] > table["lower_chance"]
    assert (table["bounded"] == reliable.sum("subject")).all()
    assert int(table["bounded"].sel(region="LPTL")) == 19 > int(table["bounded"].sel(region="LIPL")) > 10
    share = (table["r"] / table["lower"]).where(reliable).mean("subject")
    for space in ("glove", "minilm", "word_rate"):
        np.testing.assert_allclose(table["normalised"].sel(space=space), share.sel(space=space))
    assert (table["normalised"].sel(space="word_rate") < 1).all()
    assert "(the lower) in the 19 of 19 subjects in whom that is reliable" in " ".join(story.said.split())


def test_the_page_has_the_ceiling_and_the_share(volumes: Any) -> None:
    table = volumes[1]["encoding"]
    told = encoding(table)
    np.testing.assert_allclose(told["ceiling"][0], table["ceiling"].sel(region="early").mean())
    assert told["normalised"][0][0] == pytest.approx(
        float(table["normalised"].sel(region="early", space="net"))
    )
    assert told["bounded"][0] == 2


def test_models_are_corrected_among_themselves_and_so_are_nuisance_spaces(volumes: Any) -> None:
    from scipy.stats import false_discovery_control

    table = volumes[1]["encoding"]
    for name in ("r", "unique_r2"):
        for kind in ("features", "nuisance"):
            of = table.isel(space=(table["kind"] == kind).values)
            q = false_discovery_control(of[f"{name}_p"].values.ravel())
            np.testing.assert_allclose(of[f"{name}_q"].values.ravel(), q)
