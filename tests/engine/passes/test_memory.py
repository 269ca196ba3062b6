"""The plan promises a peak; what is measured stays below it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import measure
import pytest

SUPPORT = os.environ | {"PYTHONPATH": str(Path(measure.__file__).parent)}
PROGRAM = """
import sys
import numpy as np
from measure import peak
from scipy.spatial.distance import pdist
import consilience as cs
from consilience.engine.comparison import Comparison
from consilience.engine.metrics.registry import parse
from consilience.engine.profile import Profile

n, d, count, metrics, budget = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split("+"), sys.argv[5]
steps = sys.argv[6:]
rng = np.random.default_rng(0)
call = Profile if parse(metrics[0]).metric.single else Comparison
options = {} if call is Profile else {"permutations": 10, "preprocess": steps}
warm = {} if call is Profile else {"preprocess": ["l2"]}
if metrics[0].startswith("probe"):
    warm, options = {"labels": np.arange(64) % 2}, {"labels": rng.integers(0, 10, n)}
call({"a": rng.normal(size=(64, 4)), "b": rng.normal(size=(64, 4))}, metrics=metrics, **warm).run()

def made():
    if d:
        return rng.normal(size=(n, d)).astype(np.float32)
    return cs.RDM(pdist(rng.normal(size=(n, 3)), "sqeuclidean").astype(np.float32))

x = {f"m/{i}": made() for i in range(count)}
with peak() as rise:
    work = call(x, metrics=metrics, budget=budget, **options)
    promised = work.plan().memory
    work.run()
print(promised, rise[0])
"""


@pytest.mark.parametrize(
    ("n", "d", "count", "metrics", "budget", "steps"),
    [
        (4000, 128, 12, "cka:estimator=biased+cka", "8GB", ()),
        (3000, 64, 10, "cka+mutual_knn", "8GB", ()),
        (8000, 32, 12, "mutual_knn:k=50", "8GB", ()),
        (2500, 64, 10, "cka+rsa+mutual_knn", "500MB", ()),
        (20000, 200, 2, "cka", "8GB", ()),
        (3000, 150, 6, "svcca+procrustes", "8GB", ()),
        (1500, 150, 10, "procrustes", "8GB", ()),
        (4000, 500, 4, "cka+mutual_knn", "8GB", ("clip:quantile=exact", "l2")),
        (3000, 600, 3, "cka", "8GB", ("zscore", "pca:components=50")),
        (8000, 2000, 2, "cka", "8GB", ("random_projection:components=100",)),
        (2000, 64, 10, "uniformity+intrinsic_dimension:method=mle", "8GB", ()),
        (2000, 64, 10, "uniformity+intrinsic_dimension:method=mle", "200MB", ()),
        (3000, 300, 6, "effective_rank+magnitude", "8GB", ()),
        (6000, 500, 3, "probe+probe:task=r2", "8GB", ()),
        (3000, 100, 8, "cka:batch=500,estimator=minibatch", "8GB", ()),
        (3000, 100, 6, "second_order_cosine:k=5", "8GB", ()),
        (600, 100, 6, "rsa:compare=kendall", "8GB", ()),
        (1500, 150, 5, "linreg:folds=5", "8GB", ()),
        (2500, 100, 6, "stitch+stitch:report=recall_1+relative+mnn", "8GB", ()),
        (60000, 150, 2, "stitch+matching", "8GB", ()),
        (4000, 0, 3, "cka+mutual_knn", "8GB", ()),  # RDMs
        (3000, 0, 4, "rsa+second_order_cosine", "500MB", ()),
    ],
)
def test_peak_memory_stays_below_the_plan(n, d, count, metrics, budget, steps):
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(n), str(d), str(count), metrics, budget, *steps],
        capture_output=True, text=True, check=True, env=SUPPORT,
    )  # fmt: skip
    promised, peak = map(float, run.stdout.split())
    print(f"promised {promised / 1e6:.0f} MB, measured {peak / 1e6:.0f} MB")
    assert peak < promised, f"promised {promised / 1e6:.0f} MB, measured {peak / 1e6:.0f} MB"
