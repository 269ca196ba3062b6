"""Folders of a user's own images, one a subject: volumes, and surfaces of both hemispheres, as a study names them."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel.freesurfer import write_annot
from nibabel.gifti import GiftiDataArray, GiftiImage

import consilience as cs
from consilience.connectors.brains import open_brains

RNG = np.random.default_rng(0)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
ATLAS: np.ndarray = np.repeat([1, 2, 0], 4).reshape(3, 2, 2)
MAPS = RNG.normal(size=(3, 2, 2, 6))
N = 10242  # vertices of a hemisphere of fsaverage5
LEFT, RIGHT = RNG.normal(size=(2, N, 6)).astype(np.float32)


def image(path: Path, values: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(values, AFFINE), path)


def gifti(path: Path, values: np.ndarray, kind: str = "NIFTI_INTENT_NONE") -> None:
    kinds = [GiftiDataArray(x.astype(np.float32), intent=kind) for x in np.atleast_2d(values.T)]
    nib.save(GiftiImage(darrays=kinds), path)


def table(path: Path, ids: list[str], runs: list[str] | None = None) -> None:
    lines = ["sample_id" + ("\trun" if runs else "")]
    lines += [f"{i}\t{runs[k]}" if runs else i for k, i in enumerate(ids)]
    path.write_text("\n".join(lines))


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Two subjects with an image of six volumes each; an atlas, and a mask of each subject."""
    (tmp_path / "betas").mkdir()
    for k, subject in enumerate(("s1", "s2")):
        image(tmp_path / "betas" / f"{subject}.nii.gz", MAPS + k)
        image(tmp_path / f"{subject}_v1.nii", np.equal(ATLAS, 1 + k).astype(np.int16))
    image(tmp_path / "atlas.nii.gz", ATLAS.astype(np.int16))
    table(tmp_path / "betas" / "rows.tsv", [f"i{k}" for k in range(6)], ["a"] * 3 + ["b"] * 3)
    return tmp_path


def opened(folder: Path, kind: str = "volumes:betas", **options: Any) -> Any:
    stem, _, name = kind.partition(":")
    return open_brains(f"{stem}:{folder / name}", base=folder, **options)


def test_volumes_are_responses_within_masks_an_atlas_or_spheres(volumes: Path) -> None:
    found = opened(volumes, atlas="atlas.nii.gz", labels=["V1", "IT"])
    assert list(found.names) == ["s1", "s2"]
    one = found.subject("s1")
    assert list(one.sample_ids) == [f"i{k}" for k in range(6)]
    assert one.groups == ["a"] * 3 + ["b"] * 3
    for name, label in (("V1", 1), ("IT", 2)):
        np.testing.assert_allclose(one.regions[name].values, MAPS[label == ATLAS].T)
    own = opened(volumes, masks={"V1": "{subject}_v1.nii"})
    np.testing.assert_allclose(own.subject("s2").regions["V1"].values, MAPS[ATLAS == 2].T + 1)
    balls = opened(volumes, spheres={"FFA": [6, 3, 0]}, radius=3)
    assert balls.subject("s1").regions["FFA"].values.shape == (6, 4)
    scaled = opened(volumes, atlas="atlas.nii.gz", signals={"standardize": "zscore_sample"})
    values = scaled.subject("s1").regions["1"].values
    for run in (values[:3], values[3:]):
        np.testing.assert_allclose(run.mean(axis=0), 0, atol=1e-6, err_msg="within each run")
    assert len({x.fingerprint for x in (found, own, balls, scaled)}) == 4
    image(volumes / "s2_v1.nii", (ATLAS == 1).astype(np.int16))
    assert opened(volumes, masks={"V1": "{subject}_v1.nii"}).fingerprint != own.fingerprint


