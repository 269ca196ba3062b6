"""Feature tables by hand, without a study: import, list, compare, audit."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput, unknown
from consilience.engine.features import FeatureStore, FeatureTable
from consilience.engine.features.location import Location, is_uri, location, sizes
from consilience.engine.progress import Progress, silent

if TYPE_CHECKING:
    from consilience.engine.audit import Audit
    from consilience.engine.features.damage import Damage


def listing(
    kind: str, store: str | Path, *, long: bool = False, family: str | None = None
) -> Iterator[tuple[str, ...]]:
    """The rows of ``consilience list``: name and one line on what it is; of metrics, if `long`, all about them; of
    models those of a `family`, and the kinds of model that may be of it."""
    if family is not None and kind != "models":
        raise BadInput("models to be listed by family", kind, "leave --family out")
    if kind == "tables":
        for table in FeatureStore(store).tables():
            layers = f"{len(table.layers)} layers"
            yield table.model, table.stimuli, table.digest[:12], f"{table.n} samples", layers
        return
    if kind == "metrics":
        from consilience.engine.metrics import metrics as known
    elif kind == "preprocessing":
        from consilience.engine.preprocessing import preprocessing as known
    elif kind == "models":
        from consilience.connectors.models import models as known
    elif kind == "brains":
        from consilience.connectors.brains import brains as known
    elif kind == "studies":
        from consilience.pipelines.studyfiles.shipped import studies as known
    else:
        from consilience.connectors.stimuli import stimuli as known
    names = known()
    if family is not None:
        from consilience.connectors.models.families import of_family

        names = of_family(names, family)
    width = max(map(len, names), default=0)
    for name, line in names.items():
        yield name.ljust(width), line
        if long and kind == "metrics":
            from consilience.engine.metrics.registry import registered
            from consilience.pipelines.guide.page import facts

            yield from ((fact.replace("`", "").replace("**", ""),) for fact in facts(registered()[name]))


def verify(place: str, repair: bool, progress: Progress = silent) -> "list[Damage]":
    """What is damaged in the table at `place`, or in any of the store there; with `repair` it is taken out, to be made
    again. Every part is read."""
    from consilience.engine.features import damage

    folder = location(place)
    tables = [folder] if (folder / "manifest.json").is_file() else FeatureStore(folder).folders()
    if not tables:
        raise BadInput(
            "a store or a feature table",
            f"{folder}, which holds none",
            "give STORE or STORE/MODEL/STIMULI/DIGEST",
        )
    found: list[damage.Damage] = []
    for done, table in enumerate(tables):
        progress("verify", done, len(tables))
        found += damage.repair(table) if repair else damage.damages(table)
    progress("verify", len(tables), len(tables))
    return found


def open_table(place: str | Location) -> FeatureTable:
    """The table in `place`, which is a table's folder or the folder of a model's tables of one stimulus set (then the
    one that was finished last); or the URI of either."""
    path = location(place)
    if (path / "manifest.json").is_file() or not path.is_dir():
        return FeatureTable(path)
    found = [FeatureTable(path / name) for name in sizes(path) if (path / name / "manifest.json").is_file()]
    if not found:
        raise BadInput("a folder of feature tables", f"{path}, which holds none", "give STORE/MODEL/STIMULI")
    return max(found, key=lambda x: x.manifest["times"]["created"])


def compare_tables(
    paths: Sequence[str | Location], metrics: Sequence[str], output: Path, *, seed: int = 0, permutations: int = 20,
    groups: int = 20, budget: str = "8GB", preprocess: Sequence[str] = (), executor: str = "threads",
    address: str | None = None, progress: Progress = silent,
) -> Path:  # fmt: skip
    """Compare the tables in `paths`; write ``scores.nc``, ``scores.parquet`` and the report, and return its path."""
    from consilience.engine.comparison import compare
    from consilience.engine.scores import save
    from consilience.pipelines.report import write

    tables = [open_table(x) for x in paths]
    scores = compare(
        tables, metrics=list(metrics), seed=seed, permutations=permutations, groups=groups, budget=budget,
        preprocess=list(preprocess), executor=executor, address=address, progress=progress,
    )  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    save(scores, output / "scores.nc")
    save(scores, output / "scores.parquet")
    return write(scores, output / "report.html")


def open_layer(text: str) -> Any:
    """One side of an audit: ``STORE/MODEL/STIMULI[/DIGEST]:LAYER``, or a ``.npy`` file. The layer may be left out of a
    table that has one."""
    from consilience.engine.features.files import read_file
    from consilience.engine.features.representations import representations

    if text.endswith(".npy"):
        return read_file(Path(text), ExitStack())[1]
    at = _cut(text)
    table, layer = open_table(text[:at]), text[at + 1 :]
    if not layer and len(table.layers) > 1:
        raise BadInput(
            f"one layer of {text}", f"a table of {len(table.layers)}",
            f"name one, as in {text}:{next(iter(table.layers))}",
        )  # fmt: skip
    if layer and layer not in table.layers:
        raise unknown(f"layer of {table.model}", layer, table.layers)
    return next(r for r in representations([table]) if r.layer == layer or not layer)


def _cut(text: str) -> int:
    """Where the table ends and the layer begins: at a folder's end, or at the last colon of a URI that is not of a
    scheme or a port."""
    if is_uri(text):
        found = re.search(r":(?!//|\d+$)[^:]*$", text)
        return found.start() if found else len(text)
    # A folder's name may hold a colon, and so may a layer's.
    cuts = [i for i, letter in enumerate(text) if letter == ":" and Path(text[:i]).is_dir()]
    return cuts[0] if cuts and not Path(text).is_dir() else len(text)


def audit_layers(
    a: str, b: str, output: Path, *, metrics: Sequence[str] = (), seed: int = 0, budget: str = "8GB",
    progress: Progress = silent,
) -> "tuple[Audit, Path]":  # fmt: skip
    """Audit two layers or ``.npy`` files (see `open_layer`), and write the page; the audit, and the page's path."""
    from consilience.engine.audit import audit
    from consilience.pipelines.audit import write

    found = audit(
        open_layer(a), open_layer(b), metrics=metrics or None, seed=seed, budget=budget, progress=progress
    )
    return found, write(found, output)
