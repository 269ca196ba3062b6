"""What re-evaluation, history and the comparison of two runs know of a kind of study: of models, or of brains."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.common import StudyFile

if TYPE_CHECKING:
    import xarray as xr

    from consilience.engine.tracking import Entry
    from consilience.pipelines.reevaluate.rows import Compared


@dataclass(frozen=True)
class Kind:
    """A kind of study. Its table is what runs are compared by: of brains not all that they leave.

    `file` is that table among the files of a run, `joined` the word between the two that a score is of. `fingerprint`
    is of all that decides a study's results; `run` and `afresh` give its table, computed where it is kept, or anew in
    a folder; `compared` takes two tables and the folders where either run keeps scores; `count` says how many scores
    a table has.
    """

    name: str
    file: str
    joined: str
    fingerprint: Callable[[Any, Console], str]
    run: "Callable[[Any, Console], xr.Dataset]"
    afresh: "Callable[[Any, Path, Console], xr.Dataset]"
    compared: "Callable[[xr.Dataset, xr.Dataset, Path, Path], Compared]"
    count: "Callable[[xr.Dataset], int]"

    def pair(self, row: Mapping[str, Any]) -> str:
        """The two that a row is of: ``eye with ear``, ``eye in V1``, or ``in V1`` of no model."""
        return f"{row['a']} {self.joined} {row['b']}".strip()

    def words(self, row: Mapping[str, Any], metric: str) -> str:
        """A row as a sentence names it: ``cka of eye with ear``, ``rsa of eye in V1``."""
        return f"{metric}{' of' if row['a'] else ''} {self.pair(row)}"


def of_study(study: StudyFile) -> Kind:
    """The kind of a study."""
    from consilience.pipelines.studyfiles.study import Study

    return MODELS if isinstance(study, Study) else BRAINS


def of_table(table: "xr.Dataset") -> Kind:
    """The kind of study that left a table."""
    return BRAINS if "row" in table.dims else MODELS


def of_entry(entry: "Entry") -> Kind | None:
    """The kind of study that a kept run is of; None for what is no run, or keeps no table."""
    return next((kind for kind in KINDS.values() if (entry.files / kind.file).is_file()), None)


def alike(before: "xr.Dataset", now: "xr.Dataset") -> Kind:
    """The kind of both tables. Raises BadInput for tables of two kinds."""
    kind = of_table(now)
    if of_table(before) is not kind:
        raise BadInput(
            f"a run of a study of {kind.name}", f"one of {of_table(before).name}", "see `consilience runs`"
        )
    return kind


def _models_fingerprint(study: Any, console: Console) -> str:
    from consilience.pipelines.zoo.prepare import prepare

    return prepare(study).fingerprint()


def _models_run(study: Any, console: Console) -> "xr.Dataset":
    from consilience.pipelines.zoo.run import run_held

    return run_held(study, console)


def _models_afresh(study: Any, folder: Path, console: Console) -> "xr.Dataset":
    from consilience.pipelines.zoo.run import afresh

    return afresh(study, folder, console)


def _models_compared(before: "xr.Dataset", now: "xr.Dataset", kept: Path, afresh: Path) -> "Compared":
    from consilience.pipelines.reevaluate.compared import compared

    return compared(before, now, kept, afresh)


def _models_count(table: "xr.Dataset") -> int:
    from consilience.pipelines.reevaluate.compared import scores_in

    return scores_in(table)


def _brains_fingerprint(study: Any, console: Console) -> str:
    from consilience.pipelines.brain.prepare import prepare
    from consilience.pipelines.brain.run import announced

    return prepare(study, announced(console)).fingerprint()


def _brains_run(study: Any, console: Console) -> "xr.Dataset":
    from consilience.engine.scores import open_scores
    from consilience.pipelines.brain.run import run_held

    run_held(study, console)
    return open_scores(study.path(study.output) / BRAINS.file)


def _brains_afresh(study: Any, folder: Path, console: Console) -> "xr.Dataset":
    from consilience.pipelines.brain.run import afresh

    return afresh(study, folder, console)


def _brains_compared(before: "xr.Dataset", now: "xr.Dataset", kept: Path, afresh: Path) -> "Compared":
    from consilience.pipelines.reevaluate.subjects import compared

    return compared(before, now)


def _brains_count(table: "xr.Dataset") -> int:
    return int(table.sizes["row"])


MODELS = Kind(
    "models", "scores.nc", "with", _models_fingerprint, _models_run, _models_afresh, _models_compared, _models_count
)  # fmt: skip
BRAINS = Kind(
    "brains", "outcomes.nc", "in", _brains_fingerprint, _brains_run, _brains_afresh, _brains_compared, _brains_count
)  # fmt: skip
KINDS = MappingProxyType({kind.name: kind for kind in (MODELS, BRAINS)})
