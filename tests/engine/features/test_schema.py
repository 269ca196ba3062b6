from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from consilience.engine.errors import BadInput
from consilience.engine.features.schema import (
    LayerInfo,
    arrow_schema,
    as_features,
    as_ids,
    digest,
    layer_infos,
)


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [1, {"x": None, "y": "é"}]}) == digest(
        {"b": [1, {"y": "é", "x": None}], "a": 1}
    )
    assert digest({"a": 1}) != digest({"a": 2})


def test_the_digest_is_the_sha256_of_canonical_json() -> None:
    import hashlib

    assert digest({"b": 1, "a": "é"}) == hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_a_spec_that_has_no_stable_text_is_refused(value: Any) -> None:
    with pytest.raises(BadInput, match="plain JSON"):
        digest({"a": value})


def test_the_schema_is_one_id_and_one_list_a_layer() -> None:
    schema = arrow_schema({"a/b": LayerInfo(3, "float16"), "c": LayerInfo(2, "float64")})
    assert schema.names == ["sample_id", "a/b", "c"]
    assert schema.field("a/b").type == pa.list_(pa.field("item", pa.float16(), nullable=False), 3)
    assert schema.field("c").type == pa.list_(pa.field("item", pa.float64(), nullable=False), 2)


@pytest.mark.parametrize(
    "layers", [{}, {"sample_id": (3, "float32")}, {"": (3, "float32")}, {"a": (0, "float32")}]
)
def test_layers_that_cannot_be_columns_are_refused(layers: Any) -> None:
    with pytest.raises(BadInput):
        layer_infos(layers)


def test_a_layer_of_integers_is_refused() -> None:
    with pytest.raises(BadInput, match="float32"):
        layer_infos({"a": (3, "int32")})


@pytest.mark.parametrize(
    "ids", [["a", "b"], np.array(["a", "b"]), [b"a", b"b"], np.array([b"a", b"b"]), iter("ab")]
)
def test_ids_of_any_text_are_text(ids: Any) -> None:
    assert as_ids(ids) == ["a", "b"]


@pytest.mark.parametrize("ids", [[1, 2], np.array([1, 2], np.uint8), range(1, 3)])
def test_integer_ids_become_text(ids: Any) -> None:
    assert as_ids(ids) == ["1", "2"]


@pytest.mark.parametrize("ids", [["a", None], ["a", float("nan")], [1.0, 2.0], [True, False]])
def test_ids_of_other_types_are_refused(ids: Any) -> None:
    with pytest.raises(BadInput, match="text or integers"):
        as_ids(ids)


def test_repeated_ids_are_refused_by_name() -> None:
    with pytest.raises(BadInput, match=r"2 repeated: 'a', '1'"):
        as_ids(["a", 1, "b", "a", "1"])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_are_kept_without_a_copy(dtype: str) -> None:
    x = np.ones((3, 2), dtype)
    assert np.shares_memory(as_features("a", x), x)
    assert as_features("a", x).dtype == dtype


@pytest.mark.parametrize(
    ("given", "kept"),
    [("bool", "float32"), ("int8", "float32"), ("uint16", "float32"), ("int32", "float64"), ("int64", "float64"),
     (">f4", "float32"), (">f8", "float64"), (">i2", "float32"), ("longdouble", "float64")],
)  # fmt: skip
def test_other_numbers_are_converted_to_a_float_that_holds_them(given: Any, kept: Any) -> None:
    x = np.array([[0, 1], [1, 0], [1, 1]]).astype(given)
    got = as_features("a", x)
    assert got.dtype == kept
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, x.astype(kept))


def test_a_wide_integer_is_exact() -> None:
    assert as_features("a", [[2**53 - 1]])[0, 0] == 2**53 - 1


def test_a_vector_is_a_layer_of_one_unit() -> None:
    assert as_features("a", [1.0, 2.0]).shape == (2, 1)


def test_tensors_are_features_in_bfloat16_too() -> None:
    x = torch.tensor([[1.5, 2.0]], dtype=torch.bfloat16, requires_grad=True)
    np.testing.assert_array_equal(as_features("a", x), np.array([[1.5, 2.0]], np.float32))


@pytest.mark.parametrize(
    "value", [np.zeros((2, 3, 4)), np.zeros((2, 0)), np.float32(1), [[1j]], [["x"]], [[None]]]
)
def test_what_is_no_matrix_of_numbers_is_refused_by_name(value: Any) -> None:
    with pytest.raises(BadInput, match=r"'layer\.3'"):
        as_features("layer.3", value)
