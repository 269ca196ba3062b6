"""The commands that docs/scale.md gives for a cluster, as they stand there: on two nodes, both of them this machine."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml
from clusters import free_port, running

from consilience.engine.extraction.runlog import read_runs
from consilience.engine.features import FeatureStore

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
BLOCK = re.compile(r'^```bash title="on your cluster"\n(.*?)^```$', re.M | re.S)
ADDRESS = "10.0.0.1:6379"
# What the page leaves to Ray would meet another Ray of this machine.
QUIET = "--block --num-cpus=1 --object-store-memory=100000000 --disable-usage-stats"
HEAD = "--include-dashboard=false --ray-client-server-port={}"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The blocks, for this machine; in a home where there is no token yet, and with the programs that are tested."""
    home, port = tmp_path / "home", free_port()
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    for name in [x for x in os.environ if x.startswith("RAY_AUTH")]:
        monkeypatch.delenv(name)
    texts = [x.replace(ADDRESS, f"127.0.0.1:{port}") for x in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    here = [x.replace("=10.0.0.1 ", "=127.0.0.1 ").replace("--port=6379", f"--port={port}") for x in texts]
    assert not [x for x in here if "10.0.0.1" in x or "6379" in x]
    return here


@contextmanager
def started(lines: str, folder: Path) -> Iterator[None]:
    """A node that runs. Ray gives it half a minute, too little on a machine with much to do: it is then typed again."""
    folder.mkdir()
    log = folder / "log.txt"
    for left in (2, 1, 0):
        with running("bash", "-euc", lines, cwd=folder, auth=True) as node:
            while node.poll() is None and "Ray runtime started" not in log.read_text():
                time.sleep(0.2)
            if node.poll() is None:
                yield
                return
        assert left, log.read_text()
        assert "timed out during startup" in log.read_text(), log.read_text()
        log.unlink()


def test_a_newcomer_who_types_them_has_a_cluster_that_runs_a_study(told: list[str], tmp_path: Path) -> None:
    head, other, run = told
    (tmp_path / "texts.txt").write_text("\n".join(f"sentence number {i}" for i in range(40)))
    study = {
        "name": "far", "stimuli": f"text:{tmp_path / 'texts.txt'}", "metrics": ["cka"], "tracking": None,
        "models": [{"name": "minilm", "layers": ["hidden.[12]"]}],
    }  # fmt: skip
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    with ExitStack() as cluster:
        for name, text, options in (
            ("head", head, f"{QUIET} {HEAD.format(free_port())}"),
            ("other", other, QUIET),
        ):
            lines = text.replace("ray start", f"exec ray start {options}")
            cluster.enter_context(started(lines, tmp_path / name))
        token = tmp_path / "home" / ".ray" / "auth_token"
        assert token.stat().st_mode & 0o077 == 0
        shell = ["bash", "-euc", f"export RAY_AUTH_MODE=token\n{run}"]
        done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, timeout=240)
        logs = "".join(x.read_text() for x in tmp_path.glob("*/log.txt"))
        assert done.returncode == 0, done.stdout + done.stderr + logs
    assert (tmp_path / "out" / "report.html").is_file()
    (table,) = FeatureStore(tmp_path / "features").tables()
    assert [x.state for x in read_runs(table.path)] == ["finished"]
