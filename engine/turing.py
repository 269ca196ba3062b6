"""The NeuroAI Turing test: is a model as close to brains as brains are to each other?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from consilience.engine.comparison import compare
from consilience.engine.errors import BadInput
from consilience.engine.features.representation import Representation
from consilience.engine.features.table import FeatureTable
from consilience.engine.reading import of_brains, read
from consilience.engine.subjects import Subjects, subjects_of

LEAST_SUBJECTS = 3  # of two there is one pair, and no telling how pairs differ
LEVEL = 0.95
KEPT = ("version", "created", "seed", "metrics", "join", "notes", "preprocess")


def turing_test(
    model: Any,
    subjects: Subjects,
    metric: str | Mapping[str, Any] = "rsa",
    *,
    bootstraps: int = 2000,
    seed: int = 0,
    **options: Any,
) -> xr.Dataset:
    """Scores of a model with every subject against those of the subjects with each other, on the same samples.

    The gap is the mean model-brain score less the mean brain-brain score, of a distance the other way round: below 0
    the model is farther from brains than brains are from each other. Its standard error is that of a bootstrap over
    subjects, each drawn with its model-brain and its brain-brain scores, and pairs of a subject with itself left out.
    The interval is gap ± t(subjects - 1) se: percentiles of the bootstrap are too narrow for few subjects. It speaks of
    other subjects and these same samples. A model whose interval holds 0 is undecided: it is not told apart from a
    brain, which of few subjects says little.

    Brains differ in how close they are to the others, so that of enough subjects half of all brains have an interval
    below 0. A model fails where it lies below brains on average and one more brain would hardly lie as far below:
    ``p_brain``, of t = gap / √((1 + 1/S) Σ â_s²/(S - 1)), S - 1 degrees of freedom, where â_s is how much closer brain
    s is to the others than brains are on average (the round-robin estimate, which allows for s being among the others
    of the others). Of brains in the place of a model 2 to 8 % failed in simulations, and 10 % of those among 50
    whose noise differed e-fold. Sources: Feather et al. 2025; Warner, Kenny and Stoto 1979.

    Args:
        model: an array (n, d), an RDM or a feature table; or, of several models or layers, all that `compare` takes.
        subjects: three or more, of one region; as for `noise_ceiling`.
        metric: an id or mapping, as for `compare`; of `cka` the estimator is unbiased_both unless it is given. A
            directed one reads from the model, or one subject, to another.
        bootstraps: how many times subjects are drawn. seed: decides those, and what it decides in `compare`.
        options: those of `compare`.

    Returns:
        A Dataset over (model, subject, other):

        - ``model_brain`` (model, subject), ``brain_brain`` (other, subject), NaN for a subject with itself; and
          ``model_brain_se``, ``brain_brain_se``, each score's own standard error over samples
        - ``gap``, ``gap_se``, ``gap_low``, ``gap_high`` (model)
        - ``p_below`` (model): one-sided, of the model being as close to brains as brains are to each other on average
        - ``p_brain`` (model): one-sided, of one more brain being as far
        - ``verdict`` (model): in words

    Raises:
        BadInput: before any compute, for input that cannot be compared.
    """
    if bootstraps < 100:
        raise BadInput("bootstraps of 100 or more", f"bootstraps={bootstraps}", "use 2000, the default")
    brains, models = subjects_of(subjects, LEAST_SUBJECTS), _models(model)
    names, others = [r.name for r in models], [r.name for r in brains]
    if both := sorted(set(names) & set(others)):
        raise BadInput("models and subjects of different names", f"{both[0]!r} as both", "rename one of them")
    asked = of_brains(metric, [r.d for r in (*models, *brains)])
    table = compare([*models, *brains], brains, asked, seed=seed, **{"null": False, **options})
    score, se = (table[name].values[0] for name in ("score", "se"))
    similar = str(table["direction"].values[0]) == "similarity"
    apart = np.where(np.eye(len(brains), dtype=bool), np.nan, 1.0)
    m = len(models)
    numbers, words = judged(score[:m], score[m:] * apart, similar, bootstraps, seed)
    return xr.Dataset(
        {
            "model_brain": (("model", "subject"), score[:m]),
            "model_brain_se": (("model", "subject"), se[:m]),
            "brain_brain": (("other", "subject"), score[m:] * apart),
            "brain_brain_se": (("other", "subject"), se[m:] * apart),
            **{name: ("model", value) for name, value in numbers.items()},
            "verdict": ("model", words),
        },
        coords={"model": names, "subject": others, "other": others},
        attrs={
            "metric": str(table["metric"].values[0]),
            "direction": str(table["direction"].values[0]),
            "bootstraps": bootstraps,
            **{k: table.attrs[k] for k in KEPT if k in table.attrs},
        },
    )


def judged(
    model_brain: np.ndarray, brain_brain: np.ndarray, similar: bool, bootstraps: int, seed: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """``gap``, ``gap_se``, ``gap_low``, ``gap_high``, ``p_below`` and ``p_brain`` of every model, (M,) each, and what
    they say.

    See `turing_test`, and `gaps` for the scores; `similar`: whether those are similarities.
    """
    gap, gap_se = gaps(model_brain, brain_brain, bootstraps, seed)
    gap = gap if similar else -gap
    freedom = len(brain_brain) - 1
    reach = stats.t.ppf((1 + LEVEL) / 2, freedom) * gap_se
    low, high = gap - reach, gap + reach
    with np.errstate(invalid="ignore", divide="ignore"):
        below = stats.t.cdf(gap / gap_se, freedom)
        own = np.sqrt((1 + 1 / len(brain_brain)) * (closeness(brain_brain) ** 2).sum() / freedom)
        brain = stats.t.cdf(gap / own, freedom)
    numbers = {
        "gap": gap,
        "gap_se": gap_se,
        "gap_low": low,
        "gap_high": high,
        "p_below": below,
        "p_brain": brain,
    }
    return numbers, [verdict(*told) for told in zip(gap, low, high, below, brain)]


def closeness(brain_brain: np.ndarray) -> np.ndarray:
    """Of scores (other, subject), NaN on the diagonal, how much larger each other's are than all on average: (S,).

    That is the actor effect of a round robin: (S-1)²/(S(S-2)) the mean of its row + (S-1)/(S(S-2)) that of its column
    - (S-1)/(S-2) the mean of all.
    """
    count = len(brain_brain)
    apart = np.where(np.eye(count, dtype=bool), 0, brain_brain)
    row, column = (apart.sum(axis=axis) / (count - 1) for axis in (1, 0))
    found: np.ndarray = (
        ((count - 1) * row + column - count * row.mean()) * (count - 1) / (count * (count - 2))
    )
    return found


def gaps(
    model_brain: np.ndarray, brain_brain: np.ndarray, bootstraps: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean model-brain score (M, S) less mean brain-brain score (S, S), NaN on its diagonal, and its bootstrap error.

    Returns:
        (M,) each.
    """
    count = brain_brain.shape[0]
    weights = np.random.default_rng([seed, 3]).multinomial(count, np.full(count, 1 / count), bootstraps)
    weights = weights[(weights > 0).sum(axis=1) > 1].astype(
        np.float64
    )  # of one subject alone there are no pairs
    draws = _gap(weights, model_brain, brain_brain)
    return _gap(np.ones((1, count)), model_brain, brain_brain)[0], draws.std(axis=0, ddof=1)


