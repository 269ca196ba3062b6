from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from consilience.engine.extraction.shards import batches, shard_rows, shards


@given(n=st.integers(1, 10**6), batch=st.integers(1, 300), row_bytes=st.integers(4, 10**7))
def test_shards_cover_every_row_once_and_hold_whole_batches(n, batch, row_bytes):
    rows = shard_rows(n, batch, row_bytes)
    cut = shards(n, rows)
    assert rows % batch == 0
    assert [s.index for s in cut] == list(range(len(cut)))
    assert cut[0].start == 0
    assert cut[-1].stop == n
    assert all(a.stop == b.start for a, b in pairwise(cut))
    assert all(len(s) == rows for s in cut[:-1])


def test_a_part_stays_below_its_byte_limit_but_for_one_batch():
    assert shard_rows(10**6, 16, 4) == 15_632
    assert shard_rows(10**6, 16, 10**6) == 144
    assert shard_rows(1445, 16, 10**4) == 128


@given(start=st.integers(0, 50), length=st.integers(1, 200), size=st.integers(1, 40))
def test_batches_cover_a_shard_in_order(start, length, size):
    cut = list(batches(start, start + length, size))
    assert [row for batch in cut for row in batch] == list(range(start, start + length))
    assert all(len(batch) == size for batch in cut[:-1])
