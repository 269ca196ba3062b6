"""What a user did wrong, said so that the next attempt succeeds: what was expected, what came, the fix."""

from collections.abc import Iterable
from difflib import get_close_matches


class BadInput(ValueError):
    """Input refused before any compute. The text always holds what was expected, what came, and the fix."""

    def __init__(self, expected: str, got: str, fix: str):
        super().__init__(f"expected {expected}; got {got}. Fix: {fix}")
        self.expected, self.got, self.fix = expected, got, fix

    def __reduce__(self) -> tuple[type["BadInput"], tuple[str, str, str]]:
        # Exceptions are rebuilt from their arguments when they come back from another process.
        return type(self), (self.expected, self.got, self.fix)


def unknown(kind: str, name: str, known: Iterable[str]) -> BadInput:
    """The error for a name that is not registered, with the nearest known name when there is one."""
    names = sorted(known)
    if not names:
        return BadInput(
            f"a known {kind}", f"{name!r}, where there is none", "check the place that it is looked for in"
        )
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    fix = f"did you mean {near[0]!r}?" if near else "choose one of: " + ", ".join(names)
    listing = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return BadInput(f"a known {kind} ({listing})", repr(name), fix)
