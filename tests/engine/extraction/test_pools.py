import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Layer
from consilience.engine.extraction.pools import POOLS, pooled, refuse_impossible

TOKENS = Layer("t", "btd", 3, "")
MAP = Layer("m", "bchw", 3, "")
LAST = Layer("l", "bhwc", 3, "")
VECTOR = Layer("v", "bd", 3, "")

# What each pool means, on the kept tokens (t, d) of one sample.
MEANS = {
    "mean": lambda kept: kept.mean(0),
    "max": lambda kept: kept.max(0),
    "cls": lambda kept: kept[0],
    "last": lambda kept: kept[-1],
}


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    left=st.booleans(),
    pool=st.sampled_from(POOLS),
    seed=st.integers(0, 99),
)
def test_token_pools_see_the_kept_tokens_only(lengths, left, pool, seed):
    width = max(lengths)
    x = np.random.default_rng(seed).normal(size=(len(lengths), width, 3)).astype(np.float32)
    mask = np.zeros(x.shape[:2], dtype=np.int64)
    for row, length in enumerate(lengths):
        at = slice(width - length, width) if left else slice(0, length)
        mask[row, at] = 1
        x[row, mask[row] == 0] = np.nan  # padding must not reach the result
    got = pooled(pool, torch.from_numpy(x), TOKENS, torch.from_numpy(mask)).numpy()
    want = np.stack([MEANS[pool](x[row][mask[row] == 1]) for row in range(len(lengths))])
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_without_a_mask_every_token_counts():
    x = torch.arange(24.0).view(2, 4, 3)
    for pool, mean in MEANS.items():
        want = np.stack([mean(sample) for sample in x.numpy()])
        np.testing.assert_allclose(pooled(pool, x, TOKENS).numpy(), want)


def test_maps_are_pooled_over_space_wherever_the_channels_are():
    x = torch.randn(2, 3, 4, 5)
    for layer, tensor in (
        (MAP, x),
        (LAST, x.permute(0, 2, 3, 1)),
        (MAP, x.to(memory_format=torch.channels_last)),
    ):
        np.testing.assert_allclose(pooled("mean", tensor, layer), x.numpy().mean((2, 3)), atol=1e-6)
        np.testing.assert_array_equal(pooled("max", tensor, layer), x.numpy().max((2, 3)))


@pytest.mark.parametrize("pool", POOLS)
def test_a_vector_is_pooled_already(pool):
    x = torch.randn(2, 3)
    assert torch.equal(pooled(pool, x, VECTOR), x)


def test_half_precision_is_summed_in_float32():
    x = torch.full((1, 4096, 3), 30.0, dtype=torch.float16)
    assert torch.equal(pooled("mean", x, TOKENS), torch.full((1, 3), 30.0))


def test_a_pool_that_the_axes_do_not_allow_is_refused_by_name():
    refuse_impossible("cls", [TOKENS, VECTOR])
    with pytest.raises(
        BadInput, match=r"layer 'm' with axes 'bchw'.*pool='cls', which needs tokens.*'mean' or 'max'"
    ):
        refuse_impossible("cls", [TOKENS, MAP])
    with pytest.raises(BadInput, match="did you mean 'mean'"):
        refuse_impossible("mean_", [TOKENS])


def test_a_tensor_that_is_not_what_the_layer_says_is_refused():
    for wrong in (torch.zeros(2, 3), torch.zeros(2, 4, 5)):
        with pytest.raises(BadInput, match=r"layer 't' with axes 'btd' and 3 units; got a tensor of shape"):
            pooled("mean", wrong, TOKENS)


def test_flat_keeps_every_position_and_the_units_of_each_together():
    x = torch.randn(2, 4, 3)
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]])
    got = pooled("flat", x.half(), TOKENS, mask)
    assert got.dtype == torch.float32
    np.testing.assert_array_equal(got.numpy(), x.half().float().numpy().reshape(2, 12))
    maps = torch.randn(2, 3, 4, 5)
    for tensor in (maps, maps.to(memory_format=torch.channels_last)):
        np.testing.assert_array_equal(pooled("flat", tensor, MAP).numpy(), maps.numpy().reshape(2, 60))
    assert torch.equal(pooled("flat", x[:, 0], VECTOR), x[:, 0])
