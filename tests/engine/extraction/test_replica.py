import threading

import numpy as np
import pytest
import torch
from tiny import Numbers, Tiny

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Layer, ModelCard, Outputs
from consilience.engine.extraction.job import plan_job, table_spec
from consilience.engine.extraction.replica import Replica
from consilience.engine.features import FeatureStore


@pytest.fixture
def run(tmp_path):
    """Extract in this process; gives the table and the replica."""

    def run(model, stimuli, **arguments):
        job = plan_job(model, stimuli, **arguments)
        writer = FeatureStore(tmp_path).writer(
            model.card.name, stimuli.name, table_spec(model, stimuli, job), job.schema()
        )
        replica = Replica(model, stimuli, job, writer, "cpu", 1)
        replica.load()
        writer.missing(len(job.shards()))
        for shard in job.shards():
            replica.run(shard)
        return writer.finish(), replica

    return run


def test_products_are_made_in_the_type_that_is_asked_for_and_kept_in_float32(run):
    stimuli = Numbers(40)
    exact, _ = run(Tiny(), stimuli)
    for name, wrong in (("bfloat16", 2**-7), ("float16", 2**-9)):
        cast, _ = run(Tiny(), stimuli, autocast=name)
        assert cast.digest != exact.digest
        assert cast.manifest["spec"]["autocast"] == name
        for layer in cast.layers:
            a, b = (x.take(layer, np.arange(40)) for x in (cast, exact))
            assert a.dtype == np.float32
            assert np.abs(a - b).max() <= wrong * np.abs(b).max()
        kept = torch.tensor(cast.take("vector", np.arange(40)))
        torch.testing.assert_close(kept.to(getattr(torch, name)).float(), kept, rtol=0, atol=0)


class Padded:
    """Numbers as texts of so many tokens, of which none is told apart from padding but by the mask."""

    def __init__(self, name="padded", raising=()):
        self.card, self.raising = (
            ModelCard(name, "text", "1", "0", "number", "none", 60, "none", "none"),
            raising,
        )
        self.sizes = []

    def layers(self):
        return [Layer("tokens", "btd", 2, "tokens")]

    def load(self, device):
        pass

    def preprocess(self, item):
        return torch.arange(1 + int(item) * 7 % 50, dtype=torch.float32)

    def length(self, given):
        return len(given)

    def forward(self, batch):
        if any(len(x) in self.raising for x in batch):
            raise RuntimeError("raised")
        self.sizes.append([len(x) for x in batch])
        x = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=float("nan"))
        return Outputs({"tokens": torch.stack([x, x + 1], -1)}, (~x.isnan()).long())


def test_inputs_of_nearly_one_length_go_together_and_rows_keep_their_order(run):
    model, stimuli = Padded(), Numbers(200, unreadable=frozenset({5}))
    table, replica = run(model, stimuli, batch_size=8)
    want = [i * 7 % 50 / 2 for i in range(200) if i != 5]
    np.testing.assert_array_equal(table.take("tokens", np.arange(199))[:, 0], want)
    assert list(table.sample_ids) == [f"s{i}" for i in range(200) if i != 5]
    assert reasons(table) == {"s5": "cannot be read: OSError: bad file 5"}
    # Sixteen batches are sorted together: from the shortest to the longest in each lot.
    lot = [size for sizes in model.sizes[:16] for size in sizes]
    assert lot == sorted(lot)
    assert len(lot) == 127
    tokens, padding = replica._tokens, replica._positions - replica._tokens  # of the last shard
    last = model.sizes[16:]
    assert tokens == sum(map(sum, last))
    assert padding == sum(len(sizes) * max(sizes) for sizes in last) - tokens


def test_a_sample_that_raises_among_sorted_ones_is_the_one_rejected(run):
    table, _ = run(Padded(raising={8}), Numbers(60), batch_size=4)
    assert set(reasons(table)) == {"s1", "s51"}  # 7 and 357 % 50 numbers before the last
    want = [i * 7 % 50 / 2 for i in range(60) if i not in (1, 51)]
    np.testing.assert_array_equal(table.take("tokens", np.arange(58))[:, 0], want)


