"""How the features of a table were computed, in words: from what its manifest says."""

from typing import Any

from consilience.engine.features import FeatureTable


def computed(table: FeatureTable) -> dict[str, str]:
    """What was asked for beside layers and pool, by its name in a study; empty where everything is as by default."""
    spec = table.manifest["spec"]
    found = {name: _text(spec[name]) for name in ("autocast", "quantize", "compile") if spec.get(name)}
    if projection := spec.get("project"):
        found["project"] = str(projection["components"])
    if batch := batch_found(table):
        found["batch"] = batch
    return found


def batch_found(table: FeatureTable) -> str:
    """How many samples went through the model at once, where that was found; else ""."""
    from consilience.engine.extraction.fitting import Fitted

    times = table.manifest["times"]
    return Fitted(times["batch"], times["peak"], times["memory"]).words() if "batch" in times else ""


def _text(value: Any) -> str:
    return "yes" if value is True else str(value)
