"""Re-evaluate a study, of models or of brains: run it, which computes what is new, and compare it with its baseline.

A re-evaluation has a key: the baseline, all that decides the scores now, and the thresholds. What there is under a key
is found once: of two at once one waits for the other, and one that was killed is taken up with the baseline it had.
What is computed afresh, to see whether the same comes out, is found every time; a killed one is taken up too.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput
from consilience.engine.features.location import write_json
from consilience.engine.features.schema import digest
from consilience.pipelines.console import Console
from consilience.pipelines.reevaluate.baseline import Baseline, baseline_of, promote, scored
from consilience.pipelines.reevaluate.kinds import of_study
from consilience.pipelines.reevaluate.telling import JSON, PAGE, PAIRS, tell
from consilience.pipelines.runs.output import alone, writable
from consilience.pipelines.studyfiles.common import StudyFile
from consilience.pipelines.studyfiles.studies import load_any

if TYPE_CHECKING:
    import xarray as xr

FOLDER, PENDING = ".reevaluations", "pending.json"
FRESH = ".fresh"  # of the output folder: where everything is computed anew, gone when that is done


@dataclass(frozen=True)
class Found:
    """What a re-evaluation found: `told` is the content of ``drift.json``; `page` the report. `told` is empty where
    there was no baseline to compare with. `status` is that of the run."""

    told: dict[str, Any]
    page: Path
    status: str

    @property
    def alarm(self) -> bool:
        """Whether scores have drifted, or are other numbers from the same inputs."""
        return bool(self.told) and (self.told["drift"] or not self.told["reproducible"])


def reevaluate(
    study: str | Path | StudyFile,
    *,
    baseline: str | None = None,
    promoted: bool = False,
    fresh: bool = False,
    console: Console | None = None,
) -> Found:
    """Run a study and compare its scores with those of `baseline`: the id of a run, default the promoted or last one.

    Leaves ``drift.json``, ``drift.html`` and ``drift.parquet`` in the output folder. `promoted`: the run becomes the
    baseline of all that come after. `fresh`: features and scores are computed anew in a folder of their own, compared,
    and removed; what is kept stays as it is. Raises BadInput as `run` does, and for a baseline that is not there.
    """
    study = study if isinstance(study, StudyFile) else load_any(study)
    if fresh and promoted:
        raise BadInput("--fresh or --promote", "both", "leave one out: what is computed afresh is not kept")
    console = console or Console()
    output, kind = writable(study.path(study.output)), of_study(study)
    before = baseline_of(study, output, baseline or _pending(output / FOLDER))
    if before is None:
        with alone(output):
            table = kind.run(study, console)
        console.say("There was no run to compare with: this one is the baseline of the next.")
        found = Found({}, output / PAGE, str(table.attrs["status"]))
    else:
        found = _found(study, before, output, console, fresh)
    if promoted and (problem := promote(output, scored(output, kind)[-1])):
        console.say(problem, style="yellow")
    return found


def _found(study: StudyFile, before: Baseline, output: Path, console: Console, fresh: bool) -> Found:
    key = digest(
        {
            "baseline": before.key or before.run_id, "study": of_study(study).fingerprint(study, console),
            "drift": [study.drift.q, study.drift.change], "fresh": fresh,
        }
    )  # fmt: skip
    folder = output / FOLDER / key
    done = folder / "done.json"
    with alone(output, lambda: done.is_file() and not fresh):
        if fresh:
            _afresh(study, before, output, folder, console)
        elif not done.is_file():
            (output / FOLDER).mkdir(exist_ok=True)
            write_json(output / FOLDER / PENDING, {"baseline": before.key or before.run_id})
            table = of_study(study).run(study, console)
            if not (folder / JSON).is_file():
                _evaluate(study, before, table, output, folder)
            _finish(study, table, output, folder, console)
            (output / FOLDER / PENDING).unlink(missing_ok=True)
        for name in (JSON, PAGE, PAIRS):
            shutil.copyfile(folder / name, output / name)
        told, said = (json.loads(x.read_text(encoding="utf-8")) for x in (folder / JSON, done))
    console.say()
    for sentence in told["summary"]:
        console.say(sentence)
    if said["webhook"]:
        console.say(f"Not delivered: {said['webhook']}", style="yellow")
    console.say(f"\nDrift report: {output / PAGE}", style="bold")
    return Found(told, output / PAGE, said["status"])


def _afresh(study: StudyFile, before: Baseline, output: Path, folder: Path, console: Console) -> None:
    """Compute everything anew and evaluate it; of an earlier time only what was cut short is used."""
    scratch = output / FRESH / folder.name
    for other in (output / FRESH).glob("*"):
        if other != scratch:
            shutil.rmtree(other)
    shutil.rmtree(folder, ignore_errors=True)
    scratch.mkdir(parents=True, exist_ok=True)
    table = of_study(study).afresh(study, scratch, console)
    _evaluate(study, before, table, output, folder, scratch)
    _finish(study, table, output, folder, console)
    shutil.rmtree(output / FRESH)


def _finish(study: StudyFile, table: "xr.Dataset", output: Path, folder: Path, console: Console) -> None:
    problem = tell(study, folder, output, console)
    write_json(folder / "done.json", {"status": str(table.attrs["status"]), "webhook": problem})


def _evaluate(
    study: StudyFile,
    before: Baseline,
    table: "xr.Dataset",
    output: Path,
    folder: Path,
    scratch: Path | None = None,
) -> None:
    """Compare, and write what was found; the JSON last, for it says that all is there. `scratch`: where `table` was
    computed afresh."""
    from consilience.pipelines.reevaluate.judging import judged
    from consilience.pipelines.reevaluate.judging import table as judged_rows
    from consilience.pipelines.reevaluate.kinds import alike
    from consilience.pipelines.reevaluate.page import write

    folders = output / ".scores", (scratch or output) / ".scores"
    pairs = judged_rows(alike(before.scores, table).compared(before.scores, table, *folders), study.drift)
    told = judged(study, before, table, pairs, fresh=scratch is not None)
    folder.mkdir(parents=True, exist_ok=True)
    pairs.to_parquet(folder / PAIRS, index=False)
    write(told, scored(output, of_study(study)), folder / PAGE)
    write_json(folder / JSON, told)


def _pending(place: Path) -> str | None:
    """The baseline of a re-evaluation that was cut short: its run may be the last one by now."""
    path = place / PENDING
    return str(json.loads(path.read_text(encoding="utf-8"))["baseline"]) if path.is_file() else None
