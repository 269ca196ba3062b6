"""Cases in which metrics disagree, made by a seed and scored here, so that the guide's figures are the code's own."""

from collections.abc import Callable, Iterator

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
METRICS = (
    "cka", "cka:estimator=biased", "cka:estimator=unbiased_both", "rsa", "mutual_knn", "svcca", "linreg", "procrustes",
)  # fmt: skip


def few_samples(rng: np.random.Generator) -> Pair:
    """Unrelated representations of 64 samples with 256 units each. Whatever is not corrected for n < d looks like
    agreement."""
    return rng.normal(size=(64, 256)), rng.normal(size=(64, 256))


def shared_outlier(rng: np.random.Generator) -> Pair:
    """Unrelated but for one unit, of 50 times the standard deviation of the others, that both have: 400 samples, 40
    units. What weights units by variance sees that unit alone; neighbours by cosine see little more than its sign."""
    x, y = rng.normal(size=(400, 40)), rng.normal(size=(400, 40))
    x[:, 0] = y[:, 0] = 50 * rng.normal(size=400)
    return x, y


def weak_subspace(rng: np.random.Generator) -> Pair:
    """Y is 10 weak units of X, which has 10 more of 10 times their size: 400 samples. Y can be predicted from X without
    error, and yet their geometries are unlike."""
    x = np.hstack([10 * rng.normal(size=(400, 10)), rng.normal(size=(400, 10))])
    return x, x[:, 10:]


def high_cka_low_transfer(rng: np.random.Generator) -> Pair:
    """Two strong units are shared, 38 weaker ones are not: 400 samples, 40 units. CKA is high, though 38 of the 40
    units of each side cannot be had from the other."""
    shared = 6 * rng.normal(size=(400, 2))
    return tuple(np.hstack([shared, rng.normal(size=(400, 38))]) for _ in range(2))  # type: ignore[return-value]


def few_recorded_units(rng: np.random.Generator) -> Pair:
    """12 recorded units of each of two populations that hold the same 20 latents with noise: 400 samples. All units of
    both populations together would have an unbiased CKA near 1."""
    latent = rng.normal(size=(400, 20))
    return tuple(latent @ rng.normal(size=(20, 12)) + rng.normal(size=(400, 12)) for _ in range(2))  # type: ignore[return-value]


CASES: tuple[Callable[[np.random.Generator], Pair], ...] = (
    few_samples, shared_outlier, weak_subspace, high_cka_low_transfer, few_recorded_units,
)  # fmt: skip


def scored(case: Callable[[np.random.Generator], Pair]) -> np.ndarray:
    """The scores of one case by each of `METRICS`; a directed metric from X to Y."""
    from consilience.engine.comparison import compare

    x, y = case(np.random.default_rng(0))
    table = compare({"x": x}, {"y": y}, METRICS, se=False, null=False)
    scores: np.ndarray = table["score"].values[:, 0, 0]
    return scores


def cases() -> Iterator[str]:
    """The section of the guide."""
    yield "## When a number misleads\n"
    yield "One pair of representations a row, made for the purpose; the scores are those of this version.\n"
    yield "| case | " + " | ".join(f"`{m}`" for m in METRICS) + " |"
    yield "|---" * (len(METRICS) + 1) + "|"
    for case in CASES:
        figures = " | ".join("none" if np.isnan(score) else f"{score:.2f}" for score in scored(case))
        yield f"| {case.__name__.replace('_', ' ')} | {figures} |"
    yield ""
    for case in CASES:
        yield f"- **{case.__name__.replace('_', ' ')}**: {' '.join((case.__doc__ or '').split())}"
    yield ""
