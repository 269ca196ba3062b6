"""The manifest: the JSON file whose existence makes a folder of parts a feature table."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.features import checksum
from consilience.engine.features.location import Location
from consilience.engine.features.parts import part_name
from consilience.engine.features.receipts import Receipt
from consilience.engine.features.schema import FEATURES, LayerInfo
from consilience.engine.features.statistics import Spread

FILE = "manifest.json"
REJECTED = "rejected.arrow"
ASIDE = ".manifest.json"  # of a table whose damaged parts are to be written again
FORMAT = "consilience feature table"
VERSION = 1
_TYPES = {
    "model": str, "stimuli": str, "digest": str, "n": int, "rejected": int, "layers": dict, "parts": list,
    "spec": dict, "meta": dict, "times": dict,
}  # fmt: skip
_REPAIR = "restore the file from a copy, or delete the table's folder and extract or import it again"
_CHECKSUM = re.compile("[0-9a-f]{64}")


def build(
    *,
    model: str,
    stimuli: str,
    digest: str,
    spec: Mapping[str, Any],
    layers: Mapping[str, LayerInfo],
    receipts: Sequence[Receipt],
    rejected: int,
    rejected_checksum: str,
    meta: Mapping[str, Any],
    times: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest as plain JSON. Only ``times`` differs between two runs that made the same features."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "checksum": checksum.NAME,
        "model": model,
        "stimuli": stimuli,
        "digest": digest,
        "n": sum(r.rows for r in receipts),
        "rejected": rejected,
        **({"rejected_checksum": rejected_checksum} if rejected else {}),
        "layers": {
            name: {
                "dim": info.dim,
                "dtype": info.dtype,
                **({} if info.kind == FEATURES else {"kind": info.kind}),
                "total_variance": reduce(
                    Spread.merge, (r.spreads[name] for r in receipts if r.rows)
                ).total_variance,
                "finite": True,
            }
            for name, info in layers.items()
        },
        "parts": [
            {
                "file": part_name(r.index),
                "rows": r.rows,
                "bytes": r.bytes,
                "checksum": r.checksum,
                **({"rejected": len(r.rejected)} if r.rejected else {}),
            }
            for r in receipts
        ],
        "spec": dict(spec),
        "meta": dict(meta),
        "times": dict(times),
    }


def layers(manifest: Mapping[str, Any]) -> dict[str, LayerInfo]:
    """The layers that a manifest names."""
    return {
        name: LayerInfo(value["dim"], value["dtype"], value.get("kind", FEATURES))
        for name, value in manifest["layers"].items()
    }


def load(folder: Location) -> dict[str, Any]:
    """Read the manifest of the table in `folder`.

    Raises BadInput when there is none, when it is damaged, or when a newer version of consilience wrote it.
    """
    path = folder / FILE
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadInput(
            "the folder of a feature table",
            f"{folder}, which has no {FILE}" if folder.is_dir() else f"{folder}, which is not there",
            "name a table's folder; one that was being written is finished by the same command run again",
        ) from error
    except ValueError as error:
        raise BadInput("a manifest in JSON", f"{path}: {error}", _REPAIR) from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise BadInput(
            f"a {FORMAT}", f"{path}, which is something else", "name the folder of a feature table"
        )
    if value.get("version", 0) > VERSION:
        raise BadInput(
            f"a feature table of format version {VERSION} or lower",
            f"version {value['version']} in {path}, written by a newer consilience",
            "upgrade with 'pip install --upgrade consilience'",
        )
    if wrong := _wrong(value):
        raise BadInput(f"the manifest of a {FORMAT}", f"{path} with {wrong}", _REPAIR)
    return value


def _wrong(value: dict[str, Any]) -> str | None:
    """What is wrong with a manifest: something missing, or a part outside the table's folder."""
    for key, kind in _TYPES.items():
        if not isinstance(value.get(key), kind):
            return f"no {key!r}"
    for index, part in enumerate(value["parts"]):
        if not isinstance(part, dict) or part.get("file") != part_name(index):
            return f"another file than {part_name(index)} as part {index}"
        if not isinstance(part.get("checksum"), str) or not _CHECKSUM.fullmatch(part["checksum"]):
            return f"no checksum of part {index}"
    return None
