"""A study of raw runs, from the files to the report: an encoding with a response or with delays, beyond confounds."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from timed_scans import FEATURES, IDS, LENGTHS, TR, bids, masks

import consilience as cs
from consilience.connectors.brains import open_brains
from consilience.pipelines.brain.run import run
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.located import StudyError

BIDS = """
name: raw
brain:
  name: bids:mine
  task: look
  masks: {V1: V1.nii.gz, far: far.nii.gz}
  stimulus: stim_file
  rest: [n/a]
  confounds: [trans_x]
  over_time: true
stimuli: made
models: [net, other]
encode: {nuisance: [rate, confounds], folds: 3, bands: 2, components: null}
bootstraps: 100
tracking: null
"""
FOLDER = """
name: runs
brain:
  name: volumes:runs
  tr: 0.8
  masks: {V1: V1.nii.gz, far: far.nii.gz}
  confounds: [trans_x]
stimuli: made
models: [net, other]
encode: {nuisance: [rate, confounds], folds: 3, bands: 2, components: null}
bootstraps: 100
tracking: null
"""
DELAYS = "delays: [3, 4, 5, 6, 7, 8, 9, 10]"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three subjects, each with an order of their own, and the features of two models, of which one drives V1."""
    folder = tmp_path_factory.mktemp("runs")
    bids(folder / "mine", subjects=3, alike=False)
    masks(folder)
    store = cs.FeatureStore(folder / "features")
    store.write("net", "made", IDS, {"layer": FEATURES})
    store.write("other", "made", IDS, {"layer": np.random.default_rng(8).normal(size=(12, 3))})
    return folder


def ran(folder: Path, text: str, name: str) -> Any:
    (folder / f"{name}.yaml").write_text(text + f"output: {name}\n")
    return run(folder / f"{name}.yaml", console=Console(StringIO()))["encoding"]


@pytest.mark.parametrize("how", ["hrf: spm", DELAYS])
def test_raw_runs_of_bids_are_encoded_by_a_response_or_by_delays(made: Path, how: str) -> None:
    table = ran(made, BIDS.replace("folds: 3", f"folds: 3, {how}"), how[:3])
    net = table.sel(space="net")
    assert (net["unique_r2"].sel(region="V1") > 0.3).all(), "beyond rate and confounds"
    assert (net["unique_r2"].sel(region="far").mean() < 0.02).all()
    assert (table["unique_r2"].sel(space="other", region="V1") < net["unique_r2"].sel(region="V1") / 2).all()
    assert (table["r"].sel(space="confounds", region="far") > 0.2).all(), "all voxels move with the head"
    said = json.loads(table.attrs["encoding"])
    assert (said["groups"], said["fold_rows"]) == (3, list(LENGTHS)), "a run is held out as a whole"
    assert (said["delays"] is None) == (how != DELAYS)
    assert table["lower"].isnull().all(), (
        "the rows of subjects are their own, so there is no ceiling over subjects"
    )
    recordings = json.loads(table.attrs["recordings"])
    assert recordings["over_time"]
    assert "not recorded" not in str(recordings["excluded"])
    assert (made / how[:3] / "report.html").is_file()


def test_subjects_who_were_shown_the_same_runs_have_a_ceiling(tmp_path: Path) -> None:
    bids(tmp_path / "mine")
    masks(tmp_path)
    cs.FeatureStore(tmp_path / "features").write("net", "made", IDS, {"layer": FEATURES})
    table = ran(tmp_path, BIDS.replace("models: [net, other]", "models: [net]"), "alike")
    assert (table["lower"].sel(region="V1") > 0.8).all()
    assert (table["lower"].sel(region="far") < 0.3).all()


def test_two_runs_are_enough_with_a_gap(tmp_path: Path) -> None:
    bids(tmp_path / "mine")
    masks(tmp_path)
    for path in tmp_path.rglob("*run-3*"):
        path.unlink()
    cs.FeatureStore(tmp_path / "features").write("net", "made", IDS, {"layer": FEATURES})
    text = BIDS.replace("models: [net, other]", "models: [net]")
    with pytest.raises(StudyError, match=r"(?s)encode.folds.*3 runs or more, .*got 2 of sub-01.*add `gap:`"):
        ran(tmp_path, text, "two")
    table = ran(tmp_path, text.replace("folds: 3", f"folds: 4, gap: 16, {DELAYS}"), "two")
    assert (table["unique_r2"].sel(space="net", region="V1") > 0.3).all()
    assert len(json.loads(table.attrs["encoding"])["fold_rows"]) == 4


