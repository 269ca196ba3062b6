"""Re-evaluate a study: run it, which computes what is new, and compare it with its baseline.

A re-evaluation has a key: the baseline, all that decides the scores now, and the thresholds. What there is under a key
is found once: of two at once one waits for the other, and one that was killed is taken up with the baseline it had.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.engine.features.lease import lease
from consilience.engine.features.location import write_json
from consilience.engine.features.schema import digest
from consilience.pipelines.console import Console
from consilience.pipelines.reevaluate.baseline import Baseline, baseline_of, promote, scored
from consilience.pipelines.reevaluate.telling import JSON, PAGE, PAIRS, tell
from consilience.pipelines.runs.output import writable
from consilience.pipelines.studyfiles.study import Study, load_study
from consilience.pipelines.zoo.prepare import prepare

if TYPE_CHECKING:
    import xarray as xr

FOLDER, PENDING = ".reevaluations", "pending.json"


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
    study: str | Path | Study,
    *,
    baseline: str | None = None,
    promoted: bool = False,
    console: Console | None = None,
) -> Found:
    """Run a study and compare its scores with those of `baseline`: the id of a run, default the promoted or last one.

    Leaves ``drift.json``, ``drift.html`` and ``drift.parquet`` in the output folder. `promoted`: the run becomes the
    baseline of all that come after. Raises BadInput as `run` does, and for a baseline that is not there.
    """
    study = study if isinstance(study, Study) else load_study(study)
    console = console or Console()
    output = writable(study.path(study.output))
    place = output / FOLDER
    before = baseline_of(study, output, baseline or _pending(place))
    if before is None:
        scores = _run(study, console)
        console.say("There was no run to compare with: this one is the baseline of the next.")
        found = Found({}, output / PAGE, str(scores.attrs["status"]))
    else:
        found = _found(study, before, output, console)
    if promoted and (problem := promote(output, scored(output)[-1])):
        console.say(problem, style="yellow")
    return found


def _found(study: Study, before: Baseline, output: Path, console: Console) -> Found:
    key = digest(
        {
            "baseline": before.key or before.run_id, "study": prepare(study).fingerprint(),
            "drift": [study.drift.q, study.drift.change],
        }
    )  # fmt: skip
    place = output / FOLDER
    folder = place / key
    done = folder / "done.json"
    with lease(place, done.is_file):
        if not done.is_file():
            write_json(place / PENDING, {"baseline": before.key or before.run_id})
            scores = _run(study, console)
            if not (folder / JSON).is_file():
                _evaluate(study, before, scores, output, folder)
            problem = tell(study, folder, output, console)
            write_json(done, {"status": str(scores.attrs["status"]), "webhook": problem})
            (place / PENDING).unlink(missing_ok=True)
    for name in (JSON, PAGE, PAIRS):
        shutil.copyfile(folder / name, output / name)
    told = json.loads((folder / JSON).read_text(encoding="utf-8"))
    console.say()
    for sentence in told["summary"]:
        console.say(sentence)
    said = json.loads(done.read_text(encoding="utf-8"))
    if said["webhook"]:
        console.say(f"Not delivered: {said['webhook']}", style="yellow")
    console.say(f"\nDrift report: {output / PAGE}", style="bold")
    return Found(told, output / PAGE, said["status"])


def _run(study: Study, console: Console) -> "xr.Dataset":
    from consilience.pipelines.zoo.run import run

    return run(study, console=console)


def _evaluate(study: Study, before: Baseline, scores: "xr.Dataset", output: Path, folder: Path) -> None:
    """Compare, and write what was found; the JSON last, for it says that all is there."""
    from consilience.pipelines.reevaluate.compared import compared
    from consilience.pipelines.reevaluate.judging import judged, table
    from consilience.pipelines.reevaluate.page import write

    pairs = table(compared(before.scores, scores, output / ".scores"), study.drift)
    told = judged(study, before, scores, pairs)
    folder.mkdir(parents=True, exist_ok=True)
    pairs.to_parquet(folder / PAIRS, index=False)
    write(told, scored(output), folder / PAGE)
    write_json(folder / JSON, told)


def _pending(place: Path) -> str | None:
    """The baseline of a re-evaluation that was cut short: its run may be the last one by now."""
    path = place / PENDING
    return str(json.loads(path.read_text(encoding="utf-8"))["baseline"]) if path.is_file() else None
