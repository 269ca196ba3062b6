"""What the scores of a brain study were computed from, so that later runs can tell what has changed, and which scores
have to be the same number again."""

from collections.abc import Iterator
from typing import Any

from consilience.engine.features.schema import digest
from consilience.engine.scores import label
from consilience.pipelines.brain.prepare import Prepared
from consilience.pipelines.zoo.contents import features_of
from consilience.pipelines.zoo.inputs import model_facts

ENCODED = ("r", "unique_r2")  # of an encoding: what models are compared by
RELIABLE = ("accuracy", "units", "rdm")


def encoded(name: str) -> str:
    """A score of an encoding among those of other parts: ``encoding r``."""
    return f"encoding {name}"


def reliable(name: str) -> str:
    """A score of the reliability among those of other parts: ``reliability accuracy``."""
    return f"reliability {name}"


def inputs(prepared: Prepared) -> dict[str, Any]:
    """As plain JSON: of every layer the digest of its content, of every subject that of its recordings; the regions; of
    every measure its settings and samples; of every model what tells its features from others."""
    return {
        "names": layers(prepared), "models": {x.name: model_facts(x) for x in prepared.seats},
        "subjects": _subjects(prepared), "regions": list(prepared.regions),
        "metrics": dict(_measures(prepared)),
    }  # fmt: skip


def layers(prepared: Prepared) -> dict[str, str]:
    """``model/layer`` -> the digest of its features, and of the steps that come before the metrics."""
    steps = {x.name: [step.spec() for step in x.preprocess or ()] for x in prepared.study.models}
    return {
        label(seat.name, layer): digest(
            {"features": features_of(seat, layer), "steps": steps.get(seat.entry.name, [])}
        )
        for seat in prepared.seats
        for layer in seat.layers
    }


class Keys:
    """What decides each score, the version aside: two runs in which it is the same have to find the same number."""

    def __init__(self, prepared: Prepared):
        self.prepared, self.layers = prepared, layers(prepared)
        self.measures = dict(_measures(prepared))

    def of(self, measure: str, model: str, region: str) -> str:
        """Of the score of a model, or a space, in a region: a digest."""
        shared = self.measures[measure]
        decides = {k: v for k, v in shared["settings"].items() if k not in ("permutations", "bootstraps")}
        own = {k: v for k, v in self.layers.items() if k == model or k.startswith(f"{model}/")}
        return digest(
            {
                "measure": measure, "model": model, "layers": own, "region": region, "settings": decides,
                "samples": shared["samples"], "float64": shared["float64"],
                "recordings": self._recordings(region, measure.startswith("reliability ")),
            }
        )  # fmt: skip

    def _recordings(self, region: str, repeats: bool) -> dict[str, Any]:
        found, digests = self.prepared.recordings, self.prepared.recordings.digests()
        return {
            subject: [
                digests[subject],
                *(found.content(t) for t in found.repeats(subject).values() if repeats),
            ]
            for subject, table in found.subjects.items()
            if region in table.layers
        }


def _subjects(prepared: Prepared) -> dict[str, str]:
    found = prepared.recordings
    return {
        subject: digest({"tables": [one, *(found.content(t) for t in found.repeats(subject).values())]})
        for subject, one in found.digests().items()
    }


def _measures(prepared: Prepared) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every measure of the study with what all its scores share. `n`: the stimuli, or rows, that it has."""
    study, tables = prepared.study, prepared.recordings.subjects.values()
    seen: list[set[str]] = [{str(x) for x in seat.sample_ids} for seat in prepared.seats]
    drawn = {"permutations": study.permutations, "bootstraps": study.bootstraps, "seed": study.seed}
    rows = [{str(x) for x in table.sample_ids} for table in tables]
    wide = any(
        info.dtype == "float64"
        for infos in [*(seat.infos for seat in prepared.seats), *(table.layers for table in tables)]
        for info in infos.values()
    )
    for metric in prepared.metrics:
        yield metric, _shared(set.intersection(*seen, *rows), drawn, wide)
    if study.encode is not None:
        settings = {
            **study.encode.model_dump(mode="json"),
            "bootstraps": study.bootstraps,
            "seed": study.seed,
        }
        over_time = prepared.recordings.brains.on_rows is not None
        ids = rows[0] if over_time else set.intersection(*seen)
        for name in ENCODED if study.encode.nuisance else ENCODED[:1]:
            yield encoded(name), _shared(ids, settings, wide)
    if study.reliability is not None:
        settings = {**study.reliability.model_dump(mode="json"), "seed": study.seed}
        for name in RELIABLE:
            yield reliable(name), _shared(rows[0], settings, wide)


def _shared(ids: set[str], settings: dict[str, Any], wide: bool) -> dict[str, Any]:
    return {"settings": settings, "samples": digest({"ids": sorted(ids)}), "n": len(ids), "float64": wide}
