"""What the scores of a run were computed from, written into its table: so that later runs can tell what has changed."""

from typing import Any

from consilience.engine.scores import label
from consilience.pipelines.seats import Seat
from consilience.pipelines.zoo.contents import contents, decisive, samples_of, sides
from consilience.pipelines.zoo.prepare import Prepared


def inputs(prepared: Prepared) -> dict[str, Any]:
    """As plain JSON: of every representation the digest of its content; of every metric what all its pairs share, and
    the context under which its scores are kept; of every model what tells its features from others.
    """
    from consilience.engine.features.schema import digest

    names: dict[str, str] = {}
    metrics: dict[str, Any] = {}
    for comparison in prepared.comparisons():
        every = sides(comparison)
        samples = samples_of(prepared, {model for model, _ in every})
        names |= {label(*name): key for name, key in contents(prepared, every).items()}
        for metric, plain in decisive(prepared, comparison, samples).items():
            shared = {k: v for k, v in plain.items() if k not in ("version", "labels")}
            metrics[metric] = {
                **shared, "labels": digest({"labels": plain["labels"]}), "context": digest(plain),
                "n": len(samples.ids),
            }  # fmt: skip
    return {"names": names, "metrics": metrics, "models": {x.name: model_facts(x) for x in prepared.seats}}


def model_facts(seat: Seat) -> dict[str, Any]:
    """What tells the features of a model from others, as far as its table says so."""
    card = seat.table.meta.get("card", {}) if seat.table is not None else {}
    told = (
        "weights_hash",
        "revision",
        "preprocessing",
        "parameters",
        "objective",
        "architecture",
        "modality",
    )
    return {"digest": seat.digest, **{k: card[k] for k in told if card.get(k)}, "rejected": _rejected(seat)}


def _rejected(seat: Seat) -> int:
    return int(seat.table.manifest["rejected"]) if seat.table is not None else 0
