"""Workers run the code of whoever has the work done, are sent it, or are refused."""

import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clusters
import numpy as np
import pytest
import raylets
from tiny import Gated, Numbers

import consilience as cs
from consilience.engine.execution import code, on_dask
from consilience.engine.execution.on_dask import DaskCluster
from consilience.engine.execution.sessions import opened
from consilience.engine.extraction.runlog import read_runs

MINE = code.running()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clusters.bare(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clusters.other(tmp_path_factory.mktemp("newer"), "9.9.9")


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    with clusters.dask_scheduler(tmp_path) as address:
        yield address


def works(**where: Any) -> bool:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 300, 10))
    return cs.score("cka", x, y, **where) == pytest.approx(cs.score("cka", x, y), abs=1e-9)


def reported(python: Path | str, cwd: Path, **environment: str) -> str:
    ask = "from consilience.engine.execution.code import running; print(running())"
    environment = {**os.environ, **environment}
    done = subprocess.run([python, "-c", ask], cwd=cwd, capture_output=True, text=True, env=environment)
    return done.stdout.strip() or done.stderr


def test_what_is_sent_is_the_package_as_it_is_imported(bare, tmp_path):
    assert "No module named 'consilience'" in reported(bare, tmp_path)
    zipfile.ZipFile(io.BytesIO(code.packed())).extractall(tmp_path / "sent")
    assert reported(bare, tmp_path, PYTHONPATH=str(tmp_path / "sent")) == str(MINE)
    held = {x.relative_to(tmp_path / "sent").as_posix() for x in (tmp_path / "sent").rglob("*.*")}
    assert {
        "consilience/py.typed",
        "consilience/engine/comparison.py",
        "consilience/pipelines/demo.yaml",
    } <= held
    assert not [x for x in held if "/tests/" in x or "__pycache__" in x or "egg-info" in x]


def test_an_edited_line_makes_it_other_code(tmp_path):
    def edit(name: str, text: bytes) -> bytes:
        return text + b"\n" if name == "consilience/engine/passes/tiles.py" else text

    found = reported(clusters.other(tmp_path, MINE.version, edit), tmp_path)
    assert found.startswith(MINE.version)
    assert found != str(MINE)


def test_a_dask_worker_without_the_package_is_sent_it(bare, scheduler, tmp_path):
    with clusters.dask_worker(bare, scheduler, tmp_path), opened("distributed", scheduler) as session:
        assert works(executor="distributed", address=scheduler)
        with clusters.dask_worker(bare, scheduler, tmp_path):  # one that comes later too
            assert isinstance(session.cluster, DaskCluster)
            session.cluster.client.wait_for_workers(2, timeout=60)
            deadline = time.monotonic() + 30
            while None in (found := session.cluster.client.run(code.installed)).values():
                assert time.monotonic() < deadline
            assert set(found.values()) == {tuple(MINE)}


def test_a_dask_worker_with_another_version_is_refused_with_both(newer, scheduler, tmp_path, monkeypatch):
    with clusters.dask_worker(newer, scheduler, tmp_path):
        with pytest.raises(cs.BadInput) as refused:
            works(executor=scheduler)
        assert f"consilience {MINE}" in refused.value.expected
        assert "9.9.9" in refused.value.got
        assert "CONSILIENCE_SEND_CODE=1" in refused.value.fix
        monkeypatch.setenv(code.SEND, "1")
        assert works(executor=scheduler)


def test_a_dask_worker_that_comes_later_with_another_version_is_kept_out(newer, scheduler, tmp_path):
    with clusters.dask_worker(sys.executable, scheduler, tmp_path), opened(scheduler) as session:
        session.begin()
        with clusters.dask_worker(newer, scheduler, tmp_path) as late:
            late.wait(timeout=60)
            assert session.cluster.workers == 1
        assert works(executor=scheduler)


def test_ray_nodes_without_the_package_are_sent_it(bare, tmp_path):
    assert works(executor="ray")  # a Ray that is started here asks for a token, which is not for others
    (tmp_path / "texts.txt").write_text("one\ntwo\nthree\n")
    with clusters.ray_head(bare, tmp_path) as address:
        assert works(executor="ray", address=address)
        said = f"text:{tmp_path / 'texts.txt'}"
        assert cs.extract("glove", said, tmp_path / "store", address=address).n == 3


