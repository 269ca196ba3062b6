"""All positions of layers, and random projections of them, against NumPy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from tiny import Evenly, Numbers, Ragged, Tiny

from consilience.engine.errors import BadInput
from consilience.engine.extraction import Extraction, extract, extract_all, projecting
from consilience.engine.extraction.job import plan_job, table_meta, table_spec
from consilience.engine.extraction.projecting import Projection
from consilience.engine.features import FeatureStore
from consilience.engine.features.schema import digest
from consilience.engine.random_projection import bound
from consilience.pipelines.runs.computed import computed


def raw(n: int) -> dict[str, np.ndarray]:
    """What Tiny gives of the first n numbers, in batches of eight, written out flat."""
    model = Tiny()
    model.load("cpu")
    found = [model.forward([float(i) for i in range(first, first + 8)]).layers for first in range(0, n, 8)]
    return {name: np.concatenate([x[name].numpy() for x in found]).reshape(n, -1) for name in found[0]}


def literal(x: np.ndarray, k: int) -> np.ndarray:
    """x R for the sparse R of Achlioptas 2003, entry by entry as they are drawn."""
    d = x.shape[1]
    if d <= k:
        return x
    drawn = np.random.default_rng([0, d, k]).integers(0, 6, (d, k), np.int8)
    r = np.where(drawn == 0, 1.0, np.where(drawn == 1, -1.0, 0.0)) * (3 / k) ** 0.5
    return x.astype(np.float64) @ r


def test_a_table_of_all_positions_is_as_wide_as_their_product(ray_local: None, tmp_path) -> None:
    store, stimuli = FeatureStore(tmp_path), Numbers(40)
    flat, narrow = extract_all(
        [
            Extraction(Evenly(), stimuli, pool="flat", how={"batch_size": 8}),
            Extraction(Evenly(), stimuli, pool="flat", how={"batch_size": 8, "project": 9}),
        ],
        store,
    )
    assert {name: x.dim for name, x in flat.layers.items()} == {"map": 12, "tokens": 35, "vector": 4}
    assert {name: x.dim for name, x in narrow.layers.items()} == {"map": 9, "tokens": 9, "vector": 4}
    for name, want in raw(40).items():
        rows = np.arange(40)
        np.testing.assert_allclose(flat.take(name, rows), want, atol=2e-6)
        np.testing.assert_allclose(narrow.take(name, rows), literal(want, 9), atol=1e-5)
    assert narrow.manifest["spec"]["project"] == {"components": 9, "entries": "sparse", "seed": 0}
    assert narrow.meta["projection_error_bound"] == bound(40, 9)
    assert (computed(flat), computed(narrow)) == ({}, {"project": "9"})


def test_replicas_and_batches_project_alike(ray_local: None, tmp_path) -> None:
    stimuli = Numbers(300)
    tables = [
        extract(
            Evenly(), stimuli, FeatureStore(tmp_path / str(i)), pool="flat", project=5, batch_size=size,
            replicas=replicas,
        )
        for i, (size, replicas) in enumerate([(16, 1), (16, 2), (3, 2)])
    ]  # fmt: skip
    one, same, other = (x.take("tokens", np.arange(300)) for x in tables)
    np.testing.assert_array_equal(one, same)
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_any_pool_may_be_projected() -> None:
    x = torch.randn(6, 2000)
    for step in (1 << 24, 700):  # at once, and in blocks
        projecting._BLOCK, kept = step, projecting._BLOCK
        got = Projection(100, "cpu")(x)
        projecting._BLOCK = kept
        np.testing.assert_allclose(got.numpy(), literal(x.numpy(), 100), rtol=1e-4, atol=1e-4)
    change = np.abs(pdist(got.numpy(), "sqeuclidean") / pdist(x.numpy(), "sqeuclidean") - 1)
    assert 0 < change.max() < bound(6, 100)
    assert plan_job(Tiny(), Numbers(9), pool="mean", project=4).schema() == {
        "map": (3, "float32"), "tokens": (4, "float32"), "vector": (4, "float32"),
    }  # fmt: skip


def test_layers_with_different_numbers_of_positions_are_refused_by_name() -> None:
    stimuli = Numbers(9)
    with pytest.raises(
        BadInput, match=r"for pool='flat'; got tokens of tiny, where their number differs .* can: map, vector"
    ):
        plan_job(Ragged(), stimuli, pool="flat")
    assert plan_job(Ragged(), stimuli, ["map", "vector"], pool="flat").widths == (12, 4)
    with pytest.raises(BadInput, match=r"got map, tokens of tiny.*choose layers that can: vector"):
        plan_job(Tiny(), stimuli, pool="flat")
    assert plan_job(Tiny(), stimuli, ["vector"], pool="flat").widths == (4,)


@pytest.mark.parametrize("project", [0, -1, 35, 100])
def test_a_projection_that_leaves_nothing_out_is_refused(project: int) -> None:
    with pytest.raises(BadInput, match="`project` from 1 to 34, below the widest layer"):
        plan_job(Evenly(), Numbers(9), pool="flat", project=project)


def test_the_digest_moves_with_both() -> None:
    def of(**arguments):
        model, stimuli = Evenly(), Numbers(9)
        return digest(table_spec(model, stimuli, plan_job(model, stimuli, **arguments)))

    found = [of(), of(pool="flat"), of(pool="flat", project=9), of(pool="flat", project=8), of(project=4)]
    assert len({*found}) == 5
    job = plan_job(Evenly(), Numbers(9))
    assert "project" not in table_spec(Evenly(), Numbers(9), job)
    assert "projection_error_bound" not in table_meta(Evenly(), Numbers(9), replace(job, project=None))


def test_a_model_that_gives_other_positions_than_it_said_is_stopped(ray_local: None, tmp_path) -> None:
    with pytest.raises(BadInput, match="35 values of a sample in 'tokens' of tiny; got 30"):
        extract(Evenly(lost=1), Numbers(9), FeatureStore(tmp_path), pool="flat")
