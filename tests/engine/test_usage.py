"""What stages take, measured on work that takes a known amount of it."""

import json
import subprocess
import sys
import time

import pytest

from consilience.engine import usage
from consilience.engine.usage import Stages

MEGABYTES = 1 << 20


# A process of its own: here others that tests started come and go, and what they hold with them.
WORK = """
import json, time
import numpy as np
from consilience.engine import usage

usage._EVERY = 0.02
with usage.Stages() as stages:
    with stages("sleep"):
        time.sleep(0.3)
    with stages("work"):
        held = np.ones(100 << 17)
        end = time.process_time() + 0.3
        while time.process_time() < end:
            held += 1
print(json.dumps([stages.seconds, stages.cpu_seconds, stages.memory, stages.series]))
"""


def test_stages_tell_seconds_cpu_and_memory_apart() -> None:
    done = subprocess.run([sys.executable, "-c", WORK], check=True, capture_output=True, text=True)
    seconds, cpu_seconds, memory, series = json.loads(done.stdout)
    assert 0.3 <= seconds["sleep"] < 2
    assert cpu_seconds["sleep"] < 0.15
    assert 0.28 <= cpu_seconds["work"] < 2
    assert 80 * MEGABYTES < memory["work"] - memory["sleep"] < 200 * MEGABYTES
    assert [x[0] for x in series] == sorted(x[0] for x in series)


def test_processes_that_were_started_count_and_so_do_those_that_ended() -> None:
    code = (
        "import time; held = b'x' * (60 << 20); end = time.process_time() + 0.7\n"
        "while time.process_time() < end: pass"
    )
    with Stages() as stages:
        with stages("alone"):
            pass
        with stages("child"):
            subprocess.run([sys.executable, "-c", code], check=True)
            time.sleep(0.1)
    assert stages.cpu_seconds["child"] > 0.3, "as of the last look before it ended"
    assert stages.memory["child"] - stages.memory["alone"] > 50 * MEGABYTES


def test_a_stage_that_comes_again_is_added_up_and_long_runs_are_looked_at_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(usage, "_EVERY", 0.001)
    monkeypatch.setattr(usage, "_LOOKS", 10)
    with Stages() as stages:
        for _ in range(2):
            with stages("a"):
                time.sleep(0.2)
    assert stages.seconds["a"] >= 0.4
    assert len(stages.series) < 30
