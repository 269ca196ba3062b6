"""The files of a BIDS data set that belong to one run: its image, events, confounds and sidecar."""

from dataclasses import dataclass
from pathlib import Path

from consilience.engine.errors import BadInput


@dataclass(frozen=True)
class Run:
    """The files of one run; `sidecar` is the JSON that says its repetition time, if there is one."""

    name: str
    bold: Path
    events: Path
    confounds: Path | None
    sidecar: Path | None


def runs_of(root: Path, images: Path, task: str, space: str | None, confounds: bool) -> dict[str, list[Run]]:
    """Subject -> its runs, in the order of their names."""
    from nilearn.interfaces.bids import get_bids_files

    if not images.is_dir():
        raise BadInput("the folder of a BIDS data set", f"{images}, which is not a folder", "check the path")
    filters = [("task", task), *([("space", space)] if space else [])]
    paths = get_bids_files(images, file_tag="bold", file_type="nii*", modality_folder="func", filters=filters)
    found: dict[str, list[Run]] = {}
    for path in map(Path, paths):
        subject, run = _run(root, path, task, confounds)
        found.setdefault(subject, []).append(run)
    if not found:
        wanted = f"task-{task}" + (f", space-{space}" if space else "")
        raise BadInput(
            f"images *_bold.nii.gz ({wanted}) below {images}", "none", "check task, space and folder"
        )
    for subject, runs in found.items():
        if len({run.name for run in runs}) < len(runs):
            names = ", ".join(run.bold.name for run in runs)
            raise BadInput(f"one image for each run of {subject}", names, "name a space")
        runs.sort(key=lambda run: run.name)
    return dict(sorted(found.items()))


def _run(root: Path, bold: Path, task: str, confounds: bool) -> tuple[str, Run]:
    """The subject of an image, and its run, with the files that belong to it."""
    from nilearn.interfaces.bids import parse_bids_filename

    held = parse_bids_filename(bold)["entities"]
    subject = f"sub-{held['sub']}"
    within = [f"{key}-{held[key]}" for key in ("ses", "task", "run") if key in held]
    stem = "_".join([subject, *within])
    events = sorted(root.glob(f"{subject}/**/func/{stem}_*events.tsv"))
    aside = sorted(bold.parent.glob(f"{stem}_*confounds*.tsv"))
    if len(events) != 1:
        raise BadInput(
            f"one table of events for {bold.name}", f"{len(events)}", f"add {stem}_events.tsv to {root}"
        )
    if confounds and len(aside) != 1:
        raise BadInput(
            f"one table of confounds for {bold.name}",
            f"{len(aside)}",
            f"add {stem}_desc-confounds_timeseries.tsv beside it, or leave confounds out",
        )
    sidecars = [bold.with_name(bold.name.split(".nii")[0] + ".json"), root / f"task-{task}_bold.json"]
    sidecar = next((x for x in sidecars if x.is_file()), None)
    name = "_".join(x for x in within if not x.startswith("task-")) or "run-1"
    return subject, Run(name, bold, events[0], aside[0] if confounds else None, sidecar)
