"""The grammar of ids, for whatever is registered under a name with parameters: metrics and preprocessing steps.

An id is ``name`` or ``name:param=value,param=value``. Its canonical form spells out every parameter in alphabetical
order, so that two things with the same label were computed the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from consilience.engine.errors import BadInput, unknown


@dataclass(frozen=True)
class Choice:
    """A parameter that is one of a few words; the first is the default."""

    words: tuple[str, ...]
    optional: ClassVar[bool] = False

    @property
    def default(self) -> str:
        return self.words[0]

    def read(self, owner: str, name: str, value: Any) -> str:
        if str(value) not in self.words:
            raise unknown(f"value of {name!r} of {owner!r}", str(value), self.words)
        return str(value)


@dataclass(frozen=True)
class Number:
    """A parameter that is a number of the default's type, at least `low`, at most `high`.

    An `optional` one is no part of the id unless it is given; its default is an example.
    """

    default: int | float
    low: float
    high: float = float("inf")
    optional: bool = False

    def read(self, owner: str, name: str, value: Any) -> int | float:
        kind = type(self.default)
        try:
            number = kind(value)
            right = float(value) == float(number)
        except (TypeError, ValueError, OverflowError):
            right = False
        if not right or not self.low <= number <= self.high:
            what = "a whole number" if kind is int else "a number"
            usual = "for instance" if self.optional else "the default"
            raise BadInput(
                f"{name!r} of {owner!r} as {what} from {self.low:g} to {self.high:g}", repr(value),
                f"use {name}={self.default}, {usual}, or another in that range",
            )  # fmt: skip
        return number


Parameter = Choice | Number
Only = Mapping[
    str, tuple[Any, ...]
]  # parameter -> (other, value, …): there only where the other has such a value


def parts(kind: str, example: str, spec: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and given parameters of an id, or of a mapping (``{"name": "cka", "estimator": "biased"}``).

    `kind` and an `example` of an id are for the error text.
    """
    if isinstance(spec, Mapping):
        return str(spec.get("name", "")), {str(k): v for k, v in spec.items() if k != "name"}
    name, _, rest = str(spec).partition(":")
    given: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise BadInput(f"a {kind} id like {example!r}", repr(spec), f"write {part!r} as param=value")
        given[key.strip()] = value.strip()
    return name, given


def read(
    name: str,
    parameters: Mapping[str, Parameter],
    only: Only,
    given: Mapping[str, Any],
    preferred: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Every parameter of `name` with its value: the one given, else the one preferred, else the default.

    Raises:
        BadInput: for an unknown parameter, a value that does not fit, or one that `only` rules out. An `only` value of
            None stands for the absence of the other, optional parameter. A parameter that is there only where itself
            has a value is left out of the id else, and may be given.
    """
    for key in given:
        if key not in parameters:
            raise unknown(f"parameter of {name!r}", key, parameters)
    given = {**{k: v for k, v in (preferred or {}).items() if k in parameters}, **given}
    values = {
        k: p.read(name, k, given.get(k, p.default))
        for k, p in parameters.items()
        if k in given or not p.optional
    }
    for key, (other, *those) in only.items():
        if values.get(other) not in those:
            if key in given and key != other:
                absent = those == [None]
                where = f"without {other}" if absent else f"with {other}={' or '.join(map(str, those))} only"
                instead = f"take {other} out" if absent else f"add {other}={those[0]}"
                raise BadInput(
                    f"{key!r} of {name!r} {where}",
                    f"{other}={values.get(other)}",
                    f"leave {key} out, or {instead}",
                )
            values.pop(key, None)
    return values


def spelled(name: str, values: Mapping[str, Any]) -> str:
    """The canonical id."""
    if not values:
        return name
    return name + ":" + ",".join(f"{k}={_word(values[k])}" for k in sorted(values))


def _word(value: Any) -> str:
    # As short as six digits allow: 1 for 1.0. Numbers that differ beyond them must not share a label.
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)
