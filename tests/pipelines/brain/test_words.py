"""The sentences say what was found, and no more: an effect of the wrong sign or with a large p is not told as one."""

import numpy as np
import pytest
import xarray as xr

from consilience.engine.alignment import align
from consilience.pipelines.brain.report.payload import pairs_of
from consilience.pipelines.brain.words_aligned import aligned, few, universal, where_shown
from consilience.pipelines.brain.words_encoded import encoded
from consilience.pipelines.brain.words_reliable import reliable

SCORES = {"r": 0.2, "unique_r2": 0.02}


def encoding(space: str = "net", kind: str = "features", **changed: float) -> xr.Dataset:
    """One space that predicts one region well, but for what is `changed`."""
    numbers = {"_mean": 1.0, "_low": 0.5, "_high": 1.5}
    values = {f"{name}{end}": size * by for name, size in SCORES.items() for end, by in numbers.items()}
    values |= {f"{name}{end}": 0.001 for name in SCORES for end in ("_p", "_q")}
    values |= {"order_tau": 0.5, "order_p": 0.01, **changed}
    dims = {name: ("space",) if name.startswith("order") else ("space", "region") for name in values}
    table = xr.Dataset(
        {name: (dims[name], np.full((1,) * len(dims[name]), value)) for name, value in values.items()},
        coords={"space": [space], "region": ["V1"], "kind": ("space", [kind]), "subject": ["a", "b"]},
    )
    for end in ("lower", "upper"):
        table[end] = (("region", "subject"), np.full((1, 2), 0.5))
    table.coords["model"] = [space]
    table["ceiling"] = (("region", "subject"), np.full((1, 2), np.nan))
    table["bounded"], table["normalised"] = ("region", [1]), (("space", "region"), [[0.4]])
    return table


def recording(p: list[float]) -> xr.Dataset:
    """Repeats of as many subjects as there are p."""
    count = len(p)
    table = xr.Dataset(
        {name: (("region", "subject"), np.full((1, count), 0.2)) for name in ("accuracy", "units_ceiling", "rdm_pairs")}
        | {name: (("region", "subject"), np.full((1, count), 0.2)) for name in ("rdm", "rdm_lower", "rdm_upper")}
        | {name: (("region", "subject"), [p]) for name in ("accuracy_p", "rdm_p")}
        | {f"accuracy_{end}": ("region", [0.2]) for end in ("mean", "low", "high")},
        coords={"region": ["V1"], "subject": list("abcdefgh")[:count], "stimulus": [0], "repeat": [0]},
    )  # fmt: skip
    return table.assign(chance=("region", [0.125]))


@pytest.mark.parametrize(
    ("rho", "p", "start"),
    [
        (0.61, 0.01, "Universality: layers that agree more with other models agree more with V1, of these models ("),
        (0.10, 0.44, "Universality: undecided,"),
        (-0.95, 1.0, "Universality: not found, layers that agree more with other models do not agree more with V1"),
        (-0.95, 0.001, "Universality: not found,"),
        (0.4, np.nan, "Universality: undecided,"),
    ],
)  # fmt: skip
def test_universality_is_told_by_its_sign_and_its_p(rho: float, p: float, start: str) -> None:
    assert universal("V1", rho, p, np.nan, np.nan).startswith(start)


def test_universality_tells_the_draws_of_models_where_there_are_any() -> None:
    told = universal("V1", 0.61, 0.01, -0.1, 0.9)
    assert told.endswith("p = 0.010 over stimuli, one-sided; 95 % of draws of models −0.10 to 0.90).")
    assert "agree more with V1, of these models (" in told
    assert "agree more with V1 (" in universal("V1", 0.61, 0.01, 0.2, 0.9)
    assert universal("V1", 0.61, 0.01, np.nan, np.nan).endswith("one-sided).")


