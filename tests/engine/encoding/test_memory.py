"""The plan of an encoding, an alignment or a reliability promises a peak; what is measured stays below it."""

import pytest
from promises import encoding, promised_and_taken, reliability


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (encoding, (3000, 300, 3000, {})),
        (encoding, (3000, 400, 3000, {"nested": False})),
        (encoding, (3000, 300, 3000, {"folds": 12, "nested": False})),
        (encoding, (12000, 100, 9000, {"nested": False})),
        (encoding, (400, 60, 40, {"layers": 2, "nuisance": 8, "permutations": 4, "bands": 3})),
        (encoding, (2000, 120, 2000, {"budget": "400MB"})),
        (reliability, (60, 4, 2000)),
    ],
)
def test_measured_memory_stays_below_the_plan(make, given):
    promised, peak = promised_and_taken(make, *given)
    assert 0 < peak <= promised
    assert promised < 8 * peak + 300e6, "a promise that holds no matter what says nothing"
