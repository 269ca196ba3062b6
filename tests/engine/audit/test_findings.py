"""Each finding fires on data made for it, with the figures that NumPy gives, and none on data without a flaw."""

from collections.abc import Callable

import numpy as np
import pytest
import reference
from scipy.stats import special_ortho_group

import consilience as cs
from consilience.engine.audit.findings import NOTHING, RULES

QUICK = ("cka", "cka:estimator=biased", "mutual_knn", "svcca", "linreg", "procrustes")


def shared(rng, n, latents, noise, widths):
    """Two representations of the same latents through different random maps."""
    latent = rng.normal(size=(n, latents))
    return [
        latent @ rng.normal(size=(latents, d)) / np.sqrt(latents) + noise * rng.normal(size=(n, d))
        for d in widths
    ]


def clean(rng):
    return shared(rng, 800, 8, 0.1, (24, 32))


def outlier_in_both(rng):
    """One unit of each, of 1e4 times the variance of the others, is all that is shared."""
    x, y = rng.normal(size=(400, 40)), rng.normal(size=(400, 48))
    x[:, 3] = y[:, 17] = 100 * rng.normal(size=400)
    return x, y


def outlier_in_one(rng):
    """Y is a rotation of X but for one unit of X, of 200 times the variance of the others."""
    x = rng.normal(size=(1000, 48))
    y = x @ special_ortho_group.rvs(48, random_state=1)
    x[:, 3] = np.sqrt(200) * rng.normal(size=1000)
    return x, y


def few_samples_for_the_width(rng):
    return rng.normal(size=(64, 256)), rng.normal(size=(64, 200))


def weak_subspace(rng):
    """Y holds those eight units of X that vary least."""
    x = rng.normal(size=(800, 40)) * np.repeat([10, 1], [32, 8])
    return x, x[:, 32:] @ rng.normal(size=(8, 12))


def same(rng):
    x = rng.normal(size=(100, 12))
    return x, x.copy()


def few_samples(rng):
    return shared(rng, 30, 8, 0.7, (16, 16))


def one_direction(rng):
    """A common direction through all units of X, of 30 times the variance of the rest together."""
    x, y = shared(rng, 400, 12, 0.1, (40, 40))
    return x + 6 * rng.normal(size=(400, 1)) * rng.choice([-1, 1], 40), y


def strong_directions(rng):
    return shared(rng, 800, 2, 0.25, (32, 32))


CASES: dict[Callable, set[str]] = {
    clean: set(),
    outlier_in_both: {"dominant units", "neighbours against CKA", "number of samples"},
    outlier_in_one: {"dominant units", "shared in other proportions"},
    few_samples_for_the_width: {"unrelated", "bias", "mostly chance", "number of samples"},
    weak_subspace: {"shared in other proportions", "number of samples"},
    same: {"identical"},
    few_samples: {"bias", "mostly chance", "uncertain"},
    one_direction: {"dominant direction", "shared in other proportions"},
    strong_directions: {
        "dominant direction",
        "neighbours against CKA",
        "shared in strong directions",
        "number of samples",
    },
}


@pytest.fixture(scope="module")
def audits():
    made = {}
    for case in CASES:
        x, y = case(np.random.default_rng(5))
        made[case] = x, y, cs.audit(x, y, metrics=QUICK, top=(1, 2), repeats=3)
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_which_findings(audits, case):
    found = {f.name: f for f in audits[case][2].findings}
    assert set(found) == (CASES[case] or {"nothing"})
    assert all(f.figures for name, f in found.items() if name != "nothing"), "no finding without its figures"


def test_every_rule_fires_somewhere_and_none_on_clean_data(audits):
    assert set.union(*CASES.values()) == set(RULES)
    assert [f.text for f in audits[clean][2].findings] == [NOTHING]
    assert repr(audits[clean][2]) == f"<Audit of x and y, 800 samples>\n- {NOTHING}"


def figures(audits, case, name):
    x, y, audit = audits[case]
    (found,) = (f for f in audit.findings if f.name == name)
    return x, y, found.text, found.figures, found.rule


def without(x, unit):
    return np.delete(x, unit, axis=1)


def way(score, chance):
    """From chance to identity."""
    return (score - chance) / (1 - chance)


def test_an_outlier_unit_that_is_all_they_share(audits):
    x, y, text, found, rule = figures(audits, outlier_in_both, "dominant units")
    for z, unit, side in ((x, 3, "x"), (y, 17, "y")):
        assert found[f"share of {side}"] == pytest.approx(z.var(0)[unit] / z.var(0).sum())
    assert found["cka"] == pytest.approx(reference.cka(x, y))
    assert found["cka"] > 0.99
    assert found["cka without"] == pytest.approx(reference.cka(without(x, 3), without(y, 17)), abs=1e-9)
    assert text == (
        "One unit (number 3) carries 99.61 % of the variance of X and one unit (number 17) carries 99.55 % of the "
        "variance of Y; without them CKA falls from 1.00 to 0.00."
    )
    assert "at least half of a side's variance" in rule
    x, y, text, found, _ = figures(audits, outlier_in_both, "neighbours against CKA")
    assert found["mutual_knn"] == pytest.approx(way(reference.mutual_knn(x, y, 10), 10 / 399))
    assert "mutual_knn and CKA disagree (0.22 and 1.00 of the way" in text


