"""The batch script on an allocation of two nodes, both of them this machine; and the line of the schedule."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from deploying import CRON, DEPLOY, done, tiny_study, tool

SCRIPT = DEPLOY / "slurm" / "consilience.sbatch"
# Slurm's part: the names of the nodes, and a step that runs its command here. What it was asked for goes to a file.
SCONTROL = '#!/bin/bash\n[[ "$1 $2" == "show hostnames" ]] && printf "%s\\n" localhost localhost\n'
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do options+=("$1"); shift; done
echo "${options[*]} -> $*" >> "$ASKED"
exec "$@"
"""


@pytest.fixture
def allocation(tmp_path: Path) -> dict[str, str]:
    """The environment of a batch script."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {
        "PATH": path, "ASKED": str(tmp_path / "asked"), "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_CPUS_PER_TASK": "1",
    }  # fmt: skip


def test_shellcheck_finds_nothing() -> None:
    assert done(tool("shellcheck"), SCRIPT) == ""


def test_a_study_runs_on_two_nodes(allocation: dict[str, str], tmp_path: Path) -> None:
    study = tiny_study(tmp_path / "study", executor="ray", address="auto")
    said = done("bash", SCRIPT, "run", study.name, cwd=study.parent, env=allocation, timeout=550)
    assert "Ray runs on 2 of 2 nodes" in said
    assert said.count("Ray runtime started.") == 2
    assert "two models agree best between one/layer.0 and two/layer.0" in said
    assert (study.parent / "out" / "report.html").is_file()
    head, workers = (tmp_path / "asked").read_text().splitlines()
    each = "--ntasks-per-node=1 --cpus-per-task=1 --nodes=1"
    assert head.startswith(f"{each} --nodelist=localhost -> ray start --block --num-cpus=1 ")
    assert workers.startswith(f"{each} --exclude=localhost -> ray start --block --num-cpus=1 ")
    assert ("--head" in head, "--head" in workers) == (True, False)


def test_without_a_command_nothing_is_started(allocation: dict[str, str], tmp_path: Path) -> None:
    ran = subprocess.run(["bash", SCRIPT], env=allocation, capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("expected a command of consilience; got none. Fix: sbatch ")
    assert not (tmp_path / "asked").exists()


def test_the_schedule_submits_the_script() -> None:
    lines = (DEPLOY / "slurm" / "reevaluate.scrontab").read_text().splitlines()
    options = [x.split()[1] for x in lines if x.startswith("#SCRON ")]
    assert [x.split("=")[0] for x in options] == ["--job-name", "--time", "--output"]
    (line,) = (x for x in lines if not x.startswith("#"))
    assert CRON.fullmatch(" ".join(line.split()[:5]))
    command = line.split(maxsplit=5)[5]
    assert command.startswith("sbatch ")
    assert SCRIPT.name in command
    assert done(tool("shellcheck"), "--shell=bash", "-", input=command) == ""
