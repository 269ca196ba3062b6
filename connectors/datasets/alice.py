"""The first chapter of Alice in Wonderland, heard by twenty people in the scanner (Brennan et al. 2016): the words with
their times, and the time courses of six regions."""

import re
from dataclasses import dataclass
from functools import cache

import numpy as np

from consilience.connectors.datasets.fetching import DataSet
from consilience.engine.errors import BadInput

DATA = DataSet(
    name="alice",
    url="https://raw.githubusercontent.com/daandouwe/Thesis/ec54039b6ac5ad7bf8c81b91768108e5be5c1ce0/"
    "brain-data/syntax-in-rnng/",
    licence="CC BY 4.0",
    citation="Brennan et al. 2016, Abstract linguistic structure correlates with temporal activity during naturalistic "
    "comprehension, Brain and Language 157-158",
)
REGIONS = ("LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG")
TR = 2.0
DISCARDED = 10  # volumes that are missing at the start of every time course
VOLUMES = 362
FIRST = DISCARDED * TR  # seconds, on the clock of the words, at which the first volume that was kept begins

_TIMES = "alice_data_shared"
_INTERVAL = re.compile(r"xmin = (\S+)\s+xmax = (\S+)\s+text = \"(.*)\"")
_PAUSES = {"", "sp"}


@dataclass(frozen=True)
class Word:
    """A word, and the seconds at which it begins and ends."""

    text: str
    onset: float
    offset: float


@cache
def words() -> tuple[Word, ...]:
    """The words of the story in the order in which they are heard."""
    text = DATA.path("alice_stim_shared/DownTheRabbitHoleFinal_exp120_pad_1.TextGrid").read_text()
    found = [Word(word.strip(), float(start), float(end)) for start, end, word in _INTERVAL.findall(text)]
    return tuple(word for word in found if word.text not in _PAUSES)


def subjects() -> list[str]:
    """Everyone of whom there is a time course, also if it cannot be used."""
    return sorted(
        match[1] for name in DATA.files if (match := re.fullmatch(rf"{_TIMES}/10mm/(s\d+)-.*", name))
    )


def responses(subject: str) -> np.ndarray:
    """The time courses (362 volumes, 6 regions): means over spheres of 10 mm."""
    return np.loadtxt(DATA.path(f"{_TIMES}/10mm/{subject}-timecourses.txt"))


def nuisance(subject: str) -> dict[str, np.ndarray]:
    """Word rate (362, 1) and sound power (362, 1), both convolved with a haemodynamic response, and motion (362, 6).

    The motion parameters are of all volumes; those of the discarded ones are left out.
    """
    (motion,) = (name for name in DATA.files if name.startswith(f"{_TIMES}/{subject}-rp_"))
    found = {
        "word_rate": np.loadtxt(DATA.path(f"{_TIMES}/{subject}-rate.txt"), ndmin=2).reshape(-1, 1),
        "sound_power": np.loadtxt(DATA.path(f"{_TIMES}/{subject}-sndpwr.txt"), ndmin=2).reshape(-1, 1),
        "motion": np.loadtxt(DATA.path(motion))[DISCARDED:],
    }
    for name, values in found.items():
        if len(values) != VOLUMES:
            raise BadInput(f"{name} of {subject} at {VOLUMES} volumes", str(len(values)), "fetch it again")
    return found
