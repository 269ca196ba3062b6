"""The run page of the report: what the replicas did, from logs, and drawn in a real browser."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from consilience.engine.extraction.runlog import RunLog
from consilience.pipelines.report import render, write
from consilience.pipelines.report.run import DOINGS, run_facts

BEGAN = 1_700_000_000.0


def written(shard: int, began: float, seconds: float, wait: float = 0.0) -> dict[str, Any]:
    return {
        "shard": shard, "rows": 50, "bytes": 1000, "rejects": 0, "wait": wait, "load": seconds / 4,
        "forward": seconds / 2,
        "write": seconds / 4, "seconds": seconds,
        "node": "abcdef0123", "pid": 7, "attempt": 1,
        "began": BEGAN + began, "ended": BEGAN + began + seconds,
    }  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    log = RunLog(tmp_path, {"model": "m"})
    place = {"node": "abcdef0123", "pid": 7}
    log.add("loaded", **place, began=BEGAN, ended=BEGAN + 2, seconds=2.0)
    log.add("written", **written(0, 2, 4))
    log.add("written", **written(1, 8, 4, wait=2))
    log.add("died", **place, shard=2, attempt=1, began=BEGAN, ended=BEGAN + 12, reason="it was killed.")
    log.close("finished")
    return tmp_path


def test_what_replicas_did_over_time_adds_up_to_the_seconds_of_the_log(table: Path) -> None:
    facts = run_facts([table])
    width = 12 / 120
    seconds = {name: width * sum(values) for name, values in facts["replicas"].items()}
    assert seconds == pytest.approx(
        {"forward": 4, "load": 2, "write": 2, "start": 2, "wait": 2, "lost": 12}, abs=0.01
    )
    at = np.array(facts["seconds"])
    np.testing.assert_allclose(np.array(facts["replicas"]["wait"])[(at > 6.1) & (at < 7.9)], 1)
    np.testing.assert_allclose(np.array(facts["replicas"]["forward"])[(at > 2.1) & (at < 5.9)], 0.5)
    assert (facts["shards"], facts["samples"], facts["bytes"]) == (2, 100, 2000)
    assert [x["shard"] for x in facts["slowest"]] == [0, 1]
    assert facts["retries"] == [{"model": "m", "shard": 2, "after": 12.0, "reason": "it was killed"}]


def test_a_batch_that_was_found_is_told_and_the_seconds_for_it_are_of_the_start(tmp_path: Path) -> None:
    log = RunLog(tmp_path, {"model": "m"})
    log.add("fitted", node="n", pid=7, began=BEGAN, ended=BEGAN + 2, rows=64, bytes=10**9)
    log.add("written", **written(0, 2, 4))
    log.close("finished")
    facts = run_facts([tmp_path])
    assert facts["batches"] == {"m": 64}
    assert (facts["samples"], facts["bytes"]) == (50, 1000)
    assert 6 / 120 * sum(facts["replicas"]["start"]) == pytest.approx(2, abs=0.01)


def test_the_page_shows_what_the_replicas_did(
    open_report: Any, make: Any, table: Path, tmp_path: Path
) -> None:
    facts = run_facts([table])
    scores = make().assign_attrs(run=json.dumps(facts))
    page = open_report(write(scores, tmp_path / "report.html"), viewport={"width": 1200, "height": 900})
    drawn = page.evaluate("document.getElementById('run-time').data.map(({name, y}) => [name, [...y]])")
    assert [name for name, _ in drawn] == [
        "in the model", "waiting for samples", "writing", "loading the model", "nothing to do", "lost"
    ]  # fmt: skip
    assert [y for _, y in drawn] == [facts["replicas"][name] for name in DOINGS]
    words = page.text_content("#run")
    assert "2 shards with 100 samples of m" in words
    assert "1 taken up again after a process died" in words
    assert "m, shard 2, 12.0 s" in words
    cells = page.eval_on_selector_all(
        "#run tbody tr", "trs => trs.map(tr => [...tr.cells].map(td => td.textContent))"
    )
    assert cells[0] == ["m", "0", "4.0", "1.0", "2.0", "1.0", "1", "abcdef01"]
    page.close()


def test_tables_without_a_log_have_no_run_page(tmp_path: Path, scores: xr.Dataset) -> None:
    assert run_facts([tmp_path]) == {}
    assert 'id="run"' not in render(scores)
