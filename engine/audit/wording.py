"""Numbers and names as they stand in a finding."""

from collections.abc import Sequence

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def decimal(value: float) -> str:
    """Two decimals, and a true minus sign."""
    text = f"{value:.2f}"
    return text.replace("-", "−") if float(text) else "0.00"


def percent(share: float) -> str:
    """A share as a percentage; what is less than all never reads 100 %."""
    if share < 0.995 or share == 1:
        return f"{100 * share:.0f} %"
    return f"{min(100 * share, 99.99):.2f} %"


def count(n: int, noun: str) -> str:
    """``one unit``, ``12 units``."""
    return f"{_NUMBERS[n] if n < len(_NUMBERS) else n} {noun}" + "s" * (n != 1)


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def capital(text: str) -> str:
    """The same with a capital letter at its start."""
    return text[:1].upper() + text[1:]
