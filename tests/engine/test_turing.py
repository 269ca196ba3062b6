"""The NeuroAI Turing test: numbers, who passes, and how often the interval holds the truth."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

import consilience as cs
from consilience.engine.turing import closeness, gaps, judged, verdict

N = 40
LATENTS = np.random.default_rng(0).normal(size=(N, 5))


def brain(rng: np.random.Generator, units: int = 15) -> np.ndarray:
    """Of one generator: latents that all share, mixed anew, and noise."""
    return LATENTS @ rng.normal(size=(5, units)) + 1.5 * rng.normal(size=(N, units))


def brains(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f"s{k}": brain(rng) for k in range(count)}


@pytest.mark.parametrize("metric", ["rsa", "linreg:ridge=0.5", "procrustes"])
def test_the_numbers_are_those_of_their_definition(metric):
    subjects, model = brains(4), brain(np.random.default_rng(2))
    found = cs.turing_test(model, subjects, metric, bootstraps=500)
    values = list(subjects.values())
    own = np.array([cs.score(metric, model, x) for x in values])
    among = np.full((4, 4), np.nan)
    for i, j in permutations(range(4), 2):
        among[i, j] = cs.score(metric, values[i], values[j])
    np.testing.assert_allclose(found["model_brain"].values, [own], atol=1e-9)
    np.testing.assert_allclose(found["brain_brain"].values, among, atol=1e-9)
    sign = -1 if metric == "procrustes" else 1
    gap = sign * (own.mean() - np.nanmean(among))
    assert abs(float(found["gap"][0]) - gap) < 1e-9

    rng = np.random.default_rng(3)
    drawn: list[float] = []
    while len(drawn) < 4000:
        some = rng.integers(0, 4, size=4)
        pairs = [among[i, j] for i in some for j in some if i != j]
        if pairs:
            drawn.append(own[some].mean() - np.mean(pairs))
    assert abs(float(found["gap_se"][0]) / np.std(drawn) - 1) < 0.1
    se = float(found["gap_se"][0])
    reach = stats.t.ppf(0.975, 3) * se
    np.testing.assert_allclose([found["gap_low"][0], found["gap_high"][0]], [gap - reach, gap + reach])
    assert abs(float(found["p_below"][0]) - stats.t.cdf(gap / se, 3)) < 1e-9
    actor = closeness(sign * among)
    one_more = stats.t.cdf(gap / np.sqrt(1.25 * actor @ actor / 3), 3)
    assert abs(float(found["p_brain"][0]) - one_more) < 1e-9
    assert (found["brain_brain_se"].values[~np.eye(4, dtype=bool)] > 0).all()
    assert found.attrs["direction"] == ("distance" if metric == "procrustes" else "similarity")


def test_another_brain_is_not_told_apart_and_an_unrelated_model_fails():
    subjects = brains(8)
    rng = np.random.default_rng(4)
    models = {
        "kin/0": brain(rng),
        "noise/0": rng.normal(size=(N, 15)),
        "truth/0": LATENTS,
    }
    found = cs.turing_test(models, subjects, "cka:estimator=unbiased")
    kin, noise, truth = (str(v) for v in found["verdict"].values)
    assert kin.startswith("undecided: not told apart from a brain by so many subjects (gap")
    assert noise.startswith("fails: farther from brains than brains are from each other (gap -")
    assert truth.startswith("passes: closer to brains than brains are to each other on average (gap +")
    assert float(found["p_below"].sel(model="noise/0")) < 1e-4
    assert 0.025 < float(found["p_below"].sel(model="kin/0")) < 0.975
    assert list(found["model"].values) == list(models)


def test_by_a_distance_the_verdicts_are_the_same():
    rng = np.random.default_rng(5)
    found = cs.turing_test({"kin": brain(rng), "noise": rng.normal(size=(N, 15))}, brains(8), "procrustes")
    assert [str(v).split(":")[0] for v in found["verdict"].values] == ["undecided", "fails"]


def test_rdms_of_brains_take_part():
    subjects = brains(5)
    model = brain(np.random.default_rng(6))
    from scipy.spatial.distance import pdist

    rdms = {k: cs.RDM(pdist(x, "correlation")) for k, x in subjects.items()}
    want, got = (cs.turing_test(model, z, "rsa") for z in (subjects, rdms))
    for name in ("model_brain", "brain_brain", "gap", "gap_se", "p_below"):
        np.testing.assert_allclose(got[name], want[name], atol=1e-9, err_msg=name)


@pytest.mark.parametrize("count", [4, 8, 20])
def test_the_interval_holds_the_gap_of_all_subjects(count):
    """Nominally in 95 % of draws of so many subjects, for a fixed model on fixed samples, by biased CKA."""
    rng = np.random.default_rng(7)

    def kernel(x: np.ndarray) -> np.ndarray:
        x = x - x.mean(0)
        k = (x @ x.T).ravel()
        return k / np.linalg.norm(k)

    population = np.array([kernel(brain(rng)) for _ in range(400)])
    model = population @ kernel(brain(rng))
    among = population @ population.T
    np.fill_diagonal(among, np.nan)
    truth, hits, draws = model.mean() - np.nanmean(among), 0, 500
    reach = stats.t.ppf(0.975, count - 1)
    for seed in range(draws):
        some = rng.choice(400, count, replace=False)
        gap, se = gaps(model[None, some], among[np.ix_(some, some)], 300, seed)
        hits += bool(abs(gap[0] - truth) <= reach * se[0])
    assert 0.92 <= hits / draws <= 0.99


@pytest.mark.parametrize("spread", [0.0, 0.3])
@pytest.mark.parametrize("directed", [False, True])
def test_a_brain_in_the_place_of_a_model_fails_as_often_as_it_should(directed, spread):
    """Of many subjects its interval is below 0 far more often, for brains are not equally close to each other."""
    rng, size, draws = np.random.default_rng(9), 300, 400

    def kernel(noise: float) -> np.ndarray:
        x = LATENTS @ rng.normal(size=(5, 15)) + noise * rng.normal(size=(N, 15))
        x = x - x.mean(0)
        k = (x @ x.T).ravel()
        return k / np.linalg.norm(k)

    population = np.array([kernel(1.5 * np.exp(spread * rng.normal())) for _ in range(size)])
    scores = population @ population.T
    if directed:
        scores = scores + 0.05 * rng.normal(size=(size, 1)) + 0.05 * rng.normal(size=(1, size))
    for count in (4, 25):
        fails = below = 0
        for seed in range(draws):
            model, *some = rng.choice(size, count + 1, replace=False)
            among = np.where(np.eye(count, dtype=bool), np.nan, scores[np.ix_(some, some)])
            numbers, (said,) = judged(scores[model, some][None], among, True, 100, seed)
            fails += said.startswith("fails")
            below += bool(numbers["gap_high"][0] < 0)
        assert fails / draws < 0.09
        assert count == 4 or below / draws > 0.12
    among = np.where(np.eye(40, dtype=bool), np.nan, scores[:40, :40])
    assert judged(np.zeros((1, 40)), among, True, 100, 0)[1][0].startswith("fails: ")


def test_closeness_is_the_actor_effect_of_a_round_robin():
    rng = np.random.default_rng(1)
    rows, columns = rng.normal(size=(2, 5))
    scores = 0.3 + rows[:, None] + columns
    np.fill_diagonal(scores, np.nan)
    np.testing.assert_allclose(closeness(scores), rows - rows.mean(), atol=1e-12)


def test_farther_than_brains_on_average_is_no_failure_where_single_brains_are_as_far():
    said = verdict(-0.1, -0.19, -0.01, 0.01, 0.2)
    assert said.startswith(
        "undecided: farther than brains are on average, but single brains are as far (gap -0.100"
    )


def test_the_seed_decides():
    subjects, model = brains(4), brain(np.random.default_rng(8))
    one, same, other = (float(cs.turing_test(model, subjects, "cka", seed=s)["gap_se"][0]) for s in (0, 0, 1))
    assert one == same != other


def test_a_score_that_is_not_a_number_is_said():
    assert verdict(np.nan, np.nan, np.nan, np.nan, np.nan) == "undefined: a score is not a number"


@pytest.mark.parametrize(
    ("count", "options", "text"),
    [
        (2, {}, "3 subjects or more; got 2"),
        (4, {"bootstraps": 3}, "bootstraps of 100 or more; got bootstraps=3"),
        (4, {"metric": "cca:foo=1"}, "foo"),
    ],
)  # fmt: skip
def test_bad_input(count, options, text):
    with pytest.raises(cs.BadInput, match=text):
        cs.turing_test(brains(1)["s0"], brains(count), **options)


def test_a_model_is_no_subject():
    with pytest.raises(cs.BadInput, match="models and subjects of different names; got 's0' as both"):
        cs.turing_test({"s0": brains(1)["s0"]}, brains(4))
