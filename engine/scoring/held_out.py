"""Metrics fitted on one half of the samples and scored on the other, on every subset of the groups held out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from consilience.engine.inference.null import Null
from consilience.engine.inference.split import Held, Split, held_out, split
from consilience.engine.inference.subsets import Groups
from consilience.engine.metrics.held_out import Fit, Side
from consilience.engine.metrics.linear import CrossOfMoments, Own
from consilience.engine.metrics.registry import Request
from consilience.engine.passes.moment_state import Pair, State, covariances, over_groups
from consilience.engine.scoring.evaluated import EXACT, Evaluated, Tail, drawn_tail, exact_tail
from consilience.engine.scoring.setting import Setting
from consilience.engine.scoring.sweep import Sweep, sweep_of

Factors = dict[int, list[Any]]  # representation -> one factor a request
# What was found, request, a, b -> scores (S,), or the moments (4, T) of their null.
Found = dict[tuple[int, int, int, int], np.ndarray]
SCORE, NULL = -1, -2  # else the number of a draw
WHOLE = np.ones((1, 1), bool)


@dataclass(frozen=True)
class Asked:
    """A request, and the held-out samples that it is scored on."""

    request: Request
    held: Held


@dataclass(frozen=True)
class HeldOut:
    """Requests that all need moments of the `train` rows, or none of which does (None). `labels` as of the setting."""

    asked: tuple[Asked, ...]
    sweep: Sweep
    split: Split
    train: Groups | None
    labels: np.ndarray | None

    def factors(self) -> Factors:
        """What every representation contributes."""
        return self.sweep.own(
            partial(_contributions, self.asked, self.sweep, self.split, self.labels), self.train
        )

    def values(self, factors: Factors, pairs: Sequence[Pair], null: bool) -> Found:
        """The scores of `pairs`, and with `null` the moments of their null where those are exact."""
        make = partial(_scored, dict(enumerate(self.asked)), factors, SCORE, null, self.split.seed)
        return self.sweep.over(make, pairs, self.train, "held-out samples")

    def draws(self, factors: Factors, pairs: Sequence[Pair], permutations: int) -> Found:
        """Scores under fits to train rows paired at random, where no null is exact, on the subsets that want one."""
        drawn = {
            k: replace(one, held=one.held.only_tested())
            for k, one in enumerate(self.asked)
            if one.request.metric.null is None
        }
        rng = np.random.default_rng([self.split.seed, 1])
        calls = []
        for p in range(permutations if drawn else 0):
            make = partial(_scored, drawn, factors, p, False, self.split.seed)
            calls += self.sweep.calls(make, pairs, self.train, rng.permutation(self.split.train))
        return self.sweep.finish(calls, "permutations") if calls else {}


def evaluate(requests: Sequence[Request], setting: Setting) -> list[Evaluated]:
    """Every request over the pairs; groups are made inside the held-out half."""
    cut, count = split(setting.groups.n, setting.seed), setting.groups.count
    found = []
    for fits in (True, False):
        asked = []
        for r in (r for r in requests if r.fits == fits):
            rows = cut.gallery(r.parameters["gallery"]) if "gallery" in r.parameters else cut.held
            asked.append(Asked(r, held_out(rows, count, setting.seed, se=setting.se)))
        if asked:
            train = Groups(cut.train, np.array([0, len(cut.train)])) if fits else None
            found += _evaluate(HeldOut(tuple(asked), sweep_of(setting), cut, train, setting.labels), setting)
    return found


def _evaluate(work: HeldOut, setting: Setting) -> list[Evaluated]:
    factors = work.factors()
    found = work.values(factors, setting.asked, setting.null)
    if setting.null:
        found |= work.draws(factors, setting.asked, setting.permutations)
    entered = _entered(found, len(setting.representations))
    evaluated = []
    for k, one in enumerate(work.asked):
        values, held = entered[SCORE, k], one.held
        tails, how = _tails(one, k, entered, setting.permutations)
        evaluated.append(
            Evaluated(one.request, values, held.subsets, len(held.rows), tails[0], tails[1], how)
        )
    return evaluated


def _tails(
    one: Asked, k: int, entered: Mapping[tuple[int, int], np.ndarray], permutations: int
) -> tuple[list[Tail | None], str]:
    """The nulls of all held-out samples and of their holdout half, and where they are from."""
    scores = entered[SCORE, k][list(one.held.subsets.tested)]  # (T, R, R)
    tails: list[Tail | None] = [None, None]
    how = "none"
    if (NULL, k) in entered:
        how = EXACT
        for t, score in enumerate(scores):
            tails[t] = exact_tail(Null(*entered[NULL, k][:, t]), score, one.request)
    elif (0, k) in entered:
        how = f"{permutations} permutations"
        draws = np.stack([entered[p, k] for p in range(permutations)])
        for t, score in enumerate(scores):
            tails[t] = drawn_tail(draws[:, t], score, one.request)
    return tails, how


def _entered(found: Found, size: int) -> dict[tuple[int, int], np.ndarray]:
    """What, request -> (…, R, R), NaN for pairs that were not wanted."""
    entered: dict[tuple[int, int], np.ndarray] = {}
    for (what, k, a, b), values in found.items():
        if (what, k) not in entered:
            entered[what, k] = np.full((*values.shape, size, size), np.nan)
        entered[what, k][..., a, b] = values
    return entered


def _contributions(
    asked: Sequence[Asked],
    sweep: Sweep,
    split: Split,
    labels: np.ndarray | None,
    state: State | None,
    pair: Pair,
) -> Factors:
    """What one representation gives to all its pairs."""
    r, _ = pair
    own, mean = None, None
    if state is not None:
        ((gram, n),) = covariances(state, pair, WHOLE)
        own, mean = Own(gram, n, sweep.frames[r].scale), state[0].left[r][0] / n
    found = []
    for one in asked:
        side = Side(sweep.representations[r], sweep.frames[r], split, one.held, own, mean, labels)
        found.append(one.request.metric.factor(side, **one.request.parameters))  # type: ignore[misc]
    return {r: found}


def _scored(
    asked: Mapping[int, Asked],
    factors: Factors,
    what: int,
    null: bool,
    seed: int,
    state: State | None,
    pair: Pair,
) -> Found:
    """The scores of one pair, both ways round."""
    a, b = pair
    cross = None
    if state is not None:
        ((matrix, _),) = over_groups(state, pair, WHOLE)
        cross = CrossOfMoments(matrix, precise=what == SCORE)
    found: Found = {}
    for k, one in asked.items():
        shuffle = None if what == SCORE else np.random.default_rng([seed, 1, what])
        fit = Fit(one.held, cross, shuffle)
        there = back = _one_way(one, factors[a][k], factors[b][k], fit, what, null)
        if not one.request.symmetric:
            back = _one_way(one, factors[b][k], factors[a][k], fit.transposed, what, null)
        for kind, values in there.items():
            found[kind, k, a, b], found[kind, k, b, a] = values, back[kind]
    return found


def _one_way(one: Asked, left: Any, right: Any, fit: Fit, what: int, null: bool) -> dict[int, np.ndarray]:
    """`what`: scores (S,), and NULL: moments (4, T) if wanted and exact."""
    request = one.request
    scores = request.metric.finish(left, right, fit, **request.parameters)
    found = {what: scores.values}
    if null and request.metric.null is not None:
        nulls = [request.metric.null(scores, subset) for subset in one.held.subsets.tested]
        found[NULL] = np.array([[x.mean, x.sd, x.skew, x.step] for x in nulls]).T
    return found
