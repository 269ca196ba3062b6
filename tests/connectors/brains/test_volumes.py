"""Regions of NIfTI volumes, read by nilearn's own maskers, and what nilearn does in silence."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from nilearn.maskers import NiftiLabelsMasker, NiftiSpheresMasker

from consilience.connectors.brains import (
    Excluded,
    Subject,
    in_atlas,
    in_mask,
    in_parcels,
    in_spheres,
    of_trials,
)
from consilience.connectors.brains.cleaning import usable
from consilience.engine.errors import BadInput

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
SHAPE = (4, 5, 3)


def image(values: np.ndarray, affine: np.ndarray = AFFINE) -> nibabel.Nifti1Image:
    return nibabel.Nifti1Image(values, affine)


@pytest.fixture
def scan() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(*SHAPE, 10)).astype(np.float32)


def mask(*places: tuple[int, int, int]) -> nibabel.Nifti1Image:
    values = np.zeros(SHAPE, np.uint8)
    for place in places:
        values[place] = 1
    return image(values)


def test_voxels_within_a_mask_with_their_places(scan: np.ndarray) -> None:
    region = in_mask(image(scan), mask((0, 1, 2), (3, 4, 0)))
    assert np.array_equal(region.values, np.stack([scan[0, 1, 2], scan[3, 4, 0]], axis=1))
    assert region.coordinates is not None
    assert region.coordinates.tolist() == [[0, 3, 6], [9, 12, 0]]


def test_images_of_one_stimulus_each_are_stacked(scan: np.ndarray, tmp_path: Path) -> None:
    paths = [tmp_path / f"beta{k}.nii.gz" for k in range(3)]
    for k, path in enumerate(paths):
        nibabel.save(image(scan[..., k]), path)
    assert np.array_equal(in_mask(paths, mask((1, 1, 1))).values[:, 0], scan[1, 1, 1, :3])
    nibabel.save(image(scan[..., 0], np.diag([2.0, 3, 3, 1])), paths[2])
    with pytest.raises(BadInput, match=r"beta2.nii.gz and beta0.nii.gz on one grid; got .*\[2.0, 0.0"):
        in_mask(paths, mask((1, 1, 1)))
    with pytest.raises(BadInput, match=r"a NIfTI file; got .*gone.nii, which is not a file"):
        in_mask(tmp_path / "gone.nii", mask((1, 1, 1)))
    with pytest.raises(BadInput, match=r"a fourth axis \(volumes\); got beta0.nii.gz of shape \(4, 5, 3\)"):
        in_mask(paths[0], mask((1, 1, 1)))


def test_a_mask_on_another_grid_is_refused_with_both_affines(scan: np.ndarray) -> None:
    moved = AFFINE.copy()
    moved[0, 3] = 1.5
    with pytest.raises(BadInput) as error:
        in_mask(image(scan), image(np.ones(SHAPE, np.uint8), moved))
    assert "the mask an image in memory and the volumes an image in memory on one grid" in str(error.value)
    assert str(AFFINE.tolist()) in str(error.value)
    assert str(moved.tolist()) in str(error.value)
    assert "resample_to_img" in error.value.fix
    with pytest.raises(BadInput, match=r"shape \(2, 2, 2\) .* and shape \(4, 5, 3\)"):
        in_mask(image(scan), image(np.ones((2, 2, 2), np.uint8)))
    with pytest.raises(BadInput, match=r"the atlas an image in memory .* on one grid"):
        in_atlas(image(scan), image(np.ones(SHAPE, np.int16), moved), ["one"])


def test_a_mask_without_a_voxel_or_of_labels_is_refused(scan: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"a mask with at least one voxel; got .* with none"):
        in_mask(image(scan), mask())
    labels = np.arange(60, dtype=np.int16).reshape(SHAPE)
    with pytest.raises(
        BadInput, match=r"a mask of two values, 0 and another; got .* with 60 values, 0 to 59"
    ):
        in_mask(image(scan), image(labels))
    with pytest.raises(BadInput, match=r"a 3D mask; got"):
        in_mask(image(scan), image(np.ones((*SHAPE, 2), np.uint8)))


def test_voxels_that_are_nan_or_constant_are_counted_not_made_zero(scan: np.ndarray) -> None:
    scan[0, 0, 0, 4] = np.nan
    scan[1, 1, 1] = 7
    scan[2, 2, 2, 0] = np.inf
    region = in_mask(image(scan), mask((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 2)))
    found = usable(Subject("s1", list("abcdefghij"), {"V1": region}))
    assert found.excluded == (
        Excluded("s1", "units of V1", "not finite (NaN or infinity)", 2),
        Excluded("s1", "units of V1", "the same value in every row", 1),
    )
    assert np.array_equal(found.regions["V1"].values, scan[3, 3, 2][:, None])
    assert found.regions["V1"].coordinates is not None
    assert found.regions["V1"].coordinates.tolist() == [[9, 9, 6]]


def test_signals_are_cleaned_by_nilearn_within_runs(scan: np.ndarray) -> None:
    runs = np.repeat([0, 1], 5)
    values = in_mask(
        image(scan + 50), mask((1, 2, 1)), detrend=True, standardize="zscore_sample", runs=runs
    ).values
    for rows in (values[:5, 0], values[5:, 0]):
        assert rows.mean() == pytest.approx(0, abs=1e-5)
        assert rows.std(ddof=1) == pytest.approx(1, abs=1e-3)
        assert np.dot(rows, np.arange(5)) == pytest.approx(0, abs=1e-4)


def test_rows_stay_where_they_are_whatever_their_runs_are_called(scan: np.ndarray) -> None:
    found = in_mask(image(scan), mask((1, 2, 1)), detrend=True, runs=["run2"] * 5 + ["run10"] * 5).values
    same = in_mask(image(scan), mask((1, 2, 1)), detrend=True, runs=[0] * 5 + [1] * 5).values
    assert np.array_equal(found, same)
    assert np.corrcoef(found[:, 0], scan[1, 2, 1])[0, 1] > 0.5
    with pytest.raises(BadInput, match=r"runs whose volumes follow each other"):
        in_mask(image(scan), mask((1, 2, 1)), detrend=True, runs=[0, 1] * 5)


def test_a_constant_voxel_is_counted_after_detrending_too(scan: np.ndarray) -> None:
    scan[1, 1, 1] = 812.3
    region = in_mask(image(scan), mask((1, 1, 1), (2, 1, 1)), detrend=True, standardize="zscore_sample")
    found = usable(Subject("s1", list("abcdefghij"), {"V1": region}))
    assert [x.reason for x in found.excluded] == ["the same value in every row"]
    assert found.regions["V1"].values.shape == (10, 1)


@pytest.fixture
def atlas() -> nibabel.Nifti1Image:
    labels = np.zeros(SHAPE, np.int16)
    labels[0], labels[1], labels[2, :2] = 1, 2, 5
    return image(labels)


def test_labels_of_an_atlas_are_regions(scan: np.ndarray, atlas: nibabel.Nifti1Image) -> None:
    regions = in_atlas(image(scan), atlas, {1: "V1", 5: "V4", 9: "MT"})
    assert {name: r.values.shape[1] for name, r in regions.items()} == {"V1": 15, "V4": 6, "MT": 0}
    assert np.array_equal(regions["V4"].values, scan[2, :2].reshape(6, 10).T)
    found = usable(Subject("s1", list("abcdefghij"), regions))
    assert [str(x) for x in found.excluded] == [
        "s1: 1 region (MT): no voxel of it is within the mask, or in the image"
    ]


def test_labels_of_one_name_are_one_region(scan: np.ndarray, atlas: nibabel.Nifti1Image) -> None:
    regions = in_atlas(image(scan), atlas, {1: "V1", 5: "V4", 2: "V1"})
    assert {name: r.values.shape[1] for name, r in regions.items()} == {"V1": 30, "V4": 6}
    assert np.array_equal(regions["V1"].values, scan[:2].reshape(30, 10).T)
    assert list(in_atlas(image(scan), atlas, ["V1", "V1"])) == ["V1"]
    both = in_parcels(image(scan), atlas, {1: "V1", 2: "V1"}).values
    assert np.allclose(both[:, 0], scan[:2].reshape(30, 10).mean(axis=0), atol=1e-6)


def test_labels_that_a_mask_drops_are_counted(scan: np.ndarray, atlas: nibabel.Nifti1Image) -> None:
    held = np.zeros(SHAPE, np.uint8)
    held[0, :3] = 1
    regions = in_atlas(image(scan), atlas, ["V1", "V2"], mask=image(held))
    assert {name: r.values.shape[1] for name, r in regions.items()} == {"V1": 9, "V2": 0}
    found = usable(Subject("s1", list("abcdefghij"), regions))
    assert [str(x) for x in found.excluded] == [
        "s1: 6 units of V1: outside the mask",
        "s1: 1 region (V2): no voxel of it is within the mask, or in the image",
    ]
    assert usable(found).excluded == found.excluded, "counted once"
    means = Subject(
        "s1", list("abcdefghij"), {"all": in_parcels(image(scan), atlas, ["V1"], mask=image(held))}
    )
    assert [str(x) for x in usable(means).excluded] == ["s1: 6 voxels of all: outside the mask"]
    trials = of_trials("s1", list("abcde" * 2), {"V1": regions["V1"]})
    assert [x.count for x in usable(trials).excluded] == [6]
    held[:] = 0
    held[3] = 1
    with pytest.raises(BadInput, match=r"a mask that holds voxels of the atlas; got one that holds none"):
        in_atlas(image(scan), atlas, ["V1", "V2"], mask=image(held))
    with pytest.raises(BadInput, match=r"an atlas of whole numbers; got an image in memory with 60 voxels"):
        in_atlas(image(scan), image(np.full(SHAPE, 0.3)), ["V1"])
    with pytest.raises(BadInput, match=r"at least one of the labels 7, 8; got the labels 1, 2, 5"):
        in_atlas(image(scan), atlas, {7: "a", 8: "b"})


def test_parcels_are_the_means_of_nilearns_labels_masker(
    scan: np.ndarray, atlas: nibabel.Nifti1Image
) -> None:
    region = in_parcels(image(scan), atlas, {1: "V1", 2: "V2", 5: "V4", 9: "MT"})
    expected = NiftiLabelsMasker(atlas, resampling_target=None, standardize=None).fit_transform(image(scan))
    assert np.allclose(region.values[:, :3], expected, atol=1e-6)
    scan[1, 2, 2, 3] = np.nan
    found = usable(
        Subject(
            "s1", list("abcdefghij"), {"all": in_parcels(image(scan), atlas, {1: "V1", 2: "V2", 9: "MT"})}
        )
    )
    assert found.excluded == (Excluded("s1", "units of all", "not finite (NaN or infinity)", 2),)
    assert np.allclose(found.regions["all"].values[:, 0], expected[:, 0], atol=1e-6)
    scaled = in_parcels(image(scan), atlas, {1: "V1"}, standardize="zscore_sample").values
    assert scaled.std(ddof=1) == pytest.approx(1, abs=1e-3)


def test_spheres_hold_the_voxels_that_nilearn_averages(scan: np.ndarray) -> None:
    centres = {"a": (3.0, 3.0, 3.0), "b": (9.0, 12.0, 6.0)}
    regions = in_spheres(image(scan), centres, 3.1)
    assert [r.values.shape[1] for r in regions.values()] == [7, 4]
    means = np.stack([r.values.mean(axis=1) for r in regions.values()], axis=1)
    masker = NiftiSpheresMasker(list(centres.values()), radius=3.1, allow_overlap=True, standardize=None)
    assert np.allclose(means, masker.fit_transform(image(scan)), atol=1e-6)
    with pytest.raises(
        BadInput, match=r"none within 2 mm of far at \[90, 0, 0\]; voxels lie from \[0.0, 0.0, 0.0\]"
    ):
        in_spheres(image(scan), {"a": (3, 3, 3), "far": (90, 0, 0)}, 2)
    corner = in_spheres(image(scan), {"a": (3, 3, 3)}, 3.1, mask=mask((1, 1, 1), (1, 1, 2), (3, 4, 2)))["a"]
    assert np.array_equal(corner.values, scan[1, 1, 1:].T)
    assert corner.left_out == {("units", "outside the mask"): 5}
    with pytest.raises(BadInput, match=r"none within 1 mm of a"):
        in_spheres(image(scan), {"a": (3, 3, 3)}, 1, mask=mask((0, 0, 0)))