@pytest.mark.parametrize("late", ["bare", "newer"])
def test_a_ray_node_that_comes_later_with_other_code_is_left_alone(late, request, tmp_path):
    gate, n = tmp_path / "seen", 1024
    python, other = request.getfixturevalue(late), tmp_path / "late"
    other.mkdir()
    pairs = [(Gated(gate=gate), Numbers(n))]
    with (
        clusters.ray_head(sys.executable, tmp_path) as address,
        raylets.driver(tmp_path, pairs, address=address) as process,
    ):
        wait_for(lambda: "loaded" in told(tmp_path / "store", "event"), process)
        with clusters.ray_node(python, address, other):
            reasons = wait_for(lambda: told(tmp_path / "store", "reason"), process)
            gate.touch()
            raylets.finished(process, tmp_path)
    (table,) = cs.FeatureStore(tmp_path / "store").tables()
    assert table.n == n
    assert all(f"expected consilience {MINE} on all workers" in x for x in reasons)
    assert all(("got none on" if late == "bare" else "got 9.9.9") in x for x in reasons)


def told(store: Path, column: str) -> list[str]:
    """What the log of the one table that is being made has in a column."""
    found = [read_runs(folder) for folder in store.glob("*/*/*")]
    return [x for runs in found for run in runs for x in run.lines[column].to_pylist() if x]


def wait_for(what: Callable[[], list[str] | bool], process: "subprocess.Popen[bytes]") -> Any:
    deadline = time.monotonic() + 120
    while not (found := what()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_a_ray_node_with_another_version_is_refused_with_both(newer, tmp_path, monkeypatch):
    with clusters.ray_head(newer, tmp_path) as address:
        with pytest.raises(cs.BadInput) as refused:
            works(executor="ray", address=address)
        assert f"consilience {MINE}" in refused.value.expected
        assert "9.9.9" in refused.value.got
        monkeypatch.setenv(code.SEND, "1")
        assert works(executor="ray", address=address)


def test_a_cluster_without_the_token_that_this_process_asks_for_is_refused(tmp_path):
    ask = """if True:
        import os, ray, consilience as cs
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
        ray.shutdown()
        open("texts.txt", "w").write("one")
        cs.extract("glove", "text:texts.txt", "store", address=os.environ["HEAD"])"""
    with clusters.ray_head(sys.executable, tmp_path) as address:
        environment = {k: v for k, v in os.environ.items() if k != "RAY_AUTH_MODE"} | {"HEAD": address}
        refused, fixed = (
            subprocess.run(
                [sys.executable, "-c", ask], cwd=tmp_path, env=environment | more, capture_output=True, text=True,
                timeout=120,
            )
            for more in ({}, {"RAY_AUTH_MODE": "disabled"})
        )  # fmt: skip
    assert refused.returncode != 0
    assert "RAY_AUTH_MODE=token does here" in refused.stderr
    assert f"got none at {address}. Fix: set RAY_AUTH_MODE=disabled" in refused.stderr
    assert fixed.returncode == 0, fixed.stderr


def test_an_address_without_anybody_is_refused_soon():
    began, port = time.monotonic(), clusters.free_port()
    with pytest.raises(
        cs.BadInput, match=f"expected a Dask scheduler at tcp://127.0.0.1:{port}; got no answer"
    ):
        works(executor=f"tcp://127.0.0.1:{port}")
    with pytest.raises(cs.BadInput, match=f"expected a Ray cluster at 127.0.0.1:{port}; got no answer"):
        works(executor="ray", address=f"127.0.0.1:{port}")
    assert time.monotonic() - began < 40


def test_a_scheduler_without_workers_is_refused(scheduler, monkeypatch):
    monkeypatch.setattr(on_dask, "PATIENCE", 2)
    with pytest.raises(cs.BadInput, match=r"expected workers of the Dask scheduler at .*; got none"):
        works(executor=scheduler)
