"""Words, or what else a tier of TextGrids holds, as they were said."""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256 as sha
from pathlib import Path
from typing import Any

from consilience.connectors.files import sha256
from consilience.connectors.stimuli.decoding import SOUNDS, sound, text, wants
from consilience.connectors.stimuli.fragments import divided, titled
from consilience.connectors.stimuli.praat import Interval, read_textgrid
from consilience.connectors.stimuli.registry import register
from consilience.engine.errors import BadInput, unknown


@register(
    "textgrid:FILE_OR_FOLDER",
    "the intervals of a tier of Praat's TextGrids, with the sound beside each file cut alike: #TIER",
)
class TextGrids:
    """A sample an interval: its text, and, where a sound of the same name lies beside every TextGrid, that sound from
    its start to its end. Empty intervals are left out; `empty` is how many.

    Sample ids are the file and the number of the interval in it, as Praat counts, from 1: ``story/0007``. `onsets` and
    `offsets` are in seconds of the file's sound. Raises BadInput where no tier is named and there are several.
    """

    licence = "not stated"
    citation = "not stated"

    def __init__(self, argument: str | Path):
        place, tier = divided(argument)
        root = Path(place).expanduser().absolute()
        self._paths = _found(root)
        self.name = titled(root.stem if root.is_file() else root.name, tier)
        self._samples: list[tuple[int, Interval]] = []
        self._ids: list[str] = []
        self.empty = 0
        for number, path in enumerate(self._paths):
            stem = path.relative_to(root.parent if root.is_file() else root).with_suffix("").as_posix()
            for k, interval in enumerate(_tier(path, tier), 1):
                if not interval.text.strip():
                    self.empty += 1
                    continue
                self._ids.append(f"{stem}/{k:04d}")
                self._samples.append((number, interval))
        self._sounds = [_beside(x) for x in self._paths]
        if any(self._sounds):
            wants("speech")

    @cached_property
    def fingerprint(self) -> str:
        """Over ids, texts and times, and the sounds."""
        said = zip(self._ids, self._samples)
        shown = "\n".join(f"{key}\t{x.start!r}\t{x.end!r}\t{x.text}" for key, (_, x) in said)
        sounds = sha256(x for x in self._sounds if x) if "speech" in self.views() else ""
        return sha(f"{shown} {sounds}".encode()).hexdigest()

    def views(self) -> Sequence[str]:
        return ("text", "speech") if all(self._sounds) else ("text",)

    def sample_ids(self) -> Sequence[str]:
        return self._ids

    def get(self, view: str, index: int) -> Any:
        number, interval = self._samples[index]
        if view == "text":
            return text(interval.text)
        path = self._sounds[number]
        assert path is not None
        return sound(path, interval.start, interval.end)

    @property
    def onsets(self) -> list[float]:
        return [x.start for _, x in self._samples]

    @property
    def offsets(self) -> list[float]:
        return [x.end for _, x in self._samples]


def _found(root: Path) -> list[Path]:
    paths = (
        [root] if root.is_file() else sorted(x for x in root.rglob("*") if x.suffix.lower() == ".textgrid")
    )
    if not paths:
        raise BadInput("a TextGrid, or a folder of them", f"{root}, which is neither", "check the path")
    return paths


def _tier(path: Path, name: str) -> list[Interval]:
    tiers = read_textgrid(path)
    if name:
        if name not in tiers:
            raise unknown(f"tier of intervals in {path.name}", name, tiers)
        return tiers[name]
    if len(tiers) != 1:
        some = next(iter(tiers), "words")
        raise BadInput(
            f"one tier of intervals in {path.name}", ", ".join(tiers) or "none", f"name one, as in #{some}"
        )
    return next(iter(tiers.values()))


def _beside(path: Path) -> Path | None:
    """The sound of the same name."""
    there = (x for x in sorted(path.parent.iterdir()) if x.stem == path.stem)
    return next((x for x in there if x.suffix.lower() in SOUNDS), None)
