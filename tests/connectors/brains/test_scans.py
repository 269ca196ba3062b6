"""Scans with events: trials by a GLM, a BIDS data set, and the whole Haxby set as nilearn keeps it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel, compute_regressor

import consilience as cs
from consilience.connectors.brains import (
    Atlas,
    Masks,
    Region,
    Spheres,
    Subject,
    haxby,
    in_mask,
    of_bids,
    open_brains,
    trial_betas,
    within_scan,
)
from consilience.connectors.brains.cleaning import usable
from consilience.connectors.brains.events import repetition_time
from consilience.connectors.brains.readers import Reader
from consilience.engine.errors import BadInput
from consilience.pipelines.brain.recordings import recordings_of

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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hrf": "fir"}, r"a known haemodynamic response .*got 'fir'"),
        ({"drift": "cosin"}, r"a known drift model .*did you mean 'cosine'"),
        ({"noise": "ar"}, r"a known noise model .*got 'ar'"),
        ({"high_pass": 128}, r"fewer regressors than the 120 volumes; got 138, .*lower high_pass \(in Hz"),
        ({"high_pass": 128, "how": "lss"}, r"fewer regressors than the 120 volumes; got 124"),
    ],
)
def test_a_model_that_nilearn_would_fail_of_or_fit_to_noise_is_refused(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        trial_betas(Region(signals(AMPLITUDES)), events(), TR, **options)


def test_trials_that_cannot_be_told_apart_are_refused() -> None:
    region = Region(signals(AMPLITUDES))
    twice = pd.concat([events(), events().iloc[:1].assign(trial_type="sound")])
    with pytest.raises(BadInput, match=r"trials whose responses can be told apart; got 19 of which 18 can"):
        trial_betas(region, within_scan(twice, VOLUMES, TR)[0], TR)
    last = pd.concat([events(), pd.DataFrame({"onset": [239.0], "duration": 1.0, "trial_type": "face"})])
    for how in ("lsa", "lss"):
        with pytest.raises(
            BadInput, match=r"1 s or more before the last volume, at 238 s; got 1 that do not"
        ):
            trial_betas(region, last, TR, how=how)
    # Confounds may say the same, for nobody asks for their share.
    motion = np.random.default_rng(0).normal(size=VOLUMES)
    same = trial_betas(region, events(), TR, confounds=pd.DataFrame({"a": motion, "b": motion})).values
    once = trial_betas(region, events(), TR, confounds=pd.DataFrame({"a": motion})).values
    assert np.allclose(same, once, atol=1e-6)


def test_durations_that_cannot_be_meant_are_refused() -> None:
    region, instant = Region(signals(AMPLITUDES)), events().assign(duration=0.0)
    found = trial_betas(region, within_scan(instant, VOLUMES, TR)[0], TR).values
    assert np.corrcoef(found.ravel(), AMPLITUDES.ravel())[0, 1] > 0.99, "impulses"
    instant.loc[3, "duration"] = 1.0
    with pytest.raises(BadInput, match=r"a duration above 0 in every event, or 0 in all; got 0 in 17 of 18"):
        within_scan(instant, VOLUMES, TR)
    with pytest.raises(BadInput, match=r"durations of 0 s or longer; got -1 s"):
        within_scan(events().assign(duration=-1.0), VOLUMES, TR)


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
    unset = nibabel.Nifti1Image(image.get_fdata(), AFFINE)  # whose header says 1, of what it does not say
    assert repetition_time(unset, 0.8) == 0.8
    with pytest.raises(BadInput, match=r"a repetition time in seconds; got None and a header without one"):
        repetition_time(unset, None)
    unset.header.set_xyzt_units("mm", "sec")
    assert repetition_time(unset, None) == 1


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


regions = Masks({"V1": MASK})


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
    with pytest.raises(BadInput, match=r"images \*_bold.nii.gz \(task-rest\) in"):
        of_bids(bids, regions, task="rest")
    with pytest.raises(BadInput, match=r"the folder of a BIDS data set; got .*prep, which is not a folder"):
        of_bids(bids, regions, task="look", derivatives="prep")
    shutil.copytree(bids / "derivatives", bids / "prepared" / "fmriprep")  # as fMRIPrep is often called
    with pytest.raises(BadInput, match=r"Fix: choose derivatives='.*/mine/prepared/fmriprep', or check task"):
        of_bids(bids, regions, task="look", derivatives="prepared")
    assert of_bids(bids, regions, task="look", derivatives="prepared/fmriprep").names == ["sub-01", "sub-02"]
    with pytest.raises(BadInput, match=r"a known confound of run-1 .*did you mean 'trans_x'"):
        of_bids(bids, regions, task="look", confounds=["trans_y"]).subject("sub-01")
    with pytest.raises(BadInput, match=r"one repetition time: tr = 1 s; got 2 s"):
        of_bids(bids, regions, task="look", tr=1).subject("sub-01")
    (bids / "task-look_bold.json").write_text(json.dumps({"RepetitionTime": 2.5}))
    with pytest.raises(BadInput, match=r"one repetition time: the sidecar = 2.5 s; got 2 s"):
        of_bids(bids, regions, task="look").subject("sub-01")
    folder = bids / "derivatives" / "sub-01" / "func"
    # A sidecar of its own that says nothing of it, as older derivatives have, hides none.
    own = folder / "sub-01_task-look_run-1_space-MNI_desc-preproc_bold.json"
    own.write_text(json.dumps({"SkullStripped": False}))
    with pytest.raises(BadInput, match=r"one repetition time: the sidecar = 2.5 s; got 2 s"):
        of_bids(bids, regions, task="look").subject("sub-01")
    own.write_text(json.dumps({"RepetitionTime": TR}))
    (folder / "sub-01_task-look_run-1_desc-confounds_timeseries.tsv").unlink()
    with pytest.raises(BadInput, match=r"one table of confounds for sub-01_task-look_run-1_space-MNI"):
        of_bids(bids, regions, task="look", confounds=["fd"])
    twin = folder / "sub-01_task-look_run-1_space-T1w_desc-preproc_bold.nii.gz"
    nibabel.save(as_image(signals(AMPLITUDES)), twin)
    with pytest.raises(
        BadInput, match=r'one image for each run of sub-01; got .* choose space="MNI" \(or "T1w"\)'
    ):
        of_bids(bids, regions, task="look")
    twin.unlink()
    (bids / "sub-02" / "func" / "sub-02_task-look_run-2_events.tsv").unlink()
    with pytest.raises(BadInput, match=r"one table of events for sub-02_task-look_run-2_space-MNI.*got none"):
        of_bids(bids, regions, task="look")


def save(values: np.ndarray, path: Path, affine: np.ndarray = AFFINE) -> None:
    image = as_image(values)
    nibabel.save(nibabel.Nifti1Image(image.get_fdata(dtype=np.float32), affine, image.header), path)


def test_events_of_bids_that_lie_outside_the_scan_are_refused_or_counted(bids: Path) -> None:
    path = bids / "sub-02" / "func" / "sub-02_task-look_run-2_events.tsv"
    late = pd.DataFrame({"onset": [VOLUMES * TR + 1], "duration": 1.0, "trial_type": "face"})
    pd.concat([events(), late]).to_csv(path, sep="\t", index=False)
    with pytest.raises(BadInput, match=r"within the scan, 0 to 240 s .*; got 1 of 19 outside it"):
        of_bids(bids, regions, task="look", space="MNI").subject("sub-02")
    kept = of_bids(bids, regions, task="look", space="MNI", outside="drop").subject("sub-02")
    assert [str(x) for x in kept.excluded] == ["sub-02: 1 events of run-2: outside the scan"]
    assert kept.regions["V1"].repeats == 12
    last = pd.DataFrame({"onset": [VOLUMES * TR - 1], "duration": 1.0, "trial_type": "face"})
    pd.concat([events(), last]).to_csv(path, sep="\t", index=False)
    with pytest.raises(
        BadInput, match=r"before the last volume, at 238 s; got 1 that do not. Fix: .*outside=.drop"
    ):
        of_bids(bids, regions, task="look", space="MNI").subject("sub-02")
    kept = of_bids(bids, regions, task="look", space="MNI", outside="drop").subject("sub-02")
    assert [str(x) for x in kept.excluded] == ["sub-02: 1 events of run-2: too late for a response"]
    path.write_text(path.read_text().replace("239.0", "4 min"))
    with pytest.raises(BadInput, match=r"an onset, a duration and a trial_type in every event; got 1 of 19"):
        of_bids(bids, regions, task="look", space="MNI").subject("sub-02")


def test_recordings_are_read_again_when_images_or_regions_change(bids: Path, tmp_path: Path) -> None:
    store = cs.FeatureStore(tmp_path / "store")

    def recorded(reader: Any, **more: Any) -> Any:
        data = of_bids(bids, reader, task="look", space="MNI", **more)
        return recordings_of(data, store, lambda: None).subjects["sub-01"]

    first = recorded(regions)
    half = np.array([[[1], [1]], [[0], [0]]], np.uint8)
    assert recorded(Masks({"V1": nibabel.Nifti1Image(half, AFFINE)})).layers["V1"].dim == 2
    path = (
        bids / "derivatives" / "sub-01" / "func" / "sub-01_task-look_run-1_space-MNI_desc-preproc_bold.nii.gz"
    )
    plain = path.with_suffix("")
    save(signals(AMPLITUDES, 0.01, 7), plain)
    path.unlink()
    second, size = recorded(regions), plain.stat().st_size
    save(signals(2 * AMPLITUDES, 0.01, 7), plain)
    assert plain.stat().st_size == size
    third = recorded(regions)
    assert len({x.digest for x in (first, second, third)}) == 3
    assert recorded(regions).digest == third.digest
    # Neither of these reads otherwise than the other, but that cannot be known of a function.
    with pytest.raises(
        BadInput, match=r"`regions` of which it is known when they change; got a function, <lambda>"
    ):
        recorded(lambda image: regions(image))
    assert recorded(lambda image: regions(image), regions_version="1").digest != third.digest


def test_readers_say_what_decides_their_regions(bids: Path, tmp_path: Path) -> None:
    labels = np.array([[[1], [1]], [[2], [0]]], np.int16)
    file = tmp_path / "atlas.nii.gz"
    nibabel.save(nibabel.Nifti1Image(labels, AFFINE), file)
    moved = AFFINE + np.outer([1, 0, 0, 0], [0, 0, 0, 3.0])
    readers: list[Reader] = [
        regions,
        Masks({"V2": MASK}),
        Masks({"V1": MASK}, {"smoothing_fwhm": 4}),
        Masks({"V1": nibabel.Nifti1Image(np.ones((2, 2, 1), np.uint8), moved)}),
        Atlas(file, ["V1", "V2"]),
        Atlas(file, {1: "V1"}),
        Atlas(file, {1: "V1"}, MASK),
        Spheres({"V1": (0, 0, 0)}, 2),
        Spheres({"V1": (0, 0, 0)}, 4),
        Spheres({"V1": (0, 0, 3)}, 4),
    ]
    before = [reader.fingerprint for reader in readers]
    assert len(set(before)) == len(readers)
    assert [reader.fingerprint for reader in readers] == before
    nibabel.save(nibabel.Nifti1Image(labels[::-1], AFFINE), file)
    assert Atlas(file, ["V1", "V2"]).fingerprint not in before
    found = of_bids(bids, Atlas(file, ["V1", "V2"]), task="look", space="MNI").subject("sub-01")
    assert {name: r.values.shape[2] for name, r in found.regions.items()} == {"V1": 2, "V2": 1}
    with pytest.raises(BadInput, match=r"a NIfTI file; got gone.nii, which is not a file"):
        of_bids(bids, Atlas("gone.nii", ["V1"]), task="look")


def test_runs_of_other_voxels_are_not_taken_for_repeats(bids: Path) -> None:
    folder = bids / "derivatives" / "sub-01" / "func"
    path = folder / "sub-01_task-look_run-2_space-MNI_desc-preproc_bold.nii.gz"
    save(signals(AMPLITUDES), path, AFFINE + np.outer([1, 0, 0, 0], [0, 0, 0, 3.0]))

    def own(image: Any) -> dict[str, Region]:
        return {"V1": in_mask(image, nibabel.Nifti1Image(np.ones((2, 2, 1), np.uint8), image.affine))}

    def nowhere(image: Any) -> dict[str, Region]:
        return {"V1": replace(own(image)["V1"], coordinates=None)}

    with pytest.raises(
        BadInput,
        match=r"the same places of the units of V1 in every run of sub-01; got units up to 3 mm apart in run-1 and",
    ):
        of_bids(bids, own, task="look", regions_version="1").subject("sub-01")
    with pytest.raises(
        BadInput, match=r"run-2 of sub-01 and run-1 on one grid; got .*\[3.0, 0.0, 0.0, 3.0\]"
    ):
        of_bids(bids, nowhere, task="look", regions_version="1").subject("sub-01")
    assert of_bids(bids, own, task="look", regions_version="1").subject("sub-02").regions["V1"].repeats == 12


def test_scans_are_told_apart_by_their_entities(bids: Path) -> None:
    raw, made = bids / "sub-01" / "func", bids / "derivatives" / "sub-01" / "func"

    def rename(folder: Path, old: str, new: str) -> None:
        for path in list(folder.glob(f"*{old}*")):
            path.rename(folder / path.name.replace(old, new))

    for folder in (raw, made):
        rename(folder, "task-look_run-1", "task-look_acq-fast_dir-AP_run-1")
        rename(folder, "task-look_run-2", "task-look_acq-fast_dir-PA_run-1")
    data = of_bids(bids, regions, task="look", space="MNI", confounds=["fd"])
    assert [x.what for x in data.subject("sub-01").excluded] == [
        f"rows of fd in acq-fast_dir-{way}_run-1" for way in ("AP", "PA")
    ]
    rename(made, "dir-AP_run-1_space", "dir-AP_run-1_echo-1_space")
    assert data.fingerprint != of_bids(bids, regions, task="look", space="MNI").fingerprint
    first = next(made.glob("*echo-1*"))
    second = first.with_name(first.name.replace("echo-1", "echo-2"))
    shutil.copy(first, second)
    with pytest.raises(
        BadInput, match=r'one image for each run of sub-01; got .*choose entities={"echo": "1"} \(or "2"\)'
    ):
        of_bids(bids, regions, task="look", space="MNI")
    # What was combined of the echoes bears none, and so do the runs of the others.
    first.rename(first.with_name(first.name.replace("_echo-1", "")))
    with pytest.raises(BadInput, match=r'choose entities={"echo": "2"} \(or None: those without\)'):
        of_bids(bids, regions, task="look", space="MNI")
    combined = of_bids(bids, regions, task="look", space="MNI", entities={"echo": None})
    assert len(combined.subject("sub-01").repeats) == 12
    # One table of events for all runs of the task, as BIDS has it.
    for path in bids.glob("sub-*/func/*_events.tsv"):
        path.unlink()
    events().to_csv(bids / "task-look_events.tsv", sep="\t", index=False)
    assert (
        list(of_bids(bids, regions, task="look", entities={"echo": None}).subject("sub-01").sample_ids)
        == KINDS
    )
    with pytest.raises(BadInput, match=r"\(task-look, echo-3\) in .* check task, space, entities"):
        of_bids(bids, regions, task="look", entities={"echo": "3"})


def test_a_bids_data_set_has_a_name_with_options(bids: Path, tmp_path: Path) -> None:
    labels = np.array([[[1], [1]], [[2], [7]]], np.int16)
    nibabel.save(nibabel.Nifti1Image(labels, AFFINE), tmp_path / "atlas.nii.gz")
    nibabel.save(MASK, tmp_path / "mask.nii.gz")
    (tmp_path / "names.tsv").write_text("index\tname\n1\tV1\n2\tV2\n7\tV1\n")
    (tmp_path / "names.txt").write_text("V1\n\nV2\n")

    def sizes(**options: Any) -> dict[str, int]:
        data = open_brains("bids:mine", task="look", space="MNI", base=tmp_path, **options)
        return {name: r.values.shape[2] for name, r in data.subject("sub-01").regions.items()}

    atlas: dict[str, Any] = {"atlas": "atlas.nii.gz"}
    assert sizes(**atlas) == {"1": 2, "2": 1, "7": 1}
    assert sizes(**atlas, labels="names.tsv") == {"V1": 3, "V2": 1}
    assert sizes(**atlas, labels="names.txt") == sizes(**atlas, labels=["V1", "V2"]) == {"V1": 2, "V2": 1}
    assert sizes(**atlas, labels={7: "MT"}, mask="mask.nii.gz") == {"MT": 1}
    assert sizes(masks={"all": str(tmp_path / "mask.nii.gz")}, entities={"run": 1}, how="lss") == {"all": 4}
    assert sizes(spheres={"corner": [0, 0, 0]}, radius=1) == {"corner": 1}
    one = open_brains(f"bids:{bids}", task="look", space="MNI", masks={"V1": str(tmp_path / "mask.nii.gz")})
    same = of_bids(bids, regions, task="look", space="MNI").subject("sub-01").regions["V1"]
    assert np.array_equal(one.subject("sub-01").regions["V1"].values, same.values)
    for options, words in (
        ({}, r"one of `masks`, `atlas` and `spheres`; got none of them"),
        ({**atlas, "spheres": {"a": [0, 0, 0]}}, r"one of .*; got 2 of them"),
        ({"atlas": "gone.nii"}, r"a NIfTI file; got .*gone.nii, which is not a file"),
        ({**atlas, "labels": "gone.tsv"}, r"a file of the names of labels; got .*gone.tsv"),
        ({**atlas, "labels": 3}, r"`labels` of bids:FOLDER as a valid string or .*; got 3. Fix: correct `labels:`"),
        ({**atlas, "spaces": "MNI"}, r"a known option of bids:FOLDER .*did you mean 'space'"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            sizes(**options)
    with pytest.raises(BadInput, match=r"the option `task` of bids:FOLDER; got none. Fix: add `task:`"):
        open_brains(f"bids:{bids}", **atlas)


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
    fetched = haxby.fingerprint_of_fetched(tmp_path / "nothing")
    unknown = haxby.fingerprint_of_fetched(tmp_path)
    haxby.remember_fetched(tmp_path, "subj5")
    assert haxby.fingerprint_of_fetched(tmp_path) == fetched != unknown
    kept = (home / "labels.txt").read_text()
    (home / "labels.txt").write_text(kept.replace("face 0", "shoe 0"))
    assert haxby.fingerprint_of_fetched(tmp_path) not in (fetched, unknown)
    (home / "labels.txt").write_text(kept)
    subject = haxby.of_fetched("subj5", tmp_path)
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
