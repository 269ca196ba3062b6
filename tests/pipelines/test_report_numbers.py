"""Numbers are given to two digits of their error, and alike in Python and in the browser."""

import math
from typing import Any

import numpy as np
import pytest

from consilience.pipelines.report import numbers


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.251349, 0.00873, "0.2513"), (0.251349, 0.0873, "0.251"), (-0.00021, 0.011, "0.000"), (-1.5, 0.2, "−1.50"),
        (123.4, 12.0, "123"), (0.5, 0.0, "0.500"), (1.0, 9e-16, "1.000"), (0.5, math.nan, "0.500"),
        (math.nan, 0.1, "–"), (1 / 3, 1e-8, "0.333333"),
    ],
)  # fmt: skip
def test_two_digits_of_the_error(value: float, error: float, text: str) -> None:
    assert numbers.rounded(value, error) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.52, "= 0.52"), (0.0476, "= 0.048"), (0.00312, "= 0.0031"),
        (3.14e-8, "= 3.1 × 10⁻⁸"), (9.99e-9, "= 1.0 × 10⁻⁸"),
        (0.0, "< 10⁻³⁰⁰"), (1.0, "= 1.00"), (math.nan, "= –"),
    ],
)  # fmt: skip
def test_p_values(p: float, text: str) -> None:
    assert numbers.probability(p) == text


@pytest.mark.parametrize(
    ("value", "text"), [(28.13, "28.1"), (132.7, "133"), (0.00691, "0.0069"), (0, "0.00"), (-3.333, "−3.33")]
)
def test_three_digits_without_an_error(value: float, text: str) -> None:
    assert numbers.short(value) == text


def test_the_browser_writes_the_same(page: Any) -> None:
    rng = np.random.default_rng(3)
    values = (rng.standard_normal(300) * 10.0 ** rng.integers(-4, 3, 300)).tolist()
    errors = (10.0 ** rng.uniform(-6, 1, 300)).tolist()
    logs = (-(10.0 ** rng.uniform(-3, 2.6, 300))).tolist()
    script = """([values, errors, logs]) => values.map((v, i) =>
        [consilience.rounded(v, errors[i]), consilience.short(v), consilience.power(logs[i])])"""
    drawn = page.evaluate(script, [values, errors, logs])
    ours = [
        [numbers.rounded(v, e), numbers.short(v), numbers.power(l)] for v, e, l in zip(values, errors, logs)
    ]
    assert drawn == ours
