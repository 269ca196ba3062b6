"""Where to write the names of points so that they stay inside the frame and off each other."""

from collections.abc import Sequence

import numpy as np

# In pixels, for the smallest frame that the map is drawn in (a phone); in a larger one names only stand further apart.
FRAME = (280.0, 260.0)
LINE, LETTER, GAP = 16.0, 6.4, 12.0


def place(xy: np.ndarray, names: Sequence[str]) -> list[dict[str, float | str]]:
    """For each point of (n, 2): the offset of its name in pixels (`ax`, `ay`, y downward) and which end is anchored.

    A name stands toward the middle of the frame. Where it would cover another name or a point it moves up or down by
    whole lines, to the nearest that is free.
    """
    span = np.maximum(np.ptp(xy, axis=0), 1e-9)
    unit = min(FRAME[0] / span[0], FRAME[1] / span[1])  # the map's axes share one scale
    points = (xy - (xy.max(axis=0) + xy.min(axis=0)) / 2) * (unit, -unit)
    taken = [(x - 6, x + 6, y - 6, y + 6) for x, y in points]
    placed: list[dict[str, float | str]] = [{} for _ in names]
    for i in np.argsort(points[:, 1], kind="stable"):
        right = points[i, 0] <= 0
        start = points[i, 0] + (GAP if right else -GAP - LETTER * len(names[i]))
        for step in _steps():
            middle = points[i, 1] + step
            box = (start, start + LETTER * len(names[i]), middle - LINE / 2 + 1, middle + LINE / 2 - 1)
            if not any(_overlap(box, other) for other in taken):
                break
        taken.append(box)
        placed[int(i)] = {"ax": GAP if right else -GAP, "ay": step, "xanchor": "left" if right else "right"}
    return placed


def _steps() -> list[float]:
    return sorted((k * LINE / 2 for k in range(-40, 41)), key=lambda step: (abs(step), step))


def _overlap(u: tuple[float, ...], v: tuple[float, ...]) -> bool:
    return u[0] < v[1] and v[0] < u[1] and u[2] < v[3] and v[2] < u[3]
