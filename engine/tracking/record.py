"""What a run leaves in MLflow, as plain values: they can be written to disk, and sent when a server is there."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from consilience.engine.features.schema import digest

# What MLflow takes of one key, parameter or tag.
KEY, PARAMETER, TAG = 250, 6000, 8000


@dataclass(frozen=True)
class Source:
    """What a run was computed from: a model or a stimulus set, under the fingerprint of its content."""

    name: str
    fingerprint: str
    role: str
    location: str
    rows: int | None = None


@dataclass(frozen=True)
class Part:
    """A child of a run, such as one model of the zoo."""

    name: str
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """One finished run.

    `created` is in seconds since 1970, `seconds` what it took; `series` are numbers over time, (seconds since 1970,
    value).
    """

    experiment: str
    name: str
    created: float
    seconds: float = 0.0
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[Source] = ()
    parts: Sequence[Part] = ()
    series: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON values; a number that is not defined is text, as no JSON has it."""
        return {k: _plain(v) for k, v in asdict(self).items()}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Record":
        """From what `plain` gave."""
        rest = dict(plain)
        rest["metrics"] = {k: float(v) for k, v in plain["metrics"].items()}
        rest["sources"] = [Source(**x) for x in plain["sources"]]
        rest["parts"] = [
            Part(**{**x, "metrics": {k: float(v) for k, v in x["metrics"].items()}}) for x in plain["parts"]
        ]
        rest["series"] = {k: [(float(t), float(v)) for t, v in found] for k, found in plain["series"].items()}
        return cls(**rest)

    @property
    def digest(self) -> str:
        """What tells this run from every other, wherever it is sent."""
        return digest(self.plain())


@dataclass(frozen=True)
class Sent:
    """Where a record went; `url` shows it in a browser, and is empty where no server does."""

    uri: str
    experiment_id: str
    run_id: str
    url: str = ""


def metric_name(name: str) -> str:
    """`name` in the characters that MLflow takes, ``cka:estimator=biased`` -> ``cka:estimator_biased``, and no longer
    than it takes: what is cut off leaves a few digits of its checksum."""
    safe = re.sub(r"[^\w\-. :/]", "_", name)
    if len(safe) <= KEY:
        return safe
    return f"{safe[: KEY - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def cut(text: str, most: int) -> str:
    """`text`, no longer than `most` characters; what is cut off ends in dots."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return str(value)
    return value
