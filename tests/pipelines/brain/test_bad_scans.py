"""What is wrong with a user's scans: a study refuses it with its place, or counts it on the terminal and the page."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import consilience as cs
from consilience.pipelines.brain.run import run
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.located import StudyError

IDS = [f"i{k:02d}" for k in range(16)]
GRID = (4, 3, 2)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
ATLAS: np.ndarray = (np.arange(24).reshape(GRID) // 8 + 1).astype(np.int16)  # V1, V2 and V3 of eight voxels
STUDY = """
name: scans
brain: {name: "volumes:scans", atlas: atlas.nii.gz, labels: [V1, V2, V3, V4]}
stimuli: made
models: [net]
metrics: [rsa]
permutations: 20
bootstraps: 100
tracking: null
"""


def image(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    nib.save(nib.Nifti1Image(values, affine), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three subjects with a beta a picture."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(16, 5))
    cs.FeatureStore(tmp_path / "features").write("net", "made", IDS, {"layer": features})
    (tmp_path / "scans").mkdir()
    for subject in ("s1", "s2", "s3"):
        values = (features @ rng.normal(size=(5, 24)) + rng.normal(size=(16, 24))).T.reshape(*GRID, 16)
        image(tmp_path / f"scans/{subject}.nii.gz", values.astype(np.float32))
        (tmp_path / f"scans/{subject}.tsv").write_text("\n".join(["sample_id", *IDS]))
    image(tmp_path / "atlas.nii.gz", ATLAS)
    return tmp_path


def change(path: Path, where: Any, value: float) -> None:
    values = nib.load(path).get_fdata(dtype=np.float32)  # type: ignore[attr-defined]
    values[where] = value
    image(path, values)


def ran(folder: Path, text: str = STUDY) -> tuple[Any, str]:
    (folder / "study.yaml").write_text(text)
    shown = StringIO()
    return run(folder / "study.yaml", console=Console(shown)), " ".join(shown.getvalue().split())


def test_what_is_left_out_of_scans_is_counted_on_the_terminal_and_on_the_page(folder: Path) -> None:
    change(folder / "scans/s1.nii.gz", (0, 0, 0, 3), np.nan)
    change(folder / "scans/s2.nii.gz", (0, 1, slice(None)), 7.0)
    change(folder / "scans/s3.nii.gz", ATLAS == 3, 0.0)
    short = [*IDS[:13]]
    image(folder / "scans/s2.nii.gz", nib.load(folder / "scans/s2.nii.gz").get_fdata()[..., :13])  # type: ignore[attr-defined]
    (folder / "scans/s2.tsv").write_text("\n".join(["sample_id", *short]))
    (folder / "scans/s3.tsv").write_text("\n".join(["sample_id", *IDS]))
    tables, terminal = ran(folder)
    nowhere = "1 region (V4): no voxel of it is within the mask, or in the image"
    wanted = [
        "s1: 1 units of V1: not finite (NaN or infinity)",
        f"s1: {nowhere}",
        "s2: 2 units of V1: the same value in every row",
        f"s2: {nowhere}",
        "s3: 1 region (V3): the same value in every row",
        f"s3: {nowhere}",
        "s2: 3 of 16 stimuli ('i13', 'i14', 'i15'): not recorded",
    ]
    assert json.loads(tables["alignment"].attrs["recordings"])["excluded"] == wanted
    page = " ".join((folder / "out" / "report.html").read_text(encoding="utf-8").split())
    for line in wanted:
        assert f"Left out: {line}" in terminal
        assert line.replace("'", "&#39;") in page or line in page


@pytest.mark.parametrize(
    ("spoil", "options", "words"),
    [
        (
            "turned",
            "",
            r"the atlas atlas.nii.gz and the volumes s1.nii.gz on one grid; got .*turned by 5 degrees",
        ),
        ("empty", ", mask: mask.nii.gz", r"a mask with at least one voxel; got mask.nii.gz with none"),
        (
            "elsewhere",
            ", mask: mask.nii.gz",
            r"a mask that holds voxels of the atlas; got one that holds none",
        ),
        ("uneven", "", r"every stimulus the same number of times in s1; got 'i00' 2 times, 'i01' 1"),
        ("lines", "", r"16 lines in s1.tsv, one a volume of V1 of s1; got 15"),
        (
            "nan",
            ", signals: {smoothing_fwhm: 4}",
            r"images without NaN or infinity, to be smoothed; got 1 voxels",
        ),
        (
            "",
            ", signals: {target_affine: [3, 3, 3]}",
            r"a known argument of nilearn's signals .*target_affine",
        ),
        ("", ", tr: 0", r"a repetition time in seconds; got tr=0"),
        ("nothing", "", r"responses that vary in scans; got s1: 1 subject, with all 4 regions"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    folder: Path, spoil: str, options: str, words: str
) -> None:
    mask = np.zeros(GRID, np.uint8)
    if spoil == "turned":
        turn, affine = np.deg2rad(5), AFFINE.copy()
        affine[:2, :2] = 3 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        image(folder / "atlas.nii.gz", ATLAS, affine)
    elif spoil == "elsewhere":
        image(folder / "atlas.nii.gz", ATLAS * (ATLAS < 3))
        mask[ATLAS == 3] = 1
    elif spoil in ("uneven", "lines"):
        rows = [*IDS[:15], "i00"] if spoil == "uneven" else IDS[:15]
        (folder / "scans/s1.tsv").write_text("\n".join(["sample_id", *rows]))
    elif spoil == "nan":
        change(folder / "scans/s1.nii.gz", (0, 0, 0, 3), np.nan)
    elif spoil == "nothing":
        for subject in ("s1", "s2", "s3"):
            change(folder / f"scans/{subject}.nii.gz", ..., 1.0)
    image(folder / "mask.nii.gz", mask)
    text = STUDY.replace("V4]}", f"V4]{options}}}")
    with pytest.raises(StudyError, match=rf"(?s)study.yaml.*line 3, key brain.*{words}"):
        ran(folder, text)
    assert not (folder / "out" / "report.html").is_file()
