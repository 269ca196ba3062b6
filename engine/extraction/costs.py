"""What a shard costs, by phase, as the log of a run measured it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from consilience.engine.errors import BadInput
from consilience.engine.extraction import runlog
from consilience.engine.extraction.runlog import RunRecord

_MEDIANS = ("rows", "bytes", "wait", "load", "forward", "write", "seconds")


@dataclass(frozen=True)
class ShardCosts:
    """Medians over the shards of a run.

    Attributes:
        shards: how many were measured.
        rows, bytes: samples of a shard, and bytes of features written.
        wait: seconds for which a replica had nothing to do before it was given the next shard.
        load: seconds for which the model waited for samples to be read and preprocessed.
        forward: seconds in the model, pooling included.
        write: seconds to write, read back and sum the part.
        seconds: from the first sample to the written part: load, forward, write, and what lies between.
        padding: the share of what went through the model that was of no sample; NaN where there are no tokens.
        start: seconds from when a replica was asked for until its model stood; NaN where the log holds none.
    """

    shards: int
    rows: float
    bytes: float
    wait: float
    load: float
    forward: float
    write: float
    seconds: float
    padding: float
    start: float


def shard_costs(runs: Iterable[RunRecord]) -> ShardCosts:
    """The costs over all shards that `runs` wrote, whole ones: the last of a table, which is shorter, is left out when
    there are others. Raises BadInput when no shard was written.
    """
    tables = [run.lines for run in runs]
    # A log of an earlier version has fewer columns.
    lines = pa.concat_tables([runlog.SCHEMA.empty_table(), *tables], promote_options="default")
    written = lines.filter(pc.equal(lines["event"], runlog.WRITTEN))
    if not len(written):
        raise BadInput("the log of a run that wrote a shard", "none", "extract a table first")
    whole = written.filter(pc.equal(written["rows"], pc.max(written["rows"])))
    loaded = lines.filter(pc.equal(lines["event"], runlog.LOADED))
    starts = pc.add(loaded["seconds"], pc.fill_null(loaded["wait"], 0.0)).to_numpy()
    medians = {name: float(np.median(whole[name].to_numpy())) for name in _MEDIANS}
    tokens, padding = (float(pc.sum(written[name]).as_py() or 0) for name in ("tokens", "padding"))
    return ShardCosts(
        len(whole),
        padding=padding / (tokens + padding) if tokens else float("nan"),
        start=float(np.median(starts)) if len(starts) else float("nan"),
        **medians,
    )
