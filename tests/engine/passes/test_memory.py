"""The plan promises a peak; what is measured stays below it."""

import pytest
from promises import comparison, promised_and_taken

TIGHT = {"budget": "500MB"}


@pytest.mark.parametrize(
    ("n", "d", "count", "metrics", "options"),
    [
        (4000, 128, 12, "cka:estimator=biased+cka", {}),
        (3000, 64, 10, "cka+mutual_knn", {}),
        (6000, 32, 6, "mutual_knn:k=50", {}),
        (2500, 64, 10, "cka+rsa+mutual_knn", TIGHT),
        (20000, 200, 2, "cka", {}),
        (3000, 100, 8, "cka:kernel=rbf+distance_correlation", {}),
        (2000, 64, 6, "lcs_knn+cknna", {}),
        (4000, 128, 8, "cka:by=label", {}),
        (3000, 100, 8, "cka:batch=500,estimator=minibatch", {}),
        (12000, 64, 6, "cka", {"until_se": 0.02}),
        (12000, 64, 6, "rsa:compare=pearson+mutual_knn", {"until_se": 0.02}),
        (4000, 600, 3, "mutual_knn", {"precision": "fast"}),
        (4000, 500, 4, "cka+mutual_knn", {"preprocess": ["clip:quantile=exact", "l2"]}),
        (3000, 600, 3, "cka", {"preprocess": ["zscore", "pca:components=50"]}),
        (8000, 2000, 2, "cka", {"preprocess": ["random_projection:components=100"]}),
        (3000, 100, 6, "second_order_cosine:k=5", {}),
        (400, 100, 5, "rsa:compare=kendall", {}),
        # Moments and decompositions.
        (4000, 256, 6, "cca", {}),
        (4000, 256, 6, "linreg", {}),
        (1500, 320, 4, "pwcca", {}),
        (1200, 256, 3, "riemann", {}),
        (400, 600, 2, "cca+unit_match:match=best", {}),
        (1500, 150, 5, "linreg:folds=5", {}),
        (3000, 200, 6, "svcca+procrustes", TIGHT),
        # Held-out samples.
        (2500, 100, 5, "stitch+stitch:report=recall_1+relative+mnn", {}),
        (60000, 150, 2, "stitch+matching", {}),
        # RDMs.
        (4000, 0, 3, "cka+mutual_knn", {}),
        (3000, 0, 4, "rsa+second_order_cosine", TIGHT),
        # Of one representation.
        (2000, 64, 10, "uniformity+intrinsic_dimension:method=mle", {}),
        (2000, 64, 10, "uniformity+intrinsic_dimension:method=mle", {"budget": "200MB"}),
        (3000, 300, 6, "effective_rank+magnitude", {}),
        (6000, 500, 3, "probe+probe:task=r2", {}),
    ],
)
def test_peak_memory_stays_below_the_plan(n, d, count, metrics, options):
    promised, peak = promised_and_taken(comparison, n, d, count, metrics, options)
    print(f"promised {promised / 1e6:.0f} MB, measured {peak / 1e6:.0f} MB")
    assert peak < promised, f"promised {promised / 1e6:.0f} MB, measured {peak / 1e6:.0f} MB"
