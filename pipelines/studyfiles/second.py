"""The same study on a second stimulus set, which its question asks for."""

from consilience.engine.errors import BadInput
from consilience.pipelines.studyfiles.study import Study


def second(study: Study) -> Study | None:
    """`study` on the second set of its question, with an output folder of its own inside that of the first; None
    without one.

    A model that is shown a set made of the first, such as ``spoken:openmoji``, is shown what is made alike of the
    second. StudyError where a model has a set of its own that has nothing to do with the first: nobody could say what
    takes its place.
    """
    if study.question is None or study.question.stimuli is None:
        return None
    other = study.question.stimuli
    if other == study.stimuli:
        twice = BadInput("another stimulus set than that of the study", repr(other), "name a second one")
        raise study.error(("question", "stimuli"), twice)
    models = []
    for i, entry in enumerate(study.models):
        own = entry.stimuli
        if own is not None and not own.endswith(f":{study.stimuli}"):
            apart = BadInput(
                f"a set made of {study.stimuli}, beside a second set in `question:`", repr(own),
                f"write one such as spoken:{study.stimuli}, or leave the model out",
            )  # fmt: skip
            raise study.error(("models", i, "stimuli"), apart)
        if own is not None:
            entry = entry.model_copy(update={"stimuli": own.removesuffix(study.stimuli) + other})
        models.append(entry)
    return study.model_copy(
        update={
            "name": f"{study.name} on {other}",
            "stimuli": other,
            "models": models,
            "output": f"{study.output}/beside",
            "question": None,
        }
    )
