"""Rotated acquisitions, from files: whose voxels are one's own, whose are not, and that nothing is ever resampled."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from nilearn.image import resample_to_img
from scipy.spatial.transform import Rotation

from consilience.connectors.brains import in_atlas, in_mask, in_parcels, in_spheres
from consilience.engine.errors import BadInput

GRID = (10, 12, 8)
SCAN = np.random.default_rng(0).normal(size=(*GRID, 6)).astype(np.float32)
INSIDE = np.zeros(GRID, bool)
INSIDE[3:6, 4:8, 2:5] = True
RAW = SCAN[INSIDE].T


def tilted(degrees: float, moved: float = 0.0) -> np.ndarray:
    """The affine of 2.5 mm voxels, stored from right to left, with the head turned about all three axes."""
    affine = np.eye(4)
    turn = Rotation.from_euler("xyz", [degrees, -degrees / 2, degrees / 3], degrees=True).as_matrix()
    affine[:3, :3] = turn @ np.diag([-2.5, 2.5, 2.5])
    affine[:3, 3] = 31.7, -90.2 + moved, -44.1
    return affine


@pytest.fixture
def save(tmp_path: Path) -> Any:
    def saved(name: str, values: np.ndarray, affine: np.ndarray, *, by: str = "sform") -> Path:
        """A file whose header holds the affine as it stands (sform), or as a rotation (qform) alone."""
        kind = np.uint8 if values.dtype == bool else values.dtype
        image = nib.Nifti1Image(values.astype(kind), affine)
        if by == "qform":
            image.set_qform(affine, 1)
            image.set_sform(None, 0)
        nib.save(image, tmp_path / name)
        return tmp_path / name

    return saved


def test_voxels_of_an_oblique_scan_are_read_where_they_lie(save: Any) -> None:
    affine = tilted(17)
    scan, mask = save("bold.nii.gz", SCAN, affine), save("mask.nii.gz", INSIDE, affine)
    region = in_mask(scan, mask)
    assert np.array_equal(region.values, RAW)
    places = apply_affine(affine, np.argwhere(INSIDE))
    assert region.coordinates is not None
    np.testing.assert_allclose(region.coordinates, places, atol=1e-4)
    atlas = save("atlas.nii.gz", np.where(INSIDE, 2, 1).astype(np.int16), affine)
    assert np.array_equal(in_atlas(scan, atlas, ["rest", "V1"])["V1"].values, RAW)
    ball = in_spheres(scan, {"FFA": places[7].tolist()}, 0.1)["FFA"]
    assert np.array_equal(ball.values[:, 0], RAW[:, 7])
    # A millimetre is one along any axis, so smoothing does not know of the rotation.
    straight = save("straight.nii.gz", SCAN, np.diag([2.5, 2.5, 2.5, 1])), np.diag([2.5, 2.5, 2.5, 1])
    smooth = in_mask(straight[0], save("m.nii.gz", INSIDE, straight[1]), smoothing_fwhm=5).values
    np.testing.assert_allclose(in_mask(scan, mask, smoothing_fwhm=5).values, smooth, atol=1e-5)


@pytest.mark.parametrize(
    ("degrees", "moved", "words"),
    [
        (17, 0, r"voxels lie up to .* mm apart, turned by 20.2 degrees"),
        (1, 0, r"voxels lie up to 0.65 mm apart, turned by 1.17 degrees"),
        (0, 1.25, r"voxels lie up to 1.25 mm apart\. Fix"),
    ],
)
@pytest.mark.parametrize("read", ["mask", "atlas", "spheres", "parcels"])
def test_a_mask_on_a_grid_that_is_turned_or_moved_is_refused(
    save: Any, degrees: float, moved: float, words: str, read: str
) -> None:
    scan, own = save("bold.nii.gz", SCAN, tilted(0)), save("own.nii.gz", INSIDE, tilted(0))
    mask = save("mask.nii.gz", INSIDE, tilted(degrees, moved))
    ways = {
        "mask": lambda mask: in_mask(scan, mask),
        "atlas": lambda mask: in_atlas(scan, mask, ["V1"])["V1"],
        "spheres": lambda mask: in_spheres(scan, {"V1": (20, -75, -35)}, 90, mask=mask)["V1"],
        "parcels": lambda mask: in_parcels(scan, mask, ["V1"]),
    }
    with pytest.raises(
        BadInput, match=rf"mask.nii.gz and the volumes bold.nii.gz on one grid; got .*{words}"
    ):
        ways[read](mask)
    # What the message says to do is what makes it work.
    resampled = resample_to_img(mask, scan, interpolation="nearest")
    assert ways[read](resampled).values.size
    assert np.array_equal(ways["mask"](own).values, RAW)


def test_the_same_voxels_in_another_order_are_named_as_such(save: Any) -> None:
    affine = tilted(0)
    scan = save("bold.nii.gz", SCAN, affine)
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1, GRID[0] - 1
    mask = save("mask.nii.gz", INSIDE[::-1], affine @ flip)
    with pytest.raises(BadInput, match=r"mm apart, their axes are RAS and LAS"):
        in_mask(scan, mask)
    assert np.array_equal(in_mask(scan, resample_to_img(mask, scan, interpolation="nearest")).values, RAW)


@pytest.mark.parametrize("degrees", [0, 1e-4, 1e-3, 0.01, 0.1])
def test_grids_that_differ_by_rounding_are_one_and_not_resampled(
    save: Any, degrees: float, caplog: pytest.LogCaptureFixture
) -> None:
    scan, mask = save("bold.nii.gz", SCAN, tilted(8)), save("mask.nii.gz", INSIDE, tilted(8 + degrees))
    assert np.array_equal(in_mask(scan, mask).values, RAW), "nilearn would interpolate"
    labels = save("atlas.nii.gz", INSIDE.astype(np.int16), tilted(8 + degrees))
    assert np.array_equal(in_atlas(scan, labels, ["V1"], mask=mask)["V1"].values, RAW)
    told = "mask.nii.gz and the volumes bold.nii.gz lie up to 0.0"
    assert (told in caplog.text) == (degrees >= 0.1), "of more than rounding it is said"


def test_a_rotation_that_one_header_keeps_and_another_rounds_is_the_same(save: Any) -> None:
    # A quaternion loses digits near half a turn, which is where scans lie that are stored from right to left.
    affine = np.eye(4)
    turn = Rotation.from_rotvec([0.00112, -0.00044, -0.00126]) * Rotation.from_euler("z", 180, degrees=True)
    affine[:3, :3] = turn.as_matrix() @ np.diag([2.0, 2.0, 2.5])
    scan, mask = save("bold.nii.gz", SCAN, affine), save("mask.nii.gz", INSIDE, affine, by="qform")
    assert 1e-3 < np.abs(nib.load(mask).affine - affine).max() < 1e-2  # type: ignore[attr-defined]
    region = in_mask(scan, mask)
    assert np.array_equal(region.values, RAW)
    assert region.coordinates is not None
    np.testing.assert_allclose(region.coordinates, apply_affine(affine, np.argwhere(INSIDE)), atol=1e-4)


def test_images_of_one_stimulus_each_that_differ_by_rounding_are_stacked(save: Any) -> None:
    paths = [save(f"beta{k}.nii.gz", SCAN[..., k], tilted(8 + 1e-3 * k)) for k in range(6)]
    assert np.array_equal(in_mask(paths, save("mask.nii.gz", INSIDE, tilted(8))).values, RAW)
    paths[3] = save("beta3.nii.gz", SCAN[..., 3], tilted(10))
    with pytest.raises(BadInput, match=r"beta3.nii.gz and beta0.nii.gz on one grid; got .*turned by"):
        in_mask(paths, save("mask.nii.gz", INSIDE, tilted(8)))


def test_points_in_mm_need_an_image_that_says_where_it_lies(tmp_path: Path) -> None:
    image = nib.Nifti1Image(SCAN, None)
    nib.save(image, tmp_path / "bold.nii.gz")
    with pytest.raises(BadInput, match=r"volumes that lie in some space, for points in mm; got bold.nii.gz"):
        in_spheres(tmp_path / "bold.nii.gz", {"FFA": (5, 5, 5)}, 3)
    image.set_qform(np.diag([2.5, 2.5, 2.5, 1]), 1)
    nib.save(image, tmp_path / "bold.nii.gz")
    assert in_spheres(tmp_path / "bold.nii.gz", {"FFA": (5, 5, 5)}, 3)["FFA"].values.size


def test_what_nilearn_would_do_to_signals_in_silence_is_refused(save: Any) -> None:
    affine = tilted(8)
    scan, mask = save("bold.nii.gz", SCAN, affine), save("mask.nii.gz", INSIDE, affine)

    def refused(words: str, images: Any = scan, **signals: Any) -> None:
        with pytest.raises(BadInput, match=words):
            in_mask(images, mask, **signals)

    refused(r"a known argument of nilearn's signals .*got 'target_affine'", target_affine=np.eye(3))
    refused(r"did you mean 'standardize'", standardise="psc")
    refused(r"`t_r`, the seconds between two rows, with high_pass; got none", high_pass=0.01)
    broken = SCAN.copy()
    broken[2, 5, 3, 1] = np.nan
    holed = save("holed.nii.gz", broken, affine)
    refused(
        r"images without NaN or infinity, to be smoothed; got 1 voxels .* holed.nii.gz",
        holed,
        smoothing_fwhm=5,
    )
    assert np.array_equal(in_mask(holed, mask).values, RAW), "the voxel is outside the mask"
    refused(r"6 rows of confounds, one a volume; got 5", confounds=np.ones((5, 1)))
    refused(r"confounds that are finite; got NaN in 0", confounds=np.full((6, 1), np.nan))
    atlas = save("atlas.nii.gz", INSIDE.astype(np.int16), affine)
    plain = in_parcels(scan, atlas, ["V1"]).values
    scaled = in_parcels(scan, atlas, ["V1"], standardize="zscore_sample").values
    np.testing.assert_allclose(scaled, (plain - plain.mean()) / plain.std(ddof=1), rtol=1e-5)
    with pytest.raises(BadInput, match=r"a known argument .*got 'smoothing_fwhm'"):
        in_parcels(scan, atlas, ["V1"], smoothing_fwhm=5)
