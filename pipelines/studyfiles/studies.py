"""A study file of whatever kind, or the output folder of one."""

from pathlib import Path

from consilience.engine.errors import BadInput
from consilience.pipelines.studyfiles.common import StudyFile, text_of
from consilience.pipelines.studyfiles.located import read_yaml
from consilience.pipelines.studyfiles.study import parse_study


def load_any(path: str | Path) -> StudyFile:
    """Read a study of models, or of brains: the one that has the key `brain`."""
    text, file = text_of(path)
    data = read_yaml(text, file.name).data
    if isinstance(data, dict) and "brain" in data:
        from consilience.pipelines.brain.study import load_brain_study

        return load_brain_study(path)
    return parse_study(text, file)


def output_of(place: str | Path) -> Path:
    """The output folder that `place` is, or that the study file `place` names. Raises BadInput for neither."""
    path = Path(place).expanduser()
    if path.is_dir():
        return path.resolve()
    if not path.is_file():
        raise BadInput(
            "a study file, or its output folder", f"{place}, which does not exist", "give its path"
        )
    study = load_any(path)
    return study.path(study.output)
