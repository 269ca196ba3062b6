"""Every question on score tables whose truth is known: against literal computations, and where nothing is there."""

import json
from typing import Any

import numpy as np
import pytest
from made_up import GROUPS, METRIC, card, flat, made_up
from scipy import stats

import consilience as cs
from consilience.engine.inference.jackknife import standard_error
from consilience.engine.inference.split import held_out, split
from consilience.pipelines.questions import depth, layers, objectives, scale, stitching
from consilience.pipelines.questions.kinds import kind
from consilience.pipelines.questions.zoo import Zoo
from consilience.pipelines.zoosite.statistics import apart

RANDOM = "none (random weights)"
CARDS = {
    "eye1": card("image", "Eye", 1e6), "eye2": card("image", "Eye", 3e6), "eye3": card("image", "Eye", 2e7),
    "blank1": card("image", "Eye", 1e6, RANDOM), "blank2": card("image", "Eye", 3e6, RANDOM),
    "blank3": card("image", "Eye", 2e7, RANDOM),
    "ear": card("text", "Ear", 1e8, "next-token prediction"), "pen": card("text", "Pen", 2e8, "masked language model"),
    "ink": card("text", "Ink", 4e8, "contrastive image-text"),
}  # fmt: skip
FIELDS = ("vision", "language")


def hill(a: str, x: float, b: str, y: float) -> float:
    """Agreement is best at three quarters of the eye and half of the ear, whichever comes first."""
    if CARDS[a]["modality"] == "text":
        x, y = y, x
    return 0.3 - 0.2 * (x - 0.75) ** 2 - 0.2 * (y - 0.5) ** 2


def nothing(a: str, x: float, b: str, y: float) -> float:
    return 0.2


def some(*models: str, depth: int = 4) -> dict[str, int]:
    return dict.fromkeys(models, depth)


def told(zoo: Zoo, answer: Any) -> list[dict[str, str]]:
    found = answer.answer(zoo)
    assert all(len(row) == len(found.header) for row in found.rows)
    found.plain()
    return [dict(zip(found.header, row)) for row in found.rows]


# Layers


def test_the_sweet_spot_and_what_cannot_be_told_from_it_by_literal_sums() -> None:
    zoo = made_up(some("eye1", "ear", depth=5), CARDS, hill, noise=0.03)
    (cross,) = zoo.crosses(METRIC, FIELDS)
    found = layers.spot(zoo, METRIC, cross)
    one = zoo.scores.sel(metric=METRIC)
    block = slice(0, 5), slice(5, 10)
    select = one["score_select"].values[block]
    held, se = one["score_holdout"].values[block], one["se_holdout"].values[block]
    i, j = np.unravel_index(select.argmax(), select.shape)
    assert (cross.best.a, cross.best.b) == (i, 5 + j)
    assert found.depths == (i / 4, j / 4)
    without = zoo.left_out[METRIC][:, :5, 5:]
    alike = set()
    for k in range(5):
        for l in range(5):
            r = np.corrcoef(without[:, i, j], without[:, k, l])[0, 1]
            error = np.sqrt(max(se[i, j] ** 2 + se[k, l] ** 2 - 2 * r * se[i, j] * se[k, l], 0))
            if held[i, j] - held[k, l] <= stats.t.ppf(0.95, 9) * error + 1e-12:
                alike.add((k, l))
    assert set(found.alike) == alike
    assert 1 < len(alike) < 25
    last = np.corrcoef(without[:, i, j], without[:, 4, 4])[0, 1]
    error = np.sqrt(se[i, j] ** 2 + se[4, 4] ** 2 - 2 * last * se[i, j] * se[4, 4])
    gain = held[i, j] - held[4, 4]
    assert (found.gain.value, found.gain.se) == pytest.approx((gain, error))
    assert found.gain.p == pytest.approx(2 * stats.t.sf(abs(gain) / error, 9))


