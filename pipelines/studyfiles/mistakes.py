"""Mistakes in a study file in words: what was expected there, what came, and the fix."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from consilience.engine.errors import BadInput, unknown
from consilience.pipelines.studyfiles.located import Loc, Located, StudyError

Models = Mapping[Loc, type[BaseModel]]  # what stands at each place of a study, numbers as "*"


def in_words(error: ValidationError, located: Located, models: Models) -> StudyError:
    """Pydantic's list of errors as one StudyError: the first in full, the others as further lines."""
    found = [
        (located.line(d["loc"]), located.error(d["loc"], _bad(d, d["loc"], models))) for d in error.errors()
    ]
    first, *rest = [x for _, x in sorted(found, key=lambda x: x[0])]
    return StudyError(first.where, first.expected, first.got, first.fix, tuple(str(x) for x in rest))


def _bad(detail: Any, loc: Loc, models: Models) -> BadInput:
    kind, got, context = detail["type"], detail["input"], detail.get("ctx", {})
    model = models.get(tuple("*" if isinstance(x, int) else x for x in loc[:-1]), models[()])
    if kind == "extra_forbidden":
        return unknown("key", str(loc[-1]), model.model_fields)
    if kind == "missing":
        return BadInput(f"the key {loc[-1]!r}", "none", f"add `{loc[-1]}:`")
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        target = models.get(tuple("*" if isinstance(x, int) else x for x in loc))
        keys = " and ".join(target.model_fields) if target else "keys"
        return BadInput(f"a name, or a mapping with {keys}", _short(got), "write one of the two")
    if kind == "string_type":
        return BadInput("text", _short(got), "write a name, in quotes if it looks like a number")
    if kind == "literal_error":
        return BadInput(f"one of {context['expected']}", repr(got), "choose one of them")
    if kind == "string_pattern_mismatch" and loc[-1] == "webhook":
        return BadInput("http://…, https://… or env:NAME", repr(got), "write an address, or where it stands")
    if kind == "string_pattern_mismatch":
        return BadInput("a size such as 8GB or 512MB", repr(got), "write a number and kB, MB, GB or TB")
    expected = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return BadInput(expected[0].lower() + expected[1:], _short(got), "change the value")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."
