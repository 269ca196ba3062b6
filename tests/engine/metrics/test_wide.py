"""Which metrics more units than samples raise, and that a table says so where there are such."""

import json

import numpy as np
import pytest

import consilience as cs
from consilience.engine.metrics.registry import parse, registered

APART = {
    "unit_corr",  # of equal numbers of units alone
    "riemann",  # matrices over samples: without as many units as samples they are singular, and far from any other
}
IDS = [
    *sorted(name for name, metric in registered().items() if not metric.single and name not in APART),
    "cka:estimator=biased", "cka:kernel=rbf,estimator=biased", "cka:estimator=minibatch", "linreg:folds=5",
    "linreg:ridge=1", "procrustes:form=squared", "rsa:rdm=euclidean,compare=whitened_cosine", "rsa:compare=pearson",
    "unit_match:match=best",
]  # fmt: skip


@pytest.mark.parametrize("metric", IDS)
def test_those_that_say_so_take_wide_unrelated_representations_for_alike(metric: str) -> None:
    rng = np.random.default_rng(0)
    narrow, wide = (cs.score(metric, *rng.normal(size=(2, 60, d))) for d in (6, 400))
    request = parse(metric)
    risen = (wide - narrow) / (request.best - narrow) if request.best != narrow else 0.0
    assert (risen > 0.5) if request.biased else (risen < 0.35)


def test_the_table_names_them() -> None:
    rng = np.random.default_rng(1)
    features = {
        "a": rng.normal(size=(30, 31)),
        "b": rng.normal(size=(30, 30)),
        "c": rng.normal(size=(30, 90)),
    }
    table = cs.compare(features, metrics=["cka", "cka:estimator=biased", "svcca"], permutations=2)
    wide = {"more units than samples": ["a", "c"]}
    notes = json.loads(table.attrs["notes"])
    assert notes == {"cka:estimator=biased,kernel=linear": wide, "svcca:variance=0.99": wide}
