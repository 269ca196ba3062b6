"""Scans with events: trials by a GLM, a BIDS data set, and the whole Haxby set as nilearn keeps it."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel, compute_regressor

from consilience.connectors.brains import Region, Subject, in_mask, of_bids, trial_betas, within_scan
from consilience.connectors.brains.cleaning import usable
from consilience.connectors.brains.events import repetition_time
from consilience.connectors.brains.haxby import of_fetched
from consilience.engine.errors import BadInput

TR, VOLUMES = 2.0, 120
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
ONSETS = np.arange(6, 220, 12.0)
KINDS = ["face", "house", "shoe"]


def events() -> pd.DataFrame:
    kinds = [KINDS[i % 3] for i in range(len(ONSETS))]
    return pd.DataFrame({"onset": ONSETS, "duration": 1.0, "trial_type": kinds})


def signals(amplitudes: np.ndarray, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Signals (volumes, voxels) of trials with these amplitudes (trials, voxels), on a baseline of 100."""
    times = TR * np.arange(VOLUMES)
    parts = [compute_regressor(([o], [1], [1]), "spm", times)[0][:, 0] for o in ONSETS]
    clean = np.stack(parts, axis=1) @ amplitudes + 100
    return clean + noise * np.random.default_rng(seed).normal(size=clean.shape)


AMPLITUDES = np.random.default_rng(1).normal(size=(len(ONSETS), 4))


def as_image(values: np.ndarray, tr: float = TR) -> nibabel.Nifti1Image:
    image = nibabel.Nifti1Image(values.T.reshape(2, 2, 1, -1).astype(np.float32), AFFINE)
    image.header.set_zooms((3, 3, 3, tr))
    return image


MASK = nibabel.Nifti1Image(np.ones((2, 2, 1), np.uint8), AFFINE)


@pytest.mark.parametrize("how", ["lsa", "lss"])
@pytest.mark.parametrize("noise", ["ols", "ar1"])
def test_the_amplitude_of_every_trial_is_found(how: str, noise: str) -> None:
    betas = trial_betas(Region(signals(AMPLITUDES, 0.005)), events(), TR, how=how, noise=noise).values
    assert betas.shape == AMPLITUDES.shape
    # One regressor for the other trials of a type cannot follow their differences: separate models are near, not exact.
    assert np.corrcoef(betas.ravel(), AMPLITUDES.ravel())[0, 1] > (0.995 if how == "lsa" else 0.9)


@pytest.mark.filterwarnings("ignore:.*Generation of a mask has been requested")  # within nilearn's own model
def test_trials_all_at_once_are_those_of_nilearns_first_level_model() -> None:
    values = signals(AMPLITUDES, 0.3)
    motion = pd.DataFrame(np.random.default_rng(2).normal(size=(VOLUMES, 2)), columns=["x", "y"])
    found = trial_betas(Region(values), events(), TR, confounds=motion).values
    model = FirstLevelModel(
        t_r=TR, hrf_model="spm", mask_img=MASK, signal_scaling=False, noise_model="ols", minimize_memory=True
    )
    names = [f"t{i}" for i in range(len(ONSETS))]
    model.fit(as_image(values), events().assign(trial_type=names), confounds=motion)
    for i in (0, 7, 17):
        expected = model.compute_contrast(names[i], output_type="effect_size").get_fdata().reshape(-1)
        assert np.allclose(found[i], expected, atol=1e-4)


def test_units_that_are_nan_or_constant_stay_so_and_are_counted() -> None:
    values = signals(AMPLITUDES)
    values[3, 1] = np.nan
    values[:, 2] = 812.3
    region = trial_betas(Region(values), events(), TR)
    assert np.isnan(region.values[:, 1]).all()
    assert np.isfinite(region.values[:, [0, 2, 3]]).all()
    assert (region.values[:, 2] == 0).all()
    subject = usable(Subject("s", [str(i) for i in range(len(ONSETS))], {"V1": region}))
    assert [str(x) for x in subject.excluded] == [
        "s: 1 units of V1: not finite (NaN or infinity)",
        "s: 1 units of V1: the same value in every row",
    ]


