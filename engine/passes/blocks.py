"""Blocks of rows, read once for all representations, shifted and scaled so that float32 arithmetic is safe."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from consilience.engine.features.representation import Representation

TORCH_DTYPE = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}
FRAME_ROWS = 256
FEW_SAMPLES = 1024


def compute_dtype(representations: Sequence[Representation]) -> np.dtype:
    """float64 if any representation is, or for at most 1,024 samples, where it costs nothing; else float32.

    With few samples one exchange of two nearly equal distances shows in a rank correlation.
    """
    wide = any(r.dtype == np.float64 or r.n <= FEW_SAMPLES for r in representations)
    return np.dtype(np.float64 if wide else np.float32)


@dataclass(frozen=True)
class Frame:
    """A provisional origin (d,) and unit of length. The metrics do not depend on them; rounding errors do."""

    origin: np.ndarray
    scale: float

    @cached_property
    def shifts(self) -> bool:
        return bool(self.origin.any())


def frame(representation: Representation) -> Frame:
    """Origin and scale from at most 256 rows, evenly spaced. The origin is 0 where the mean is near it already."""
    n = representation.n
    rows = np.unique(np.linspace(0, n - 1, min(n, FRAME_ROWS)).astype(np.int64))
    sample = representation.take(rows).astype(np.float64)
    origin = sample.mean(axis=0)
    largest = np.abs(sample - origin).max()
    if largest == 0:  # the rows looked at are equal, though not all rows are
        return Frame(origin, 1.0 / max(float(np.abs(origin).max()), 1.0))
    spread = (sample - origin) / largest  # squares of 1e200 would overflow
    relative = np.sqrt((spread**2).sum(axis=1).mean())
    length = float(largest * relative)
    if np.linalg.norm(origin / largest) < relative / 2:
        origin = np.zeros_like(
            origin
        )  # a shift would not make the products more exact, and reading costs more
    # Products of four features must neither overflow nor vanish; within these bounds a multiplication is saved.
    return Frame(origin, 1.0 if 1e-4 < length < 1e4 else 1.0 / length)


@dataclass(frozen=True)
class Block:
    """m rows of R representations in their frames.

    `x` holds R tensors (m, d), `low` the same in bfloat16 where products are to be made of those. The rest is (R, m) in
    the scaled unit: `norm2` ‖x_i‖² in the frame, `lift` x_i'o with o the scaled origin (raw inner products are
    x_i'x_j + lift_i + lift_j + ‖o‖²), `mean` the raw mean over units.
    """

    x: list[torch.Tensor]
    norm2: torch.Tensor
    lift: torch.Tensor
    mean: torch.Tensor
    low: list[torch.Tensor] = field(default_factory=list)

    def __getitem__(self, rows: slice) -> "Block":
        return Block(
            [x[rows] for x in self.x], self.norm2[:, rows], self.lift[:, rows], self.mean[:, rows],
            [x[rows] for x in self.low],
        )  # fmt: skip


def load(
    representations: Sequence[Representation],
    frames: Sequence[Frame],
    rows: np.ndarray,
    dtype: np.dtype,
    device: str,
    norms: bool = True,
    raw: bool = False,
    into: Sequence[torch.Tensor] | None = None,
) -> Block:
    """Read `rows` of every representation into its frame.

    Args:
        norms: fill `norm2`. raw: fill `lift` and `mean`.
        into: one tensor (at least len(rows), d) a representation to hold the rows.
    """
    xs, norm2, lift, mean = [], [], [], []
    for k, (r, f) in enumerate(zip(representations, frames)):
        x = centred(r, f, rows, dtype, device, None if into is None else into[k][: len(rows)])
        xs.append(x)
        if norms:
            norm2.append(_norm2(x, r.positive))
        if raw:
            origin = torch.from_numpy((f.origin * f.scale).astype(dtype)).to(device)
            lift.append(x @ origin)
            mean.append(x.mean(dim=1) + origin.mean())
    nothing = torch.empty(0, len(rows))
    stacked = [torch.stack(values) if values else nothing for values in (norm2, lift, mean)]
    return Block(xs, stacked[0], stacked[1], stacked[2])


def _norm2(x: torch.Tensor, positive: int | None) -> torch.Tensor:
    """x_i'x_i, with the units beyond the `positive` ones subtracted."""
    if positive is None:
        return torch.linalg.vector_norm(x, dim=1).square_()
    return x[:, :positive].square().sum(dim=1) - x[:, positive:].square().sum(dim=1)


def centred(
    r: Representation,
    f: Frame,
    rows: np.ndarray,
    dtype: np.dtype,
    device: str,
    into: torch.Tensor | None = None,
) -> torch.Tensor:
    """(len(rows), d): (x - origin) scale, in `into` (on the CPU) if given."""
    x = torch.empty(len(rows), r.d, dtype=TORCH_DTYPE[dtype]) if into is None else into
    if r.dtype == dtype:
        r.take(rows, x.numpy())
    else:
        x.numpy()[:] = r.take(rows)
    x = x.to(device)
    if f.shifts:
        x.sub_(torch.from_numpy(f.origin.astype(dtype)).to(device))
    return x if f.scale == 1.0 else x.mul_(f.scale)
