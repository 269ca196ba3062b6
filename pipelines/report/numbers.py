"""Numbers as a reader wants them: as many digits as the error supports, true minus signs, p as a power of
ten.

numbers.js holds the same rules for what the browser draws; a test compares the two.
"""

from html import escape
from math import floor, isfinite, log10
from typing import Any

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
UNDEFINED = "–"


def number(value: Any) -> float | None:
    """A JSON number, None for NaN; seven digits are more than any error supports."""
    return float(f"{float(value):.7g}") if isfinite(value) else None


def decimals(error: float) -> int:
    """Decimals that show two significant digits of `error`; three where it is absent, or no more than rounding."""
    if not isfinite(error) or error < 1e-9:
        return 3
    return min(6, max(0, 1 - floor(log10(error))))


def fixed(value: float, digits: int) -> str:
    """`value` with `digits` decimals and a true minus sign."""
    if not isfinite(value):
        return UNDEFINED
    text = f"{value:.{digits}f}"
    return text[1:] if float(text) == 0 and text[0] == "-" else text.replace("-", "−")


def rounded(value: float, error: float) -> str:
    """`value` to the last digit that its standard `error` supports."""
    return fixed(value, decimals(error))


def short(value: float) -> str:
    """Three significant digits, for values that carry no error (z, the null mean)."""
    if not isfinite(value):
        return UNDEFINED
    size = floor(log10(abs(value))) if value else 0
    return fixed(value, min(4, max(0, 2 - size)))


def power(log10_p: float) -> str:
    """A p-value from its decimal logarithm, with its sign: ``= 0.048``, ``= 3.1 × 10⁻⁸``, ``< 10⁻³⁰⁰``."""
    if log10_p != log10_p:
        return "= " + UNDEFINED
    if log10_p < -300:
        return "< 10⁻³⁰⁰"
    if log10_p >= -3:
        p = 10**log10_p
        return "= " + fixed(p, 2 if p >= 0.0995 else 3 if p >= 0.00995 else 4)
    exponent = floor(log10_p)
    mantissa = f"{10 ** (log10_p - exponent):.1f}"
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"= {mantissa} × 10" + str(exponent).translate(_SUPERSCRIPT)


def counted(n: int, noun: str) -> str:
    """``1 model``, ``1,200 models``."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def probability(p: float) -> str:
    """`power` of a plain p-value; zero is an underflow."""
    return power(log10(p) if p > 0 else float("nan") if p != p else float("-inf"))


def hover(
    a: str,
    b: str,
    score: float,
    se: float,
    low: float,
    high: float,
    null: float,
    z: float,
    log10_p: float,
    reason: str,
) -> str:
    """What pointing at one score shows, as the small HTML that plotly understands; `reason` is why it, or z, is NaN."""
    title = f"{escape(a)} × {escape(b)}"
    if score != score:
        return f"{title}<br>no score: {escape(reason)}"
    digits = decimals(se)
    return (
        f"{title}<br><b>{fixed(score, digits)}</b> ± {fixed(se, digits)}"
        f"<br>95 % interval {fixed(low, digits)} to {fixed(high, digits)}"
        f"<br>null {short(null)}, z {short(z)}, p {power(log10_p)}"
        + (f"<br>{escape(reason)}" if reason.startswith("no z") else "")
    )