def _gap(weights: np.ndarray, model_brain: np.ndarray, brain_brain: np.ndarray) -> np.ndarray:
    """(B, M) where subjects count (B, S) times."""
    pairs = ((weights @ np.where(np.eye(len(brain_brain), dtype=bool), 0, brain_brain)) * weights).sum(axis=1)
    among = weights.sum(axis=1) ** 2 - (weights**2).sum(axis=1)
    found: np.ndarray = (
        weights @ model_brain.T / weights.sum(axis=1, keepdims=True) - (pairs / among)[:, None]
    )
    return found


def verdict(gap: float, low: float, high: float, below: float, brain: float) -> str:
    """What the gap says, in words; `below` and `brain` are p_below and p_brain."""
    told = f"gap {gap:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}, p {below:.2g}, of one more brain {brain:.2g}"
    if not np.isfinite([gap, low, high]).all():
        return "undefined: a score is not a number"
    if high < 0 and brain < 1 - LEVEL:
        return f"fails: farther from brains than brains are from each other ({told})"
    if high < 0:
        return f"undecided: farther than brains are on average, but single brains are as far ({told})"
    if low > 0:
        return f"passes: closer to brains than brains are to each other on average ({told})"
    return f"undecided: not told apart from a brain by so many subjects ({told})"


def _models(model: Any) -> list[Representation]:
    several = isinstance(model, Mapping | FeatureTable) or (
        isinstance(model, list | tuple) and all(isinstance(m, FeatureTable | Representation) for m in model)
    )
    return read(model if several else {"model": model})
