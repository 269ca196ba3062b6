"""A model of a few lines, and stimuli for it, that can be told to fail in every way that extraction must survive."""

import ctypes
import os
import resource
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consilience.engine.extraction.interfaces import Layer, ModelCard, Outputs

LAYERS = (
    Layer("map", "bchw", 3, "a feature map"),
    Layer("tokens", "btd", 5, "tokens"),
    Layer("vector", "bd", 4, "a vector"),
)


@dataclass
class Numbers:
    """Samples "s0", "s1", … whose text is their number."""

    n: int
    unreadable: frozenset[int] = frozenset()
    name: str = "numbers"
    licence: str = "none"
    citation: str = "none"

    @property
    def fingerprint(self) -> str:
        return f"{self.n}"

    def views(self) -> Sequence[str]:
        return ("text",)

    def sample_ids(self) -> Sequence[str]:
        return [f"s{i}" for i in range(self.n)]

    def get(self, view: str, index: int) -> Any:
        if index in self.unreadable:
            raise OSError(f"bad file {index}")
        return str(index)


@dataclass
class Tiny:
    """Features that depend on the number and, in their last bits, on the batch. The sets name numbers that fail."""

    name: str = "tiny"
    refused: frozenset[int] = frozenset()  # preprocess raises
    nan: frozenset[int] = frozenset()
    raising: frozenset[int] = frozenset()  # forward raises
    killing: frozenset[int] = frozenset()  # forward kills the process
    fits: int = 10**9  # a larger batch is out of memory
    seconds: float = 0.0  # a batch takes
    pid_file: Path | None = None

    @property
    def card(self) -> ModelCard:
        return ModelCard(self.name, "text", "1", "0", "number", "none", 60, "none", "none")

    def layers(self) -> Sequence[Layer]:
        return LAYERS

    def load(self, device: str) -> None:
        import torch

        generator = torch.Generator().manual_seed(0)
        self.weights = [torch.randn(2, k, generator=generator) for k in (3 * 4, 7 * 5, 4)]
        if self.pid_file:
            self.pid_file.with_suffix(f".{os.getpid()}").touch()

    def preprocess(self, item: Any) -> Any:
        if int(item) in self.refused:
            raise ValueError(f"cannot take {item}")
        return float(item)

    def forward(self, batch: Sequence[Any]) -> Outputs:
        import torch

        time.sleep(self.seconds)
        if len(batch) > self.fits:
            raise torch.cuda.OutOfMemoryError(f"tried to allocate {len(batch)}")
        if self.killing & set(batch):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.raising & set(batch):
            raise RuntimeError(f"one of {batch}")
        x = torch.tensor([[value, 1.0] for value in batch]).sin()
        for row, value in enumerate(batch):
            if value in self.nan:
                x[row] = float("nan")
        maps, tokens, vector = (x @ weights for weights in self.weights)
        return Outputs(
            {
                "map": maps.view(-1, 3, 2, 2),
                "tokens": tokens.view(-1, 7, 5),
                "vector": vector * (1 + len(batch) * 1e-7),
            }
        )


@dataclass
class Gated(Tiny):
    """The samples from `first` on wait until the file `gate` is there, so that nothing is finished before."""

    gate: Path = Path()
    first: int = 0

    def forward(self, batch: Sequence[Any]) -> Outputs:
        while max(batch) >= self.first and not self.gate.exists():
            time.sleep(0.05)
        return super().forward(batch)


@dataclass
class SlowOnce(Tiny):
    """The first process that takes the number `late` needs `lasts` seconds for it; `seen` is a file that tells it."""

    late: int = 0
    lasts: float = 0.0
    seen: Path = Path()

    def forward(self, batch: Sequence[Any]) -> Outputs:
        if self.late in batch:
            with suppress(FileExistsError):
                self.seen.touch(exist_ok=False)
                time.sleep(self.lasts)
        return super().forward(batch)


@dataclass
class Cramped(Tiny):
    """From the number `after` on, its process may write files of `room` bytes only, while the file `full` is there."""

    after: int = 0
    room: int = 0
    full: Path = Path()

    def forward(self, batch: Sequence[Any]) -> Outputs:
        if max(batch) >= self.after and self.full.exists():
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.room, resource.RLIM_INFINITY))
        return super().forward(batch)


@dataclass
class Crashing(Tiny):
    """Takes down its process with a segmentation fault at the numbers `at`."""

    at: frozenset[int] = frozenset()

    def forward(self, batch: Sequence[Any]) -> Outputs:
        if self.at & set(batch):
            ctypes.string_at(0)
        return super().forward(batch)


@dataclass
class Wide(Tiny):
    """One vector of 4 KB a sample."""

    def layers(self) -> Sequence[Layer]:
        return [Layer("vector", "bd", 1024, "a vector")]

    def forward(self, batch: Sequence[Any]) -> Outputs:
        import torch

        return Outputs({"vector": torch.tensor(batch)[:, None].expand(-1, 1024).clone()})


@dataclass
class Hungry(Tiny):
    """Takes `each` bytes for every sample of a batch, and twice that for a number of two digits, which is longer."""

    each: int = 0

    def length(self, given: Any) -> int:
        return len(f"{given:.0f}")

    def forward(self, batch: Sequence[Any]) -> Outputs:
        import torch

        taken = [torch.ones(self.each // 4) for x in batch for _ in range(self.length(x))]
        out = super().forward(batch)
        del taken
        return out


@dataclass
class Evenly(Tiny):
    """Says of its map and its tokens how many positions there are, 2 x 2 and 7, of which tokens may be `lost`."""

    lost: int = 0

    def positions(self) -> Mapping[str, int]:
        return {"map": 4, "tokens": 7}

    def forward(self, batch: Sequence[Any]) -> Outputs:
        out = super().forward(batch).layers
        return Outputs({**out, "tokens": out["tokens"][:, self.lost :]})


class Ragged(Tiny):
    """Of which the tokens differ in number, for all that it says."""

    def positions(self) -> Mapping[str, int]:
        return {"map": 4}
