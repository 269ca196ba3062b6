"""A study of a folder of images, from the files to the report: volumes in blocks, and surfaces that are drawn."""

from io import StringIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel.gifti import GiftiDataArray, GiftiImage

import consilience as cs
from consilience.pipelines.brain.report.maps import maps
from consilience.pipelines.brain.run import run
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.located import StudyError

IDS = [f"i{k:02d}" for k in range(24)]
FEATURES = np.random.default_rng(1).normal(size=(24, 5))
VOLUMES = """
name: volumes
brain:
  name: volumes:scans
  masks: {V1: "{subject}_v1.nii.gz", far: far.nii.gz}
  blocks: true
  delay: 1
stimuli: made
models: [net]
metrics: [rsa]
permutations: 200
bootstraps: 100
tracking: null
"""
SURFACES = """
name: surfaces
brain:
  name: surfaces:maps
  masks: {V1: {left: lh.V1.gii, right: rh.V1.gii}}
stimuli: made
models: [net]
metrics: []
encode: {components: null, folds: 4}
bootstraps: 100
tracking: null
"""


def ran(folder: Path, text: str) -> Any:
    cs.FeatureStore(folder / "features").write("net", "made", IDS, {"layer": FEATURES})
    (folder / "study.yaml").write_text(text)
    return run(folder / "study.yaml", console=Console(StringIO()))


def test_blocks_of_volumes_are_aligned_in_each_subjects_own_mask(tmp_path: Path) -> None:
    rng, grid = np.random.default_rng(2), (4, 3, 2)
    (tmp_path / "scans").mkdir()
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    far = np.arange(24).reshape(grid) >= 16
    nib.save(nib.Nifti1Image(far.astype(np.int16), affine), tmp_path / "far.nii.gz")
    for k, subject in enumerate(("s1", "s2", "s3")):
        v1 = (np.arange(24).reshape(grid) // 4) == k  # at another place in each
        nib.save(nib.Nifti1Image(v1.astype(np.int16), affine), tmp_path / f"{subject}_v1.nii.gz")
        order = rng.permutation(24)
        shown = [x for i in order for x in (IDS[i], IDS[i], "rest")]
        (tmp_path / "scans" / f"{subject}.tsv").write_text("\n".join(["sample_id", *shown]))
        signal = 0.3 * rng.normal(size=(72, *grid))
        # The response comes a volume late: in the second volume of a block and the rest that follows.
        for row, i in enumerate(order):
            signal[3 * row + 1 : 3 * row + 3, v1] += FEATURES[i, :4]
        nib.save(
            nib.Nifti1Image(np.moveaxis(signal, 0, -1), affine), tmp_path / "scans" / f"{subject}.nii.gz"
        )
    table = ran(tmp_path, VOLUMES)["alignment"]
    mean = table["mean"].isel(metric=0).sel(model="net")
    assert float(mean.sel(region="V1")) > 0.5 > 0.2 > abs(float(mean.sel(region="far")))
    assert (tmp_path / "out" / "report.html").is_file()
    late = ran(tmp_path, VOLUMES.replace("delay: 1", "delay: 0"))["alignment"]["mean"].isel(metric=0)
    assert float(late.sel(model="net", region="V1")) < float(mean.sel(region="V1"))
    with pytest.raises(StudyError, match=r"(?s)key brain.*a NIfTI file; got .*s1_v2.nii.gz"):
        ran(tmp_path, VOLUMES.replace("_v1", "_v2"))


def test_encoding_of_surfaces_is_drawn_on_the_surface(tmp_path: Path) -> None:
    from nilearn.datasets import load_fsaverage

    def gifti(path: Path, values: np.ndarray) -> None:
        arrays = [
            GiftiDataArray(x.astype(np.float32), intent="NIFTI_INTENT_NONE") for x in np.atleast_2d(values)
        ]
        nib.save(GiftiImage(darrays=arrays), path)

    rng, n = np.random.default_rng(3), 10242
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "rows.tsv").write_text("\n".join(["sample_id", *IDS]))
    back = {}
    for side, part in load_fsaverage("fsaverage5")["pial"].parts.items():
        back[side] = part.coordinates[:, 1] < -90
        gifti(tmp_path / f"{side[0]}h.V1.gii", back[side])
    weights = rng.normal(size=(5, n))
    for subject in ("s1", "s2"):
        for side in ("l", "r"):
            values = FEATURES @ weights + rng.normal(size=(24, n))
            gifti(tmp_path / "maps" / f"{subject}.{side}h.func.gii", values)
    tables = ran(tmp_path, SURFACES)
    assert (tables["encoding"]["r"].sel(space="net", region="V1") > 0.6).all()
    units = sum(int(x.sum()) for x in back.values())
    assert tables["units"].sizes["unit_of"] == 2 * units
    (figure,) = maps(tables)["figures"]
    assert figure["kinds"] == ["surface"]
    assert "Encoding by net" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
