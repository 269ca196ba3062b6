"""The names in a study and on the command line, with real models of each modality."""

import json

import numpy as np
import pytest
import small_models
from called import call
from PIL import Image

import consilience as cs

__all__ = ["call"]  # a fixture

pytestmark = pytest.mark.usefixtures("ray_local")


def test_a_study_shows_each_model_its_view_and_the_command_line_says_what_was_noted(tmp_path, call):
    for kind in ("vit", "bert"):
        small_models.save(kind, tmp_path / kind)
    (tmp_path / "val").mkdir()
    rng = np.random.default_rng(0)
    images, said = [], []
    for k in range(12):
        pixels = (
            rng.integers(0, 65535, (40, 40), np.uint16)
            if k == 3
            else rng.integers(0, 255, (40, 40, 3), np.uint8)
        )
        Image.fromarray(pixels).save(tmp_path / "val" / f"{k}.png")
        images.append({"id": k, "file_name": f"{k}.png"})
        said += [
            {"image_id": k, "id": 2 * k + j, "caption": f"a {x} {'x' * k}"}
            for j, x in enumerate(("dog", "cat"))
        ]
    (tmp_path / "captions_val.json").write_text(json.dumps({"images": images, "annotations": said[:-1]}))
    stimuli = f"captions:{tmp_path}/captions_val.json#image,text:2"
    (tmp_path / "study.yaml").write_text(
        f"name: pairs\nstimuli: {stimuli}\nmodels: ['hf:{tmp_path}/vit', 'hf:{tmp_path}/bert']\n"
        "metrics: [cka]\ngroups: 4\npermutations: 3\ntracking: null\nreject_limit: 0.2\n"
    )
    scores = cs.run(tmp_path / "study.yaml")
    told = " ".join(json.loads(scores.attrs["summary"]))
    assert "1 sample rejected, the first 11 (cannot be read: ValueError: the picture has 1 captions" in told
    assert "1 sample of 16 bits a pixel, shown by the upper eight" in told
    assert json.loads(scores.attrs["join"])["rows"] == 11
    code, out, _ = call("extract", f"hf:{tmp_path}/vit", stimuli, "--store", tmp_path / "features")
    assert code == 0
    assert "1 of the samples of 16 bits a pixel, shown by the upper eight" in " ".join(out.split())
    code, _, err = call("extract", f"hf:{tmp_path}/vit", "captoins:x", "--store", tmp_path / "features")
    assert code == 2
    assert "did you mean 'captions:FILE'" in " ".join(err.split())
