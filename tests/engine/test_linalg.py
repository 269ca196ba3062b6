"""Products are the same whichever library makes them; threads are given back."""

import pytest
import torch
from threadpoolctl import threadpool_info

from consilience.engine import linalg


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("numpy", [True, False])
def test_products_with_strides_and_into_given_memory(monkeypatch, numpy):
    monkeypatch.setattr(linalg, "numpy_multiplies", lambda: numpy)
    x, y = torch.randn(30, 20, dtype=torch.float64), torch.randn(30, 7, dtype=torch.float64)
    want = torch.einsum("ni,nj->ij", x, y)
    padded = torch.full((20, 16), torch.nan, dtype=torch.float64)
    assert linalg.product(x.T, y, out=padded[:, :7]).data_ptr() == padded.data_ptr()
    torch.testing.assert_close(padded[:, :7], want)
    assert padded[:, 7:].isnan().all()
    torch.testing.assert_close(linalg.product(x.T, y), want)
    torch.testing.assert_close(linalg.product(x.T, x), torch.einsum("ni,nj->ij", x, x))


def test_one_thread_inside_and_as_many_as_before_outside():
    before = torch.get_num_threads(), blas_threads()
    with linalg.one_thread():
        assert torch.get_num_threads() == 1
        assert 1 in blas_threads()
    assert (torch.get_num_threads(), blas_threads()) == before
