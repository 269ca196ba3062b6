"""Raw runs over time: volumes and surfaces, of BIDS and of folders, with what was shown brought to their rows."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.gifti import GiftiDataArray, GiftiImage
from timed_scans import (
    AFFINE,
    CONFOUNDS,
    FEATURES,
    IDS,
    LENGTHS,
    TR,
    V1,
    bids,
    events_of,
    gifti,
    heard,
    masks,
)

import consilience as cs
from consilience.connectors.brains import Masks, PerSubject, SurfaceReader, of_bids, open_brains, to_volumes
from consilience.connectors.brains.timelines import Clock, Timeline
from consilience.connectors.datasets import haxby
from consilience.engine.errors import BadInput

RUNS = [f"run-{k}" for k in (1, 2, 3)]
PIECES = np.cumsum([0, *LENGTHS])


def opened(folder: Path, **options: Any) -> Any:
    more = {"masks": masks(folder), "stimulus": "stim_file", "rest": ["n/a"], "over_time": True, **options}
    return open_brains("bids:mine", task="look", base=folder, **more)


def test_events_locked_to_volumes_lie_in_theirs() -> None:
    for tr in (0.1, 0.4, 0.7, 0.72, 0.8, 1.1, 2.2):
        onsets = [round(k * tr, 3) for k in range(200)]
        assert np.array_equal(to_volumes(np.eye(200), onsets, 200, tr, hrf=None), np.eye(200)), tr


def test_runs_of_bids_are_rows_with_their_nuisance(tmp_path: Path) -> None:
    bids(tmp_path / "mine")
    data = opened(tmp_path, confounds=list(CONFOUNDS))
    assert (list(data.names), data.notes["tr"], data.own_rows) == (["sub-01", "sub-02"], TR, False)
    one, two = (data.subject(name) for name in data.names)
    assert list(one.sample_ids) == [f"{run}_vol{i:04d}" for run, n in zip(RUNS, LENGTHS) for i in range(n)]
    assert one.groups == [run for run, n in zip(RUNS, LENGTHS) for _ in range(n)]
    assert list(two.sample_ids) == list(one.sample_ids), "the runs were the same for both"
    for k, run in enumerate(RUNS):
        stem = tmp_path / f"mine/derivatives/sub-01/func/sub-01_task-look_{run}"
        raw = nib.load(f"{stem}_space-MNI_desc-preproc_bold.nii.gz").get_fdata()  # type: ignore[attr-defined]
        rows = slice(PIECES[k], PIECES[k + 1])
        np.testing.assert_allclose(one.regions["V1"].values[rows], raw[V1].T, rtol=1e-6)
        table = pd.read_csv(f"{stem}_desc-confounds_timeseries.tsv", sep="\t")
        np.testing.assert_allclose(one.nuisance["confounds"][rows][1:], table.to_numpy()[1:])
        assert one.nuisance["confounds"][rows][0, 1] == pytest.approx(table["trans_x_derivative1"].mean())
    assert one.nuisance["rate"].shape == (sum(LENGTHS), 3)
    assert [str(x) for x in one.excluded] == [
        f"sub-01: 1 rows of trans_x_derivative1 in {run}: not recorded; set to the mean" for run in RUNS
    ]
    assert opened(tmp_path).fingerprint != data.fingerprint


def test_features_of_what_was_shown_come_to_the_rows_run_by_run(tmp_path: Path) -> None:
    bids(tmp_path / "mine")
    data = opened(tmp_path)
    order = [IDS.index(i) for i in data.stimulus_ids]
    ids, found = data.on_rows(FEATURES[order], "spm")
    assert ids == list(data.subject("sub-01").sample_ids)
    wanted = np.concatenate([heard(events_of(run, 1), n) for run, n in enumerate(LENGTHS)])
    np.testing.assert_allclose(found, wanted, atol=1e-8)
    _, binned = data.on_rows(FEATURES[order], None)
    first = events_of(1, 1).iloc[1]
    row = LENGTHS[0] + 3  # 2.4 s after the run began, which is three volumes of 0.8 s
    np.testing.assert_array_equal(binned[row], FEATURES[IDS.index(first["stim_file"])])
    assert (binned[PIECES[1:-1]] == 0).all(), "nothing was shown at the beginning of a run"


def test_where_slices_were_brought_to_is_allowed_for(tmp_path: Path) -> None:
    bids(tmp_path / "mine", subjects=1)
    plain = opened(tmp_path).on_rows(np.eye(12), "spm")[1]
    by = {"stimulus": "stim_file", "rest": ["n/a"], "uneven": "drop", "over_time": False}
    without = opened(tmp_path, **by).subject("sub-01").regions["V1"].values
    for path in (tmp_path / "mine/derivatives/sub-01/func").glob("*_bold.nii.gz"):
        said = {"RepetitionTime": TR, "StartTime": TR / 2, "SliceTimingCorrected": True}
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(said))
    data = opened(tmp_path)
    moved = data.on_rows(np.eye(12), "spm")[1]
    order = [IDS.index(i) for i in data.stimulus_ids]
    event = events_of(0, 1).iloc[1]
    alone = np.eye(12)[[order.index(IDS.index(event["stim_file"]))]]
    wanted = to_volumes(alone, [event["onset"]], 9, TR, first=TR / 2, durations=[event["duration"]])
    np.testing.assert_allclose(moved[:9], wanted, atol=1e-8)
    assert not np.allclose(moved, plain)
    again = opened(tmp_path, **by).subject("sub-01").regions["V1"].values
    assert not np.allclose(again, without, atol=1e-3), "trials are estimated at those times too"


def test_subjects_with_an_order_of_their_own_have_rows_of_their_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bids(tmp_path / "mine", alike=False)
    data = opened(tmp_path)
    assert data.own_rows
    assert data.subject("sub-02").sample_ids[0] == "sub-02_run-1_vol0000"
    ids, found = data.on_rows(np.eye(12), "spm")
    assert len(ids) == len(set(ids)) == len(found) == 2 * sum(LENGTHS)
    written = data.write(cs.FeatureStore(tmp_path / "store"))
    assert written.excluded == (), "nobody lacks the rows of another"
    # A scanner that is started a moment later makes no other run.
    path = tmp_path / "mine/sub-02/func/sub-02_task-look_run-{}_events.tsv"
    for run in range(3):
        late = events_of(run, 1)
        late["onset"] += 0.01
        late.to_csv(str(path).format(run + 1), sep="\t", index=False)
    assert not opened(tmp_path).own_rows


def test_ids_that_look_like_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    bids(tmp_path / "mine", subjects=1)
    folder_of(tmp_path, by_events=True, subjects=("s1",))
    for path in [*(tmp_path / "mine").rglob("*_events.tsv"), tmp_path / "s1_events.tsv"]:
        table = pd.read_csv(path, sep="\t")
        table["stim_file"] = table["stim_file"].str.replace("picture-", "0")  # and n/a at the cross
        table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    wanted = {f"0{k:02d}" for k in range(12)}
    assert set(opened(tmp_path).stimulus_ids) == wanted
    trials = opened(tmp_path, over_time=False, uneven="drop").subject("sub-01")
    assert set(trials.sample_ids) == wanted
    more: dict[str, Any] = {"events": "{subject}_events.tsv", "stimulus": "stim_file", "rest": ["n/a"]}
    data = open_brains("volumes:runs", base=tmp_path, masks=masks(tmp_path), tr=TR, **more)
    assert set(data.stimulus_ids) == wanted


def test_a_run_that_ended_early_is_the_same_run(tmp_path: Path) -> None:
    bids(tmp_path / "mine")
    path = tmp_path / "mine/derivatives/sub-02/func/sub-02_task-look_run-2_space-MNI_desc-preproc_bold.nii.gz"
    image = nib.load(path)
    nib.save(image.slicer[..., :100], path)  # type: ignore[attr-defined]
    with pytest.raises(
        BadInput, match=r"events within the scan, 0 to 80 s \(100 volumes of 0.8 s\); got 3 of"
    ):
        opened(tmp_path).subject("sub-02")
    data = opened(tmp_path, outside="drop")
    assert [str(x) for x in data.subject("sub-02").excluded] == [
        "sub-02: 3 events of run-2: outside the scan"
    ]
    assert not data.own_rows
    assert set(data.subject("sub-02").sample_ids) < set(data.subject("sub-01").sample_ids)
    assert data.on_rows(np.eye(12), "spm")[0] == list(data.subject("sub-01").sample_ids)
    written = data.write(cs.FeatureStore(tmp_path / "store"))
    assert "sub-02: 30 of 450 rows ('run-2_vol0100'" in str(written.excluded[-1])


def folder_of(root: Path, by_events: bool, subjects: tuple[str, ...] = ("s1", "s2")) -> None:
    """The same runs as one image a subject, with a table of its volumes, and maybe one of events."""
    (root / "runs").mkdir()
    for subject in subjects:
        parts, confounds, events, shown = [], [], [], []
        for run, n in enumerate(LENGTHS):
            stem = root / f"mine/derivatives/sub-0{subject[1]}/func/sub-0{subject[1]}_task-look_run-{run + 1}"
            parts.append(nib.load(f"{stem}_space-MNI_desc-preproc_bold.nii.gz").get_fdata())  # type: ignore[attr-defined]
            confounds.append(
                pd.read_csv(f"{stem}_desc-confounds_timeseries.tsv", sep="\t").assign(run=f"run-{run + 1}")
            )
            held = events_of(run, 1).assign(run=f"run-{run + 1}")
            events.append(held)
            at = ["rest"] * n
            for event in held.iloc[1:].itertuples():
                at[round(float(event.onset) / TR)] = str(event.stim_file)
            shown += at
        nib.save(
            nib.Nifti1Image(np.concatenate(parts, 3).astype(np.float32), AFFINE),
            root / f"runs/{subject}.nii.gz",
        )
        table = pd.concat(confounds)
        if not by_events:
            table["sample_id"] = shown
        table.to_csv(root / f"runs/{subject}.tsv", sep="\t", index=False, na_rep="n/a")
        pd.concat(events).to_csv(root / f"{subject}_events.tsv", sep="\t", index=False, na_rep="n/a")


@pytest.mark.parametrize("by_events", [True, False])
def test_a_folder_of_runs_is_what_bids_is(tmp_path: Path, by_events: bool) -> None:
    bids(tmp_path / "mine")
    folder_of(tmp_path, by_events)
    more: dict[str, Any] = {"rest": ["rest"]}
    if by_events:
        more = {"rest": ["n/a"], "events": "{subject}_events.tsv", "stimulus": "stim_file"}
    options = {"masks": masks(tmp_path), "tr": TR, "confounds": list(CONFOUNDS), **more}
    data: Any = open_brains(f"volumes:{tmp_path / 'runs'}", base=tmp_path, **options)
    same = opened(tmp_path, confounds=list(CONFOUNDS))
    one, other = data.subject("s2"), same.subject("sub-02")
    assert (list(one.sample_ids), one.groups) == (list(other.sample_ids), other.groups)
    np.testing.assert_allclose(one.regions["V1"].values, other.regions["V1"].values, rtol=1e-6)
    np.testing.assert_allclose(one.nuisance["confounds"], other.nuisance["confounds"])
    features = FEATURES[[IDS.index(i) for i in data.stimulus_ids]]
    again = FEATURES[[IDS.index(i) for i in same.stimulus_ids]]
    for hrf in (None, "spm"):
        found, wanted = data.on_rows(features, hrf)[1], same.on_rows(again, hrf)[1]
        if by_events or hrf is None:
            np.testing.assert_allclose(found, wanted, atol=1e-8)
        else:  # an impulse in place of a boxcar of one volume
            assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.98
    if by_events:
        np.testing.assert_allclose(one.nuisance["rate"], other.nuisance["rate"])
    assert one.nuisance["rate"].shape == (sum(LENGTHS), 3)


def test_features_a_volume_need_no_rate(tmp_path: Path) -> None:
    bids(tmp_path / "mine")
    folder_of(tmp_path, by_events=False)
    for path in (tmp_path / "runs").glob("*.tsv"):
        table = pd.read_csv(path, sep="\t")
        table["sample_id"] = [f"frame{k}" for k in range(len(table))]
        table.drop(columns="run").to_csv(path, sep="\t", index=False)
    data: Any = open_brains(f"volumes:{tmp_path / 'runs'}", base=tmp_path, masks=masks(tmp_path), tr=TR)
    subject = data.subject("s1")
    assert (subject.groups, dict(subject.nuisance)) == (None, {})
    assert np.array_equal(data.on_rows(np.eye(sum(LENGTHS)), None)[1], np.eye(sum(LENGTHS)))


def test_surface_runs_of_bids_over_time_and_by_trials(tmp_path: Path) -> None:
    bids(tmp_path / "mine", subjects=1, surface=True)
    back = np.arange(10242) < 40
    for side in ("lh", "rh"):
        gifti(tmp_path / f"{side}.V1.gii", back[None])
    halves = {"left": "lh.V1.gii", "right": "rh.V1.gii"}
    data = opened(
        tmp_path, masks={"V1": halves}, mesh="fsaverage5", space="fsaverage5", confounds=["trans_x"]
    )
    subject = data.subject("sub-01")
    values = subject.regions["V1"].values
    assert values.shape == (sum(LENGTHS), 80)
    stem = (
        tmp_path
        / "mine/derivatives/sub-01/func/sub-01_task-look_run-2_hemi-{}_space-fsaverage5_bold.func.gii"
    )
    raw = [nib.load(str(stem).format(side)).agg_data() for side in "LR"]  # type: ignore[attr-defined]
    wanted = np.concatenate([np.stack(x, axis=1)[back].T for x in raw], axis=1)
    np.testing.assert_allclose(values[PIECES[1] : PIECES[2]], wanted, rtol=1e-6)
    assert subject.regions["V1"].coordinates is not None
    trials = opened(tmp_path, masks={"V1": halves}, mesh="fsaverage5", over_time=False, uneven="drop")
    betas = trials.subject("sub-01")
    assert sorted(betas.sample_ids) == IDS
    drive = np.random.default_rng(5).normal(size=(3, 2 * 10242))[:, np.tile(back, 2)]
    truth = FEATURES[[IDS.index(i) for i in betas.sample_ids]] @ drive
    found = betas.regions["V1"].mean().values
    assert np.corrcoef((found - found.mean(axis=0)).ravel(), (truth - truth.mean(axis=0)).ravel())[0, 1] > 0.9
    whole = opened(tmp_path, masks=None, mesh="fsaverage5").subject("sub-01")
    assert whole.regions["cortex"].values.shape == (sum(LENGTHS), 2 * 10242)
    (tmp_path / "mine" / "task-look_bold.json").unlink()
    with pytest.raises(BadInput, match=r"a repetition time in seconds of sub-01_.*hemi-L.*no sidecar with"):
        opened(tmp_path, masks=None, mesh="fsaverage5")
    same = SurfaceReader(
        "fsaverage5", {"V1": {k: tmp_path / v for k, v in halves.items()}}, None, None, tmp_path
    )
    more: dict[str, Any] = {"stimulus": "stim_file", "rest": ["n/a"], "tr": TR, "surface": True}
    again = of_bids(tmp_path / "mine", same, task="look", over_time=True, **more).subject("sub-01")
    assert np.array_equal(again.regions["V1"].values, values)
    Path(str(stem).format("R")).unlink()
    with pytest.raises(
        BadInput, match=r"hemispheres left and right in every run; got left alone in sub-01 run-2"
    ):
        opened(tmp_path, masks=None, mesh="fsaverage5", tr=TR)
    left = opened(tmp_path, masks=None, mesh="fsaverage5", tr=TR, entities={"hemi": "L"}).subject("sub-01")
    assert left.regions["cortex"].values.shape[1] == 10242
    Path(str(stem).format("L")).rename(str(stem).format("L").replace("_hemi-L", ""))
    with pytest.raises(
        BadInput, match=r"hemi-L and hemi-R in the names of the surfaces of sub-01; got sub-01"
    ):
        opened(tmp_path, masks=None, mesh="fsaverage5", tr=TR)


def test_surfaces_of_fslr_and_of_each_subjects_own_mesh(tmp_path: Path) -> None:
    # A dozen vertices stand for the 32k of fsLR; the medial wall is NaN in one hemisphere, and 0 in the other.
    rng = np.random.default_rng(0)
    bids(tmp_path / "mine", subjects=2)
    held: dict[tuple[str, int, str], np.ndarray] = {}
    for subject in ("sub-01", "sub-02"):
        for side in "LR":
            nib.save(
                GiftiImage(
                    darrays=[
                        GiftiDataArray(rng.normal(size=(12, 3)).astype(np.float32), "NIFTI_INTENT_POINTSET"),
                        GiftiDataArray(np.array([[0, 1, 2], [2, 3, 4]], np.int32), "NIFTI_INTENT_TRIANGLE"),
                    ]
                ),
                tmp_path / f"{subject}_hemi-{side}_midthickness.surf.gii",
            )
            for run, n in enumerate(LENGTHS, 1):
                values = 100 + rng.normal(size=(n, 12)).astype(np.float32)
                values[:, 7] = np.nan if side == "L" else 0
                held[subject, run, side] = values
                for density in ("32k", "164k"):
                    stem = f"{subject}_task-look_run-{run}_hemi-{side}_space-fsLR_den-{density}"
                    gifti(tmp_path / f"mine/derivatives/{subject}/func/{stem}_bold.func.gii", values)
    mesh = {side: f"{{subject}}_hemi-{side[0].upper()}_midthickness.surf.gii" for side in ("left", "right")}
    with pytest.raises(
        BadInput, match=r'one image for each run of sub-01; .* choose entities={"den": "164k"}'
    ):
        opened(tmp_path, masks=None, mesh=mesh, space="fsLR")
    data = opened(tmp_path, masks=None, mesh=mesh, space="fsLR", entities={"den": "32k"})
    for name in data.names:
        subject = data.subject(name)
        assert [str(x) for x in subject.excluded] == [
            f"{name}: 1 units of cortex: not finite (NaN or infinity)",
            f"{name}: 1 units of cortex: the same value in every row",
        ]
        region, kept = subject.regions["cortex"], np.arange(12) != 7
        wanted = np.concatenate([np.hstack([held[name, run, x][:, kept] for x in "LR"]) for run in (1, 2, 3)])
        assert np.array_equal(region.values, wanted)
        places = nib.load(tmp_path / f"{name}_hemi-R_midthickness.surf.gii").agg_data("pointset")  # type: ignore[attr-defined]
        assert region.coordinates is not None
        np.testing.assert_allclose(region.coordinates[11:], places[kept])
    with pytest.raises(BadInput, match=r"10242 vertices in sub-01_.*, as the mesh has; got 12"):
        opened(tmp_path, masks=None, mesh="fsaverage5", space="fsLR", entities={"den": "32k"}).subject(
            "sub-01"
        )


def test_a_folder_of_surfaces_over_time(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    values = {
        subject: np.random.default_rng(k).normal(size=(60, 10242)).astype(np.float32)
        for k, subject in enumerate("ab")
    }
    for subject, maps in values.items():
        gifti(tmp_path / f"maps/{subject}.lh.func.gii", maps)
    lines = [f"{IDS[k // 5] if k % 5 == 0 else 'rest'}\t{'x' if k < 25 else 'y'}" for k in range(60)]
    (tmp_path / "maps/rows.tsv").write_text("\n".join(["sample_id\trun", *lines]))
    gifti(tmp_path / "lh.V1.gii", (np.arange(10242) < 20)[None])
    masks = {"V1": {"left": "lh.V1.gii"}}
    data: Any = open_brains("surfaces:maps", base=tmp_path, tr=1.5, masks=masks, signals={"detrend": True})
    subject = data.subject("b")
    assert subject.groups == ["x"] * 25 + ["y"] * 35
    assert list(subject.sample_ids[24:26]) == ["x_vol0024", "y_vol0000"]
    found = subject.regions["V1"].values
    assert found.shape == (60, 20)
    assert np.abs(found[:25].mean(axis=0)).max() < 1e-5, "within each run"
    assert subject.nuisance["rate"].shape == (60, 3)
    rows = data.on_rows(np.eye(12), None)[1]
    assert np.array_equal(rows[::5], np.eye(12))
    assert rows.sum() == 12
    with pytest.raises(BadInput, match=r"no `uneven` with `tr`; got tr=1.5"):
        open_brains("surfaces:maps", base=tmp_path, tr=1.5, uneven="drop")


def test_masks_in_the_space_of_each_subject(tmp_path: Path) -> None:
    bids(tmp_path / "mine")
    for subject, inside in (("sub-01", V1), ("sub-02", ~V1)):
        nib.save(nib.Nifti1Image(inside.astype(np.uint8), AFFINE), tmp_path / f"{subject}_roi.nii.gz")
    data = opened(tmp_path, masks={"roi": "{subject}_roi.nii.gz"})
    assert [data.subject(name).regions["roi"].values.shape[1] for name in data.names] == [8, 16]
    own = PerSubject(lambda subject: Masks({"roi": tmp_path / f"{subject}_roi.nii.gz"}))
    of = of_bids(tmp_path / "mine", own, task="look", stimulus="stim_file", rest=["n/a"], over_time=True)
    assert of.subject("sub-02").regions["roi"].values.shape[1] == 16
    nib.save(nib.Nifti1Image(V1.astype(np.uint8), AFFINE), tmp_path / "sub-02_roi.nii.gz")
    assert opened(tmp_path, masks={"roi": "{subject}_roi.nii.gz"}).fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"how": "lss"}, r"no options of a GLM with `over_time`; got how"),
        ({"uneven": "drop"}, r"no `uneven` with `over_time`; got 'drop'"),
        ({"stimulus": "stimfile"}, r"a known column of sub-01_.*for the stimuli .*did you mean 'stim_file'"),
        ({"rest": []}, r"an onset, a duration and a trial_type in every event; got 1 of"),
        ({"confounds": ["trans_y"]}, r"a known confound of run-1 .*did you mean 'trans_x'"),
        ({"masks": {"V1": {"left": "lh.V1.gii"}}}, r"one file for each mask or atlas of volumes; got .*mesh"),
        ({"mesh": "fsaverage5", "masks": None}, r"images \*_bold.func.gii \(task-look\) in .*; got none"),
        ({"mesh": "fsaverage5", "mask": "V1.nii.gz"}, r"`masks` or an `atlas` with `mesh`; got `spheres` or"),
        ({"mesh": "fsaverage5"}, r"a file a hemisphere, for surfaces; got V1.nii.gz"),
        ({"tr": 2}, r"one repetition time: tr = 2 s; got 0.8 s in the header of the image"),
    ],
)
def test_what_runs_cannot_be_read_by_is_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    bids(tmp_path / "mine")
    with pytest.raises(BadInput, match=words):
        opened(tmp_path, **options).subject("sub-01")


def test_confounds_and_repetition_times_that_do_not_fit_the_runs_are_refused(tmp_path: Path) -> None:
    bids(tmp_path / "mine")
    func = tmp_path / "mine/derivatives/sub-01/func"
    table = func / "sub-01_task-look_run-2_desc-confounds_timeseries.tsv"
    held = pd.read_csv(table, sep="\t")
    held.iloc[:-1].to_csv(table, sep="\t", index=False)
    with pytest.raises(BadInput, match=r"130 rows of confounds, one a volume; got 129"):
        opened(tmp_path, confounds=["trans_x"]).subject("sub-01")
    held["trans_x"] = held["trans_x"].where(held.index != 7)
    held.to_csv(table, sep="\t", index=False, na_rep="n/a")
    with pytest.raises(BadInput, match=r"confounds that are finite; got NaN in trans_x"):
        opened(tmp_path, confounds=["trans_x"]).subject("sub-01")
    path = func / "sub-01_task-look_run-3_space-MNI_desc-preproc_bold.nii.gz"
    (tmp_path / "mine" / "task-look_bold.json").unlink()
    image = nib.load(path)
    image.header.set_zooms((3, 3, 3, 1.6))  # type: ignore[attr-defined]
    nib.save(nib.Nifti1Image(image.get_fdata(), AFFINE, image.header), path)  # type: ignore[attr-defined]
    with pytest.raises(
        BadInput, match=r"one repetition time in all runs; got 0.8 s in .* and 1.6 s in sub-01 run-3"
    ):
        opened(tmp_path)


def test_tables_of_volumes_over_time_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    bids(tmp_path / "mine")
    folder_of(tmp_path, by_events=True)
    given = {"masks": masks(tmp_path), "tr": TR, "events": "{subject}_events.tsv", "stimulus": "stim_file"}

    def refused(words: str, **options: Any) -> None:
        with pytest.raises(BadInput, match=words):
            open_brains(f"volumes:{tmp_path / 'runs'}", base=tmp_path, **{**given, **options}).subject("s1")

    refused(r"a repetition time in seconds; got tr=0", tr=0)
    image = nib.load(tmp_path / "runs/s1.nii.gz")
    image.header.set_zooms((3, 3, 3, 2.0))  # type: ignore[attr-defined]
    nib.save(image, tmp_path / "runs/s1.nii.gz")
    refused(r"one repetition time: tr = 0.8 s; got 2 s in the header of the image", rest=["n/a"])
    image.header.set_zooms((3, 3, 3, TR))  # type: ignore[attr-defined]
    nib.save(image, tmp_path / "runs/s1.nii.gz")
    refused(r"`tr` with `events`, for volumes over time; got none", tr=None)
    refused(r"no `blocks` with `tr`; got tr=0.8", blocks=True)
    refused(r"a file of events; got .*gone.tsv, which is not a file", events="gone.tsv")
    refused(r"a known column of s1.tsv .*'sample_id'", events=None)
    refused(r"a known column of s1.tsv .*did you mean 'trans_x'", confounds=["trans_y"])
    refused(r"an onset, a duration and a trial_type in every event; got 3 of", rest=[])
    events = pd.read_csv(tmp_path / "s1_events.tsv", sep="\t")
    events.assign(run="run-9").to_csv(tmp_path / "s1_events.tsv", sep="\t", index=False, na_rep="n/a")
    refused(r"events of the runs run-1, run-2, run-3 in s1_events.tsv; got some of run-9", rest=["n/a"])
    events.assign(onset=events["onset"] + 60).to_csv(
        tmp_path / "s1_events.tsv", sep="\t", index=False, na_rep="n/a"
    )
    refused(r"events within the scan, 0 to 120 s \(150 volumes of 0.8 s\); got", rest=["n/a"])
    events.to_csv(tmp_path / "s1_events.tsv", sep="\t", index=False, na_rep="n/a")
    table = pd.read_csv(tmp_path / "runs/s1.tsv", sep="\t")
    table.iloc[:-1].to_csv(tmp_path / "runs/s1.tsv", sep="\t", index=False)
    refused(r"450 lines in the table of s1, one a volume of V1; got 449", rest=["n/a"])
    table.iloc[np.arange(450) % 7 * 64 % 450].to_csv(tmp_path / "runs/s1.tsv", sep="\t", index=False)
    refused(
        r"runs whose volumes follow each other in s1.tsv; got volumes of several runs in turn", rest=["n/a"]
    )


def test_runs_of_a_real_scan_are_encoded_by_what_was_shown(data_sets: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for name, where in (("bold.nii.gz", "runs/sub001.nii.gz"), ("mask.nii.gz", "mask.nii.gz")):
        (tmp_path / where).symlink_to(haxby.DATA.path(name))
    scan = haxby.volumes()
    lines = [f"{shown}\t{run}" for shown, run in zip(scan.shown, scan.run)]
    (tmp_path / "runs/sub001.tsv").write_text("\n".join(["sample_id\trun", *lines]))
    more: dict[str, Any] = {"masks": {"slice": "mask.nii.gz"}, "signals": {"standardize": "zscore_sample"}}
    data: Any = open_brains("volumes:runs", base=tmp_path, tr=haxby.TR, **more)
    subject = data.subject("sub001")
    shown = data.on_rows(np.eye(8), None)[1]
    late = np.concatenate([np.roll(run, 60, axis=0) for run in np.split(shown, 12)])  # by half a run
    best = [
        float(
            cs.encode(
                x, subject.regions["slice"].values, subject.nuisance["rate"], delays=[1, 2, 3, 4, 5],
                delay_nuisance=False, groups=subject.groups, folds=6, bands=2,
            )["unique_r2"].max()
        )
        for x in (shown, late)
    ]  # fmt: skip
    assert best[0] > 0.3, "which category it was explains voxels beyond that there was one"
    assert best[1] < 0.05


def test_a_clock_knows_the_longest_of_runs_that_are_the_same() -> None:
    line = Timeline("a", ("x", "y"), (0.0, 6.0), (1.0, 1.0), 2.0)
    other = Timeline("a", ("y", "x"), (0.0, 6.0), (1.0, 1.0), 2.0)
    clock = Clock({"s1": [line], "s2": [line]}, lambda subject, _: 5 if subject == "s1" else 7)
    assert (clock.alike, clock.groups("s1"), len(clock.rows("s1"))) == (True, None, 5)
    assert len(clock.on_rows(np.eye(2), None)[0]) == 7
    assert not Clock({"s1": [line], "s2": [other]}, lambda *_: 5).alike
