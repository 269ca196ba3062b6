import pickle
from dataclasses import replace

import pytest
from tiny import Numbers, Tiny

from consilience.engine.errors import BadInput
from consilience.engine.extraction.job import plan_job, table_spec
from consilience.engine.features.schema import digest


def names(job):
    return [layer.name for layer in job.layers]


def test_layers_are_chosen_by_name_and_pattern_in_the_order_of_the_model():
    assert names(plan_job(Tiny(), Numbers(9))) == ["map", "tokens", "vector"]
    assert names(plan_job(Tiny(), Numbers(9), ["vec*", "map"])) == ["map", "vector"]
    assert names(plan_job(Tiny(), Numbers(9), "tokens")) == ["tokens"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": ["tokns"]}, "did you mean 'tokens'"),
        ({"layers": []}, "at least one layer"),
        ({"pool": "cls"}, "layer 'map'.*pool='cls', which needs tokens"),
        ({"pool": "median"}, "a known pool"),
        ({"batch_size": 0}, "a batch of 1 or more"),
        ({"autocast": "float64"}, r"a known autocast \(bfloat16, float16\); got 'float64'"),
    ],
)
def test_what_does_not_exist_is_refused(arguments, message):
    with pytest.raises(BadInput, match=message):
        plan_job(Tiny(), Numbers(9), **arguments)


def test_a_model_that_torch_does_not_compute_cannot_be_cast():
    class Table(Tiny):
        arithmetic = "a table"

    assert plan_job(Table(), Numbers(9)).autocast is None
    with pytest.raises(BadInput, match="for autocast 'bfloat16'; got tiny, which a table computes"):
        plan_job(Table(), Numbers(9), autocast="bfloat16")


def test_a_model_needs_the_view_of_its_modality(monkeypatch):
    monkeypatch.setattr(Numbers, "views", lambda self: ("image",))
    with pytest.raises(BadInput, match="the view 'text', which tiny takes; got numbers, which has image"):
        plan_job(Tiny(), Numbers(9))


def test_empty_stimuli_are_refused():
    with pytest.raises(BadInput, match="at least one stimulus; got numbers, which is empty"):
        plan_job(Tiny(), Numbers(0))


def test_the_digest_moves_with_everything_that_decides_the_table():
    def of(model=None, stimuli=None, **arguments):
        model, stimuli = model or Tiny(), stimuli or Numbers(500)
        return digest(table_spec(model, stimuli, plan_job(model, stimuli, **arguments)))

    class Revised(Tiny):
        @property
        def card(self):
            return replace(super().card, revision="2")

    others = [
        of(Revised()),
        of(stimuli=Numbers(501)),
        of(layers=["map"]),
        of(pool="max"),
        of(batch_size=7),
    ]
    assert of() == of()
    assert len({of(), *others}) == 6


def test_a_job_is_as_small_for_millions_of_samples_as_for_ten():
    few, many = (pickle.dumps(plan_job(Tiny(), Numbers(n))) for n in (10, 2_000_000))
    assert abs(len(many) - len(few)) < 20
    assert len(many) < 1000