def test_the_set_holds_the_best_pair_of_layers_in_95_of_100_studies() -> None:
    held, sizes = [], []
    for seed in range(300):
        zoo = made_up(some("eye1", "ear", depth=5), CARDS, hill, seed=seed, noise=0.03)
        (cross,) = zoo.crosses(METRIC, FIELDS)
        found = layers.spot(zoo, METRIC, cross)
        held.append((3, 2) in found.alike)
        sizes.append(len(found.alike))
    assert np.mean(held) > 0.93
    assert np.mean(sizes) < 20, "it leaves something out"


def test_where_all_layers_are_alike_the_last_are_as_good_with_a_uniform_p() -> None:
    p = []
    for seed in range(250):
        zoo = made_up(some("eye1", "ear", depth=3), CARDS, nothing, seed=seed)
        gain = layers.spot(zoo, METRIC, zoo.crosses(METRIC, FIELDS)[0]).gain
        if gain.se > 0:
            p.append(gain.p)
    assert flat(np.array(p)) > 0.01


def test_the_sweet_spot_in_words() -> None:
    zoo = made_up(some("eye1", "eye2", "eye3", "ear", "pen", depth=5), CARDS, hill, noise=0.005)
    said = layers.answer(zoo).sentences
    assert said[0].startswith(
        "By cka (unbiased, linear), the sweet spot of vision and language lies at 0.75 of the depth of the vision "
        "models and 0.50 of the depth of the language models, on average over 6 pairs of models (single pairs: 0.75 "
        "to 0.75 and 0.50 to 0.50)"
    )  # fmt: skip
    assert "cannot be told from it" in said[1]
    assert "6 of 6 pairs of models the best pair is better than the last layers" in said[2]
    assert said[3] == (
        "With 3 vision and 2 language models nothing can be said of others: an interval takes three on either side."
    )
    zoo = made_up(some("eye1", "eye2", "eye3", "ear", "pen", "ink", depth=5), CARDS, hill, noise=0.08)
    assert "(95 % interval " in layers.answer(zoo).sentences[0].partition(", on average")[0]


# Scale


def growing(a: str, x: float, b: str, y: float) -> float:
    sizes = {"eye1": 0.0, "eye2": 0.477, "eye3": 1.301}
    return 0.1 + 0.05 * sizes.get(a, sizes.get(b, 0.0))


def test_the_slope_over_size_by_literal_sums() -> None:
    zoo = made_up(some("eye1", "eye2", "eye3", "ear", "pen", depth=2), CARDS, growing)
    family = scale.families(zoo, METRIC)[0]
    assert (family.name, family.fields, family.models) == ("Eye", FIELDS, ["eye1", "eye2", "eye3"])
    crosses = {x.models: x.best for x in zoo.crosses(METRIC, FIELDS)}
    x = np.log10([1e6, 3e6, 2e7])
    y = np.array([np.mean([crosses[m, p].score for p in ("ear", "pen")]) for m in family.models])
    line = stats.linregress(x, y)
    found = scale.slope(zoo, METRIC, family)
    half = stats.t.ppf(0.975, 1) * line.stderr
    assert found.samples.value == pytest.approx(line.slope)
    assert (found.low, found.high) == pytest.approx((line.slope - half, line.slope + half))
    # Over samples: Σ w_i w_j cov_ij over the six best pairs.
    w = (x - x.mean()) / ((x - x.mean()) ** 2).sum() / 2
    cells = [(w[k], crosses[m, p]) for k, m in enumerate(family.models) for p in ("ear", "pen")]
    without = [zoo.left_out[METRIC][:, b.a, b.b] for _, b in cells]
    variance = sum(
        u * v * b.se * c.se * np.corrcoef(without[i], without[j])[0, 1]
        for i, (u, b) in enumerate(cells)
        for j, (v, c) in enumerate(cells)
    )
    assert found.samples.se == pytest.approx(np.sqrt(variance))
    assert found.samples.low == pytest.approx(line.slope - stats.t.ppf(0.975, 9) * np.sqrt(variance))
    p = scale.rising(zoo, METRIC, [family])
    assert (p.p, p.least, p.orders) == (pytest.approx(1 / 6), 1 / 6, 6)


