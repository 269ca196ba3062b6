"""Data that a study names with their options: arrays over time, with runs, nuisance and places, and uneven repeats."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import consilience as cs
from consilience.connectors.brains import open_brains, to_volumes
from consilience.pipelines.brain.prepare import prepare
from consilience.pipelines.brain.run import run
from consilience.pipelines.brain.study import load_brain_study
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.located import StudyError

TR, LENGTH = 2.0, 40
IDS = [f"vol{k:03d}" for k in range(3 * LENGTH)]
RUNS = np.repeat(["run9", "run10", "run11"], LENGTH)  # in the order of time, which is not that of their names
PLACES = np.arange(9.0).reshape(3, 3)
OVER_TIME = """
name: story
brain: {name: "arrays:scans", tr: 2}
stimuli: volumes
models: [net]
encode: {nuisance: [motion], bands: 2, folds: 3}
tracking: null
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two subjects in three runs, whose voxels follow features of the volumes by a haemodynamic response."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(len(IDS), 2))
    cs.FeatureStore(tmp_path / "features").write("net", "volumes", IDS, {"layer": features})
    times = (TR * np.arange(LENGTH)).tolist()
    heard = np.concatenate([to_volumes(features[r == RUNS], times, LENGTH, TR) for r in dict.fromkeys(RUNS)])
    (tmp_path / "scans").mkdir()
    for subject in ("s1", "s2"):
        motion = rng.normal(size=(len(IDS), 2))
        weights = rng.normal(size=(2, 3)) * 2 / heard.std()
        held = {
            "sample_id": np.array(IDS), "run": RUNS, "nuisance/motion": motion, "coordinates/V1": PLACES,
            "V1": heard @ weights + motion @ rng.normal(size=(2, 3)) + rng.normal(size=(len(IDS), 3)),
        }  # fmt: skip
        np.savez(tmp_path / "scans" / f"{subject}.npz", **held)
    return tmp_path


def ran(folder: Path, text: str) -> Any:
    (folder / "study.yaml").write_text(text)
    return run(folder / "study.yaml", console=Console(StringIO()))


def test_arrays_over_time_are_encoded_by_runs_beyond_their_nuisance(folder: Path) -> None:
    table = ran(folder, OVER_TIME)["encoding"]
    recordings = json.loads(table.attrs["recordings"])
    assert recordings["over_time"]
    assert json.loads(table.attrs["settings"])["brain"] == {"name": "arrays:scans", "tr": 2}
    assert recordings["coordinates"] == {"V1": PLACES.tolist()}
    said = json.loads(table.attrs["encoding"])
    assert (said["groups"], said["fold_rows"]) == (3, [LENGTH] * 3), "a run is held out as a whole"
    assert (table["unique_r2"].sel(space="net") > 0.3).all()
    assert (table["r"].sel(space="motion") > 0.1).all()
    plain = ran(folder, OVER_TIME.replace("bands: 2,", "bands: 2, hrf: null,"))["encoding"]
    assert (plain["unique_r2"].sel(space="net") < 0.1).all(), "without the response features come too early"


def test_a_gap_of_seconds_lies_between_the_folds(folder: Path) -> None:
    table = ran(folder, OVER_TIME.replace("folds: 3", "folds: 3, gap: 9"))["encoding"]
    said = json.loads(table.attrs["encoding"])
    assert (said["gap"], said["fold_rows"]) == (5, [LENGTH - 3, LENGTH - 5, LENGTH - 2]), "5 volumes of 2 s"
    with pytest.raises(StudyError, match=r"(?s)encode.gap.*greater than or equal to 0"):
        ran(folder, OVER_TIME.replace("folds: 3", "folds: 3, gap: -1"))


def test_a_subject_without_the_nuisance_that_is_asked_for_is_refused(folder: Path) -> None:
    held = dict(np.load(folder / "scans" / "s2.npz"))
    np.savez(folder / "scans" / "s2.npz", **{k: v for k, v in held.items() if k != "nuisance/motion"})
    with pytest.raises(
        StudyError, match=r"(?s)encode.nuisance\[0\].*'motion' of every subject.*s2 without it"
    ):
        ran(folder, OVER_TIME)


def test_a_study_says_what_becomes_of_uneven_repeats(folder: Path) -> None:
    rng = np.random.default_rng(1)
    (folder / "uneven").mkdir()
    shown = np.array([*IDS[:30], *IDS[:30], "vol000"])
    for subject in ("s1", "s2"):
        np.savez(folder / "uneven" / f"{subject}.npz", sample_id=shown, V1=rng.normal(size=(61, 4)))
    text = 'name: x\nbrain: {name: "arrays:uneven"}\nstimuli: volumes\nmodels: [net]\ntracking: null\n'
    (folder / "study.yaml").write_text(text)

    def excluded() -> list[str]:
        prepared = prepare(load_brain_study(folder / "study.yaml"), lambda brains: None)
        return [str(x) for x in prepared.recordings.excluded]

    with pytest.raises(
        StudyError, match=r"(?s)line 2, key brain.*in a study: `uneven: drop` beside the name"
    ):
        excluded()
    (folder / "study.yaml").write_text(text.replace('uneven"}', 'uneven", uneven: drop}'))
    assert excluded()[0] == "s1: 1 of 61 trials: more than the 2 of the stimulus with the fewest"
    (folder / "study.yaml").write_text(text.replace('uneven"}', 'uneven", unevn: drop}'))
    with pytest.raises(StudyError, match=r"(?s)key brain.*did you mean 'uneven'"):
        excluded()


def test_arrays_that_do_not_fit_together_are_refused(folder: Path) -> None:
    path, held = folder / "scans" / "s1.npz", dict(np.load(folder / "scans" / "s1.npz"))

    def refused(words: str, **changed: np.ndarray) -> None:
        np.savez(path, **{**held, **changed})
        with pytest.raises(cs.BadInput, match=words):
            open_brains(f"arrays:{folder / 'scans'}").subject("s1")

    refused(
        r"each sample_id once in s1.npz, for nuisance spaces; got 1", sample_id=np.array([*IDS[:-1], IDS[0]])
    )
    refused(
        r"coordinates of region 'V1' of s1 of shape \(3, 3\); got shape \(2, 3\)",
        **{"coordinates/V1": PLACES[:2]},
    )
    refused(r"a known region of s1.npz, of which .*did you mean 'V1'", **{"coordinates/V2": PLACES})
    refused(
        r"nuisance space 'motion' of s1 of shape \(120, columns\)", **{"nuisance/motion": np.zeros((3, 2))}
    )
    refused(r"the run of each of 120 trials of s1; got 3 runs", run=np.array(["a", "b", "c"]))
    with pytest.raises(cs.BadInput, match=r"a repetition time in seconds; got tr=-2"):
        open_brains(f"arrays:{folder / 'scans'}", tr=-2)
    before = {open_brains(f"arrays:{folder / 'scans'}", **x).fingerprint for x in ({}, {"uneven": "drop"})}
    assert len(before) == 2
