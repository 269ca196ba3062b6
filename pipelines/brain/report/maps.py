"""The maps of the page: a view of every subject, what they have in common kept once, and no more than fits."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.pipelines.brain.report.places import Shown, shown
from consilience.pipelines.brain.report.views import views

if TYPE_CHECKING:
    import xarray as xr

MOST = 8_000_000  # characters of all views: a page that can still be mailed
LONG = 5_000  # pieces as long as that are kept once: scripts, meshes, the standard brain
_SCRIPTS = re.compile(r"(<script>.*?</script>)", re.DOTALL)
_STRINGS = re.compile(rf'("[A-Za-z0-9+/=:;,]{{{LONG},}}")')


def maps(results: "Mapping[str, xr.Dataset]", most: int = MOST) -> dict[str, Any]:
    """Texts of the `figures`, and `views`, each a list of the numbers of its `pieces`, which stand one after the other.

    Views beyond `most` characters are left out, and counted: surfaces go before volumes, the last subjects first.
    """
    figures, kept = [], _Pieces(most)
    for of in shown(results):
        limit = max(
            (float(np.nanmax(np.abs(f.values), initial=0.0)) for f in of.fields.values()), default=0.0
        )
        pages = [
            (who, kind, page)
            for who, field in of.fields.items()
            for kind, page in views(field, limit or 1.0, of.common).items()
        ]
        if of.common:
            pages = sorted(pages, key=lambda x: x[1] == "surface")
        choices = [
            {"who": who, "kind": kind, "pieces": pieces}
            for who, kind, page in pages
            if (pieces := kept.add(page)) is not None
        ]
        kinds = list(dict.fromkeys(str(x["kind"]) for x in choices))
        figures.append(
            {
                "title": of.title, "caption": _caption(of, kinds), "left_out": len(pages) - len(choices),
                "who": [who for who in of.fields if any(x["who"] == who for x in choices)], "kinds": kinds,
                "views": choices,
            }
        )  # fmt: skip
    return {"figures": figures, "pieces": kept.texts}


class _Pieces:
    """Texts, each kept once, as long as there is room."""

    def __init__(self, room: int):
        self.room = room
        self.texts: list[str] = []
        self._at: dict[str, int] = {}

    def add(self, page: str) -> list[int] | None:
        """The numbers of the pieces of a page; None where there is no more room."""
        pieces = [x for part in _SCRIPTS.split(page) for x in _STRINGS.split(part) if x]
        new = {x for x in pieces if x not in self._at}
        if sum(map(len, new)) > self.room:
            return None
        self.room -= sum(map(len, new))
        for piece in pieces:
            if piece not in self._at:
                self._at[piece] = len(self.texts)
                self.texts.append(piece)
        return [self._at[piece] for piece in pieces]


def _caption(of: Shown, kinds: list[str]) -> str:
    told = {
        "volume": "Voxels on the anatomy of a standard brain (MNI152)"
        if of.common
        else "Voxels where they lie",
        "surface": "the cortex of fsaverage5",
        "markers": "Units at their coordinates in mm, the darker the higher",
    }
    colours = (
        "" if kinds == ["markers"] else " Red is above 0 and blue below, the same colours for every subject."
    )
    guide = (
        "All subjects have the same coordinates."
        if of.common
        else "Coordinates are taken for each subject's own: they say nothing of where in a standard brain a unit lies."
    )
    first, *others = (told[kind] for kind in kinds)
    where = ", and on ".join([first[0].upper() + first[1:], *others])
    return f"{where}: {of.what}.{colours} {guide}"
