"""What has changed between two runs of a study, from what each says of its inputs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from consilience.engine.errors import BadInput

if TYPE_CHECKING:
    import xarray as xr

_WHY = ("weights_hash", "revision", "preprocessing", "parameters")
_SETTINGS = {
    "settings": "settings", "labels": "labels", "row_groups": "row groups of the jackknife", "float64": "precision",
    "together": "what is computed together",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One thing that changed: `kind` says of what kind, `what` names it."""

    kind: str
    what: str
    before: str = ""
    after: str = ""

    def words(self) -> str:
        """In a sentence's part: ``ear: weights 1a2b → 3c4d``."""
        return f"{self.what}: {self.kind}" + (
            f" {self.before} → {self.after}" if self.before or self.after else ""
        )


def inputs_of(scores: "xr.Dataset") -> dict[str, Any]:
    """What a score table says of its inputs. Raises BadInput for a table that says nothing."""
    if "inputs" not in scores.attrs:
        raise BadInput(
            "a run that says what it was computed from", "one of an older version", "run the study once again"
        )
    found: dict[str, Any] = json.loads(scores.attrs["inputs"])
    return found


def changes(before: "xr.Dataset", now: "xr.Dataset") -> list[Change]:
    """Of models, then subjects and regions, samples, metrics, settings and the library, each in their order."""
    old, new = inputs_of(before), inputs_of(now)
    samples = _samples(before, now, old["metrics"], new["metrics"])
    # Features of other samples are other features: that is said once.
    found = [x for x in _models(old["models"], new["models"]) if not samples or x.kind != "features"]
    found += [*_layers(old, new), *_recorded(old, new), *samples]
    found += [Change("new metric", m) for m in new["metrics"] if m not in old["metrics"]]
    found += [Change("metric left out", m) for m in old["metrics"] if m not in new["metrics"]]
    found += _settings(old["metrics"], new["metrics"])
    if before.attrs["version"] != now.attrs["version"]:
        found.append(
            Change("version", "Consilience", str(before.attrs["version"]), str(now.attrs["version"]))
        )
    return found


def _models(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    found = [Change("new model", m) for m in new if m not in old]
    found += [Change("model left out", m) for m in old if m not in new]
    for model in new.keys() & old.keys():
        a, b = old[model], new[model]
        if a["digest"] == b["digest"]:
            continue
        causes = [k for k in _WHY if a.get(k) != b.get(k)]
        found += [
            Change(k.replace("_hash", ""), model, _short(a.get(k, "")), _short(b.get(k, ""))) for k in causes
        ]
        if not causes:
            found.append(Change("features", model, _short(a["digest"]), _short(b["digest"])))
    return sorted(found, key=lambda x: x.what)


def _layers(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Representations of models that both have, that only one compares."""
    both = old["models"].keys() & new["models"].keys()
    here, there = ({x for x in one["names"] if x.partition("/")[0] in both} for one in (old, new))
    found = [Change("new layer", x) for x in sorted(there - here)]
    return found + [Change("layer left out", x) for x in sorted(here - there)]


def _recorded(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Of brains: subjects, their recordings, and regions."""
    a, b = (x.get("subjects", {}) for x in (old, new))
    found = [Change("new subject", x) for x in b if x not in a]
    found += [Change("subject left out", x) for x in a if x not in b]
    found += [Change("recordings", x, _short(a[x]), _short(b[x])) for x in b if x in a and a[x] != b[x]]
    here, there = (x.get("regions", []) for x in (old, new))
    found += [Change("new region", x) for x in there if x not in here]
    return found + [Change("region left out", x) for x in here if x not in there]


def _samples(
    before: "xr.Dataset", now: "xr.Dataset", old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[Change]:
    both = [m for m in new if m in old]
    if all(old[m]["samples"] == new[m]["samples"] for m in both):
        return []
    counts = [json.loads(x.attrs["join"])["rows"] for x in (before, now)]
    name = json.loads(now.attrs["stimuli"]).get("name", "samples")
    return [Change("samples", str(name), *(f"{n:,}" for n in counts))]


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    found: dict[Change, None] = {}
    for metric in (m for m in new if m in old):
        a, b = old[metric], new[metric]
        for key, words in _SETTINGS.items():
            if key == "settings":
                for name in b[key]:
                    if a[key].get(name) != b[key][name]:
                        found[Change("setting", name, str(a[key].get(name)), str(b[key][name]))] = None
            elif a.get(key) != b.get(key):
                told = (str(a.get(key)), str(b.get(key))) if key == "row_groups" else ("", "")
                found[Change(words, metric, *told)] = None
    return list(found)


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] if len(text) >= 32 and " " not in text else text