def test_what_a_glm_cannot_take_is_refused() -> None:
    region = Region(signals(AMPLITUDES))
    with pytest.raises(BadInput, match=r"did you mean 'lss'"):
        trial_betas(region, events(), TR, how="ls-s")
    with pytest.raises(BadInput, match=r"120 rows of confounds, one a volume; got 119"):
        trial_betas(region, events(), TR, confounds=pd.DataFrame(np.zeros((119, 1)), columns=["x"]))
    with pytest.raises(BadInput, match=r"confounds that are finite; got NaN in fd"):
        trial_betas(region, events(), TR, confounds=pd.DataFrame({"fd": [np.nan, *np.zeros(119)]}))
    with pytest.raises(
        BadInput, match=r'fewer trials and confounds than the 18 volumes; got 18. Fix: pass how="lss"'
    ):
        trial_betas(Region(region.values[:18]), events(), TR)


def test_events_outside_the_scan_are_refused_or_counted() -> None:
    late = pd.concat(
        [events(), pd.DataFrame({"onset": [240.0, -3.0], "duration": 1.0, "trial_type": "face"})]
    )
    with pytest.raises(
        BadInput, match=r"0 to 240 s \(120 volumes of 2 s\); got 2 of 20 outside it, the first at 240 s"
    ):
        within_scan(late, VOLUMES, TR)
    kept, out = within_scan(late.sample(frac=1, random_state=0), VOLUMES, TR, outside="drop")
    assert out == 2
    assert kept["onset"].tolist() == ONSETS.tolist()
    with pytest.raises(BadInput, match=r"the columns onset, duration, trial_type; got no trial_type"):
        within_scan(events().drop(columns="trial_type"), VOLUMES, TR)
    with pytest.raises(BadInput, match=r"1 of 18 without one"):
        within_scan(events().replace({"onset": {6.0: np.nan}}), VOLUMES, TR)
    with pytest.raises(BadInput, match=r"at least one event within the scan"):
        within_scan(late.iloc[-2:], VOLUMES, TR, outside="drop")


def test_repetition_times_that_differ_are_refused() -> None:
    image = as_image(signals(AMPLITUDES))
    assert repetition_time(image, None) == repetition_time(image, 2.0) == 2.0
    with pytest.raises(BadInput, match=r"one repetition time: tr = 1.5 s; got 2 s in the header"):
        repetition_time(image, 1.5)
    image.header.set_zooms((3, 3, 3, 2000))
    image.header.set_xyzt_units("mm", "msec")
    assert repetition_time(image, 2.0) == 2.0
    image.header.set_zooms((3, 3, 3, 0))
    with pytest.raises(BadInput, match=r"a repetition time in seconds; got None and a header without one"):
        repetition_time(image, None)


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    """Two subjects with two runs each, preprocessed in MNI space, with confounds."""
    root = tmp_path / "mine"
    for subject in ("01", "02"):
        raw = root / f"sub-{subject}" / "func"
        made = root / "derivatives" / f"sub-{subject}" / "func"
        raw.mkdir(parents=True)
        made.mkdir(parents=True)
        for run in ("1", "2"):
            stem = f"sub-{subject}_task-look_run-{run}"
            events().to_csv(raw / f"{stem}_events.tsv", sep="\t", index=False)
            bold = made / f"{stem}_space-MNI_desc-preproc_bold.nii.gz"
            nibabel.save(as_image(signals(AMPLITUDES, 0.01, int(run))), bold)
            motion = np.random.default_rng(int(run)).normal(size=VOLUMES)
            table = pd.DataFrame({"trans_x": motion, "fd": [np.nan, *motion[1:]]})
            table.to_csv(made / f"{stem}_desc-confounds_timeseries.tsv", sep="\t", index=False, na_rep="n/a")
    (root / "task-look_bold.json").write_text(json.dumps({"RepetitionTime": TR}))
    return root


def regions(image: object) -> dict[str, Region]:
    return {"V1": in_mask(image, MASK)}


def test_a_bids_data_set_gives_a_response_a_trial(bids: Path) -> None:
    data = of_bids(bids, regions, task="look", space="MNI", confounds=["trans_x", "fd"])
    assert (data.name, list(data.names)) == ("mine", ["sub-01", "sub-02"])
    subject = data.subject("sub-02")
    assert list(subject.sample_ids) == KINDS
    assert len(subject.repeats) == 12  # six trials of a kind in each of two runs
    assert [str(x) for x in subject.excluded] == [
        f"sub-02: 1 rows of fd in run-{run}: not recorded; set to the mean" for run in (1, 2)
    ]
    values = subject.regions["V1"].values  # kinds x trials x voxels
    truth = AMPLITUDES.reshape(6, 3, 4).swapaxes(0, 1)
    assert np.corrcoef(values[:, :6].ravel(), truth.ravel())[0, 1] > 0.99
    assert np.corrcoef(values[:, 6:].ravel(), truth.ravel())[0, 1] > 0.99
    other = of_bids(bids, regions, task="look", space="MNI", how="lss")
    assert other.fingerprint != data.fingerprint


