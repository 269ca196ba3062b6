"""What a brain study found, in sentences: the first thing a person reads on the terminal and on the report."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from consilience.pipelines.brain.words_aligned import aligned
from consilience.pipelines.brain.words_encoded import encoded
from consilience.pipelines.brain.words_reliable import reliable
from consilience.pipelines.zoo.words import is_control

if TYPE_CHECKING:
    import xarray as xr


def summary(results: "Mapping[str, xr.Dataset]", about: dict[str, Any]) -> list[str]:
    """The findings, most important first.

    Args:
        results: the tables of the study, by name.
        about: of `provenance.describe`: cards, recordings, left_out, notes.
    """
    found: list[str] = []
    controls = {model for model, card in about["cards"].items() if is_control(card)}
    if "alignment" in results:
        alignment = results["alignment"]
        for metric in alignment["metric"].values:
            found += aligned(alignment.sel(metric=metric), str(metric), controls)
    if "encoding" in results:
        found += encoded(results["encoding"])
    if "reliability" in results:
        found += reliable(results["reliability"])
    return [*found, *_data(about)]


def _data(about: dict[str, Any]) -> list[str]:
    data = about["recordings"]
    subjects = len(data["subjects"])
    who = "1 subject" if subjects == 1 else f"{subjects} subjects"
    regions = f"{len(data['regions'])} region{'' if len(data['regions']) == 1 else 's'}: {', '.join(data['regions'])}"
    sentences = [f"{who} of {data['name']} with {regions}."]
    sentences += [f"Left out: {x}." for x in data["excluded"]]
    sentences += [f"{model} was left out: {why}" for model, why in about["left_out"].items()]
    for table in about["tables"]:
        if table["rejected"]:
            sample, reason = table["rejected"][0]
            sentences.append(
                f"{table['model']}: {len(table['rejected'])} samples rejected, the first {sample} ({reason})."
            )
    sentences += about["notes"]
    return [*sentences, f"Data: {data['citation']}. Licence: {data['licence']}."]


def told(dataset: "xr.Dataset | None", name: str, default: Any) -> Any:
    """A JSON attribute of a table that may not be there."""
    return default if dataset is None or name not in dataset.attrs else json.loads(dataset.attrs[name])
