"""How long the command line takes to answer, beside a bare interpreter in the same run."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.bench


def seconds(*command: str) -> float:
    """The shortest of five runs."""
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return min(taken)


def test_help_answers_in_half_a_second() -> None:
    bare = seconds(sys.executable, "-c", "pass")
    ours = seconds(str(Path(sys.executable).with_name("consilience")), "--help")
    print(f"\nconsilience --help: {ours:.2f} s; a bare interpreter: {bare:.2f} s")
    assert ours < 0.5
