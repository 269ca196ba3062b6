"""One part of a feature table: an Arrow IPC file with one record batch, so that a layer lies in one piece."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa

from consilience.engine.errors import BadInput
from consilience.engine.features import fetched
from consilience.engine.features.checksum import file_checksum
from consilience.engine.features.disk import atomic, writing
from consilience.engine.features.location import Location
from consilience.engine.features.objects import ObjectPath
from consilience.engine.features.schema import ID, LayerInfo, arrow_schema

_ALIGNED = 64
REPAIR = "`consilience verify TABLE --repair`, then the command that made it; or restore the file from a copy"


def part_name(index: int) -> str:
    """The file name of part `index`."""
    return f"part-{index:05d}.arrow"


def write_part_file(
    path: Location,
    sample_ids: Sequence[str],
    arrays: Mapping[str, np.ndarray],
    layers: Mapping[str, LayerInfo],
    seal: Callable[[int, str], None],
) -> None:
    """Write one part atomically; arrays are (rows, dim), of the layer's dtype.

    The file is read again, rows counted and bytes summed, and `seal` called with its size and checksum, before it
    takes its name.
    """
    schema = arrow_schema(layers)
    columns = [pa.array(sample_ids, pa.string())]
    for name in layers:
        column = schema.field(name).type
        flat = pa.Array.from_buffers(
            column.value_type, arrays[name].size, [None, pa.py_buffer(np.ascontiguousarray(arrays[name]))]
        )
        columns.append(pa.Array.from_buffers(column, len(sample_ids), [None], children=[flat]))
    batch = _aligned(
        pa.record_batch(columns, schema=schema), sum(-(-a.nbytes // 8) * 8 for a in arrays.values())
    )
    with _appearing(path) as temporary:
        with pa.OSFile(str(temporary), mode="w") as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        map_part(temporary, len(sample_ids), layers)
        checksum = file_checksum(temporary)
        seal(temporary.stat().st_size, checksum)
        if isinstance(path, ObjectPath):
            path.upload(temporary, checksum)
            fetched.keep(temporary, checksum)


@contextmanager
def _appearing(path: Location) -> Iterator[Path]:
    """A local file for the block to write, which then stands at `path`, whole; or for the block to upload."""
    if isinstance(path, Path):
        with atomic(path) as temporary:
            yield temporary
        return
    temporary = fetched.folder() / f".{uuid4().hex}.tmp"
    try:
        with writing(temporary):
            yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _aligned(batch: pa.RecordBatch, features: int) -> pa.RecordBatch:
    """The batch, its metadata padded so that its last `features` bytes begin at a multiple of 64 in the file.

    Arrow aligns to 8 bytes only, and vector instructions on a mapped file are slower then.
    """
    batch = batch.replace_schema_metadata({"padding": ""})
    sink = pa.MockOutputStream()  # counts bytes and keeps none
    writer = pa.ipc.new_file(sink, batch.schema)
    writer.write_batch(batch)
    start = sink.size() - features
    writer.close()
    return batch.replace_schema_metadata({"padding": " " * (-start % _ALIGNED)})


def map_part(path: Path, rows: int, layers: Mapping[str, LayerInfo]) -> pa.RecordBatch:
    """The part as a record batch over the memory-mapped file, nothing of it read yet.

    Raises BadInput when the file is not the part that the manifest describes.
    """
    try:
        # The mapping outlives the file: buffers keep it, and no file descriptor stays open.
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            good = reader.schema.equals(arrow_schema(layers)) and reader.num_record_batches == 1
            batch = reader.get_batch(0) if good else None
    except (pa.ArrowException, OSError) as error:
        raise BadInput("a readable part of a feature table", f"{path}: {error}", REPAIR) from error
    if batch is None or batch.num_rows != rows:
        got = "other columns" if batch is None else f"{batch.num_rows} rows"
        raise BadInput(f"{rows} rows of layers {', '.join(layers)}", f"{got} in {path}", REPAIR)
    return batch


def open_part(
    path: Location, rows: int, size: int, checksum: str, layers: Mapping[str, LayerInfo]
) -> pa.RecordBatch:
    """The part, mapped where it lies, or from a local copy of the object. Raises BadInput as `map_part` does."""
    if isinstance(path, ObjectPath):
        return fetched.opened(path, size, checksum, lambda copy: map_part(copy, rows, layers))
    return map_part(path, rows, layers)


def part_ids(path: Location, rows: int, layers: Mapping[str, LayerInfo]) -> pa.Array:
    """The sample ids of a part. Of an object nothing else is read."""
    if isinstance(path, Path):
        return map_part(path, rows, layers).column(ID)
    options = pa.ipc.IpcReadOptions(included_fields=[0])
    with path.open() as file, pa.ipc.open_file(file, options=options) as reader:
        return reader.get_batch(0).column(ID)


def units(part: pa.RecordBatch, layer: str) -> np.ndarray:
    """One layer of a mapped part, a read-only (rows, dim) view of the file."""
    column = part.column(layer)
    return column.flatten().to_numpy(zero_copy_only=True).reshape(len(column), column.type.list_size)
