"""What unrelated samples score: exact moments against permutations carried out, and p-values that are uniform."""

import numpy as np
import pytest
import reference
from references import REFERENCE
from scipy import stats

import consilience as cs
from consilience.engine.comparison import Comparison
from consilience.engine.inference import linear_null
from consilience.engine.inference.null import Null, benjamini_hochberg, calibrated, from_permutations
from consilience.engine.metrics.registry import parse, registered

METRICS = {
    "cka": lambda x, y: reference.cka(x, y),
    "cka:estimator=biased": lambda x, y: reference.cka(x, y, "biased"),
    "rsa:compare=pearson,rdm=euclidean": lambda x, y: reference.rsa(x, y, "euclidean", "pearson"),
    "rsa:compare=cosine,rdm=cosine": lambda x, y: reference.rsa(x, y, "cosine", "cosine"),
    "cka:estimator=biased,kernel=rbf": lambda x, y: reference.cka_rbf(x, y, "biased"),
    "distance_correlation": reference.distance_correlation,
    "rsa:compare=whitened_cosine": lambda x, y: reference.rsa(x, y, compare="whitened_cosine"),
    "rsa:compare=rho_a": lambda x, y: reference.rsa(x, y, compare="rho_a"),
    "rsa": lambda x, y: reference.rsa(x, y),
    "mutual_knn:k=4": lambda x, y: reference.mutual_knn(x, y, 4),
}


def pair(n, rng, d=(6, 9)):
    """Two unrelated representations, each with dimensions of very different size."""
    return [rng.normal(size=(n, w)) * np.geomspace(3, 0.3, w) + rng.normal(size=w) for w in d]


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_moments_are_those_of_all_permutations(metric):
    """With six samples all 720 permutations are tried: mean and variance must be exact."""
    from itertools import permutations

    x, y = pair(6, np.random.default_rng(0), (3, 3))
    k = {"mutual_knn:k=4": "mutual_knn:k=2"}.get(metric, metric)
    score = METRICS[metric] if k == metric else lambda x, y: reference.mutual_knn(x, y, 2)
    draws = np.array([score(x, y[list(p)]) for p in permutations(range(6))])
    table = cs.compare({"x": x}, {"y": y}, [k], se=False)
    mean = float(table["null_mean"].squeeze())
    sd = (float(table["score"].squeeze()) - mean) / float(table["z"].squeeze())
    assert abs(mean - draws.mean()) < 1e-9
    assert abs(sd - draws.std()) < 1e-9


@pytest.mark.parametrize("metric", ["cka", "cka:estimator=biased", "rsa:compare=pearson,rdm=euclidean"])
def test_tail_of_the_null(metric):
    """The 95 % point, on which the calibrated score rests, against 4,000 permutations."""
    rng = np.random.default_rng(1)
    x, y = pair(60, rng)
    y[:, :6] += x
    draws = np.array([METRICS[metric](x, y[rng.permutation(60)]) for _ in range(4000)])
    table = cs.compare({"x": x}, {"y": y}, [metric], se=False)
    # calibrated = (score - tau) / (1 - tau), solved for tau; y is made to score above it.
    score, share = (float(table[v].squeeze()) for v in ("score", "calibrated"))
    assert share > 0
    threshold = (score - share) / (1 - share)
    assert 0.03 < np.mean(draws > threshold) < 0.07


@pytest.mark.parametrize("metric", ["cka", "cka:estimator=biased", "cka:kernel=rbf"])
def test_moments_and_tail_are_those_of_10_000_permutations(metric):
    x, y = pair(50, np.random.default_rng(6))
    y[:, :6] += x
    drawn = cs.best_layers({"x": x}, {"y": y}, [metric], permutations=10_000).squeeze()
    exact = cs.compare({"x": x}, {"y": y}, [metric], se=False).squeeze()
    mean, score, share = (float(exact[v]) for v in ("null_mean", "score", "calibrated"))
    sd = (score - mean) / float(exact["z"])
    assert abs(float(drawn["null_mean"]) - mean) < 4 * sd / 100
    assert abs(float(drawn["null_sd"]) / sd - 1) < 0.04
    assert abs(float(drawn["threshold"]) - (score - share) / (1 - share)) < 0.2 * sd  # the fourth moment


SIMULATED, TOGETHER, FEWER, DRAWS = 1000, 50, 120, 19
EXACT = sorted(m for m in REFERENCE if parse(m).metric.null is not None and parse(m).needs != "triangles")
PERMUTED = [n for n, metric in sorted(registered().items()) if metric.null is None and not metric.single]
PERMUTED.append("rsa:compare=kendall")
# Scores that take few values tie with those of permutations, which makes p larger than it need be.
FEW_VALUES = ("jaccard_knn", "cycle_knn", "lcs_knn", "edit_knn", "rank_knn", "subspace_match", "mnn")


