"""The files of a BIDS data set that belong to one run: its image, or one a hemisphere, events, confounds and sidecar.

They belong together by the entities in their names (``task-look``, ``acq-fast``, ``run-1``): a file belongs to an image
all of whose entities it shares, and of several the one with the most (the inheritance principle of BIDS).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consilience.engine.errors import BadInput

# What tells one scan of a subject from another. Images that differ in nothing of it are one scan that was made into
# several images (an echo or a part of it, a space, a resolution), and only one of them can be read.
SCAN = ("ses", "acq", "ce", "dir", "run")
Entities = Mapping[str, str | int | None]
_HEMISPHERES = {"L": "left", "R": "right"}


@dataclass(frozen=True)
class Run:
    """The files of one run; `sidecars` are the JSON files that may say its repetition time: the image's `own`, if there
    is one, and that of the `raw` data. `halves` are the images of the hemispheres, of which `bold` is the first, and
    empty for volumes."""

    name: str
    bold: Path
    events: Path
    confounds: Path | None
    own: Path | None
    raw: Path | None
    halves: Mapping[str, Path] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """All of them."""
        every = (*(self.halves.values() or [self.bold]), self.events, self.confounds, *self.sidecars)
        return [x for x in every if x is not None]

    @property
    def sidecars(self) -> list[Path]:
        """The nearest first: what it does not say the next one may."""
        return [x for x in (self.own, self.raw) if x is not None]


def runs_of(
    root: Path,
    images: Path,
    task: str,
    space: str | None,
    confounds: bool,
    entities: Entities | None = None,
    surface: bool = False,
) -> dict[str, list[Run]]:
    """Subject -> its runs, in the order of their names. `entities` are what the images have to have, or, where None is
    given for one, must not have. With `surface` a run is its images of both hemispheres, or of one throughout."""
    if not images.is_dir():
        raise BadInput("the folder of a BIDS data set", f"{images}, which is not a folder", "check the path")
    more = {key: label if label is None else str(label) for key, label in (entities or {}).items()}
    wanted = {"task": task, **({} if space is None else {"space": space}), **more}
    found: dict[str, dict[str, list[Path]]] = {}
    ending = "_bold.func.gii" if surface else "_bold.nii"
    for path in sorted(images.glob(f"sub-*/**/func/*{ending}*")):
        held = entities_of(path)
        if all(held.get(key) == value for key, value in wanted.items()):
            scans = found.setdefault(f"sub-{held['sub']}", {})
            scans.setdefault(_name(held), []).append(path)
    if not found:
        asked = ", ".join(f"no {k}" if v is None else f"{k}-{v}" for k, v in wanted.items())
        deeper = sorted({x.parent.name for x in images.glob("*/sub-*")})
        where = f"choose derivatives={str(images / deeper[0])!r}, or " if deeper else ""
        raise BadInput(
            f"images *{ending}{'' if surface else '.gz'} ({asked}) in {images}/sub-*", "none",
            f"{where}check task, space, entities and folder",
        )  # fmt: skip
    runs = {
        subject: [
            _run(root, name, _sides(subject, scans[name], surface), confounds) for name in sorted(scans)
        ]
        for subject, scans in sorted(found.items())
    }
    _same_sides(runs)
    return runs


def _sides(subject: str, paths: Sequence[Path], surface: bool) -> dict[str, Path]:
    """The image of a scan, or one a hemisphere, left before right."""
    if not surface:
        return {"": _only(subject, paths)}
    found = {}
    for label, side in _HEMISPHERES.items():
        if own := [path for path in paths if entities_of(path).get("hemi") == label]:
            found[side] = _only(subject, own)
    if not found:
        raise BadInput(
            f"hemi-L and hemi-R in the names of the surfaces of {subject}", paths[0].name, "rename them"
        )
    return found


def _same_sides(runs: Mapping[str, Sequence[Run]]) -> None:
    """BadInput where some runs have a hemisphere that others lack."""
    held = {f"{subject} {run.name}": list(run.halves) for subject, own in runs.items() for run in own}
    most = max(held.values(), key=len)
    for name, sides in held.items():
        if sides != most:
            raise BadInput(
                f"images of the hemispheres {' and '.join(most)} in every run",
                f"{' and '.join(sides)} alone in {name}",
                'add the other, or choose one by entities={"hemi": "L"}',
            )


def entities_of(path: Path) -> dict[str, str | None]:
    """The entities in a file's name: key -> label."""
    from nilearn.interfaces.bids import parse_bids_filename

    return dict(parse_bids_filename(path)["entities"])


