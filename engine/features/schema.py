"""What a feature table is made of: the digest of its spec, its Arrow schema, its ids and its arrays.

One row is a sample: ``sample_id: string``, then per layer ``fixed_size_list<float16|float32|float64>[dim]``. A layer of
kind ``rdm`` holds the dissimilarities of its sample to all n samples of the table, in the order of its rows: dim = n.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from consilience.engine.errors import BadInput, unknown

ID = "sample_id"
DTYPES = ("float16", "float32", "float64")
FEATURES, RDM_KIND = KINDS = ("features", "rdm")


@dataclass(frozen=True)
class LayerInfo:
    """One layer of a table: `dim` units, each a `dtype` of DTYPES; its `kind` is one of KINDS."""

    dim: int
    dtype: str
    kind: str = FEATURES

    @property
    def nbytes(self) -> int:
        """Bytes of one row."""
        return self.dim * np.dtype(self.dtype).itemsize


def digest(spec: Mapping[str, Any]) -> str:
    """sha256 (hex) over the canonical JSON of `spec`: sorted keys, no spaces, UTF-8, no NaN.

    Raises BadInput when `spec` holds what JSON cannot: an unstable text would give an unstable name.
    """
    try:
        text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(
            "a spec of plain JSON values",
            str(error),
            "convert every value to str, int, float, bool, list or dict",
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()


def layer_infos(layers: Mapping[str, "LayerInfo | tuple[int, str]"]) -> dict[str, LayerInfo]:
    """Check `layers` (name -> (dim, dtype)) and give them as LayerInfo, in the order given."""
    if not layers:
        raise BadInput("at least one layer", "none", "name the layers that the table holds")
    infos = {}
    for name, value in layers.items():
        dim, dtype = (value.dim, value.dtype) if isinstance(value, LayerInfo) else value
        kind = value.kind if isinstance(value, LayerInfo) else FEATURES
        width = np.dtype(dtype).name
        if not isinstance(name, str) or not name or name == ID:
            raise BadInput(
                f"layer names that are text, not empty and not {ID!r}", repr(name), "rename the layer"
            )
        if width not in DTYPES:
            raise BadInput(
                f"layer {name!r} in one of {', '.join(DTYPES)}", width, "convert the features to float32"
            )
        if dim < 1:
            raise BadInput(
                f"layer {name!r} with at least one unit", f"{dim} units", "leave the empty layer out"
            )
        if kind not in KINDS:
            raise unknown(f"kind of layer {name!r}", kind, KINDS)
        infos[name] = LayerInfo(int(dim), width, kind)
    return infos


def arrow_schema(layers: Mapping[str, LayerInfo]) -> pa.Schema:
    """The Arrow schema of a part."""
    fields = [pa.field(ID, pa.string(), nullable=False)]
    for name, info in layers.items():
        # from_numpy_dtype gives halffloat, float or double.
        value = pa.field("item", pa.from_numpy_dtype(np.dtype(info.dtype)), nullable=False)
        about = None if info.kind == FEATURES else {"kind": info.kind}
        fields.append(pa.field(name, pa.list_(value, info.dim), nullable=False, metadata=about))
    return pa.schema(fields)


def as_ids(sample_ids: Iterable[Any]) -> list[str]:
    """Sample ids as text. Integers and UTF-8 bytes are converted; other types and duplicates are refused."""
    ids = sample_ids.tolist() if isinstance(sample_ids, np.ndarray) else list(sample_ids)
    if set(map(type, ids)) - {str}:  # a million ids are common, and nearly always text already
        ids = [i.decode() if isinstance(i, bytes) else i for i in ids]
        ids = [
            str(i) if isinstance(i, str | int | np.integer) and not isinstance(i, bool) else i for i in ids
        ]
        if wrong := [i for i in ids if not isinstance(i, str)]:
            raise BadInput(
                "sample ids that are text or integers",
                f"{wrong[0]!r} of type {type(wrong[0]).__name__}"
                + (f" and {len(wrong) - 1} more" if wrong[1:] else ""),
                "convert the ids with str()",
            )
    refuse_duplicates(ids)
    return ids


def refuse_duplicates(ids: Sequence[str]) -> None:
    """Raise BadInput that names the first few ids that occur more than once."""
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    twice = [i for i in ids if i in seen or seen.add(i)]  # type: ignore[func-returns-value]
    names = ", ".join(repr(i) for i in list(dict.fromkeys(twice))[:5])
    raise BadInput(
        "every sample id once",
        f"{len(twice)} repeated: {names}",
        "average or drop the repeats, or rename them",
    )


def as_features(name: str, value: Any) -> np.ndarray:
    """One layer as an array (n, d) of float16, float32 or float64, in native byte order.

    Floats of these widths are kept as they are (no copy); small integers and booleans become float32, wider
    integers and floats float64, in which integers are exact up to 2^53. A vector (n,) is a layer of one unit.
    """
    if hasattr(value, "detach"):  # a torch tensor; bfloat16 has no NumPy counterpart
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    array = np.asarray(value)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1]:
        raise BadInput(
            f"layer {name!r} of shape (samples, units)",
            f"shape {array.shape}",
            "pool or reshape every sample to one vector",
        )
    dtype = array.dtype
    if dtype.kind not in "fiub":
        raise BadInput(f"layer {name!r} of real numbers", f"dtype {dtype}", "convert the features to float32")
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return array.astype(dtype.newbyteorder("="), copy=False)
    return array.astype(np.float32 if dtype.kind != "f" and dtype.itemsize <= 2 else np.float64)
