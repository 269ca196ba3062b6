"""Feature tables by hand, without a study: import, list, compare."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore, FeatureTable
from consilience.engine.progress import Progress, silent


def listing(kind: str, store: Path) -> Iterator[tuple[str, ...]]:
    """The rows of ``consilience list``: name and one line on what it is."""
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
    else:
        from consilience.connectors.stimuli import stimuli as known
    names = known()
    width = max(map(len, names), default=0)
    for name, line in names.items():
        yield name.ljust(width), line


def open_table(path: Path) -> FeatureTable:
    """The table in `path`, which is a table's folder or the folder of a model's tables of one stimulus set (then the
    one that was finished last)."""
    if (path / "manifest.json").is_file() or not path.is_dir():
        return FeatureTable(path)
    found = [FeatureTable(x.parent) for x in path.glob("*/manifest.json")]
    if not found:
        raise BadInput("a folder of feature tables", f"{path}, which holds none", "give STORE/MODEL/STIMULI")
    return max(found, key=lambda x: x.manifest["times"]["created"])


def compare_tables(
    paths: Sequence[Path], metrics: Sequence[str], output: Path, *, seed: int = 0, permutations: int = 20,
    groups: int = 20, budget: str = "8GB", preprocess: Sequence[str] = (), progress: Progress = silent,
) -> Path:  # fmt: skip
    """Compare the tables in `paths`; write ``scores.nc``, ``scores.parquet`` and the report, and return its path."""
    from consilience.engine.comparison import compare
    from consilience.engine.scores import save
    from consilience.pipelines.report import write

    tables = [open_table(x) for x in paths]
    scores = compare(
        tables, metrics=list(metrics), seed=seed, permutations=permutations, groups=groups, budget=budget,
        preprocess=list(preprocess), progress=progress,
    )  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    save(scores, output / "scores.nc")
    save(scores, output / "scores.parquet")
    return write(scores, output / "report.html")
