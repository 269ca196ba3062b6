"""Blocks of rows, read once for all representations, shifted and scaled so that float32 arithmetic is safe."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from consilience.engine.features.representation import Representation

TORCH_DTYPE = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}
FRAME_ROWS = 1024


def compute_dtype(representations: Sequence[Representation]) -> np.dtype:
    """float64 if any representation is, else float32 (float16 is computed in float32)."""
    wide = any(r.dtype == np.float64 for r in representations)
    return np.dtype(np.float64 if wide else np.float32)


@dataclass(frozen=True)
class Frame:
    """A provisional origin (d,) and unit of length. The metrics do not depend on them; rounding errors do."""

    origin: np.ndarray
    scale: float


def frame(representation: Representation) -> Frame:
    """Origin and scale from at most 1,024 rows, evenly spaced."""
    n = representation.n
    rows = np.unique(np.linspace(0, n - 1, min(n, FRAME_ROWS)).astype(np.int64))
    sample = representation.take(rows).astype(np.float64)
    origin = sample.mean(axis=0)
    largest = np.abs(sample - origin).max()
    if largest == 0:  # the rows looked at are equal, though not all rows are
        return Frame(origin, 1.0 / max(float(np.abs(origin).max()), 1.0))
    spread = (sample - origin) / largest  # squares of 1e200 would overflow
    return Frame(origin, float(1.0 / (largest * np.sqrt((spread**2).sum(axis=1).mean()))))


@dataclass(frozen=True)
class Block:
    """m rows of R representations in their frames.

    `x` holds R tensors (m, d). The rest is (R, m) in the scaled unit: `norm2` ‖x_i‖² in the frame, `lift` x_i'o with o the
    scaled origin (so that raw inner products are x_i'x_j + lift_i + lift_j + ‖o‖²) and `mean` the raw mean over units.
    """

    x: list[torch.Tensor]
    norm2: torch.Tensor
    lift: torch.Tensor
    mean: torch.Tensor

    def __getitem__(self, rows: slice) -> "Block":
        return Block([x[rows] for x in self.x], self.norm2[:, rows], self.lift[:, rows], self.mean[:, rows])


def load(
    representations: Sequence[Representation],
    frames: Sequence[Frame],
    rows: np.ndarray,
    dtype: np.dtype,
    device: str,
    raw: bool = False,
) -> Block:
    """Read `rows` of every representation into its frame. `lift` and `mean` are filled only if `raw`."""
    xs, norm2, lift, mean = [], [], [], []
    for r, f in zip(representations, frames):
        x = centred(r, f, rows, dtype, device)
        xs.append(x)
        norm2.append(torch.einsum("ij,ij->i", x, x))
        if raw:
            origin = torch.from_numpy((f.origin * f.scale).astype(dtype)).to(device)
            lift.append(x @ origin)
            mean.append(x.mean(dim=1) + origin.mean())
    nothing = torch.empty(0, len(rows))
    stack = torch.stack
    return Block(xs, stack(norm2), stack(lift) if raw else nothing, stack(mean) if raw else nothing)


def centred(r: Representation, f: Frame, rows: np.ndarray, dtype: np.dtype, device: str) -> torch.Tensor:
    """(len(rows), d): (x - origin) scale, subtracted in the wider of the two precisions."""
    taken = r.take(rows)
    if taken.dtype != dtype:
        taken = taken.astype(dtype)
    elif not (taken.flags.writeable and taken.flags.owndata):
        taken = taken.copy()
    x = torch.from_numpy(np.ascontiguousarray(taken)).to(device)
    origin = torch.from_numpy(f.origin.astype(dtype)).to(device)
    return x.sub_(origin).mul_(f.scale)
