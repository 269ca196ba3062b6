from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consilience.engine.features.checksum import file_checksum


@pytest.fixture
def path(tmp_path: Path) -> Any:
    return tmp_path / "file"


def of(path: Path, data: Any) -> Any:
    path.write_bytes(data)
    return file_checksum(path)


def test_the_checksum_never_changes(path: Path) -> None:
    # Tables that exist are verified by it: another value here is another format version.
    data = (np.arange(300_001) % 251).astype(np.uint8).tobytes()
    assert of(path, data) == "0b424bce990db0256176707c6c9b4068591636c84bbf382185f105b851be72d8"
    assert of(path, b"") == "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    size=st.sampled_from([1, 7, 8, 65535, 65536, 65537, 262_144, 300_000]),
    bit=st.integers(0),
    seed=st.integers(0, 5),
)
def test_any_flipped_bit_is_seen(path: Path, size: Any, bit: Any, seed: int) -> None:
    data = np.random.default_rng(seed).bytes(size)
    other = bytearray(data)
    other[bit // 8 % size] ^= 1 << bit % 8
    assert of(path, data) != of(path, bytes(other))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_negated_features_differ(path: Path, dtype: str) -> None:
    # The sign bit of a double is the top bit of a word, where an even number of changes can cancel.
    x = np.random.default_rng(0).standard_normal(65536).astype(dtype)
    assert of(path, x.tobytes()) != of(path, (-x).tobytes())
    y = x.copy()
    y[[3, 7]] *= -1
    assert of(path, x.tobytes()) != of(path, y.tobytes())


def test_order_and_trailing_zeros_count(path: Path) -> None:
    a, b = np.random.default_rng(0).bytes(65536), np.random.default_rng(1).bytes(65536)
    assert of(path, a + b) != of(path, b + a)
    assert of(path, a[8:16] + a[:8] + a[16:]) != of(path, a)
    assert of(path, a) != of(path, a + b"\0")
