"""The preprocessing that a study names, model by model: the study's own steps, or those of the model's entry."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from consilience.engine.errors import BadInput
from consilience.pipelines.seats import Seat
from consilience.pipelines.studyfiles.entries import Entry
from consilience.pipelines.studyfiles.located import Loc, StudyError
from consilience.pipelines.studyfiles.study import Study
from consilience.pipelines.zoo.prepare import Prepared

if TYPE_CHECKING:
    from consilience.engine.preprocessing import Asked


def steps_of(prepared: Prepared) -> "dict[str, tuple[Asked, ...]]":
    """Model -> its steps. Raises StudyError for a step that does not exist, and the place where it is named."""
    study = prepared.study
    common = _read(study, study.preprocess, ("preprocess",))
    own = {
        entry.name: _read(study, entry.preprocess, ("models", i, "preprocess"))
        for i, entry in enumerate(study.models)
        if entry.preprocess is not None
    }
    return {seat.name: own.get(seat.entry.name, common) for seat in prepared.seats}


def step_error(prepared: Prepared, seat: Seat, bad: BadInput) -> StudyError:
    """`bad`, with the place that names the steps of the model."""
    own = seat.entry.preprocess is not None
    loc: Loc = ("models", prepared.study.models.index(seat.entry)) if own else ()
    return prepared.study.error((*loc, "preprocess"), bad)


def _read(study: Study, entries: Sequence[Entry], loc: Loc) -> "tuple[Asked, ...]":
    from consilience.engine.preprocessing import parse

    found = []
    for i, entry in enumerate(entries):
        try:
            found.append(parse(entry.spec()))
        except BadInput as bad:
            raise study.error((*loc, i), bad) from bad
    return tuple(found)
