"""One slice of the first subject of Haxby et al. 2001: eight categories of pictures, each shown once in twelve runs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from consilience.connectors.datasets.fetching import DataSet

CITATION = (
    "Haxby et al. 2001, Distributed and overlapping representations of faces and objects in ventral temporal cortex, "
    "Science 293"
)
LICENCE = "CC BY-SA 3.0"
DATA = DataSet(
    name="haxby_slice",
    url="https://raw.githubusercontent.com/PyMVPA/PyMVPA/20f0335f98bbb59a0e11bc0b7a469edf8681a9a1/mvpa2/data/",
    licence=f"{LICENCE} (data); MIT (the repository that ships the slice)",
    citation=CITATION,
)
TR = 2.5
REST = "rest"


@dataclass(frozen=True)
class Volumes:
    """What was shown at every volume of a scan, and in which run."""

    shown: np.ndarray
    run: np.ndarray


def volumes() -> Volumes:
    """What was shown at the 1,452 volumes of the slice."""
    return _volumes([line.split() for line in DATA.path("attributes_literal.txt").read_text().splitlines()])


def labelled(file: Path) -> Volumes:
    """The same of a subject of the whole set: a table of ``labels`` and ``chunks`` (runs, from 0), with a header."""
    return _volumes([line.split() for line in file.read_text().splitlines()[1:]])


def _volumes(lines: list[list[str]]) -> Volumes:
    return Volumes(np.array([x[0] for x in lines]), np.array([int(x[1]) for x in lines]) + 1)
