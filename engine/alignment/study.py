"""What one metric says of one region, and of all regions: from scores and draws to the variables of the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from consilience.engine.alignment import differences, universality
from consilience.engine.alignment.choice import NONE, held_out, scores_of
from consilience.engine.alignment.hierarchy import best_depths, order_over_stimuli, order_test
from consilience.engine.alignment.over_subjects import spread
from consilience.engine.alignment.permutations import Drawn
from consilience.engine.alignment.scored import Scored
from consilience.engine.alignment.table import spread_out
from consilience.engine.alignment.turing import turing_of


@dataclass(frozen=True)
class Study:
    """One metric. `permutations` (0 for none), `bootstraps` and `seed` are those of `align`; n counts the stimuli."""

    one: Scored
    n: int
    permutations: int
    bootstraps: int
    seed: int

    def of_region(
        self, region: int, drawn: Drawn | None, again: np.ndarray | None, lower: float
    ) -> dict[str, Any]:
        """The variables of one region.

        Args:
            drawn: under permutations of the stimuli, if there are any. again: (draws, models) under bootstraps of them,
                if there are any. lower: the lower noise ceiling.
        """
        one, sides = self.one, self.one.sides
        present, sign = sides.present[region], one.sign
        score = sign * one.scores(region)
        chosen, held = held_out(score, self.models)
        chance = sign * scores_of(one.unrelated(region), chosen) if drawn is None else drawn.chance
        over = spread(sign * held)
        low, high = over.interval()
        names = np.array([*(r.layer for r in sides.layers), ""], object)
        error = (
            differences.from_jackknife(sign * one.left_out(region), chosen)
            if again is None
            else differences.from_bootstrap(again, self.n)
        )
        brains = self._with_brains(region)
        by_draws = {}
        if drawn is not None:
            by_draws["p"], by_draws["null"] = drawn.p(held.mean(axis=-1)), sign * drawn.statistic.T
            if len(self.models) > 1:
                by_draws["universality_p"] = universality.p_value(brains, self._agreement, drawn.layers)
        turing = turing_of(sign * held, one.among(region), one.similar, self.bootstraps, self.seed)
        return {
            "score": spread_out(sign * score, present),
            "se": spread_out(one.errors(region), present),
            "chosen": spread_out(names[chosen], present),
            "held_out": spread_out(sign * held, present),
            "mean": over.mean, "low": low, "high": high,
            "p_subjects": spread(held - chance).p_above(),
            "chance": spread(sign * chance).mean,
            "normalised": over.mean / lower if one.similar and lower > 0 else np.nan,
            "best_depth": spread(np.where(chosen == NONE, np.nan, sides.depth[chosen])).mean,
            **by_draws,
            **differences.differences_of(held, error),
            **turing, "brain_brain": spread_out(turing["brain_brain"], present, axes=2),
            "brain_agreement": sign * brains,
        }  # fmt: skip

    def over_regions(self, hierarchy: Sequence[str] | None, drawn: Mapping[int, Drawn]) -> dict[str, Any]:
        """The variables of all regions together; `drawn` as for `of_region`, by the number of the region."""
        one, sides = self.one, self.one.sides
        found = {"agreement": one.sign * self._agreement}
        if len(self.models) > 1:
            brains = np.array([self._with_brains(k) for k in range(len(sides.regions))])
            low, high = universality.interval(
                self._with_models, brains, sides.model_of, self.bootstraps, self.seed
            )
            found["universality"] = universality.correlations(self._agreement, brains)
            found["universality_low"], found["universality_high"] = low, high
        if hierarchy is not None:
            regions = [sides.regions.index(region) for region in hierarchy]
            scores = [spread_out(one.sign * one.scores(k), sides.present[k]) for k in regions]
            depths = best_depths(np.stack(scores, axis=1), self.models, sides.depth)
            found["order_tau"], found["order_p"] = order_test(depths, self.permutations, self.seed)
            means = [one.sign * of(k).mean(axis=-1) for k in regions for of in (one.scores, one.left_out)]
            chance = np.stack([self._by_chance(k, drawn.get(k)) for k in regions], axis=-1)
            found["order_p_stimuli"] = order_over_stimuli(
                np.stack(means[::2], axis=-1),
                np.stack(means[1::2], axis=-1),
                chance,
                self.models,
                sides.depth,
            )
        return found

    def _by_chance(self, region: int, drawn: Drawn | None) -> np.ndarray:
        """(layers,): what unrelated samples score, the larger the better; NaN where that is not known."""
        if drawn is not None:
            return drawn.layers.mean(axis=0)
        return self.one.sign * self.one.unrelated(region).mean(axis=-1)

    @cached_property
    def models(self) -> list[np.ndarray]:
        return list(self.one.sides.models.values())

    @cached_property
    def _with_models(self) -> np.ndarray:
        """(layers, models), the larger the better."""
        select, score = self.one.halves()
        return universality.agreements(self.one.sign * select, self.one.sign * score, self.models)

    @cached_property
    def _agreement(self) -> np.ndarray:
        return universality.agreement(self._with_models, np.ones(len(self.models)))

    def _with_brains(self, region: int) -> np.ndarray:
        """(layers,): means over subjects, the larger the better."""
        return self.one.sign * self.one.scores(region).mean(axis=-1)
