"""Runs kept beside a study's output."""

from pathlib import Path

import pytest

from consilience.engine.errors import BadInput
from consilience.engine.tracking import Kept, Record, Sent


def record(created: float) -> Record:
    return Record("e", "r", created, metrics={"x": float("nan"), "cka/mean": 0.5})


def test_a_run_is_there_with_copies_of_its_files_until_it_is_sent(tmp_path: Path) -> None:
    kept, table = Kept(tmp_path / "runs"), tmp_path / "scores.nc"
    assert kept.entries() == []
    table.write_bytes(b"scores")
    added = kept.add(record(2.0), {"scores.nc": table, "receipts/a.json": "{}"}, "sqlite:////r.db")
    table.write_bytes(b"of another run")
    kept.add(record(1.0), {}, None)
    second, first = kept.entries()
    assert (second.record.created, first.record.created) == (2.0, 1.0), "in the order in which they came"
    assert first.added > second.added
    assert second.digest == added.digest == second.record.digest
    assert [x.uri for x in kept.waiting()] == ["sqlite:////r.db"], "one that is not tracked waits for nothing"
    assert (second.files / "scores.nc").read_bytes() == b"scores"
    sent = Sent("sqlite:////r.db", "1", "abc")
    second.mark(sent, {"scores.nc"})
    assert kept.waiting() == []
    assert kept.entries()[0].sent == sent
    assert kept.entries()[0].digest == added.digest, "whatever is left of its record"
    assert kept.entries()[0].record.metrics.keys() == {"cka/mean"}
    assert [x.name for x in second.files.iterdir()] == ["scores.nc"]


def test_the_same_run_is_kept_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for _ in range(2):
        kept.add(record(1.0), {"a.txt": "a"}, "sqlite:////r.db")
    assert len(kept.entries()) == 1
    assert len(list(tmp_path.iterdir())) == 1, "nothing half is left"


def test_half_a_run_is_not_looked_at_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    with pytest.raises(FileNotFoundError):
        kept.add(record(1.0), {"a": tmp_path / "is not there"}, None)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".half").mkdir()
    (tmp_path / ".half" / "record.json").write_text("{")
    assert kept.entries() == []
    entry = kept.add(record(1.0), {}, None)
    (entry.folder / "record.json").write_text('{"uri": null}')
    with pytest.raises(BadInput, match="remove the folder"):
        kept.entries()
