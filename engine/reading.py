"""What every call that takes features and metrics reads first: which metrics, which features, on the same samples."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.features.finite import check
from consilience.engine.features.join import Joined, join
from consilience.engine.features.repeats import crossed, refuse_repeats
from consilience.engine.features.representation import Representation
from consilience.engine.features.representations import representations
from consilience.engine.features.same import same_features
from consilience.engine.metrics.registry import Request, parse
from consilience.engine.scoring.refusals import refuse, refuse_rdm

Features = Mapping[str, Any] | Iterable[Any]
Metrics = Iterable[str | Mapping[str, Any]]
LEAST_SAMPLES = 4


def read(features: Features) -> list[Representation]:
    """The representations in arrays and feature tables; representations pass as they are."""
    if not isinstance(features, Mapping):
        features = _listed(features)
        if features and all(isinstance(f, Representation) for f in features):
            return features
    return representations(features)


def not_on_left(left: Sequence[Representation], right: Sequence[Representation]) -> list[Representation]:
    """Those on the right that are not on the left.

    Raises:
        BadInput: where one name stands for different features.
    """
    known = {r.name: r for r in left}
    for r in right:
        if r.name in known and not same_features(r, known[r.name]):
            raise BadInput(
                "one representation a name", f"{r.name!r} on both sides, of different features",
                "give each its own name",
            )  # fmt: skip
    return [r for r in right if r.name not in known]


def _listed(features: Any) -> list[Any]:
    if features is None or isinstance(features, str) or not isinstance(features, Iterable):
        raise BadInput(
            "feature tables, or a mapping from names to arrays",
            repr(features),
            'name arrays, as in {"mine": x}',
        )
    return list(features)


def asked(metrics: Metrics, *, single: bool, **preferred: Any) -> list[Request]:
    """The metrics, each once: those of one representation if `single`, or those of two; see `parse` for `preferred`.

    Raises:
        BadInput: for an unknown metric, for none, and for one of the other kind.
    """
    if isinstance(metrics, str | Mapping):
        metrics = [metrics]
    requests = list({r.id: r for r in (parse(m, **preferred) for m in metrics)}.values())
    if not requests:
        example = "participation_ratio" if single else "cka"
        raise BadInput("at least one metric", "none", f"name one, for instance {example!r}")
    for r in requests:
        if single and not r.metric.single:
            raise BadInput(
                "metrics of one representation", f"{r.id!r}, which compares two",
                "call consilience.compare(a, b, metrics) for it, or score(metric, x, y)",
            )  # fmt: skip
        if r.metric.single and not single:
            raise BadInput(
                "metrics that compare two representations", f"{r.id!r}, which is of one",
                "call consilience.profile(features, metrics) for it, or score(metric, x)",
            )  # fmt: skip
    return requests


def of_brains(metrics: Metrics, units: Iterable[int]) -> list[str]:
    """The ids of metrics of which one side is a brain: `cka` then allows for having recorded some units only.

    Args:
        units: of every representation. A single one says nothing of others, and an RDM counts as one: where there are
            such, ``estimator`` is what it is elsewhere.
    """
    preferred = {"estimator": "unbiased_both"} if min(units) > 1 else {}
    return [r.id for r in asked(metrics, single=False, **preferred)]


def on_same_samples(found: Sequence[Representation], requests: Sequence[Request]) -> Joined:
    """The representations joined and checked, with samples enough for every metric."""
    joined = join(found)
    if joined.n < LEAST_SAMPLES:
        raise BadInput(
            f"at least {LEAST_SAMPLES} samples", str(joined.n), "compare on more stimuli, or check the ids"
        )
    refuse(requests, joined.n)
    for representation in joined.representations:
        if representation.rdm:
            refuse_rdm(representation.name, requests)
    wanting = [r.id for r in requests if r.repeats]
    for representation in joined.representations:
        if wanting:
            crossed(representation, wanting[0])
        else:
            refuse_repeats(representation)
    return replace(joined, representations=[check(r) for r in joined.representations])