def test_what_is_no_better_than_random_weights_is_not_told_as_better() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 6))
    brains = {f"s{k}": {"V1": x + 0.5 * rng.normal(size=x.shape)} for k in range(4)}
    models = {"trained/0": rng.normal(size=(24, 6)), "random/0": x}
    of = align(models, brains, permutations=19, bootstraps=100).isel(metric=0)
    told = " ".join(aligned(of, "rsa", {"random"}))
    assert "trained is worse by 0." in told
    assert "is not shown to be more than chance" in told


def test_all_pairs_are_counted_by_their_corrected_p_and_few_subjects_are_owned_up_to() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 6))
    brains = {f"s{k}": {"V1": x + 0.5 * rng.normal(size=x.shape)} for k in range(4)}
    models = {"same/0": x, "noisy/0": x + rng.normal(size=x.shape), "apart/0": rng.normal(size=x.shape)}
    of = align(models, brains, permutations=19, bootstraps=200).isel(metric=0)
    above = np.triu_indices(3, 1)
    subjects, stimuli = (
        int((of[name].sel(region="V1").values[above] < 0.05).sum())
        for name in ("difference_q", "difference_q_stimuli")
    )
    assert stimuli > 0
    told = f"Of 3 pairs of models {subjects} differ in V1 over subjects and {stimuli} over stimuli (q < 0.05, Holm)."
    assert told in aligned(of, "rsa", set())
    (rows,) = pairs_of(of)
    assert [row["difference"] for row in rows] == sorted((row["difference"] for row in rows), reverse=True)
    best = of.sel(region="V1", model=rows[0]["models"][0], model_b=rows[0]["models"][1])
    assert rows[0]["models"][1] == "apart"
    assert 10 ** rows[0]["log10_difference_q_stimuli"] == pytest.approx(float(best["difference_q_stimuli"]))
    said = " ".join(aligned(of, "rsa", set()))
    assert "With 4 subjects one of 3 pairs has to differ by 4.9 standard errors" in said
    assert "other stimuli of the same kind, in these 4 subjects" in said
    assert "other people, with these 24 stimuli" in said
    one = of.sel(region="V1", model="same")
    assert float(one["p_subjects"]) < 0.05
    assert " against permuted stimuli, and p " in said
    assert few(6, 3) == ""


@pytest.mark.parametrize(
    ("subjects", "stimuli", "told"),
    [
        (0.01, 0.01, "shown over subjects and over stimuli"),
        (0.2, 0.01, "shown over stimuli, not over subjects"),
        (0.01, 0.2, "shown over subjects, not over stimuli"),
        (np.nan, 0.2, "shown neither over subjects nor over stimuli"),
    ],
)
def test_a_difference_says_over_what_it_is_shown(subjects: float, stimuli: float, told: str) -> None:
    assert where_shown(subjects, stimuli) == told


@pytest.mark.parametrize(
    ("tau", "subjects", "stimuli", "verb"),
    [
        (0.9, 0.01, 0.01, "follow the hierarchy"),
        (0.9, 0.01, 0.2, "are not shown to follow the hierarchy"),
        (0.9, 0.2, 0.01, "are not shown to follow the hierarchy"),
        (0.9, 0.01, np.nan, "are not shown to follow the hierarchy"),
        (-0.9, 1.0, 1.0, "do not follow the hierarchy"),
    ],
)
def test_an_order_is_told_where_both_its_p_are_small(
    tau: float, subjects: float, stimuli: float, verb: str
) -> None:
    rng = np.random.default_rng(0)
    brains = {f"s{k}": {r: rng.normal(size=(12, 4)) for r in ("V1", "IT")} for k in range(3)}
    models = {f"net/{k}": rng.normal(size=(12, 4)) for k in range(2)}
    of = align(models, brains, permutations=19, bootstraps=100, hierarchy=["V1", "IT"]).isel(metric=0)
    of["order_tau"][:], of["order_p"][:], of["order_p_stimuli"][:] = tau, subjects, stimuli
    told = aligned(of, "rsa:compare=spearman", set())[-1]
    assert f"net: best layers {verb} (tau {str(tau).replace('-', chr(8722))}0, p " in told
    assert told.startswith("By rsa")


