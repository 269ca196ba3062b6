"""Praat's TextGrids: what was said, and when."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consilience.engine.errors import BadInput

# Praat reads only what stands free between spaces: quoted texts, numbers and flags. What else is there, as "xmin =" and
# "intervals [1]:" of the long form, is for people, so that the long form and the short one are read alike.
_FREE = re.compile(
    r'"(?:[^"]|"")*"|(?<!\S)(?:[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|<exists>|<absent>)(?!\S)|![^\n]*'
)
_MARKS = ((b"\xfe\xff", "utf-16"), (b"\xff\xfe", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


@dataclass(frozen=True)
class Interval:
    """What is written from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


def read_textgrid(path: Path) -> dict[str, list[Interval]]:
    """Tier -> its intervals, of the tiers that have such; a tier of points is not among them.

    Reads the long and the short text form, in UTF-8 or UTF-16. Raises BadInput for any other file, for one that
    ends too early, for two tiers of one name, and for an interval that ends before it starts.
    """
    words = _words(path)
    try:
        if (next(words), next(words)) != ('"ooTextFile"', '"TextGrid"'):
            raise _bad(path, "another kind of file")
        next(words), next(words)
        tiers: dict[str, list[Interval]] = {}
        for _ in range(int(next(words)) if next(words) == "<exists>" else 0):
            kind, name = _text(next(words)), _text(next(words))
            next(words), next(words)
            count = int(next(words))
            if kind == "TextTier":
                for _ in range(count):
                    next(words), next(words)
                continue
            if name in tiers:
                raise _bad(path, f"two tiers of the name {name!r}")
            tiers[name] = [
                Interval(float(next(words)), float(next(words)), _text(next(words))) for _ in range(count)
            ]
            if wrong := [x for x in tiers[name] if x.end <= x.start]:
                raise _bad(path, f"an interval from {wrong[0].start} to {wrong[0].end} s in {name!r}")
        return tiers
    except StopIteration:
        raise _bad(path, "one that ends too early") from None
    except ValueError as error:
        raise error if isinstance(error, BadInput) else _bad(path, str(error)) from error


def _words(path: Path) -> Iterator[str]:
    raw = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        whole = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise _bad(path, f"other bytes: {error}") from error
    return (x[0] for x in _FREE.finditer(whole) if not x[0].startswith("!"))


def _text(word: str) -> str:
    if not word.startswith('"'):
        raise ValueError(f"{word} where a text is expected")
    return word[1:-1].replace('""', '"')


def _bad(path: Path, got: str) -> BadInput:
    return BadInput(
        "a TextGrid in Praat's long or short text form, in UTF-8 or UTF-16", f"{got} ({path})",
        "save it anew from Praat: Save as text file",
    )  # fmt: skip
