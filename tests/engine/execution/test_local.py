"""Clusters started on this machine: who can reach them, that a plain script can start one, and what is refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

import consilience as cs
from consilience.engine.execution.on_dask import DaskCluster
from consilience.engine.execution.sessions import opened, resolved
from consilience.engine.passes.executors import Executor, joined

X = {
    "a": np.random.default_rng(0).standard_normal((30, 4)),
    "b": np.random.default_rng(1).standard_normal((30, 4)),
}


def listening() -> set[str]:
    """Addresses at which this process and its children listen."""
    here = psutil.Process()
    every = [c for p in (here, *here.children(recursive=True)) for c in p.net_connections("inet")]
    return {c.laddr.ip.removeprefix("::ffff:") for c in every if c.status == psutil.CONN_LISTEN}


@pytest.mark.parametrize("executor", ["distributed", "ray"])
def test_only_this_machine_can_reach_it_and_nothing_is_left(executor):
    before = set(psutil.Process().children(recursive=True))
    with opened(executor, None, 1) as session:
        assert Executor(executor)(pow, [(2, 3), (2, 4)], sum) == 24
        assert session.cluster.workers == 1
        assert listening() == {"127.0.0.1"}
    left = set(psutil.Process().children(recursive=True)) - before
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not [p for p in alive if "resource_tracker" not in " ".join(p.cmdline())]


@pytest.mark.parametrize("executor", ["distributed", "ray"])
def test_a_script_without_a_guard_may_start_one(executor, tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(f"""
import numpy as np
import consilience as cs
print("begins")
x, y = np.random.default_rng(0).standard_normal((2, 50, 5))
print(cs.score("cka", x, y, executor={executor!r}, threads=2) == cs.score("cka", x, y))
""")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["begins", "True"], done.stderr


def test_the_client_that_there_is_is_used_and_left():
    from distributed import Client, LocalCluster

    here = LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None)
    with here as cluster, Client(cluster) as client:
        with opened("distributed") as session:
            assert isinstance(session.cluster, DaskCluster)
            assert session.cluster.client is client
            assert (session.cluster.workers, session.cluster.together) == (2, 2)
            assert Executor("distributed")(pow, [(2, 3)], sum) == 8
        assert client.submit(pow, 2, 3).result() == 8


@pytest.mark.parametrize(
    ("given", "kind"),
    [(("threads", None), "threads"), (("distributed", "host:8786"), "distributed"), (("ray", "host:6379"), "ray"),
     (("tcp://host:1", None), "distributed"), (("tls://host:1", None), "distributed"), (("ray://host:1", None), "ray")],
)  # fmt: skip
def test_an_address_may_stand_for_the_executor(given, kind):
    assert resolved(*given) == (kind, given[0] if "://" in given[0] else given[1])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"executor": "dask"}, "expected a known executor (distributed, ray, threads); got 'dask'"),
        ({"executor": "distribute"}, "did you mean 'distributed'?"),
        ({"executor": "host:8786"}, "write tcp://HOST:PORT of a Dask scheduler"),
        ({"executor": "http://host:8786"}, "got 'http://host:8786'"),
        (
            {"executor": "tcp://host:8786", "address": "tcp://other:8786"},
            "the address of one with its scheme, once",
        ),
        ({"address": "tcp://host:8786"}, "expected no address with the executor 'threads'"),
    ],
)
@pytest.mark.parametrize("call", [cs.compare, cs.profile, cs.best_layers])
def test_what_is_no_executor_is_refused(call, given, told):
    with pytest.raises(cs.BadInput) as refused:
        call(X, **given)
    assert told in str(refused.value)


def test_other_calls_refuse_it_too():
    for call in (cs.encode, cs.align, cs.noise_ceiling):
        arguments = ({"s": {"r": X["a"]}, "t": {"r": X["b"]}},) if call is cs.align else (X["b"],)
        with pytest.raises(cs.BadInput, match="a known executor"):
            call(X, *(arguments if call is not cs.noise_ceiling else ()), executor="dask")


def test_results_keep_the_order_of_the_calls():
    found = Executor(threads=2)(lambda k: [k], [(k,) for k in range(100)], joined)
    assert found == list(range(100))
