"""What is packed for the page comes back as it was, to the digits that are shown; names on the map do not collide."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from consilience.pipelines.report.labels import FRAME, GAP, LETTER, LINE, place
from consilience.pipelines.report.pack import pack


def unpacked(packed: dict, names: list[str], n: int) -> dict[str, np.ndarray]:
    flat = np.frombuffer(zlib.decompress(base64.b64decode(packed["block"])), "<f4").reshape(len(names), -1)
    if not packed["symmetric"]:
        return {name: row.reshape(n, -1) for name, row in zip(names, flat)}
    full = {}
    for name, row in zip(names, flat):
        full[name] = np.zeros((n, n), np.float32)
        full[name][np.triu_indices(n)] = row
        full[name] += np.triu(full[name], 1).T
    return full


VALUES = st.one_of(
    st.floats(-1e6, 1e6, width=32, allow_subnormal=False), st.sampled_from([np.nan, np.inf, -np.inf])
)


@given(
    array=arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=VALUES),
    mirror=st.booleans(),
)
def test_the_score_is_whole_and_the_rest_good_to_four_digits(array: np.ndarray, mirror: bool) -> None:
    if mirror:
        n = min(array.shape)
        array = np.triu(array[:n, :n]) + np.triu(array[:n, :n], 1).T if np.isfinite(array).all() else array
    packed = pack({"score": array, "z": array})
    back = unpacked(packed, ["score", "z"], len(array))
    np.testing.assert_array_equal(back["score"], array.astype(np.float32))
    np.testing.assert_allclose(back["z"], array, rtol=2.0**-15)


def test_only_what_is_symmetric_throughout_is_halved() -> None:
    symmetric, directed = np.eye(3), np.arange(9.0).reshape(3, 3)
    assert pack({"score": symmetric, "z": symmetric})["symmetric"]
    assert not pack({"score": symmetric, "z": directed})["symmetric"]
    assert not pack({"score": np.zeros((2, 3))})["symmetric"]


POINTS = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(-3, 3, width=16))


@given(xy=POINTS)
def test_no_name_covers_another(xy: np.ndarray) -> None:
    names = [f"a-model-{i}" for i in range(len(xy))]
    unit = min(FRAME / np.maximum(np.ptp(xy, axis=0), 1e-9))
    boxes = []
    for (x, y), name, where in zip(xy * (unit, -unit), names, place(xy, names)):
        start = x + (GAP if where["xanchor"] == "left" else -GAP - LETTER * len(name))
        assert where["ax"] == (GAP if where["xanchor"] == "left" else -GAP)
        boxes.append(
            (
                start,
                start + LETTER * len(name),
                y + where["ay"] - LINE / 2 + 1.1,
                y + where["ay"] + LINE / 2 - 1.1,
            )
        )
    for i, u in enumerate(boxes):
        for v in boxes[:i]:
            assert u[1] <= v[0] or v[1] <= u[0] or u[3] <= v[2] or v[3] <= u[2]


@pytest.mark.parametrize("n", [1, 2])
def test_points_in_one_place_are_named_all_the_same(n: int) -> None:
    assert len({where["ay"] for where in place(np.zeros((n, 2)), ["m"] * n)}) == n
