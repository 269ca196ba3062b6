"""Every metric is what it declares, and what its reference says: those of other packages that are installed too.

What is checked is `consilience.engine.testing`, which packages with metrics of their own call as `consilience.testing`.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_single import REFERENCE as SINGLE
from references import EVERY, LABELLED, REPEATED

import consilience as cs
from consilience.engine.metrics import registry
from consilience.engine.metrics.registry import INVARIANCES, parse, registered, spelled_range
from consilience.engine.testing import CHECKS, check_reference
from consilience.engine.testing.tried import Tried
from consilience.testing import check_metric

OURS = {name for name, m in registered().items() if m.finish.__module__.startswith("consilience.")}
METRICS = sorted({*EVERY, *(set(registered()) - OURS)})


def test_every_metric_has_a_reference():
    assert {m.split(":")[0] for m in EVERY} == OURS


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("metric", METRICS)
def test_declared(metric, check):
    CHECKS[check](parse(metric))


@pytest.mark.parametrize("metric", sorted(EVERY))
def test_reference(metric):
    check_reference(parse(metric), EVERY[metric])


@st.composite
def features(draw):
    """Two representations of drawn shapes and kinds, and what the second has to do with the first."""
    n, d1, d2 = draw(st.integers(8, 30)), draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=(n, d1)) * 10.0 ** rng.uniform(-2, 2, d1) + draw(st.sampled_from([0.0, 30.0]))
    related = {
        "not": rng.normal(size=(n, d2)),
        "the same": x.copy(),
        "mapped": x @ rng.normal(size=(d1, d2)),
        "opposed": -x[:, ::-1] + 0.1 * rng.normal(size=(n, d1)),
        "rounded": np.round(x + rng.normal(size=x.shape)) + 0.01 * (np.arange(n) == 0)[:, None],
        "halves": np.repeat(rng.normal(size=(2, d2)), [n // 2, n - n // 2], axis=0),
    }
    y = related[draw(st.sampled_from(sorted(related)))]
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return x.astype(dtype), y.astype(dtype)


def within_range(table):
    for metric in table["metric"].values:
        (low, high), one = parse(metric).range, table.sel(metric=metric)
        for name in ("score", "score_select", "score_holdout"):
            scores = one[name].values if name in one else np.zeros(0)
            scores = scores[np.isfinite(scores)]
            assert low is None or (scores >= low).all(), (metric, name, scores.min())
            assert high is None or (scores <= high).all(), (metric, name, scores.max())


PAIRS = sorted({m for m in METRICS if m not in (*LABELLED, *REPEATED) and not parse(m).metric.single})
FEW = [m for m in PAIRS if parse(m).parameters.get("k", 0) <= 3 and parse(m).parameters.get("folds", 0) <= 4]


@given(features())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_scores_lie_in_the_declared_range(pair):
    x, y = pair
    within_range(cs.compare({"x": x, "y": y}, metrics=FEW, se=False, null=False))
    singles = [m for m in SINGLE if parse(m).parameters.get("k", 0) <= 3]
    within_range(cs.profile({"x": x, "y": y}, singles, se=False))


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("cka", "-1..1"),
        ("cka:estimator=biased", "0..1"),
        ("cka:estimator=unbiased_both", "-∞..∞"),
        ("cca:summary=sum", "0..∞"),
        ("linreg:folds=5", "-∞..1"),
        ("procrustes", "0..π/2"),
        ("procrustes:form=squared", "0..2"),
        ("relative:report=recall_1", "0..1"),
        ("uniformity", "-8..0"),
    ],
)
def test_the_range_is_that_of_the_parameters(metric, told):
    assert spelled_range(parse(metric).range) == told


def amiss(monkeypatch, metric, **declared):
    """The metric with another declaration."""
    name = metric.split(":")[0]
    monkeypatch.setitem(registry._METRICS, name, replace(registered()[name], **declared))
    return metric


@pytest.mark.parametrize(
    ("metric", "declared", "message"),
    [
        ("cka", {"range": (0, 1)}, r"range is declared as 0\.\.1; got -0\."),
        ("cka", {"range": (-1, 0.5)}, r"range is declared as -1\.\.0\.5; got 1\.0"),
        ("linreg", {"symmetric": True}, "symmetric is declared as True; the two ways score differently"),
        ("cka", {"symmetric": False}, "symmetric is declared as False; the two ways score alike"),
        ("cka", {"direction": "distance"}, "direction is distance; related samples score"),
        ("rsa", {"invariances": INVARIANCES}, "with the rotation of X, which is declared as an invariance"),
        ("cka", {"invariances": ()}, "does not see the permutation of X, which is not declared"),
        ("cka", {"invariances": ("size",)}, "invariances are among"),
        ("linreg:ridge=0.5", {"alike": True}, "identical representations score 1.0; got"),
        ("magnitude", {"range": (0, 0.1)}, r"range is declared as 0\.\.0\.1; got"),
        ("uniformity", {"invariances": INVARIANCES}, "with the translation of X, which is declared"),
    ],
)
def test_a_declaration_that_does_not_hold_is_found(monkeypatch, metric, declared, message):
    with pytest.raises(AssertionError, match=message):
        check_metric(amiss(monkeypatch, metric, **declared), executors=())


def test_a_reference_that_says_another_thing_is_found():
    with pytest.raises(AssertionError, match=r"bures: the reference is 0\.5 of 60 samples in float64; got"):
        check_metric("bures", lambda x, y: 0.5, executors=())


def test_a_score_that_depends_on_the_blocks_is_found(monkeypatch):
    cka = registered()["cka"].finish
    amiss(monkeypatch, "cka", finish=lambda s, **given: cka(s, **given) * (1 - 1e-3 * len(s.n)))
    with pytest.raises(AssertionError, match=r"cka:.*score with groups=17"):
        CHECKS["chunking"](parse("cka"))


def test_a_score_that_depends_on_the_order_of_the_samples_is_found(monkeypatch):
    monkeypatch.setattr(
        Tried, "score", lambda self, x=None, y=None: float((self.x if x is None else x)[0, 0])
    )
    with pytest.raises(AssertionError, match="in another order of the samples"):
        CHECKS["order"](parse("cka"))


def test_a_range_in_words_is_refused():
    with pytest.raises(cs.BadInput, match=r"lowest and the highest score.*got '0\.\.1'"):
        registry.register("mine", needs="sums", source="", range="0..1")(lambda s: s)