def test_blocks_of_volumes_are_averaged_as_far_as_the_response_lags(volumes: Path) -> None:
    table(volumes / "betas" / "s2.tsv", ["rest", "face", "face", "rest", "cat", "cat"], ["a"] * 3 + ["b"] * 3)
    subject = opened(volumes, atlas="atlas.nii.gz", blocks=True).subject("s2")
    v1 = MAPS[ATLAS == 1].T + 1
    assert list(subject.sample_ids) == ["face", "cat"]
    np.testing.assert_allclose(subject.regions["1"].values, [v1[1:3].mean(axis=0), v1[4:].mean(axis=0)])
    later = opened(volumes, atlas="atlas.nii.gz", blocks=True, delay=1).subject("s2")
    np.testing.assert_allclose(later.regions["1"].values, [v1[2], v1[5]])
    both = opened(volumes, atlas="atlas.nii.gz", blocks=True, rest=["face"], uneven="drop").subject("s2")
    assert list(both.sample_ids) == ["rest", "cat"]


def test_a_volume_that_comes_several_times_is_a_repeat(volumes: Path) -> None:
    table(volumes / "betas" / "rows.tsv", ["x", "y", "z"] * 2, ["a"] * 3 + ["b"] * 3)
    subject = opened(volumes, atlas="atlas.nii.gz").subject("s1")
    assert subject.repeats == ("a", "b")
    np.testing.assert_allclose(subject.regions["1"].values[1, 1], MAPS[ATLAS == 1].T[4])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "one of `masks`, `atlas` and `spheres`; got none"),
        ({"atlas": "atlas.nii.gz", "delay": 2}, "`blocks: true` with `delay`; got delay=2"),
        ({"atlas": "atlas.nii.gz", "blocks": True, "delay": -1}, "a delay of 0 volumes or more; got -1"),
        ({"atlas": "none.nii.gz"}, "a NIfTI file; got .*none.nii.gz, which is not a file"),
        ({"masks": {"V1": "{subject}_v2.nii"}}, "a NIfTI file; got .*s1_v2.nii, which is not a file"),
    ],
)
def test_what_volumes_cannot_be_read_by_is_refused(
    volumes: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(cs.BadInput, match=words):
        opened(volumes, **options)


def test_tables_that_do_not_fit_the_images_are_refused(volumes: Path) -> None:
    table(volumes / "betas" / "rows.tsv", ["x"] * 5)
    with pytest.raises(cs.BadInput, match=r"6 lines in rows.tsv, one a volume of 1 of s1; got 5"):
        opened(volumes, atlas="atlas.nii.gz").subject("s1")
    table(volumes / "betas" / "rows.tsv", ["x"] * 5, ["a"] * 5)
    with pytest.raises(cs.BadInput, match=r"the run of each of 6 volumes; got 5 runs. Fix: write one line"):
        opened(volumes, atlas="atlas.nii.gz", signals={"detrend": True}).subject("s1")
    (volumes / "betas" / "rows.tsv").write_text("stimulus\nx")
    with pytest.raises(cs.BadInput, match=r"the column sample_id in rows.tsv; got stimulus"):
        opened(volumes, atlas="atlas.nii.gz").subject("s1")
    (volumes / "betas" / "rows.tsv").unlink()
    with pytest.raises(cs.BadInput, match=r"s1.tsv in .*, or rows.tsv, with a line a volume; got neither"):
        opened(volumes, atlas="atlas.nii.gz")
    (volumes / "none").mkdir()
    with pytest.raises(cs.BadInput, match=r"a folder with files .nii.gz, .nii; got .*which has none"):
        opened(volumes, "volumes:none", atlas="atlas.nii.gz")


def test_runs_of_one_subject_are_not_taken_for_several_subjects(volumes: Path) -> None:
    betas = volumes / "betas"
    for run in (1, 2):
        image(betas / f"s3_run-{run}.nii.gz", MAPS)
    with pytest.raises(cs.BadInput, match=r"one file a subject; got s3_run-1 and s3_run-2. Fix: join runs"):
        opened(volumes, atlas="atlas.nii.gz")
    (betas / "s3_run-2.nii.gz").unlink()
    assert list(opened(volumes, atlas="atlas.nii.gz").names) == ["s1", "s2", "s3_run-1"]
    for session in ("a", "b"):
        np.savez(
            betas / f"sub-1_ses-{session}.npz", sample_id=np.array(["x", "y"]), V1=RNG.normal(size=(2, 3))
        )
    with pytest.raises(cs.BadInput, match=r"one file a subject; got sub-1_ses-a and sub-1_ses-b"):
        open_brains(f"arrays:{betas}")


@pytest.fixture
def surfaces(tmp_path: Path) -> Path:
    """A subject of GIFTI, and two of FreeSurfer of whom one hemisphere was kept."""
    folder = tmp_path / "maps"
    folder.mkdir()
    for side, values in (("L", LEFT), ("R", RIGHT)):
        gifti(folder / f"s1_hemi-{side}.func.gii", values)
    nib.save(nib.freesurfer.MGHImage(LEFT[:, None, None], np.eye(4)), folder / "lh.s2.mgh")
    nib.save(nib.freesurfer.MGHImage(RIGHT[:, None, None], np.eye(4)), folder / "rh.s3.mgz")
    table(folder / "rows.tsv", [f"i{k}" for k in range(6)])
    return tmp_path


def test_the_whole_cortex_or_masks_of_each_hemisphere(surfaces: Path) -> None:
    from nilearn.datasets import load_fsaverage

    found = opened(surfaces, "surfaces:maps")
    assert list(found.names) == ["s1", "s2", "s3"]
    np.testing.assert_allclose(found.subject("s3").regions["cortex"].values, RIGHT.T, rtol=1e-6)
    whole, left = (found.subject(s).regions["cortex"] for s in ("s1", "s2"))
    np.testing.assert_allclose(whole.values, np.concatenate([LEFT, RIGHT]).T, rtol=1e-6)
    np.testing.assert_allclose(left.values, LEFT.T, rtol=1e-6)
    assert whole.coordinates is not None
    pial = load_fsaverage("fsaverage5")["pial"].parts
    np.testing.assert_array_equal(whole.coordinates[N:], pial["right"].coordinates)
    gifti(surfaces / "v1.gii", np.arange(N) < 30)
    (surfaces / "v2.label").write_text("#!ascii label\n2\n40 0 0 0 0\n77 0 0 0 0\n")
    masks = {"V1": {"left": "v1.gii"}, "V2": {"left": "v2.label"}}
    regions = opened(surfaces, "surfaces:maps", masks=masks).subject("s1").regions
    np.testing.assert_allclose(regions["V1"].values, LEFT[:30].T, rtol=1e-6)
    np.testing.assert_allclose(regions["V2"].values, LEFT[[40, 77]].T, rtol=1e-6)


def test_labels_are_told_apart_by_their_names_in_each_hemisphere(surfaces: Path) -> None:
    labels = np.zeros(N, int)
    labels[:5], labels[5:9] = 1, 2
    colours = np.c_[np.arange(3)[:, None] * np.ones((1, 3)), np.zeros(3), np.arange(3)].astype(int)
    for side, names in (("lh", ["unknown", "V1", "LH_only"]), ("rh", ["unknown", "RH_only", "V1"])):
        write_annot(surfaces / f"{side}.a.annot", labels, colours, names, fill_ctab=True)
    atlas = {"left": "lh.a.annot", "right": "rh.a.annot"}
    regions = opened(surfaces, "surfaces:maps", atlas=atlas).subject("s1").regions
    assert set(regions) == {"V1", "LH_only", "RH_only"}
    np.testing.assert_allclose(regions["V1"].values, np.concatenate([LEFT[:5], RIGHT[5:9]]).T, rtol=1e-6)
    np.testing.assert_allclose(regions["RH_only"].values, RIGHT[:5].T, rtol=1e-6)
    numbered = opened(surfaces, "surfaces:maps", atlas=atlas, labels={1: "one", 2: "two"})
    values = numbered.subject("s1").regions["one"].values
    np.testing.assert_allclose(values, np.concatenate([LEFT[:5], RIGHT[:5]]).T, rtol=1e-6)
    assert numbered.fingerprint != opened(surfaces, "surfaces:maps", atlas=atlas).fingerprint


def test_blocks_of_maps_on_a_mesh_of_ones_own(surfaces: Path) -> None:
    from nilearn.datasets import load_fsaverage

    space = {"xras": [-1, 0, 0], "yras": [0, 0, -1], "zras": [0, 1, 0], "cras": [0, 0, 0]}
    of = {
        "head": [2, 0, 20],
        "valid": "1",
        "filename": "x",
        "volume": [256] * 3,
        "voxelsize": [1] * 3,
        **space,
    }
    for side, part in load_fsaverage("fsaverage5")["inflated"].parts.items():
        nib.freesurfer.write_geometry(
            surfaces / f"{side}.inflated", part.coordinates, part.faces, volume_info=of
        )
    table(surfaces / "maps" / "rows.tsv", ["a", "a", "rest", "b", "b", "b"])
    mesh = {side: f"{side}.inflated" for side in ("left", "right")}
    found = opened(surfaces, "surfaces:maps", mesh=mesh, blocks=True).subject("s1")
    values = found.regions["cortex"].values
    np.testing.assert_allclose(values[:, :N], [LEFT[:, :2].mean(axis=1), LEFT[:, 3:].mean(axis=1)], atol=1e-6)


def test_signals_of_surfaces_are_cleaned_within_each_run(surfaces: Path) -> None:
    table(surfaces / "maps" / "rows.tsv", [f"i{k}" for k in range(6)], ["b"] * 3 + ["a"] * 3)
    signals = {"standardize": "zscore_sample"}
    values = opened(surfaces, "surfaces:maps", signals=signals).subject("s2").regions["cortex"].values
    for run in (slice(3), slice(3, 6)):
        each = LEFT[:, run]
        wanted = (each - each.mean(axis=1, keepdims=True)) / each.std(axis=1, ddof=1, keepdims=True)
        np.testing.assert_allclose(values[run], wanted.T, atol=1e-4)
    with pytest.raises(cs.BadInput, match=r"a known argument .*got 'smoothing_fwhm'"):
        opened(surfaces, "surfaces:maps", signals={"smoothing_fwhm": 4}).subject("s2")


def test_surfaces_that_do_not_fit_are_refused(surfaces: Path) -> None:
    def refused(words: str, **options: Any) -> None:
        with pytest.raises(cs.BadInput, match=words):
            opened(surfaces, "surfaces:maps", **options).subject("s1")

    refused(r"fsaverage5, or the file of a mesh a hemisphere; got fsaverage6", mesh="fsaverage6")
    refused(r"one of `masks` and `atlas`, or neither; got both", masks={}, atlas={"left": "a.gii"})
    refused(r"a file of a hemisphere; got .*a.gii, which is not a file", atlas={"left": "a.gii"})
    refused(r"a known hemisphere .*got 'lh'", atlas={"lh": "a.gii"})
    gifti(surfaces / "few.gii", np.ones(12))
    refused(r"10242 vertices in few.gii, as the mesh has; got 12", masks={"V1": {"left": "few.gii"}})
    gifti(surfaces / "many.gii", np.arange(N))
    refused(
        r"a mask of two values, 0 and another; got many.gii with 10242", masks={"V": {"left": "many.gii"}}
    )
    gifti(surfaces / "half.gii", np.arange(N) / 2)
    refused(r"an atlas of whole numbers; got half.gii with 5121", atlas={"left": "half.gii"})
    gifti(surfaces / "maps" / "s1_lh.gii", LEFT)
    refused(r"one file of the left hemisphere of s1; got s1_hemi-L.func.gii and s1_lh.gii")