def test_how_they_are_put_together_names_the_table():
    stimuli = Numbers(40)
    plain, sorted_ = (table_spec(m, stimuli, plan_job(m, stimuli)) for m in (Tiny(), Padded()))
    assert "together" not in plain
    assert sorted_["together"] == 16


def reasons(table):
    rejected = table.rejected
    return dict(zip(rejected["sample_id"].to_pylist(), rejected["reason"].to_pylist()))


def test_every_layer_is_pooled_from_one_forward_pass(run):
    table, replica = run(Tiny(), Numbers(300), batch_size=10)
    assert list(table.sample_ids) == [f"s{i}" for i in range(300)]
    with torch.inference_mode():
        out = replica.model.forward([float(i) for i in range(120, 130)])
    rows = np.arange(120, 130)
    np.testing.assert_allclose(table.take("map", rows), out.layers["map"].mean((2, 3)), atol=1e-7)
    np.testing.assert_allclose(table.take("tokens", rows), out.layers["tokens"].mean(1), atol=1e-7)
    np.testing.assert_array_equal(table.take("vector", rows), out.layers["vector"])


def test_samples_are_read_and_preprocessed_while_the_model_runs(run):
    """The model waits, in each batch but the last, for a sample of the next."""
    prepared = [threading.Event() for _ in range(5)]

    class Waiting(Tiny):
        def preprocess(self, item):
            prepared[int(item) // 8].set()
            return super().preprocess(item)

        def forward(self, batch):
            assert prepared[min(int(batch[0]) // 8 + 1, 4)].wait(20)
            return super().forward(batch)

    assert run(Waiting(), Numbers(40), batch_size=8)[0].n == 40


def test_samples_that_fail_are_rejected_with_their_reason_and_no_other(run):
    model = Tiny(refused=frozenset({3}), nan=frozenset({140}), raising=frozenset({141, 299}))
    table, _ = run(model, Numbers(300, unreadable=frozenset({0, 7})))
    got = reasons(table)
    assert set(got) == {"s0", "s3", "s7", "s140", "s141", "s299"}
    assert got["s7"] == "cannot be read: OSError: bad file 7"
    assert got["s3"] == "cannot be preprocessed: ValueError: cannot take 3"
    assert got["s140"].startswith("NaN or Inf in map")
    assert got["s141"] == "the model raised RuntimeError: one of [141.0]"
    assert list(table.sample_ids) == [f"s{i}" for i in range(300) if f"s{i}" not in got]
    clean, _ = run(Tiny(name="clean"), Numbers(300))
    keep = np.array([i for i in range(300) if f"s{i}" not in got])
    np.testing.assert_allclose(table.take("map", np.arange(294)), clean.take("map", keep), atol=1e-6)


def test_out_of_memory_halves_the_batch_for_good(run):
    sizes = []

    class Watched(Tiny):
        def forward(self, batch):
            sizes.append(len(batch))
            return super().forward(batch)

    table, _ = run(Watched(fits=5), Numbers(64), batch_size=16)
    assert table.n == 64
    assert sizes[:3] == [16, 8, 4]
    assert max(sizes[3:]) == 4


def test_a_sample_that_never_fits_is_rejected(run):
    class Heavy(Tiny):
        def forward(self, batch):
            if 5.0 in batch:
                raise torch.cuda.OutOfMemoryError("tried to allocate")
            return super().forward(batch)

    table, _ = run(Heavy(), Numbers(20))
    assert reasons(table) == {"s5": "out of memory: OutOfMemoryError: tried to allocate"}


def test_a_model_that_is_not_what_it_says_stops_the_run(run):
    class Lying(Tiny):
        def layers(self):
            return [Layer("map", "bchw", 8, "")]

    class Silent(Tiny):
        def forward(self, batch):
            return Outputs({"map": super().forward(batch).layers["map"]})

    with pytest.raises(BadInput, match=r"layer 'map' with axes 'bchw' and 8 units; got a tensor of shape"):
        run(Lying(), Numbers(20))
    with pytest.raises(BadInput, match="no output for tokens, vector"):
        run(Silent(), Numbers(20))


def test_a_table_needs_at_least_one_sample(run):
    with pytest.raises(
        BadInput, match=r"at least one sample; got 5 rejected and none left.*'s0', cannot be read"
    ):
        run(Tiny(), Numbers(5, unreadable=frozenset(range(5))))
