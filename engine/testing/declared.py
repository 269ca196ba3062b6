"""Whether a metric is what it declares: its range, symmetry, direction, invariances, and the score of copies."""

from dataclasses import replace

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.metrics.registry import INVARIANCES, Request, spelled_range
from consilience.engine.testing.tried import SAME, D, N, must, tried

DRAWS = 5
SCORES = ("score", "score_select", "score_holdout")
RANGES = ((10, (1, 1)), (12, (5, 2)), (16, (30, 40)), (24, (3, 3)), (N, (D, D)))  # samples, units


def check_range(request: Request) -> None:
    """Every score that is defined lies in the declared range, of whatever shape and kind the features are."""
    found: list[float] = []
    for seed, (n, d) in enumerate(RANGES):
        one = tried(request, seed, n, d)
        others = (
            one.y,
            np.random.default_rng(seed).permutation(one.y),
            -one.x[..., ::-1],
            one.x,
            one.x * 1e4,
        )
        for y in others:
            try:
                table = replace(one, y=y).alone()
            except BadInput:
                continue  # too few samples, for instance
            found += [
                float(v)
                for name in SCORES
                if name in table
                for v in table[name].values.flat
                if np.isfinite(v)
            ]
    must(bool(found), request, "no score is defined")
    (low, high), told = request.range, spelled_range(request.range)
    must(low is None or min(found) >= low, request, f"range is declared as {told}; got {min(found)!r}")
    must(high is None or max(found) <= high, request, f"range is declared as {told}; got {max(found)!r}")


def check_symmetry(request: Request) -> None:
    """X with Y scores as Y with X where that is declared, in one table bit for bit, and only there; and the direction.

    In a table only one of the two is computed then: whether the other is the same is asked for by itself.
    """
    if request.metric.single:
        return
    alike, related, others = True, [], []
    for seed in range(DRAWS):
        one = tried(request, seed)
        scores = one.alone()["score"].values[0]
        back = scores[1, 0] if not request.symmetric else one.score(one.y, one.x)
        alike &= bool(abs(scores[0, 1] - back) < SAME * max(1.0, abs(back)))
        must(
            not request.symmetric or scores[0, 1] == scores[1, 0],
            request,
            f"one table holds {scores.tolist()}",
        )
        related.append(scores[0, 1])
        others.append(one.score(y=tried(request, seed + DRAWS).y))
    told = f"symmetric is declared as {request.symmetric}; the two ways score {'alike' if alike else 'differently'}"
    must(alike == request.symmetric, request, told)
    there, chance = np.mean(related), np.mean(others)
    told = f"direction is {request.metric.direction}; related samples score {there}, unrelated ones {chance}"
    must((there > chance) == (request.metric.direction == "similarity"), request, told)


def changed(x: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """X after each of the changes that a metric may declare not to see."""
    rng = np.random.default_rng(seed)
    d = x.shape[-1]
    return {
        "permutation": x[..., np.roll(np.arange(d), 1 + rng.integers(d - 1))],
        "rotation": x @ np.linalg.qr(rng.normal(size=(d, d)))[0],
        "scaling": x * rng.choice([0.05, 17.0]),
        "translation": x + rng.normal(size=d) * 3,
        "linear": x @ rng.normal(size=(d, d)),
    }


def check_invariances(request: Request) -> None:
    """Changes of X that are declared are not seen; the others are, or the declaration says too little."""
    declared = request.invariances
    must(set(declared) <= set(INVARIANCES), request, f"invariances are among {INVARIANCES}; got {declared}")
    away = dict.fromkeys(INVARIANCES, 0.0)
    for seed in range(DRAWS):
        if seed > 1 and all(off > SAME for name, off in away.items() if name not in declared):
            break
        one = tried(request, seed)
        want = one.score()
        for name, x in changed(one.x, seed).items():
            away[name] = max(away[name], abs(one.score(x) - want) / max(1.0, abs(want)))
    for name, off in away.items():
        told = f"the score changes by {off:.2g} with the {name} of X, which is declared as an invariance"
        must(name not in declared or off < SAME, request, told)
        told = f"the score does not see the {name} of X, which is not declared as an invariance"
        must(name in declared or off > SAME, request, told)


def check_identical(request: Request) -> None:
    """Identical representations score the best there is, exactly, where the metric says so."""
    if request.metric.single or not request.alike or not np.isfinite(request.best):
        return
    one = tried(request)
    scores = replace(one, y=one.x.copy()).table(null=False)["score"].values[0]
    told = f"identical representations score {request.best}; got {scores.tolist()}"
    must(bool((scores == request.best).all()), request, told)
