"""The plan of an encoding, an alignment or a reliability promises a peak; what is measured stays below it."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import measure
import pytest

SUPPORT = os.environ | {"PYTHONPATH": str(Path(measure.__file__).parent)}
PROGRAM = """
import numpy as np
from measure import peak
import consilience as cs
from consilience.engine.costs.brains import draw_steps, reliability_step
from consilience.engine.encoding.encoding import Encoding
from consilience.engine.machine import nominal

rng = np.random.default_rng(0)

def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)

def encoding(n, d, v, layers=1, nuisance=0, **more):
    x = {{f"m/{{k}}": normal(n, d) for k in range(layers)}}
    work = Encoding(x, normal(n, v), normal(n, nuisance) if nuisance else None, **more)
    return work.run, max(step.memory for step in work.plan())

def reliability(n, repeats, d):
    x = normal(n, repeats, d)
    return lambda: cs.reliability(x, permutations=5), reliability_step(n, repeats, [d], 100, 5, nominal()).memory

encoding(100, 4, 4)[0]()
reliability(5, 2, 4)[0]()
work, promised = {call}
with peak() as rise:
    work()
print(promised, rise[0])
"""


@pytest.mark.parametrize(
    "call",
    [
        "encoding(3000, 300, 3000)",
        "encoding(3000, 400, 3000, nested=False)",
        "encoding(12000, 100, 9000, nested=False)",
        "encoding(400, 60, 40, layers=2, nuisance=8, permutations=4, bands=3)",
        "encoding(2000, 120, 2000, budget='400MB')",
        "reliability(60, 4, 2000)",
    ],
)
def test_measured_memory_stays_below_the_plan(call):
    program = textwrap.dedent(PROGRAM).format(call=call)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, env=SUPPORT
    )
    assert done.returncode == 0, done.stderr
    promised, peak = map(float, done.stdout.split())
    assert 0 < peak <= promised
    assert promised < 8 * peak + 300e6, "a promise that holds no matter what says nothing"
