"""Raw runs, volumes and surfaces, of subjects who were shown pictures at times of their own or all at the same."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.gifti import GiftiDataArray, GiftiImage
from nilearn.glm.first_level import compute_regressor

TR = 0.8
LENGTHS = (150, 130, 170)  # volumes of the three runs
GRID = (4, 3, 2)
V1 = np.arange(24).reshape(GRID) < 8
AFFINE = np.array([[-2.9, 0.2, 0, 10], [0.2, 2.9, 0.3, -60], [0, -0.3, 3, 4], [0, 0, 0, 1.0]])  # oblique
IDS = [f"picture-{k:02d}" for k in range(12)]
FEATURES = np.random.default_rng(4).normal(size=(len(IDS), 3))
CONFOUNDS = ("trans_x", "trans_x_derivative1")


def events_of(run: int, order: int) -> pd.DataFrame:
    """Pictures every six volumes, locked to them, so long as the response of the last is seen; a cross between two."""
    rng = np.random.default_rng(100 * order + run)
    onsets = TR * np.arange(3, LENGTHS[run] - 12, 6)
    shown = [IDS[k % len(IDS)] for k in rng.permutation(len(onsets))]
    table = pd.DataFrame({"onset": onsets, "duration": 0.8, "trial_type": "look", "stim_file": shown})
    cross = pd.DataFrame({"onset": [0.0], "duration": 0.4, "trial_type": "cross", "stim_file": "n/a"})
    return pd.concat([cross, table]).round(3)


def heard(events: pd.DataFrame, volumes: int) -> np.ndarray:
    """Features convolved with a response, made of nilearn's own regressors, one a picture shown: (volumes, d)."""
    times = TR * np.arange(volumes)
    found = np.zeros((volumes, FEATURES.shape[1]))
    for event in events[events["stim_file"] != "n/a"].itertuples():
        response = compute_regressor(([event.onset], [event.duration], [1]), "spm", times)[0]
        found += response * FEATURES[IDS.index(str(event.stim_file))]
    return found


def signals(
    events: pd.DataFrame, run: int, seed: int, units: int, driven: np.ndarray
) -> tuple[np.ndarray, pd.DataFrame]:
    """Signals (volumes, units) of a run, on a baseline of its own, and the confounds, of which all units have some."""
    rng, n = np.random.default_rng(seed + run), LENGTHS[run]
    motion = np.cumsum(rng.normal(size=n)) / 4
    table = pd.DataFrame({"trans_x": motion, "trans_x_derivative1": [np.nan, *np.diff(motion)]})
    weights = np.random.default_rng(5).normal(size=(FEATURES.shape[1], units))
    drive = heard(events, n)
    drive = drive / drive.std()
    noise = rng.normal(size=(n, units)) + np.outer(motion, np.ones(units))
    return 500 + 300 * run + 3 * drive @ weights * driven + noise, table


def bids(root: Path, subjects: int = 2, alike: bool = True, surface: bool = False) -> Path:
    """A BIDS data set of that many subjects in three runs, whose first third of voxels, or vertices, follows what was
    shown."""
    for s in range(1, subjects + 1):
        name, order = f"sub-{s:02d}", 1 if alike else s
        raw, made = root / name / "func", root / "derivatives" / name / "func"
        raw.mkdir(parents=True)
        made.mkdir(parents=True)
        for run in range(len(LENGTHS)):
            stem = f"{name}_task-look_run-{run + 1}"
            events = events_of(run, order)
            events.to_csv(raw / f"{stem}_events.tsv", sep="\t", index=False)
            if surface:
                driven = np.arange(2 * 10242) % 10242 < 40
                values, confounds = signals(events, run, 10 * s, 2 * 10242, driven)
                for side, half in zip("LR", np.split(values, 2, axis=1)):
                    gifti(made / f"{stem}_hemi-{side}_space-fsaverage5_bold.func.gii", half)
            else:
                values, confounds = signals(events, run, 10 * s, V1.size, V1.ravel())
                image = nib.Nifti1Image(values.T.reshape(*GRID, -1).astype(np.float32), AFFINE)
                image.header.set_zooms((*image.header.get_zooms()[:3], TR))
                nib.save(image, made / f"{stem}_space-MNI_desc-preproc_bold.nii.gz")
            confounds.to_csv(
                made / f"{stem}_desc-confounds_timeseries.tsv", sep="\t", index=False, na_rep="n/a"
            )
    (root / "task-look_bold.json").write_text(json.dumps({"RepetitionTime": TR}))
    return root


def gifti(path: Path, values: np.ndarray) -> None:
    """Maps (rows, vertices), an array each."""
    form = {"intent": "NIFTI_INTENT_NONE", "encoding": "GIFTI_ENCODING_B64BIN"}  # not compressed: quick
    nib.save(GiftiImage(darrays=[GiftiDataArray(x.astype(np.float32), **form) for x in values]), path)


def masks(folder: Path) -> dict[str, str]:
    """Files of two regions, of which the first follows the pictures."""
    for name, inside in (("V1", V1), ("far", ~V1)):
        nib.save(nib.Nifti1Image(inside.astype(np.uint8), AFFINE), folder / f"{name}.nii.gz")
    return {"V1": "V1.nii.gz", "far": "far.nii.gz"}