def test_scores_that_do_not_grow_are_tested_uniformly_over_samples_and_over_sizes() -> None:
    p, ranks = [], []
    for seed in range(150):
        zoo = made_up(some("eye1", "eye2", "eye3", "ear", depth=2), CARDS, nothing, seed=seed)
        family = scale.families(zoo, METRIC)[0]
        p.append(scale.slope(zoo, METRIC, family).samples.p)
        ranks.append(scale.rising(zoo, METRIC, [family]).p)
    assert flat(np.array(p)) > 0.01
    share = np.bincount(np.round(np.array(ranks) * 6).astype(int), minlength=7)[1:]
    assert stats.chisquare(share).pvalue > 0.01, "1/6 to 6/6 are as likely"


def test_twins_are_taken_off_and_few_sizes_said_to_be_few() -> None:
    models = some("eye1", "eye2", "eye3", "blank1", "blank2", "blank3", "ear", depth=2)
    zoo = made_up(models, CARDS, growing, noise=0.002, shared=0.002)
    said = scale.answer(zoo).sentences
    assert said[0].startswith(
        "By cka (unbiased, linear), the score of Eye with language rises with size, by 0.0496 (95 % interval 0.0"
    )
    assert "3 sizes have 6 orders, so that no p below 0.17 is possible" in said[1]
    assert said[2].startswith("Twins with random weights change by")
    (row,) = told(zoo, scale)
    assert row["Least p"] == "0.17"
    less = scale.slope(zoo, METRIC, *(scale.families(zoo, METRIC, c)[0] for c in (False, True)))
    assert less.samples.value == pytest.approx(0.05, abs=0.01)
    charts = scale.answer(zoo).plain()["charts"]
    assert [x["name"] for x in charts[0]["series"]] == [
        "trained",
        "trained",
        "random weights",
        "random weights",
    ]


def test_several_families_are_tested_together_within_each() -> None:
    cards = CARDS | {f"old{k}": card("image", "Old", 10.0 ** (5 + k)) for k in range(4)}
    sizes = {"eye1": 0.0, "eye2": 0.4, "eye3": 1.3} | {f"old{k}": float(k) for k in range(4)}
    zoo = made_up(
        some("eye1", "eye2", "eye3", "old0", "old1", "old2", "old3", "ear", depth=1), cards,
        lambda a, x, b, y: 0.1 + 0.05 * sizes.get(a, sizes.get(b, 0.0)), noise=0.001, shared=0.001,
    )  # fmt: skip
    both = scale.families(zoo, METRIC)
    assert [(f.name, len(f.size)) for f in both] == [("Eye", 3), ("Old", 4)]
    found = scale.rising(zoo, METRIC, both)
    assert (found.p, found.orders) == (pytest.approx(1 / 144), 144)
    assert "Over all 2 families together: p = 0.0069." in scale.answer(zoo).sentences


# Depth


def test_the_slope_over_depth_by_literal_fits() -> None:
    zoo = made_up(some("eye1", "ear", depth=4), CARDS, hill)
    (cross,) = zoo.crosses(METRIC, FIELDS)
    every = [zoo.scores["score"].values[0], *zoo.left_out[METRIC]]
    for side in (0, 1):
        found = depth.trend(zoo, METRIC, cross, side)
        assert found is not None
        fits = [np.polyfit(np.arange(4) / 3, s[:4, 4:].mean(axis=1 - side), 1)[0] for s in every]
        se = float(standard_error(np.array(fits[1:])))
        assert (found.slope.value, found.slope.se) == pytest.approx((fits[0], se))
        assert found.slope.p == pytest.approx(2 * stats.t.sf(abs(fits[0]) / se, GROUPS - 1))
        assert found.slope.high == pytest.approx(fits[0] + stats.t.ppf(0.975, GROUPS - 1) * se)
    assert depth.trend(Zoo(zoo.scores), METRIC, cross, 0) is None, "without its row groups no error is known"


