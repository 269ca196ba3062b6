"""Every vector projected at random while it is extracted, so that all positions of large maps fit a table."""

from math import sqrt
from typing import TYPE_CHECKING, Any

from consilience.engine.random_projection import signs

if TYPE_CHECKING:
    import torch

SEED = 0
_BLOCK = 1 << 24  # entries that are floats at a time


def told(components: int) -> dict[str, Any]:
    """What of a projection decides the bytes of a table."""
    return {"components": components, "entries": "sparse", "seed": SEED}


class Projection:
    """(b, d) -> (b, k), x R, for vectors of d > k = `components` values; others are given back as they are.

    R (d, k) is that of ``random_projection:components=k,entries=sparse`` with seed 0, one for all layers of the same
    width. Its signs are kept on `device`, a byte each: d k bytes for every width.
    """

    def __init__(self, components: int, device: str):
        self.components, self.device = components, device
        self._signs: dict[int, torch.Tensor] = {}

    def __call__(self, x: "torch.Tensor") -> "torch.Tensor":
        d, k = x.shape[1], self.components
        if d <= k:
            return x
        found, step, drawn = x.new_zeros(len(x), k), max(1, _BLOCK // k), self._drawn(d)
        for first in range(0, d, step):
            found += x[:, first : first + step] @ drawn[first : first + step].to(x.dtype)
        return found * sqrt(3 / k)

    def _drawn(self, d: int) -> "torch.Tensor":
        import torch

        if d not in self._signs:
            self._signs[d] = torch.from_numpy(signs(d, self.components, SEED)).to(self.device)
        return self._signs[d]