def test_an_outlier_unit_of_one_side(audits):
    x, y, text, found, _ = figures(audits, outlier_in_one, "dominant units")
    assert found["cka"] == pytest.approx(reference.cka(x, y))
    assert found["cka without"] == pytest.approx(reference.cka(without(x, 3), y))
    assert "without it CKA rises from 0.04 to 0.99" in text
    agreement = audits[outlier_in_one][2].agreement
    for metric, want in (
        ("svcca:variance=0.99", reference.svcca(x, y)),
        ("linreg:folds=0,ridge=0", reference.linreg(x, y)),
    ):
        assert float(agreement["score"].sel(metric=metric)[0]) == pytest.approx(want)
        assert want > 0.95


def test_the_bias_of_few_samples(audits):
    x, y, text, found, _ = figures(audits, few_samples_for_the_width, "bias")
    assert found["biased"] == pytest.approx(reference.cka(x, y, "biased"))
    assert found["unbiased"] == pytest.approx(reference.cka(x, y), abs=1e-9)
    assert text.endswith("X has 256 units and Y has 200 units, more than the 64 samples.")
    centred = [z - z.mean(0) for z in (x, y)]
    k, l = (z @ z.T for z in centred)
    null = np.trace(k) * np.trace(l) / 63 / np.linalg.norm(k) / np.linalg.norm(l)
    assert found["null mean of biased"] == pytest.approx(null)
    *_, found, _ = figures(audits, few_samples_for_the_width, "mostly chance")
    assert found["cka:estimator=biased"] == pytest.approx(null)
    assert found["linreg X to Y"] == pytest.approx(1)
    bias = audits[few_samples_for_the_width][2].bias
    assert bias["wide"].all()
    assert not audits[few_samples][2].bias["wide"].any()
    *_, text, _, _ = figures(audits, few_samples, "bias")
    assert text.endswith("30 samples are few for so many directions.")


def test_a_subspace_of_little_variance(audits):
    x, y, text, found, _ = figures(audits, weak_subspace, "shared in other proportions")
    assert reference.linreg(x, y) == pytest.approx(1)
    assert found["linreg X to Y"] == pytest.approx(1)
    assert found["cka"] == pytest.approx(reference.cka(x, y), abs=1e-9)
    assert text.startswith("linreg X to Y and CKA disagree (1.00 and 0.00")
    back = audits[weak_subspace][2].agreement["score"].sel(metric="linreg:folds=0,ridge=0", way="Y to X")
    assert float(back) == pytest.approx(reference.linreg(y, x))


def test_identity(audits):
    *_, found, _ = figures(audits, same, "identical")
    assert found["lowest"] == pytest.approx(1, abs=1e-6)


def test_a_small_sample(audits):
    x, y, text, found, _ = figures(audits, few_samples, "uncertain")
    assert found["cka"] == pytest.approx(reference.cka(x, y))
    assert found["high"] - found["low"] >= 0.2
    assert "30 samples leave CKA open" in text


def test_a_direction_through_all_units(audits):
    x, _, text, found, _ = figures(audits, one_direction, "dominant direction")
    values = np.linalg.svd(x - x.mean(0), compute_uv=False) ** 2
    assert found == {"share of x": pytest.approx(values[0] / values.sum())}
    assert text == "The first principal component holds 97 % of the variance of X, spread over many units."


def test_the_number_of_samples(audits):
    *_, audit = audits[weak_subspace]
    *_, text, found, rule = figures(audits, weak_subspace, "number of samples")
    mean = audit.size["mean"].sel(metric="svcca:variance=0.99")
    assert found == {"svcca of 400": float(mean.sel(size=400)), "svcca of 800": float(mean.sel(size=800))}
    assert text.startswith("From 400 to 800 samples the score still moves: svcca from")
    assert "about half the samples" in rule


def test_a_side_of_which_a_single_unit_varies():
    rng = np.random.default_rng(0)
    x = np.zeros((40, 8))
    x[:, 2] = rng.normal(size=40)
    audit = cs.audit(x, rng.normal(size=(40, 4)), metrics=["cka"], repeats=2)
    texts = {f.name: f.text for f in audit.findings}
    assert (
        texts["dominant units"]
        == "One unit (number 2) carries 100 % of the variance of X; no other unit varies."
    )
    assert list(audit.outliers["top_x"].values) == [0]