def test_it_is_uniform_where_depth_makes_no_difference_though_layers_are_alike() -> None:
    """The noise of a layer is nearly that of the layer before, as it is in a real network."""
    p, wrong = [], []
    for seed in range(250):
        zoo = made_up(some("eye1", "ear", depth=5), CARDS, nothing, seed=seed, noise=0.01)
        rng = np.random.default_rng(seed + 1000)
        walk = 0.03 * rng.normal(size=(GROUPS, 10, 1)).cumsum(axis=1)
        extra = walk - walk.mean(axis=1, keepdims=True)
        zoo.scores["score"].values[0] += extra.mean(axis=0)
        zoo.left_out[METRIC][:] += (extra.sum(axis=0) - extra) / (GROUPS - 1)
        found = depth.trend(zoo, METRIC, zoo.crosses(METRIC, FIELDS)[0], 0)
        assert found is not None
        p.append(found.slope.p)
        wrong.append(stats.linregress(found.depth, found.score).pvalue)
    assert flat(np.array(p)) > 0.01
    assert np.mean(np.array(wrong) < 0.05) > 0.2, "layers as if they were independent are far too sure"


def test_depth_in_words_beside_random_twins() -> None:
    def rises(a: str, x: float, b: str, y: float) -> float:
        eye = {"eye1": x, "eye2": x, "eye3": x}.get(a, {"eye1": y, "eye2": y, "eye3": y}.get(b, 0.0))
        return 0.1 + 0.1 * eye

    models = some("eye1", "eye2", "eye3", "blank1", "blank2", "blank3", "ear", "pen", "ink")
    zoo = made_up(models, CARDS, rises, noise=0.003, shared=0.003)
    said = depth.answer(zoo).sentences
    assert said[0].startswith(
        "By cka (unbiased, linear), the agreement with language grows over the depth of the vision models, by 0.10"
    )
    assert "it rises in 9 and falls in 0 of them (q < 0.05). Over models the 95 % interval is" in said[0]
    assert said[1].startswith("In twins with random weights it changes by")
    rows = told(zoo, depth)
    assert {(r["Models"], r["Over the depth of"]) for r in rows} >= {
        ("eye1 and ear", "eye1"),
        ("eye1 and ear", "ear"),
    }
    assert len(rows) == 18
    assert [r["Random twin"] != "–" for r in rows] == [True] * 9 + [False] * 9


# Objectives


@pytest.mark.parametrize(
    ("objective", "word"),
    [
        ("sentence embedding (contrastive, from a distilled masked language model)", "contrastive"),
        ("next-token prediction, then instruction tuning", "autoregressive"), ("transcription", "supervised"),
        ("image classification with a distillation token", "supervised"), ("masked autoencoding", "masked"),
        ("self-distillation", "self-distillation"), ("not stated", ""), ("sorting socks", "sorting socks"),
    ],
)  # fmt: skip
def test_an_objective_in_one_word(objective: str, word: str) -> None:
    assert kind(objective) == word


KINDS = {
    f"{m}{k}": card(m, objective=o)
    for m in ("image", "text")
    for k, o in enumerate(["image classification", "image classification", "masked", "masked"])
}


def alike(of: str) -> Any:
    def truth(a: str, x: float, b: str, y: float) -> float:
        return 0.2 + 0.2 * (KINDS[a][of] == KINDS[b][of])

    return truth


def test_groups_are_tested_over_all_models_and_within_modalities() -> None:
    zoo = made_up(dict.fromkeys(KINDS, 1), KINDS, alike("objective"), noise=0.01, shared=0.0)
    models, scores = objectives.trained(zoo, METRIC)
    labels = objectives.labels_of(zoo, models, "objective")
    found = objectives.within_modalities(labels, [zoo.field(m) for m in models], scores, 1)
    assert found is not None
    # Two of four in either modality: 6 x 6 arrangements, of which two are this one, if names are exchanged.
    assert (found.p, found.least) == (pytest.approx(2 / 36), pytest.approx(1 / 36))
    same, other = apart(np.array(labels, object), scores)
    (row,) = [r for r in told(zoo, objectives) if r["Models grouped by"] == "objective"]
    assert (float(row["Within"]), float(row["Between"])) == pytest.approx((same, other), abs=6e-4)
    assert objectives.within_modalities(["x"] * 8, [zoo.field(m) for m in models], scores, 1) is None


