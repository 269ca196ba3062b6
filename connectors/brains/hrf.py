"""From the time of stimuli to the time of volumes: features of words, sounds or shots at every volume of a scan."""

from collections.abc import Sequence

import numpy as np

from consilience.engine.errors import BadInput, unknown

RESPONSES = ("spm", "glover")
_WHOLE = 1e-6  # of a volume


def to_volumes(
    features: np.ndarray,
    onsets: Sequence[float],
    volumes: int,
    tr: float,
    first: float = 0.0,
    hrf: str | None = "spm",
    durations: Sequence[float] | None = None,
) -> np.ndarray:
    """Features (m, d) of m stimuli as (volumes, d), at the times ``first + i * tr`` in seconds.

    With `hrf`, a haemodynamic response ("spm" or "glover", as nilearn has them), feature j at time t is
    Σ_w features[w, j] (b_w * h)(t) for the response h, and b_w an impulse at the onset of stimulus w, or a boxcar of
    its duration. Without, it is the sum of the features of the stimuli that begin in the volume, and the delay is left
    to the encoding model. Both are linear: of features that are all one they make the rate of stimuli.

    Raises BadInput when the numbers of features, onsets and durations differ, for a duration below 0, when a stimulus
    begins after the last volume, and for another response. A stimulus before the first volume counts through its
    response alone.
    """
    if hrf not in (None, *RESPONSES):
        raise unknown("haemodynamic response", str(hrf), RESPONSES)
    x = np.asarray(features, dtype=np.float64)
    starts = np.asarray(onsets, dtype=np.float64)
    lengths = np.zeros(len(starts)) if durations is None else np.asarray(durations, dtype=np.float64)
    if x.ndim != 2 or not len(x) == len(starts) == len(lengths):
        raise BadInput(
            "features (stimuli, units) with one onset, and one duration, a stimulus",
            f"shape {x.shape}, {len(starts)} onsets and {len(lengths)} durations",
            "give the three in the same order",
        )
    end = first + volumes * tr
    late = int((starts >= end).sum())
    if late or not (np.isfinite(starts).all() and (lengths >= 0).all()):
        after = f"{late} of {len(starts)} after it, the last at {starts.max():g} s"
        raise BadInput(
            f"stimuli that begin before the scan ends at {end:g} s, and last 0 s or longer",
            after if late else "NaN, or a duration below 0",
            "check the unit of the onsets (seconds), the TR, and how many volumes were discarded",
        )
    if hrf is None:
        # 2.4 s are three volumes of 0.8 s, though 2.4 / 0.8 is a little less in binary.
        at = np.floor((starts - first) / tr + _WHOLE).astype(int)
        at = np.minimum(at, volumes - 1)
        binned = np.zeros((volumes, x.shape[1]))
        np.add.at(binned, at[at >= 0], x[at >= 0])
        return binned
    return _convolved(x, starts, lengths, first + tr * np.arange(volumes), hrf)


def _convolved(
    x: np.ndarray, starts: np.ndarray, lengths: np.ndarray, times: np.ndarray, hrf: str
) -> np.ndarray:
    from nilearn.glm.first_level import compute_regressor

    # nilearn begins its clock 24 s before the first volume; what began earlier still has to count.
    earliest = min(-24.0, float(starts.min() - times[0]) - 1.0)
    columns = [
        compute_regressor((starts - times[0], lengths, column), hrf, times - times[0], min_onset=earliest)[0][
            :, 0
        ]
        for column in x.T
    ]
    return np.stack(columns, axis=1)
