"""What one model more costs: a zoo of 20 models, extraction included, and then the same with a 21st.

The models are stacks of random layers that take 2 to 5 ms for a sample on a core, as MiniLM does for a short text: the
smallest of the networks that the demo extracts. Everything that a run does is counted: processes, their imports,
features, the pairs of the model with itself and all others, the score table of the whole, and the report.
"""

import json
import time
from pathlib import Path

import pytest
from stacks import register_zoo

from consilience.pipelines.studyfiles.study import parse_study
from consilience.pipelines.zoo.run import run

pytestmark = pytest.mark.bench

N, MODELS, DEPTH, UNITS, WORK = 5000, 20, 4, 48, 4000
STUDY = """
name: zoo
stimuli: points
models: {models}
metrics: {metrics}
permutations: 5
tracking: null
"""


@pytest.mark.parametrize(
    "metrics", [["cka", "procrustes"], ["cka", "mutual_knn"]], ids=["moments", "neighbours"]
)
def test_one_model_more_costs_a_tenth(
    metrics: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_zoo(monkeypatch, N, depth=DEPTH, units=UNITS, work=WORK)
    seconds, elapsed = [], []
    for count in (MODELS, MODELS + 1):
        models = json.dumps([f"stack:{i}" for i in range(count)])
        study = parse_study(STUDY.format(models=models, metrics=json.dumps(metrics)), tmp_path / "study.yaml")
        began = time.perf_counter()
        scores = run(study)
        seconds.append(time.perf_counter() - began)
        elapsed.append(json.loads(scores.attrs["elapsed"]))
    print(
        f"\n{', '.join(metrics)}: {MODELS} models {seconds[0]:.1f} s {elapsed[0]}, one more {seconds[1]:.1f} s ",
        end="",
    )
    print(f"{elapsed[1]}: {seconds[1] / seconds[0]:.3f} of it")
    assert seconds[1] <= 0.1 * seconds[0]
