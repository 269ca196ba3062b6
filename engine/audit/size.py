"""What fewer of the samples would have scored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from consilience.engine.audit.sides import sampled
from consilience.engine.comparison import compare
from consilience.engine.features.representation import Representation
from consilience.engine.metrics.registry import canonical
from consilience.engine.progress import Progress, silent

METRICS = ("cka:estimator=biased", "cka", "mutual_knn", "svcca")
LEAST = 24  # samples


def geometric(n: int) -> list[int]:
    """n, n/2, n/4, … down to 24, smallest first."""
    sizes = [n]
    while sizes[0] // 2 >= LEAST:
        sizes.insert(0, sizes[0] // 2)
    return sizes


def size(
    x: Representation, y: Representation, sizes: Sequence[int], repeats: int, *, seed: int, progress: Progress = silent,
    **options: Any,
) -> xr.Dataset:  # fmt: skip
    """Scores of random subsamples of `sizes` samples, drawn without replacement, the same samples of both sides.

    Returns:
        ``score`` in dims (metric, size, repeat), all samples once; ``mean`` and ``sd`` over the repeats, and
        ``null_mean``, in (metric, size). Subsamples near n share most of their samples: their sd is less than the
        standard error.
    """
    counts = [repeats if m < x.n else 1 for m in sizes]
    score = np.full((len(METRICS), len(sizes), repeats), np.nan)
    null = np.full_like(score, np.nan)
    draws = [(i, k) for i, count in enumerate(counts) for k in range(count)]
    for done, (i, k) in enumerate(draws):
        progress("sample sizes", done, len(draws))
        rows = np.sort(np.random.default_rng([seed, sizes[i], k]).choice(x.n, sizes[i], replace=False))
        # Nulls that need permutations have one in each repeat: what matters is their mean.
        table = compare(
            [sampled(x, rows)], [sampled(y, rows)], METRICS, se=False, groups=1, seed=seed + k,
            permutations=repeats // counts[i], **options,
        )  # fmt: skip
        score[:, i, k], null[:, i, k] = (table[name].values[:, 0, 0] for name in ("score", "null_mean"))
    progress("sample sizes", len(draws), len(draws))
    mean, null_mean = (
        np.stack([values[:, i, :count].mean(axis=-1) for i, count in enumerate(counts)], axis=-1)
        for values in (score, null)
    )
    sd = np.full_like(mean, np.nan)
    for i, count in enumerate(counts):
        if count > 1:
            sd[:, i] = score[:, i, :count].std(axis=-1, ddof=1)
    by_size = {"mean": mean, "sd": sd, "null_mean": null_mean}
    return xr.Dataset(
        {"score": (("metric", "size", "repeat"), score)}
        | {name: (("metric", "size"), array) for name, array in by_size.items()},
        coords={"metric": [canonical(m) for m in METRICS], "size": list(sizes), "repeat": np.arange(repeats)},
    )
