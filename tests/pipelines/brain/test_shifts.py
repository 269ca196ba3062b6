"""The null of an encoding: every draw shifts all subjects alike."""

from io import StringIO
from pathlib import Path

import numpy as np
import xarray as xr

import consilience as cs
from consilience.pipelines.brain.run import run
from consilience.pipelines.console import Console

IDS = [f"p{i:02d}" for i in range(45)]
STUDY = """
name: twins
brain: arrays:mine
stimuli: pictures
models: [net]
metrics: []
encode: {permutations: 9, folds: 3, components: null, bands: 2}
tracking: null
"""


def test_subjects_with_the_same_responses_have_the_same_draws(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(45, 4))
    cs.FeatureStore(tmp_path / "features").write("net", "pictures", IDS, {"layer": features})
    (tmp_path / "mine").mkdir()
    same = features @ rng.normal(size=(4, 3)) + rng.normal(size=(45, 3))
    for subject in ("s1", "s2"):
        np.savez(tmp_path / "mine" / f"{subject}.npz", sample_id=np.array(IDS), V1=same)
    file = tmp_path / "study.yaml"
    file.write_text(STUDY)
    table = run(file, console=Console(StringIO()))["encoding"].sel(space="net", region="V1")
    parts = [xr.open_dataset(x) for x in sorted((tmp_path / "out" / ".scores").glob("*.nc"))]
    one, other = (part["null"].sel(space="net", region="V1").values for part in parts)
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one)) == 9
    np.testing.assert_allclose(table["null"], one)
