"""What all layers cost: a replica's work on a shard against the bare forward pass of its model on the same batches.

The bare pass asks for no hidden state, or keeps none, and nothing is made of what comes out. The replica keeps every
layer, pools it and writes the part. Both are given inputs that are ready: reading and preprocessing go on beside the
model (`bench_extraction`). Both in this process, on as many threads, in turn; each figure is the best of rounds.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from shown import Mixed, Some

from consilience.connectors.models import open_model
from consilience.engine.extraction import plan_job, table_spec
from consilience.engine.extraction.interfaces import Model, StimulusSet
from consilience.engine.extraction.replica import Replica
from consilience.engine.features import FeatureStore

pytestmark = pytest.mark.bench

TEXTS, PICTURES, ROUNDS, THREADS = 512, 128, 3, 1


class Ready:
    """A model, and its inputs as stimuli."""

    def __init__(self, model: Model, inputs: list[Any]):
        self._model, self._ready = model, inputs
        self.name, self.fingerprint, self.licence, self.citation = "ready", "", "", ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def preprocess(self, item: Any) -> Any:
        return item

    def views(self) -> list[str]:
        return [self._model.card.modality]

    def sample_ids(self) -> list[str]:
        return [f"{i:05d}" for i in range(len(self._ready))]

    def get(self, view: str, index: int) -> Any:
        return self._ready[index]


def of_texts(replica: Replica) -> Callable[[list[Any]], Any]:
    """The forward pass of a transformer, for its last state alone."""
    model: Any = replica.model

    def passed(batch: list[Any]) -> None:
        for _, given, _ in model._inputs.together(batch):
            model._net(**given)

    return passed


def of_pictures(replica: Replica) -> Callable[[list[Any]], Any]:
    """The forward pass of an EfficientNet, each block's output gone when the next has it."""
    import numpy as np

    net = replica.model._net  # type: ignore[attr-defined]

    def passed(batch: list[Any]) -> None:
        x = (torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() - 127) / 128
        x = net._swish(net._conv_stem(x))
        for block in net._blocks:
            x = block(x)
        net._swish(net._conv_head(x))

    return passed


@pytest.mark.parametrize(
    ("name", "stimuli", "bare"),
    [("minilm", Mixed(TEXTS), of_texts), ("efficientnet-lite0", Some(PICTURES), of_pictures)],
    ids=["texts", "pictures"],
)
def test_all_layers_cost_at_most_15_percent_more_than_the_bare_forward_pass(
    name: str, stimuli: StimulusSet, bare: Callable[[Replica], Callable[[list[Any]], Any]], tmp_path: Path
) -> None:
    opened = open_model(name)
    opened.load("cpu")
    view = opened.card.modality
    inputs = [opened.preprocess(stimuli.get(view, row)) for row in range(len(stimuli.sample_ids()))]
    model = Ready(opened, inputs)
    plan = plan_job(model, model)
    job = replace(plan, rows=plan.samples)
    threads = torch.get_num_threads()
    seconds: dict[str, list[float]] = {"bare": [], "all layers": [], "of that in the model": []}
    try:
        for turn in range(ROUNDS):
            writer = FeatureStore(tmp_path / str(turn)).writer(
                "m", "s", table_spec(model, model, job), job.schema()
            )
            writer.missing(1)
            replica = Replica(model, model, job, writer, "cpu", THREADS)
            replica.load()
            lots = [range(i, min(i + job.batch_size * job.together, job.samples)) for i in
                    range(0, job.samples, job.batch_size * job.together)]  # fmt: skip
            batches = [
                [inputs[row] for row in batch]
                for lot in lots
                for batch in replica._by_length({row: inputs[row] for row in lot})
            ]
            passed = bare(replica)
            with torch.inference_mode():
                passed(batches[0])
                began = time.perf_counter()
                for batch in batches:
                    passed(batch)
            seconds["bare"].append(time.perf_counter() - began)
            receipt = replica.run(job.shards()[0])
            assert receipt.rejects == 0
            seconds["all layers"].append(receipt.seconds)
            seconds["of that in the model"].append(receipt.forward)
    finally:
        torch.set_num_threads(threads)
    best = {what: min(found) for what, found in seconds.items()}
    ratio = best["all layers"] / best["bare"]
    said = ", ".join(f"{what} {value:.2f} s" for what, value in best.items())
    print(f"\n{name}, {job.samples} samples on {THREADS} thread(s): {said}: {ratio:.2f} times the bare pass")
    assert ratio <= 1.15
