"""Ridge regression from sums: maps in the eigenbasis of the training covariance, scored on a held-out fold by its
sums.

With Xc'Xc = B^-T diag(λ) B^-1 of the training rows, penalty α and c = Xc'Yc, the map is w = B (λ + α)^-1 B'c. About
the training means, rows held out have Σ(y - ŷ)² = Σy² - 2 w'X'y + w'X'X w: neither X nor Y is looked at again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from consilience.engine.encoding.curves import ERROR, Curves, curves
from consilience.engine.encoding.statistics import Design, Targets
from consilience.engine.linalg import product
from consilience.engine.passes.blocks import TORCH_DTYPE

QUADRATIC_ROWS = 128  # of a symmetric matrix, multiplied at once with what lies left of their end


@dataclass(frozen=True)
class Held:
    """A held-out fold seen by a map: `apart` (r,) B'm, m its mean about that of the training rows, and `lower` (r, r),
    B'X'X B with what is above the diagonal added to what is below."""

    apart: torch.Tensor
    lower: torch.Tensor


@dataclass(frozen=True)
class Solver:
    """The training rows of all folds but `without`: `mean` (d,), eigenvalues (r,), `basis` (d, r), and held-out folds.

    Directions in which the training rows do not differ are left out.
    """

    without: tuple[int, ...]
    mean: np.ndarray
    values: torch.Tensor
    basis: torch.Tensor
    held: dict[int, Held]
    curves: Curves


def solver(
    of: Design,
    without: Sequence[int],
    scored: Sequence[int],
    weights: np.ndarray,
    standardise: bool,
    penalties: np.ndarray,
) -> Solver:
    """One eigendecomposition, in float64.

    Args:
        without: the folds that are not fitted on. scored: those of them on which the maps are scored.
        weights: (d,) of the squared features: γ of the space of each.
        standardise: divide every feature by its standard deviation over the training rows; constant ones count
            nothing. penalties: (K,) of which the curves are wanted.
    """
    mean, covariance = of.covariance(without)
    scale = np.sqrt(weights)
    if standardise:
        spread = np.sqrt(np.diag(covariance).clip(min=0) / (of.n.sum() - of.n[list(without)].sum()))
        largest = spread.max(initial=0.0)
        varies = spread > 1e-7 * largest
        scale = np.where(varies, scale / np.where(varies, spread, 1.0), 0.0)
    values, vectors = np.linalg.eigh(covariance * np.multiply.outer(scale, scale))
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    basis = scale[:, None] * vectors[:, kept]

    def kept_as(array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, dtype=TORCH_DTYPE[of.dtype], device=of.device)

    held = {}
    for fold in scored:
        apart, square = of.held_out(fold, mean)
        square = basis.T @ square @ basis
        lower = np.tril(square) + np.tril(square, -1)
        held[fold] = Held(kept_as(basis.T @ apart), kept_as(lower))
    shapes, parts, whole = curves(values[kept], penalties, ERROR[of.dtype])
    return Solver(
        tuple(without), mean, kept_as(values[kept]), kept_as(basis), held,
        Curves(kept_as(shapes), parts, kept_as(whole)),
    )  # fmt: skip


class Fitted(NamedTuple):
    """Responses in the basis of a solver: `mean` (v,) and `cross` (r, v) B'Xc'Yc of the training rows."""

    mean: np.ndarray
    cross: torch.Tensor


class Test(NamedTuple):
    """A held-out fold of n rows, about the training means: `cross` (r, v) B'X'Y, `squares` (v,) Σy², `apart` (v,) the
    mean, `total` (v,) Σ(y - mean)²."""

    n: float
    cross: torch.Tensor
    squares: np.ndarray
    apart: np.ndarray
    total: np.ndarray


def seen(s: Solver, of: Design, y: Targets) -> tuple[Fitted, dict[int, Test]]:
    """The responses of the training rows, and of every fold held out.

    The sums are brought to the basis first and centred there, where that costs a vector for each.
    """
    without = list(s.without)
    n = of.n.sum() - of.n[without].sum()
    mean = (y.sum.sum(axis=0) - y.sum[without].sum(axis=0)) / n
    held = {fold: _rotated(s, y.cross[fold]) for fold in without}
    cross, origin = _rotated(s, y.total), _rotated(s, s.mean[:, None])[:, 0]
    for part in held.values():
        cross -= part
    cross.addr_(origin, _as(origin, n * mean), alpha=-1)
    tests = {}
    for fold, part in held.items():
        # Σ (x - x̄)(y - ȳ)' = Σ x y' - x̄ Σ (y - ȳ)' - Σ x ȳ'
        part.addr_(origin, _as(origin, y.sum[fold] - of.n[fold] * mean), alpha=-1)
        part.addr_(_rotated(s, of.sum[fold][:, None])[:, 0], _as(origin, mean), alpha=-1)
        apart = y.sum[fold] / of.n[fold] - mean
        squares = y.squares[fold] - 2 * mean * y.sum[fold] + of.n[fold] * mean**2
        total = (squares - of.n[fold] * apart**2).clip(min=0)
        tests[fold] = Test(of.n[fold], part, squares, apart, total)
    return Fitted(mean, cross), tests


def _rotated(s: Solver, sums: np.ndarray) -> torch.Tensor:
    return product(s.basis.T, _as(s.basis, sums))


def _as(like: torch.Tensor, values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).to(like.device, like.dtype)


class Predicted(NamedTuple):
    """A held-out fold as it is predicted: `cross` Σ y ŷ, `square` Σ ŷ², and `mean` of ŷ, about the training means; (v,)
    each, or (K, v) of every penalty."""

    cross: np.ndarray
    square: np.ndarray
    mean: np.ndarray


def predicted(s: Solver, fold: int, t: Test, fitted: Fitted, penalty: torch.Tensor) -> Predicted:
    """By the maps of penalties (v,)."""
    w = fitted.cross / (s.values[:, None] + penalty)
    mean = (s.held[fold].apart.double() @ w.double()).cpu().numpy()
    return Predicted(_sums(w, t.cross), _quadratic(s.held[fold].lower, w), mean)


def predicted_by_all(s: Solver, fold: int, t: Test, fitted: Fitted, together: int) -> Predicted:
    """By the maps of all penalties, whose curves are sums of few; so many of these at a time."""
    held, curves, c = s.held[fold], s.curves, fitted.cross
    (r, units), (count, parts) = c.shape, curves.weights.shape
    together = max(1, min(together, parts))
    # Memory that every product and every map is made in: fresh pages would cost as much as the sums.
    room = c.new_empty(r, together * units), c.new_empty(QUADRATIC_ROWS, together * units)
    cross, mean, square = (np.zeros((count, c.shape[1])) for _ in range(3))
    for rows in _blocks(r):
        whole = curves.whole[rows].T
        cross += _array(product(whole, c[rows] * t.cross[rows]))
        mean += _array(product(whole * held.apart[rows], c[rows]))
    for start in range(0, parts, together):
        some = curves.shapes[:, start : start + together]
        wide = some.shape[1] * units
        maps = room[0][:, :wide]
        torch.mul(c[:, None], some[:, :, None], out=maps.view(r, -1, units))
        inner = np.zeros((parts, wide))
        for rows in _blocks(r):
            seen = product(
                held.lower[rows, : rows.stop], maps[: rows.stop], out=room[1][: rows.stop - rows.start, :wide]
            )
            seen.view(len(seen), -1, units).mul_(c[rows, None])
            inner += _array(product(curves.shapes[rows].T, seen))
        by_penalty = (curves.weights @ inner).reshape(count, -1, units)
        square += np.einsum("km,kmv->kv", curves.weights[:, start : start + together], by_penalty)
    return Predicted(cross, square, mean)


def error(t: Test, of: Predicted) -> np.ndarray:
    """Σ(y - ŷ)² of the fold, as `of`."""
    found: np.ndarray = t.squares - 2 * of.cross + of.square
    return found


def scores(t: Test, of: Predicted) -> tuple[np.ndarray, np.ndarray]:
    """r and R² (v,) on the fold: r of y with ŷ, and 1 - Σ(y - ŷ)² / Σ(y - ȳ)², ȳ the fold's own mean.

    NaN where the response is the same in all its rows; r is 0 where the prediction is.
    """
    cross, square, mean = of
    spread = square - t.n * mean**2
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (cross - t.n * mean * t.apart) / np.sqrt(spread * t.total)
        r2 = 1 - (t.squares - 2 * cross + square) / t.total
    r = np.where(spread > np.finfo(np.float32).eps ** 2 * square, r, 0.0)
    varies = t.total > 0
    return np.where(varies, r.clip(-1, 1), np.nan), np.where(varies, r2, np.nan)


def _sums(x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """Σ over the first axis of X ∘ Y, in float64."""
    return (x * y).sum(dim=0, dtype=torch.float64).cpu().numpy()


def _quadratic(lower: torch.Tensor, w: torch.Tensor) -> np.ndarray:
    """w'S w (v,) of a symmetric matrix given as its `lower` half: half of the products."""
    total = np.zeros(w.shape[1])
    for rows in _blocks(len(w)):
        total += _sums(product(lower[rows, : rows.stop], w[: rows.stop]), w[rows])
    return total


def _blocks(count: int) -> Iterator[slice]:
    return (slice(k, min(k + QUADRATIC_ROWS, count)) for k in range(0, count, QUADRATIC_ROWS))


def _array(x: torch.Tensor) -> np.ndarray:
    """In float64: of float32 the sums are made in it, block by block."""
    found: np.ndarray = x.cpu().numpy().astype(np.float64)
    return found