def _name(held: Mapping[str, str | None]) -> str:
    return "_".join(f"{key}-{held[key]}" for key in SCAN if key in held) or "run-1"


def _only(subject: str, paths: Sequence[Path]) -> Path:
    """The image of a scan; BadInput says in which entity several differ, and how to choose."""
    if len(paths) == 1:
        return paths[0]
    held = [entities_of(path) for path in paths]
    differ = [key for key in dict.fromkeys(k for x in held for k in x) if len({x.get(key) for x in held}) > 1]
    fixes = []
    for key in differ:
        labels = sorted({str(x[key]) for x in held if x.get(key) is not None})
        said = f'space="{labels[0]}"' if key == "space" else f'entities={{"{key}": "{labels[0]}"}}'
        others = [f'"{label}"' for label in labels[1:]]
        others += ["None: those without"] if any(key not in x for x in held) else []
        fixes.append(f"choose {said}" + (f" (or {', '.join(others)})" if others else ""))
    raise BadInput(
        f"one image for each run of {subject}", ", ".join(path.name for path in paths),
        "; ".join(fixes) or "remove all but one",
    )  # fmt: skip


def _run(root: Path, name: str, sides: Mapping[str, Path], confounds: bool) -> Run:
    """An image with the files that belong to it."""
    bold = next(iter(sides.values()))
    halves = {side: path for side, path in sides.items() if side}
    subject = f"sub-{entities_of(bold)['sub']}"
    above = [root, root / subject]  # where what holds for several runs may stand
    raw = [x for folder in above for x in folder.glob("*")] + list(root.glob(f"{subject}/**/func/*"))
    events = _belonging(bold, raw, "_events.tsv")
    aside = _belonging(bold, bold.parent.glob("*confounds*"), ".tsv") if confounds else None
    stem = "_".join(
        [subject, *(f"{k}-{v}" for k, v in entities_of(bold).items() if k in ("ses", "task", *SCAN[1:]))]
    )
    if events is None:
        raise BadInput(f"one table of events for {bold.name}", "none", f"add {stem}_events.tsv to {root}")
    if confounds and aside is None:
        raise BadInput(
            f"one table of confounds for {bold.name}", "none",
            f"add {stem}_desc-confounds_timeseries.tsv beside it, or leave confounds out",
        )  # fmt: skip
    own = bold.with_name(bold.name.split(".")[0] + ".json")
    others = _belonging(bold, [x for x in raw if x != own], "_bold.json")
    return Run(name, bold, events, aside, own if own.is_file() else None, others, halves)


def _belonging(bold: Path, files: Iterable[Path], ending: str) -> Path | None:
    """Of the files with that ending the one that belongs to an image most closely; BadInput where two do."""
    of_image = entities_of(bold)
    close: dict[int, list[Path]] = {}
    for path in sorted(set(files)):
        if not path.name.endswith(ending) or not path.is_file():
            continue
        held = {key: label for key, label in entities_of(path).items() if key != "desc"}
        if all(of_image.get(key) == label for key, label in held.items()):
            close.setdefault(len(held), []).append(path)
    if not close:
        return None
    nearest = close[max(close)]
    if len(nearest) > 1:
        raise BadInput(
            f"one file *{ending} for {bold.name}", " and ".join(path.name for path in nearest), "remove one",
        )  # fmt: skip
    return nearest[0]
