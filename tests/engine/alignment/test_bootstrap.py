"""Stimuli drawn again: the scores are those of the drawn RDMs, and the p of a difference is what it says."""

import numpy as np
import pytest
import reference_alignment as reference
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

import consilience as cs
from consilience.engine.alignment.bootstrap import Entries, serves
from consilience.engine.alignment.differences import from_bootstrap
from consilience.engine.inference.pooling import normalised
from consilience.engine.linalg import one_thread
from consilience.engine.metrics.registry import parse


@pytest.mark.parametrize("compare", ["spearman", "rho_a", "pearson", "cosine"])
@given(n=st.integers(5, 14), ties=st.booleans(), seed=st.integers(0, 2**32 - 1))
@example(n=5, ties=True, seed=2_522_817_096)  # one RDM is constant over the stimuli drawn
@settings(max_examples=20, deadline=None)
def test_the_scores_are_those_of_the_drawn_rdms(compare, n, ties, seed):
    rng = np.random.default_rng(seed)
    values = rng.random((5, n * (n - 1) // 2)) * 10.0 ** rng.uniform(-6, 6, (5, 1)) + 3
    if ties:
        values = rng.integers(1, 4, values.shape).astype(np.float64)
    counts = rng.multinomial(n, np.full(n, 1 / n), 3)
    counts[:, :4] += 1  # a few stimuli that differ
    got = Entries(normalised(values, compare), n, 3, compare).scores(counts.astype(np.float64))
    for d in range(3):
        for i in range(3):
            for j in range(2):
                rdms = squareform(values[i]), squareform(values[3 + j])
                with np.errstate(invalid="ignore"):  # all drawn entries may be the same
                    want = reference.of_copies(*rdms, counts[d], compare)
                np.testing.assert_allclose(got[d, i, j], want, atol=2e-5)


def test_what_is_drawn_again():
    assert serves(parse("rsa"), 256)
    assert serves(parse("rsa:compare=cosine,rdm=crossnobis"), 92)
    assert not serves(parse("rsa"), 257)
    assert not serves(parse("rsa:compare=whitened_cosine"), 92)
    assert not serves(parse("cka"), 92)


def test_the_error_of_a_difference_covers_other_stimuli():
    """Two models as near to the brains as each other in all stimuli there are: p is below 0.05 in at most so many."""
    rng, hits, studies, n = np.random.default_rng(1), 0, 300, 30
    frames = [
        np.linalg.qr(rng.normal(size=(12, 5)))[0].T for _ in range(5)
    ]  # distances are those of the latents
    with one_thread():
        for _ in range(studies):
            latents = rng.normal(size=(n, 5))
            rdms = np.array([pdist(latents @ f + 0.5 * rng.normal(size=(n, 12))) for f in frames])
            entries = Entries(normalised(rdms, "spearman"), n, 2, "spearman")
            counts = rng.multinomial(n, np.full(n, 1 / n), 200).astype(np.float64)
            observed = entries.scores(np.ones((1, n)))[0].mean(axis=-1)
            error = from_bootstrap(entries.scores(counts).mean(axis=-1), n)
            hits += bool(error.p(observed[:, None] - observed)[0, 1] < 0.05)
    assert 0.005 <= hits / studies <= 0.08


def test_the_jackknifed_error_covers_other_stimuli_too():
    rng, studies, n = np.random.default_rng(2), 80, 60
    frames = [np.linalg.qr(rng.normal(size=(12, 5)))[0].T for _ in range(4)]
    p = []
    for _ in range(studies):
        latents = rng.normal(size=(n, 5))
        x = [latents @ f + 0.5 * rng.normal(size=(n, 12)) for f in frames]
        found = cs.align(
            {"a": x[0], "b": x[1]},
            {"s": {"IT": x[2]}, "t": {"IT": x[3]}},
            "cka",
            permutations=0,
            bootstraps=100,
        )
        p.append(float(found["difference_p_stimuli"].sel(model="a", model_b="b")[0, 0]))
    assert (np.array(p) < 0.05).mean() < 0.13
    assert (np.array(p) < 0.5).mean() > 0.25
