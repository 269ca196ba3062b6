"""Blocks of rows, read once for all representations, shifted and scaled so that float32 arithmetic is safe."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from consilience.engine.features.representation import Representation
from consilience.engine.linalg import inner_products

TORCH_DTYPE = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}
Kind = dict[str, Any]  # dtype and device of a tensor
FRAME_ROWS = 256
FEW_SAMPLES = 1024


def compute_dtype(representations: Sequence[Representation]) -> np.dtype:
    """That of all passes over these representations; see `dtype_of`."""
    n = min(r.n for r in representations)
    return dtype_of(n, any(r.dtype == np.float64 for r in representations))


def dtype_of(n: int, wide: bool) -> np.dtype:
    """float64 if any representation is (`wide`), or for at most 1,024 samples, where it costs nothing; else float32.

    With few samples one exchange of two nearly equal distances shows in a rank correlation.
    """
    return np.dtype(np.float64 if wide or n <= FEW_SAMPLES else np.float32)


@dataclass(frozen=True)
class Frame:
    """A provisional origin (d,) and unit of length. The metrics do not depend on them; rounding errors do.

    `lift` (n,) is of RDMs alone: -d_ij / 2 + lift_i + lift_j is the inner product of samples i and j, all centred.
    """

    origin: np.ndarray
    scale: float
    lift: np.ndarray | None = None

    @cached_property
    def shifts(self) -> bool:
        return bool(self.origin.any())


def frame(representation: Representation) -> Frame:
    """Origin and scale from at most 256 rows, evenly spaced. The origin is 0 where the mean is near it already."""
    if representation.rdm:
        return _frame_of_rdm(representation)
    n = representation.n
    rows = np.unique(np.linspace(0, n - 1, min(n, FRAME_ROWS)).astype(np.int64))
    sample = representation.take(rows).astype(np.float64)
    origin = sample.mean(axis=0)
    largest = np.abs(sample - origin).max()
    if largest <= 8 * np.finfo(np.float64).eps * np.abs(origin).max():
        # The rows looked at are equal, though not all rows are.
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


def _frame_of_rdm(r: Representation) -> Frame:
    """The unit of length is about the root of the mean entry, and a power of 2: entries keep their digits."""
    sums, size, every = np.empty(r.n), 0.0, np.arange(r.n)
    for start in range(0, r.n, FRAME_ROWS):
        rows = slice(start, start + FRAME_ROWS)
        entries = r.entries(every[rows], every).astype(np.float64)
        sums[rows] = entries.sum(axis=1)
        size += float(np.abs(entries).sum())
    scale = 2.0 ** -np.round(np.log2(size / (r.n * (r.n - 1))) / 2)
    return Frame(np.zeros(1), scale, sums / (2 * r.n) - sums.sum() / (4 * r.n**2))


@dataclass(frozen=True)
class Block:
    """m rows of R representations in their frames.

    `x` holds R tensors (m, d), of an RDM the numbers of its rows (m,); `low` the same in few digits where products
    are to be made of those. The rest is (R, m) in the scaled unit: `norm2` ‖x_i‖² in the frame, `lift` x_i'o with o the
    scaled origin (raw inner products are x_i'x_j + lift_i + lift_j + ‖o‖²), `mean` the raw mean over units.
    """

    x: list[torch.Tensor]
    norm2: torch.Tensor
    lift: torch.Tensor
    mean: torch.Tensor
    low: list[Any] = field(default_factory=list)

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
    kind: Kind = {"dtype": TORCH_DTYPE[dtype], "device": device}
    for k, (r, f) in enumerate(zip(representations, frames)):
        if r.rdm:
            xs.append(torch.tensor(rows))
        else:
            xs.append(centred(r, f, rows, dtype, device, None if into is None else into[k][: len(rows)]))
        if norms:
            norm2.append(_norm2(xs[-1], r, kind))
        if raw:
            raised, units = _raised(xs[-1], f, kind)
            lift.append(raised)
            mean.append(units)
    nothing = torch.empty(0, len(rows))
    stacked = [torch.stack(values) if values else nothing for values in (norm2, lift, mean)]
    return Block(xs, stacked[0], stacked[1], stacked[2])


def _norm2(x: torch.Tensor, r: Representation, kind: Kind) -> torch.Tensor:
    """x_i'x_i, with the units beyond the positive ones subtracted; 0 of an RDM, so that distances are its entries."""
    if r.rdm:
        return torch.zeros(len(x), **kind)
    if r.positive is None:
        return torch.linalg.vector_norm(x, dim=1).square_()
    return x[:, : r.positive].square().sum(dim=1) - x[:, r.positive :].square().sum(dim=1)


def _raised(x: torch.Tensor, f: Frame, kind: Kind) -> tuple[torch.Tensor, torch.Tensor]:
    """`lift` and `mean` of the rows."""
    if f.lift is not None:
        return torch.tensor(f.lift[x.numpy()] * f.scale**2, **kind), torch.zeros(len(x), **kind)
    origin = torch.tensor(f.origin * f.scale, **kind)
    return x @ origin, x.mean(dim=1) + origin.mean()


def products(
    r: Representation, f: Frame, x: torch.Tensor, y: torch.Tensor, out: torch.Tensor
) -> torch.Tensor:
    """Inner products (m_x, m_y) of the rows of two blocks, in `out`; of an RDM -d_ij / 2, which centring makes them."""
    if not r.rdm:
        return inner_products(x, y, r.positive, out=out)
    return out.copy_(torch.from_numpy(r.entries(x.numpy(), y.numpy()))).mul_(-(f.scale**2) / 2)


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
