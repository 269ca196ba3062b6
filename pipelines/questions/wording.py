"""Numbers as they stand in an answer: with their intervals, and p-values."""

import numpy as np

from consilience.pipelines.report.numbers import probability, rounded


def paragraphs(text: str) -> list[str]:
    """Those of a text that is broken into lines."""
    return [" ".join(part.split()) for part in text.strip().split("\n\n")]


def within(value: float, low: float, high: float, error: float) -> str:
    """``0.12 (95 % interval 0.10 to 0.14)``, to the digits that the error supports; without an interval if none."""
    if not np.isfinite(low):
        return rounded(value, error)
    return f"{rounded(value, error)} (95 % interval {rounded(low, error)} to {rounded(high, error)})"


def amount(value: float, low: float, high: float, error: float) -> str:
    """As `within`, of how much something grows or falls: of a fall the value and its interval turned round."""
    return within(value, low, high, error) if value >= 0 else within(-value, -high, -low, error)


def spread(low: float, high: float, error: float) -> str:
    """``0.10 to 0.14``, for a table."""
    return f"{rounded(low, error)} to {rounded(high, error)}" if np.isfinite(low) else "–"


def p_of(p: float) -> str:
    """``p = 0.03``."""
    return f"p {probability(p)}"


def p_cell(p: float) -> str:
    """``0.03``, for a table."""
    return probability(p).removeprefix("= ")
