"""Memory that the tasks of one process hand on to each other, instead of asking for it anew each time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
import torch

from consilience.engine.features.representation import Representation
from consilience.engine.passes.blocks import TORCH_DTYPE

# A matrix product is a tenth faster, a third for some sizes, if its result's rows begin at multiples of 64 bytes.
ALIGNED = 16


class Workspace:
    """Named pieces of memory of one thread, each as large as was ever asked for, and what the last task `held`."""

    def __init__(self) -> None:
        self._pieces: dict[str, torch.Tensor] = {}
        self.held: tuple[object, range, Any] | None = None

    def piece(self, name: str, shape: tuple[int, ...], dtype: np.dtype, device: str = "cpu") -> torch.Tensor:
        """A tensor of that shape, with whatever is in it."""
        size = int(np.prod(shape))
        piece = self._pieces.get(name)
        if piece is None or piece.numel() < size:
            piece = self._pieces[name] = torch.empty(size, dtype=TORCH_DTYPE[dtype], device=device)
        return piece[:size].view(shape)

    def aligned(
        self, name: str, shape: tuple[int, ...], dtype: np.dtype, device: str = "cpu"
    ) -> torch.Tensor:
        """A tensor of at least that shape whose rows begin at multiples of 64 bytes, its last axis a little longer."""
        *outer, columns = shape
        return self.piece(name, (*outer, -(-columns // ALIGNED) * ALIGNED), dtype, device)

    def rows(
        self, name: str, representations: Sequence[Representation], count: int, dtype: np.dtype
    ) -> list[torch.Tensor]:
        """A tensor (count, d) for each representation."""
        return [self.piece(f"{name} {k}", (count, r.d), dtype) for k, r in enumerate(representations)]


class Pool:
    """Workspaces that no task uses at the moment, and what the tasks of one owner share. A copy sent to another process
    starts empty."""

    def __init__(self) -> None:
        self._free: list[Workspace] = []
        self._lock = Lock()
        self._owner: object = None
        self._shared: dict[range, tuple[Lock, list[Any]]] = {}

    def __reduce__(self) -> tuple[type["Pool"], tuple[()]]:
        return Pool, ()

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """One for the duration of a task."""
        with self._lock:
            space = self._free.pop() if self._free else Workspace()
        try:
            yield space
        finally:
            with self._lock:
                self._free.append(space)

    def shared(self, owner: object, key: range, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once for all tasks of that owner and kept until another comes."""
        with self._lock:
            if self._owner is not owner:
                self._owner, self._shared = owner, {}
            lock, made = self._shared.setdefault(key, (Lock(), []))
        with lock:  # whoever wants the same waits, others go on
            if not made:
                made.append(make())
        return made[0]

    def forget(self) -> None:
        """Lets go of what was shared."""
        with self._lock:
            self._owner, self._shared = None, {}
