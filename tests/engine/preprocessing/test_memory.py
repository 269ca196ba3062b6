"""Fitting a step and reading through it take the memory of a few blocks, whatever the number of samples."""

import subprocess
import sys
import textwrap

import numpy as np

STEPS = (
    "centre",
    "zscore",
    "l2",
    "clip",
    "clip:quantile=exact",
    "pca:components=5",
    "random_projection:components=9",
)
PROGRAM = """
import sys, threading, time
import numpy as np, psutil
from consilience.engine.features.representations import representations
from consilience.engine.preprocessing import preprocessed, read_steps

process, peak, done = psutil.Process(), 0, False

def private():
    memory = process.memory_info()
    return memory.rss - memory.shared  # the file is mapped, and shared

def watch():
    global peak
    while not done:
        peak = max(peak, private())
        time.sleep(0.004)

def run(array, step):
    (found,) = preprocessed(representations({"m": array}), read_steps([step]))
    for start in range(0, len(array), 4096):
        found.take(np.arange(start, min(start + 4096, len(array))))

x = np.load(sys.argv[1], mmap_mode="r")
for step in sys.argv[2:]:
    run(np.array(x[:300]), step)
thread = threading.Thread(target=watch)
thread.start()
for step in sys.argv[2:]:
    peak = before = private()
    run(x, step)
    print(step, peak - before)
done = True
thread.join()
"""


def test_fitting_and_reading_take_a_few_blocks(tmp_path):
    x = np.random.default_rng(0).standard_normal((120_000, 128), np.float32)
    np.save(tmp_path / "x.npy", x)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path / "x.npy"), *STEPS],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    print(done.stdout)
    peaks = {step: int(peak) for step, peak in map(str.split, done.stdout.splitlines())}
    assert set(peaks) == set(STEPS)
    assert all(peak < 0.5 * x.nbytes for peak in peaks.values()), peaks
