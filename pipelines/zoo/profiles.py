"""The profile of a study: its metrics of one representation, of which only what is new is computed."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.scores import label
from consilience.engine.scoring.single_table import VARIABLES, assemble
from consilience.pipelines.console import Console
from consilience.pipelines.studyfiles.steps import steps_of
from consilience.pipelines.zoo import segments
from consilience.pipelines.zoo.contents import contents, profile_contexts, samples_of, takes_labels
from consilience.pipelines.zoo.merging import of_metric
from consilience.pipelines.zoo.prepare import Name, Prepared, Profiling

if TYPE_CHECKING:
    import xarray as xr

TEXTS = ("reasons", "notes")


class Profiles:
    """Metrics of one representation on some of them, and their scores as far as they are kept; as `Pairs`."""

    def __init__(self, prepared: Prepared, profiling: Profiling):
        self.profiling, self.folder = profiling, prepared.kept
        self.samples = samples_of(prepared, {model for model, _ in profiling.a})
        self.contexts = profile_contexts(prepared, profiling, self.samples)
        found = contents(prepared, profiling.a)
        self.keys = [found[name] for name in profiling.a]

    def there(self, metric: str) -> np.ndarray:
        """(R,): which representations have scores."""
        found = np.zeros(len(self.keys), bool)
        for at, _ in self._read(metric):
            found[at[at >= 0]] = True
        return found

    def counts(self, metric: str) -> tuple[int, int]:
        """How many representations have scores, and how many do not yet."""
        known = int(self.there(metric).sum())
        return known, len(self.keys) - known

    def works(self) -> list[Profiling]:
        """What is to be computed, metrics that lack the same representations together."""
        groups: dict[tuple[Name, ...], list[str]] = {}
        for metric in self.profiling.metrics:
            lacking = tuple(x for x, known in zip(self.profiling.a, self.there(metric)) if not known)
            if lacking:
                groups.setdefault(lacking, []).append(metric)
        return [Profiling(tuple(metrics), a) for a, metrics in groups.items()]

    def keep(self, found: "xr.Dataset") -> None:
        """Add the scores of one sweep, one metric after the other."""
        names = [label(*name) for name in self.profiling.a]
        rows = np.array([names.index(str(x)) for x in found["a"].values])
        for k, metric in enumerate(str(x) for x in found["metric"].values):
            texts = {}
            for name in TEXTS:
                told = of_metric(found, name, metric)
                texts[name] = {
                    row: told[key] for row, i in enumerate(rows) if (key := f"{metric}|{names[i]}") in told
                }
            about = {name: found[name].values[k].item() for name in ("groups", "error")}
            about |= {name: found.attrs[name] for name in ("version", "created")}
            segments.add(
                self.folder / self.contexts[metric], self.keys, {"a": rows},
                {name: found[name].values[k] for name in VARIABLES}, texts,
                {**about, "metrics": of_metric(found, "metrics", metric)},
            )  # fmt: skip

    def table(self, metric: str) -> "xr.Dataset":
        """The scores of that metric."""
        a = self.profiling.a
        values = {name: np.full(len(a), np.nan) for name in VARIABLES}
        told: dict[str, dict[str, str]] = {name: {} for name in TEXTS}
        for at, segment in self._read(metric):
            (inside,) = (at >= 0).nonzero()
            for name in VARIABLES:
                values[name][at[inside]] = segment.values(name)[inside]
            for name in TEXTS:
                words = segment.texts(name).items()
                told[name] |= {f"{metric}|{label(*a[at[row]])}": text for row, text in words if at[row] >= 0}
            about = segment.about
        join = {"rows": len(self.samples.ids), "dropped": self.samples.dropped}
        return assemble(
            {name: value[None] for name, value in values.items()}, a, [metric],
            groups=[about["groups"]], error=[about["error"]],
            attrs={
                **{name: about[name] for name in ("version", "created")},
                **{name: json.dumps(x) for name, x in {**told, "metrics": about["metrics"], "join": join}.items()},
            },
        )  # fmt: skip

    def _read(self, metric: str) -> list[tuple[np.ndarray, segments.Segment]]:
        at = {key: i for i, key in enumerate(self.keys)}
        return [(x.places("a", at), x) for x in segments.read(self.folder / self.contexts[metric])]


def profile_missing(prepared: Prepared, console: Console) -> "xr.Dataset | None":
    """The profile of the whole study: what is kept, and what is not from one sweep for all metrics that lack it.

    None where the study asks for no metric of one representation.
    """
    every = [Profiles(prepared, profiling) for profiling in prepared.profiles()]
    if not every:
        return None
    work = [(profiles, one) for profiles in every for one in profiles.works()]
    if work:
        console.say("Profile")
        with console.watching() as progress:
            for profiles, one in work:
                profiles.keep(compute(prepared, profiles.profiling.a, one, progress))
    parts = {metric: profiles.table(metric) for profiles in every for metric in profiles.profiling.metrics}
    names = prepared.in_order([x for profiles in every for x in profiles.profiling.a])
    merged = merge([parts[m] for m in prepared.metric_ids() if m in parts], names)
    return merged.assign_attrs(study=prepared.study.name, seed=prepared.study.seed)


def compute(prepared: Prepared, every: Sequence[Name], work: Profiling, progress: Any) -> "xr.Dataset":
    """One sweep over the representations of `work`, on the samples that all of `every` have."""
    from consilience.engine.features.join import join
    from consilience.engine.profile import profile

    study, steps = prepared.study, steps_of(prepared)
    joined = join(sorted(prepared.representations(every), key=lambda r: r.model)).representations
    return profile(
        [r for r in joined if (r.model, r.layer) in work.a], work.metrics, groups=study.groups, budget=study.budget,
        device=study.device, seed=study.seed, progress=progress, **study.placed,
        preprocess={model: [x.id for x in steps[model]] for model, _ in work.a},
        labels=prepared.labels if any(takes_labels(m) for m in work.metrics) else None,
    )  # fmt: skip


def merge(parts: "Sequence[xr.Dataset]", a: Sequence[Name]) -> "xr.Dataset":
    """One profile over the representations `a` from `parts` of one metric each; NaN where a part has no score."""
    at = {label(*x): i for i, x in enumerate(a)}
    values = {name: np.full((len(parts), len(a)), np.nan) for name in VARIABLES}
    for k, part in enumerate(parts):
        columns = [at[str(x)] for x in part["a"].values]
        for name in VARIABLES:
            values[name][k, columns] = part[name].values[0]
    nested = {
        name: json.dumps({k: v for part in parts for k, v in json.loads(part.attrs[name]).items()})
        for name in ("metrics", "reasons", "notes")
    }
    newest = max(parts, key=lambda part: part.attrs["created"]).attrs
    return assemble(
        values,
        a,
        [str(part["metric"].values[0]) for part in parts],
        groups=[int(part["groups"].values[0]) for part in parts],
        error=[str(part["error"].values[0]) for part in parts],
        attrs={"version": newest["version"], "created": newest["created"], "join": newest["join"], **nested},
    )