def unrelated(metrics, simulated, together, seed, **options):
    """p-values (simulated,) of every metric; of scores that take few values, randomised between two of them."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {metric: [] for metric in metrics}
    pairs = np.arange(together)
    for run in range(simulated // together):
        x, y = ({f"{side}{i}": pair(30, rng, (7, 7))[0] for i in pairs} for side in "xy")
        work = Comparison(
            x, y, metrics, se=False, groups=1, seed=run, pairs=[(f"x{i}", f"y{i}") for i in pairs], **options
        )
        for metric, e in zip(metrics, work.evaluated(work.requests, work.setting())):
            at = pairs, pairs + together
            assert e.tail is not None
            p, score, null = e.tail.p[at], e.values[0][at], e.tail.null
            if metric in EXACT:
                moments = (null.mean, null.sd, null.skew, null.step)
                cut = Null(*(np.broadcast_to(v, e.tail.p.shape)[at] for v in moments))
                share = rng.uniform(size=together)
                p = share * p + (1 - share) * cut.p(score + cut.step, "similarity")
            found[metric] += p.tolist()
    return {metric: np.array(p) for metric, p in found.items()}


@pytest.fixture(scope="module")
def exact():
    return unrelated(EXACT, SIMULATED, TOGETHER, 2)


@pytest.fixture(scope="module")
def permuted():
    return unrelated(PERMUTED, FEWER, 1, 3, permutations=DRAWS)


@pytest.mark.parametrize("metric", EXACT)
def test_p_values_from_exact_moments_are_uniform(exact, metric):
    """But for what follows the third moment of the Pearson type III distribution they are read from.

    That leaves the distribution of p no further than 0.03 from the uniform one, or 0.06 in batches of 15 samples; the
    rest is what 1,000 pairs of 30 samples may be away by chance, at 1 in 10.
    """
    p = exact[metric]
    p = p[np.isfinite(p)]  # whether a score is defined has nothing to do with how the samples are paired
    assert len(p) > (100 if "both" in metric else 0.99 * SIMULATED)
    left = 0.06 if "minibatch" in metric else 0.03
    assert stats.kstest(p, "uniform").statistic < left + 1.22 / np.sqrt(len(p))
    error = np.sqrt(0.05 * 0.95 / len(p))
    assert abs(np.mean(p < 0.05) - 0.05) < 0.01 + 2.5 * error, np.mean(p < 0.05)
    assert np.mean(p < 0.01) < 0.03


@pytest.mark.parametrize("metric", PERMUTED)
def test_p_values_from_permutations_are_uniform(permuted, metric):
    """On their DRAWS + 1 values, exactly: less a share of a step drawn at random they are on (0, 1)."""
    p = permuted[metric]
    if metric.startswith(FEW_VALUES):
        for level in np.arange(1, DRAWS + 1) / (DRAWS + 1):  # no level is exceeded
            assert stats.binom.sf(np.sum(p <= level + 1e-9) - 1, len(p), level) > 1e-3
    else:
        spread = p - np.random.default_rng(0).uniform(0, 1 / (DRAWS + 1), len(p))
        assert stats.kstest(spread, "uniform").pvalue > 0.01


def test_p_of_a_share_of_few_samples_is_that_of_the_values_it_takes():
    """Fixed points of a random permutation: 2 or more of 12 come 26 times in 100, and 3 or more 8 times."""
    null = linear_null.hits(np.ones(12), 1)
    rng = np.random.default_rng(5)
    counts = np.array([(rng.permutation(12) == np.arange(12)).sum() for _ in range(20_000)])
    for least in (1, 2, 3, 4):
        assert float(null.p(np.asarray(float(least)), "similarity")) == pytest.approx(
            (counts >= least).mean(), abs=0.02
        )
    share = null.scaled(np.asarray(12.0))
    assert float(share.p(np.asarray(3 / 12), "similarity")) == pytest.approx(
        float(null.p(np.asarray(3.0), "similarity"))
    )


def test_related_representations_are_found():
    rng = np.random.default_rng(3)
    x, y = pair(100, rng)
    y[:, :6] += x
    table = cs.compare({"x": x}, {"y": y}, sorted(METRICS), permutations=50)
    assert (table["p"] < 1e-3).all()
    assert (table["z"] > 3).all()
    assert (table["calibrated"] > 0.02).all()


def test_permutation_p_of_a_distance_looks_at_the_lower_tail():
    rng = np.random.default_rng(4)
    x, y = pair(80, rng)
    y[:, :6] += x
    table = cs.compare({"x": x}, {"y": y}, ["procrustes", "svcca"], permutations=19)
    np.testing.assert_allclose(table["p"].squeeze(), 1 / 20)
    assert float(table["z"][0].squeeze()) < -3 < 3 < float(table["z"][1].squeeze())
    assert list(table["null"].values) == ["19 permutations"] * 2


def test_from_permutations_counts_ties_as_at_least_as_good():
    null, p = from_permutations(np.array([[1.0], [2.0], [3.0]]), np.array([2.0]), "similarity")
    assert p == [0.75]
    assert null.mean == [2.0]


def test_calibrated_score():
    score, threshold = np.array([0.2, 0.1, 0.05, 1.0]), np.array([0.1, 0.1, 0.1, 0.1])
    np.testing.assert_allclose(calibrated(score, threshold, 1.0), [0.1 / 0.9, 0, 0, 1])
    # A distance: 0 is best, and the threshold lies above the score.
    np.testing.assert_allclose(calibrated(np.array([0.3]), np.array([1.2]), 0.0), [0.75])


def test_benjamini_hochberg_leaves_out_what_has_no_p():
    p = np.array([[0.01, np.nan], [0.02, 0.04]])
    np.testing.assert_allclose(benjamini_hochberg(p), [[0.03, np.nan], [0.03, 0.04]])


@pytest.mark.parametrize("direction", ["similarity", "distance"])
@pytest.mark.parametrize("step", [0.0, 0.1])
def test_beyond_the_threshold_p_is_small(direction, step):
    """Of a score that takes few values too, where half a step less has to be reached."""
    null = Null(np.array(0.2), np.array(0.05), np.array(0.4), step)
    scores = np.linspace(0, 0.5, 1001)
    beyond = (
        scores > null.threshold(direction)
        if direction == "similarity"
        else scores < null.threshold(direction)
    )
    np.testing.assert_array_equal(beyond, null.p(scores, direction) < 0.05)
    assert 0.1 < beyond.mean() < 0.9