def test_a_model_explains_something_only_where_its_q_says_so() -> None:
    told = " ".join(encoded(encoding()))
    assert told.startswith("net predicts responses (q < 0.05 over subjects) in V1: r on held-out rows 0.200")
    assert "net: layers chosen follow the hierarchy (tau 0.50" in told
    for table in (encoding(r_q=0.2), encoding(r_mean=-0.1)):
        assert encoded(table)[0].startswith("net is not shown to predict responses in any region")
    assert "are not shown to follow" in encoded(encoding(order_p=0.3))[1]
    assert "do not follow" in encoded(encoding(order_tau=-0.5, order_p=0.99))[1]


def test_what_is_above_chance_in_these_subjects_is_told_apart_from_what_is_above_0() -> None:
    both = encoding(unique_r2_mean=-0.004, unique_r2_q=0.9), encoding("rate", "nuisance")
    spaces = xr.concat(
        [x.drop_vars("model") for x in both],
        "space",
        data_vars="minimal",
        coords="minimal",
        compat="override",
    )
    spaces.coords["model"] = ["net"]
    table = xr.concat([spaces, spaces.assign_coords(region=["IT"])], "region", data_vars="minimal")
    told = encoded(
        table.assign(
            null=(("space", "region", "draw"), np.tile([-0.01, -0.03], (2, 2, 1))),
            null_p=(("space", "region"), np.tile([0.03, 0.5], (2, 1))),
            null_q=(("space", "region"), np.tile([0.045, 0.6], (2, 1))),
        )
    )
    assert told[0].startswith("net is not shown to explain variance beyond rate in any region")
    assert told[1] == (
        "Against responses shifted in time, net is above chance in V1 (q < 0.05): R² −0.004 against −0.020 by chance, "
        "p = 0.030, q = 0.045. That speaks of these subjects alone."
    )


def test_a_share_is_told_of_a_ceiling_that_is_reliable() -> None:
    table = encoding()
    told = "The ceiling of r is 0.500 to 0.500; r is 40 % of it (the lower) in the 1 of 2 subjects in whom that is"
    assert encoded(table)[0].endswith(f"{told} reliable.")
    table["bounded"][:], table["normalised"][:] = 0, np.nan
    assert encoded(table)[0].endswith("but reliable in none of 2 subjects: no share of it is told.")
    assert encoded(encoding(r_q=0.2))[0].endswith("The ceiling of r is 0.500 to 0.500."), (
        "no share of nothing"
    )
    table["lower"][:] = np.nan
    assert encoded(table)[0].endswith("No ceiling is known.")
    table["ceiling"][0, 0], table["bounded"][:], table["normalised"][:] = 0.97, 1, 0.6
    told = "By repeats the ceiling of r is 0.970; r is 60 % of it on average over the 1 of 2 subjects whose repeats"
    assert encoded(table)[0].endswith(f"{told} have one.")


def test_a_nuisance_space_predicts_only_where_its_q_says_so() -> None:
    assert encoded(encoding("motion", "nuisance"))[0].startswith("motion alone predicts V1 best")
    told = encoded(encoding("motion", "nuisance", r_q=0.4))[0]
    assert told.startswith("motion alone is not shown to predict V1, its highest")


def test_repeats_that_do_not_agree_are_not_told_to_agree() -> None:
    decoded, dissimilar = reliable(recording([0.001, 0.02]))
    assert "stimuli was there is told from V1" in decoded
    assert "p = 0.020 or less in every subject" in decoded
    assert "Dissimilarities in V1 agree from repeat to repeat" in dissimilar
    decoded, dissimilar = reliable(recording([0.3, 0.6]))
    assert "is not shown to be told from V1" in decoded
    assert "are not shown to agree" in dissimilar
    assert "p < 0.05 in 0 of 2 subjects" in dissimilar
    assert "p < 0.05 in 1 of 2 subjects" in reliable(recording([0.3, 0.01]))[0]