def test_objectives_that_go_with_modality_are_said_to() -> None:
    objective = {"text": "masked", "image": "image classification"}
    cards = {m: {**c, "objective": objective[c["modality"]]} for m, c in KINDS.items()}
    zoo = made_up(dict.fromkeys(cards, 1), cards, alike("modality"), noise=0.01, shared=0.0)
    said = objectives.answer(zoo).sentences
    assert "models of one objective are more alike than models of two: 0.4" in said[0]
    assert (
        said[1] == "In this zoo that cannot be told from modality: within each all models have one objective."
    )
    assert said[2].startswith("Whether this holds on other stimuli was not asked")


def test_within_modalities_p_is_uniform_where_modality_is_all_there_is() -> None:
    p = []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        of = rng.normal(size=8)
        noise = rng.normal(size=(8, 8))
        modality = np.repeat([0, 1], 4)
        scores = np.equal.outer(modality, modality) + np.add.outer(of, of) + noise + noise.T
        labels = ["a", "a", "b", "b"] * 2
        found = objectives.within_modalities(labels, [str(m) for m in modality], scores, 1)
        assert found is not None
        p.append(
            found.p - rng.uniform() * found.least * 2
        )  # exchanged names make pairs of equal arrangements
    assert flat(np.array(p)) > 0.01


def test_the_order_of_pairs_on_two_sets_of_stimuli() -> None:
    zoos = [
        made_up(
            dict.fromkeys(KINDS, 1),
            KINDS,
            alike("objective"),
            seed=k,
            noise=0.01,
            shared=0.0,
            stimuli={"name": name},
        )
        for k, name in enumerate(("cats", "dogs"))
    ]
    found = objectives.answer(*zoos)
    assert found.sentences[-1].startswith(
        "By cka (unbiased, linear), who agrees with whom is ordered alike on cats and dogs to a rank correlation of 0."
    )
    assert {r[0] for r in found.rows} == {"cats", "dogs"}
    assert [c.title for c in found.charts] == ["Objectives on cats", "Objectives on dogs", "Every two models"]
    assert sum(len(s.x) for s in found.charts[-1].series) == 28


# Stitching


def test_chance_is_that_of_the_items_that_score() -> None:
    rng = np.random.default_rng(0)
    seen, labels = rng.normal(size=(130, 4)), np.arange(130) % 3
    data = {f"{m}/0": seen @ rng.normal(size=(4, 6)) + rng.normal(size=(130, 6)) for m in ("eye1", "ear")}
    metrics = [f"stitch:report={x}" for x in ("recall_1", "recall_5", "class", "r2")]
    table = cs.compare(data, metrics=metrics, labels=labels, groups=7)
    zoo = Zoo(table.assign_attrs(cards=json.dumps(CARDS)))
    held = held_out(split(130, 0).held, 7, 0, se=True)
    scored = int(held.inside[held.subsets.holdout].sum())
    for metric, k in zip(zoo.metrics, (1, 5, None)):
        for fields in (FIELDS, FIELDS[::-1]):
            (cross,) = zoo.crosses(metric, fields)
            assert cross.models == (cross.best.model_a, cross.best.model_b), "a map has a direction"
            share, among = stitching.chance(zoo, metric, cross)
            assert among == scored
            assert share == pytest.approx(k / scored if k else 1 / 3, abs=1e-9 if k else 0.02)
    assert [stitching.report_of(m) for m in zoo.metrics] == ["recall_1", "recall_5", "class", "r2"]
    rows = told(zoo, stitching)
    assert [(r["Found"], r["From"]) for r in rows] == [
        (f"by {x}", m) for x in ("name", "name, among 5", "class") for m in ("eye1", "ear")
    ]
    best = {m: cross.best for m in zoo.metrics for cross in zoo.crosses(m, FIELDS)}
    assert float(rows[0]["Share"]) == pytest.approx(best[zoo.metrics[0]].score, abs=5e-3)
