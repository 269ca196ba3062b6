"""What Ray costs: extraction through it against a bare loop of the same model on the same batches, in the same run.

The rate of extraction is taken between the first receipt of every replica and the last one, so that what is paid once
however many samples there are (processes, imports, weights) is left out, on both sides. The bare loop draws,
preprocesses, runs the model and pools, batch by batch, and writes nothing. Each figure is the best of rounds in turn.
"""

import sys
import time
from pathlib import Path

import pytest
import torch

from consilience.connectors.models import open_model
from consilience.connectors.stimuli import open_stimuli
from consilience.engine.extraction import extract
from consilience.engine.extraction.cluster import usable_cores
from consilience.engine.extraction.interfaces import Model, StimulusSet
from consilience.engine.extraction.memory import keep_freed_memory
from consilience.engine.extraction.pools import pooled
from consilience.engine.features import FeatureStore

pytestmark = [pytest.mark.bench, pytest.mark.usefixtures("ray_local")]

SHARD, BATCH, ROUNDS = 128, 16, 3


class Some:
    """The first pictures of OpenMoji."""

    def __init__(self, n: int):
        self.whole, self.n = open_stimuli("openmoji"), n
        self.name, self.licence, self.citation = "some", "", ""
        self.fingerprint = f"{self.whole.fingerprint} {n}"
        self.views, self.get = self.whole.views, self.whole.get

    def sample_ids(self) -> list[str]:
        return list(self.whole.sample_ids()[: self.n])


def bare(model: Model, stimuli: StimulusSet, rows: range) -> float:
    """Samples a second of a bare loop."""
    began = time.perf_counter()
    with torch.inference_mode():
        for start in range(rows.start, rows.stop, BATCH):
            batch = [model.preprocess(stimuli.get("image", row)) for row in range(start, start + BATCH)]
            out = model.forward(batch)
            for layer in model.layers():
                pooled("mean", out.layers[layer.name], layer).numpy()
    return len(rows) / (time.perf_counter() - began)


def through_ray(name: str, stimuli: StimulusSet, folder: Path, replicas: int) -> float:
    """Samples a second of extraction, once every replica has delivered a shard."""
    seen: list[tuple[float, float]] = []
    extract(
        open_model(name),
        stimuli,
        FeatureStore(folder),
        batch_size=BATCH,
        replicas=replicas,
        progress=lambda _, done, total: seen.append((time.perf_counter(), done)),
    )
    (began, before), (ended, after) = seen[replicas], seen[-1]
    return (after - before) / (ended - began)


@pytest.mark.parametrize("cores", sorted({1, usable_cores()}))
def test_ray_costs_at_most_a_tenth(cores: int, tmp_path: Path) -> None:
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    name, stimuli = "efficientnet-lite0", Some(SHARD * 4 * cores)
    keep_freed_memory()  # as in the replica, so that the loop is not slowed by what extraction avoids
    threads = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        model = open_model(name)
        model.load("cpu")
        bare(model, stimuli, range(BATCH))
        loop, ray = [], []
        for turn in range(ROUNDS):
            loop.append(bare(model, stimuli, range(SHARD * 2)))
            ray.append(through_ray(name, stimuli, tmp_path / str(turn), replicas=cores))
    finally:
        torch.set_num_threads(threads)
    ratio = max(loop) / max(ray)
    print(f"\n{cores} core(s): bare loop {max(loop):.1f}, extraction {max(ray):.1f} samples/s: ", end="")
    print(f"{ratio:.2f} times the loop's time")
    assert ratio <= 1.10
