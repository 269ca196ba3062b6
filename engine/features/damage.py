"""Damaged parts of finished tables: found by checksum, and taken out so that they alone are made again."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from consilience.engine.errors import BadInput
from consilience.engine.features import manifest as manifests
from consilience.engine.features.checksum import file_checksum
from consilience.engine.features.location import Location, each, move, sizes
from consilience.engine.features.parts import open_part, units
from consilience.engine.features.receipts import Receipt
from consilience.engine.features.statistics import spread

_READERS = 4


@dataclass(frozen=True)
class Damage:
    """A file of a table that is not as it was written."""

    table: Location
    file: str
    what: str


def damages(folder: Location) -> list[Damage]:
    """The damaged files of the table in `folder`, all of which are read. Raises BadInput where there is no table."""
    try:
        manifest = manifests.load(folder)
    except BadInput as error:
        if not (folder / manifests.FILE).is_file():
            raise
        return [Damage(folder, manifests.FILE, error.got)]
    found = sizes(folder)

    def of_file(file: str, nbytes: int | None, checksum: str) -> Damage | None:
        if file not in found:
            return Damage(folder, file, "missing")
        if nbytes is not None and found[file] != nbytes:
            return Damage(folder, file, f"{found[file]} bytes instead of {nbytes}")
        same = file_checksum(folder / file) == checksum
        return None if same else Damage(folder, file, f"other bytes than checksum {checksum[:12]}… says")

    files = [(part["file"], part["bytes"], part["checksum"]) for part in manifest["parts"]]
    if "rejected_checksum" in manifest:
        files.append((manifests.REJECTED, None, manifest["rejected_checksum"]))
    checked = each(lambda file: of_file(*file), files, folder, _READERS)
    return [damage for damage in checked if damage is not None]


def repair(folder: Location) -> list[Damage]:
    """Take the damaged parts of the table in `folder` out, and return what was damaged.

    The table is unfinished then, with receipts for its good parts: the command that made it writes the others, and the
    table is the same to the byte but for its times. A good part is made again too when the list of rejects, damaged
    itself, no longer says which of its samples were rejected. A table whose manifest is damaged is left as it is.
    """
    found = damages(folder)
    if not found or found[0].file == manifests.FILE:
        return found
    manifest = manifests.load(folder)
    bad = {damage.file for damage in found}
    rejected = _rejected(folder, manifest, manifests.REJECTED not in bad)
    good = []
    for index, part in enumerate(manifest["parts"]):
        if part["file"] in bad or rejected[index] is None:
            bad.add(part["file"])
        else:
            good.append((index, part, rejected[index]))
    each(lambda args: _restore(folder, manifest, *args), good, folder)
    move(folder / manifests.FILE, folder / manifests.ASIDE)
    for file in bad:
        (folder / file).unlink(missing_ok=True)
    return found


def _rejected(folder: Location, manifest: dict[str, Any], readable: bool) -> list[Any]:
    """For every part its rejected samples, (sample_id, reason) pairs; None where they are not known."""
    counts = [part.get("rejected", 0) for part in manifest["parts"]]
    if sum(counts) != manifest["rejected"]:  # a table of before the manifest said so
        return [None] * len(counts)
    if not readable:
        return [None if count else [] for count in counts]
    table = pa.ipc.open_file((folder / manifests.REJECTED).read_bytes()).read_all() if sum(counts) else None
    pairs = list(zip(*(table[name].to_pylist() for name in table.column_names))) if table else []
    starts = [sum(counts[:index]) for index in range(len(counts))]
    return [pairs[start : start + count] for start, count in zip(starts, counts)]


def _restore(
    folder: Location, manifest: dict[str, Any], index: int, part: dict[str, Any], rejected: list[Any]
) -> None:
    """Write the receipt of a good part again, its spreads found from the features as when they were written."""
    layers = manifests.layers(manifest)
    batch = open_part(folder / part["file"], part["rows"], part["bytes"], part["checksum"], layers)
    spreads = {}
    for name in layers if part["rows"] else ():
        found = spread(units(batch, name))
        assert found is not None  # rows that are not finite are in no part
        spreads[name] = found
    Receipt(index, part["rows"], part["bytes"], part["checksum"], rejected, spreads).write(folder)