def test_a_folder_of_runs_is_encoded_like_bids(made: Path) -> None:
    (made / "runs").mkdir()
    for k in (1, 2, 3):
        parts, tables = [], []
        for run_, n in enumerate(LENGTHS, 1):
            stem = f"sub-0{k}_task-look_run-{run_}"
            func = made / f"mine/derivatives/sub-0{k}/func"
            image = nib.load(func / f"{stem}_space-MNI_desc-preproc_bold.nii.gz")
            parts.append(image.get_fdata())  # type: ignore[attr-defined]
            table = pd.read_csv(func / f"{stem}_desc-confounds_timeseries.tsv", sep="\t").assign(run=run_)
            table["sample_id"] = "rest"
            for event in (
                pd.read_csv(made / f"mine/sub-0{k}/func/{stem}_events.tsv", sep="\t").iloc[1:].itertuples()
            ):
                table.loc[round(float(event.onset) / TR), "sample_id"] = event.stim_file
            assert len(table) == n
            tables.append(table)
        affine = image.affine  # type: ignore[attr-defined]
        nib.save(
            nib.Nifti1Image(np.concatenate(parts, 3).astype(np.float32), affine), made / f"runs/s{k}.nii.gz"
        )
        pd.concat(tables).to_csv(made / f"runs/s{k}.tsv", sep="\t", index=False, na_rep="n/a")
    found = ran(made, FOLDER, "folder")
    same = ran(made, BIDS, "hrf-again")
    for name in ("unique_r2", "r"):
        np.testing.assert_allclose(
            found[name].sel(space=["net", "confounds"]), same[name].sel(space=["net", "confounds"]), atol=0.06
        )
    scaled = ran(made, FOLDER.replace("  tr:", "  signals: {standardize: zscore_sample}\n  tr:"), "scaled")
    assert (scaled["unique_r2"].sel(space="net", region="V1") > 0.3).all()


def test_in_python_features_come_to_the_rows_and_are_encoded(made: Path) -> None:
    data: Any = open_brains(
        "bids:mine", task="look", base=made, masks={"V1": "V1.nii.gz"}, stimulus="stim_file", rest=["n/a"],
        over_time=True, signals={"standardize": "zscore_sample", "high_pass": 1 / 128, "t_r": TR},
    )  # fmt: skip
    shown = FEATURES[[IDS.index(i) for i in data.stimulus_ids]]
    ids, rows = data.on_rows(shown, None)  # the delays stand for the response
    at = {i: k for k, i in enumerate(ids)}
    for name in data.names:
        subject = data.subject(name)
        x = rows[[at[i] for i in subject.sample_ids]]
        table = cs.encode(
            x, subject.regions["V1"].values, subject.nuisance["rate"], delays=list(range(3, 11)), delay_nuisance=False,
            groups=subject.groups, folds=3, bands=2,
        )  # fmt: skip
        assert float(table["unique_r2"].mean()) > 0.3


def test_a_study_of_raw_runs_says_what_it_lacks(made: Path) -> None:
    def refused(words: str, text: str) -> None:
        with pytest.raises(StudyError, match=words):
            ran(made, text, "refused")

    refused(
        r"(?s)key brain.*`encode:` for mine, whose rows are time points", BIDS.replace("encode:", "# encode:")
    )
    refused(r"(?s)key metrics.*no metric of layers with regions on mine", BIDS + "metrics: [rsa]\n")
    refused(r"(?s)encode.nuisance\[0\].*did you mean 'rate'", BIDS.replace("[rate,", "[rates,"))
    refused(
        r"(?s)key brain.*no options of a GLM", BIDS.replace("over_time: true", "over_time: true\n  how: lss")
    )
    refused(r"(?s)encode.hrf.*'spm' or 'glover'", BIDS.replace("folds: 3", "folds: 3, hrf: fir"))