def test_a_bids_data_set_that_lacks_something_is_refused(bids: Path) -> None:
    with pytest.raises(BadInput, match=r"images \*_bold.nii.gz \(task-rest\) below"):
        of_bids(bids, regions, task="rest")
    with pytest.raises(BadInput, match=r"the folder of a BIDS data set; got .*prep, which is not a folder"):
        of_bids(bids, regions, task="look", derivatives="prep")
    with pytest.raises(BadInput, match=r"a known confound of run-1 .*did you mean 'trans_x'"):
        of_bids(bids, regions, task="look", confounds=["trans_y"]).subject("sub-01")
    with pytest.raises(BadInput, match=r"one repetition time: tr = 1 s; got 2 s"):
        of_bids(bids, regions, task="look", tr=1).subject("sub-01")
    (bids / "task-look_bold.json").write_text(json.dumps({"RepetitionTime": 2.5}))
    with pytest.raises(BadInput, match=r"one repetition time: the sidecar = 2.5 s; got 2 s"):
        of_bids(bids, regions, task="look").subject("sub-01")
    folder = bids / "derivatives" / "sub-01" / "func"
    (folder / "sub-01_task-look_run-1_desc-confounds_timeseries.tsv").unlink()
    with pytest.raises(BadInput, match=r"one table of confounds for sub-01_task-look_run-1_space-MNI"):
        of_bids(bids, regions, task="look", confounds=["fd"])
    twin = folder / "sub-01_task-look_run-1_space-T1w_desc-preproc_bold.nii.gz"
    nibabel.save(as_image(signals(AMPLITUDES)), twin)
    with pytest.raises(BadInput, match=r"one image for each run of sub-01; got .* name a space"):
        of_bids(bids, regions, task="look")
    twin.unlink()
    (bids / "sub-02" / "func" / "sub-02_task-look_run-2_events.tsv").unlink()
    with pytest.raises(BadInput, match=r"one table of events for sub-02_task-look_run-2_space-MNI.*got 0"):
        of_bids(bids, regions, task="look")


def test_the_whole_haxby_set_is_read_from_where_nilearn_keeps_it(tmp_path: Path) -> None:
    # As nilearn would leave it after a download, of a subject whose second run has no labels, and whose mask of
    # houses is empty.
    folder = tmp_path / "haxby2001"
    home = folder / "subj5"
    home.mkdir(parents=True)
    rng = np.random.default_rng(0)
    shown = [x for kind in ("rest", *KINDS, "rest") for x in [kind] * 6]
    lines = [f"{kind} 0" for kind in shown] + ["rest 1"] * 30 + [f"{kind} 2" for kind in shown]
    (home / "labels.txt").write_text("\n".join(["labels chunks", *lines]) + "\n")
    patterns = {kind: rng.normal(size=4) for kind in KINDS}
    values = [patterns.get(line.split()[0], np.zeros(4)) for line in lines]
    nibabel.save(as_image(np.stack(values) + 0.1 * rng.normal(size=(90, 4)) + 500), home / "bold.nii.gz")
    for name in ("mask4_vt", "mask8b_face_vt", "mask8_face_vt", "mask8_house_vt"):
        nibabel.save(MASK, home / f"{name}.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 1), np.uint8), AFFINE), home / "mask8b_house_vt.nii.gz")
    nibabel.save(MASK, home / "anat.nii.gz")
    nibabel.save(MASK, folder / "mask.nii.gz")
    (folder / "MD5SUMS").write_text("")
    subject = of_fetched("subj5", tmp_path)
    assert (list(subject.sample_ids), subject.repeats) == (KINDS, ("run01", "run03"))
    assert list(subject.regions) == ["VT", "face"]
    assert [str(x) for x in subject.excluded] == [
        "subj5: 1 region (house): mask8b_house_vt.nii.gz with none",
        "subj5: 1 run (run02): it has no labels",
    ]
    found = subject.regions["VT"].mean().values
    wanted = np.stack([patterns[kind] for kind in KINDS])
    assert (
        np.corrcoef((found - found.mean(axis=0)).ravel(), (wanted - wanted.mean(axis=0)).ravel())[0, 1] > 0.9
    )
