"""Entries of a study that name models by a pattern: each stands for the models that fit it when the study is read.

``hf:zoo/*`` stands for the transformers folders there, any other pattern for tables of the store and for registered
models that can see the stimuli.
A model that joins the folder or the store so joins the study.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path
from typing import TypeVar

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import NotInstalled
from consilience.engine.features import FeatureStore
from consilience.pipelines.seats import open_set
from consilience.pipelines.studyfiles.common import StudyFile
from consilience.pipelines.studyfiles.entries import ModelEntry

Kind = TypeVar("Kind", bound=StudyFile)
_HF = "hf:"


def matched(study: Kind, stimuli: str, store: FeatureStore) -> Kind:
    """`study` with the models that its patterns fit in place of them, in the order of their names.

    A model that has an entry of its own keeps that one. StudyError for a pattern that no model fits.
    """
    if not any(is_pattern(x.name) for x in study.models):
        return study
    named = {x.name for x in study.models}
    entries: list[ModelEntry] = []
    places: list[int] = []
    for i, entry in enumerate(study.models):
        found: Sequence[str] = [entry.name]
        if is_pattern(entry.name):
            there = [model for model, on in store.names() if on == entry.on(stimuli)]
            able = _able(entry.name, entry.on(stimuli))
            found = [x for x in _fitting(entry.name, {*able, *there}) if x not in named]
            if not found:
                none = BadInput(
                    f"a model that fits {entry.name!r}", "none that is not named already",
                    "change the pattern, or remove it",
                )  # fmt: skip
                raise study.error(("models", i), none)
            named |= {*found}
        entries += [entry.model_copy(update={"name": name}) for name in found]
        places += [i] * len(found)
    return study.with_models(entries, places)


def is_pattern(name: str) -> bool:
    """Whether an entry's name stands for several."""
    return "*" in name or "?" in name


def _able(pattern: str, stimuli: str) -> list[str]:
    """Registered models that fit the pattern and can see those stimuli; one that is not installed is told of later."""
    from consilience.connectors.models import models, open_model

    there, _ = open_set(stimuli)
    found = []
    for name in (x for x in models() if ":" not in x and there is not None and fnmatchcase(x, pattern)):
        try:
            if there is not None and open_model(name).card.modality in there.views():
                found.append(name)
        except NotInstalled:
            found.append(name)
    return found


def _fitting(pattern: str, known: Iterable[str]) -> list[str]:
    if pattern.startswith(_HF):
        folders = glob(str(Path(pattern.removeprefix(_HF)).expanduser()))
        return [f"{_HF}{x}" for x in sorted(folders) if (Path(x) / "config.json").is_file()]
    return sorted(x for x in known if fnmatchcase(x, pattern))
