"""``shard-{000..012}.tar``: the names that a pattern with braces stands for, as in a shell."""

import re
from collections.abc import Iterator

from consilience.engine.errors import BadInput

_INNER = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def expanded(pattern: str) -> Iterator[str]:
    """The names, in order; numbers are as wide as the first of their range."""
    found = _INNER.search(pattern)
    if found is None:
        if "{" in pattern or "}" in pattern:
            raise BadInput("a pattern whose braces are closed", repr(pattern), "as in shard-{000..012}.tar")
        yield pattern
        return
    before, after = pattern[: found.start()], pattern[found.end() :]
    if bounds := _RANGE.fullmatch(found[1]):
        first, last = (int(x) for x in bounds.groups())
        if last < first:
            raise BadInput(
                "a range of numbers that rises", f"{{{found[1]}}}", f"{{{bounds[2]}..{bounds[1]}}}"
            )
        names = [str(k).zfill(len(bounds[1])) for k in range(first, last + 1)]
    else:
        names = found[1].split(",")
    for name in names:
        yield from expanded(before + name + after)
