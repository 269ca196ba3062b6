"""Hold a metric to what it declares of itself, to its definition, and to the same scores however it is computed.

The suite of this package runs it on every registered metric, and so can a package that registers one of its own.

- ``tried``     what it is tried on
- ``declared``  its range, symmetry, direction, invariances, and the score of copies
- ``computed``  its definition, the order of samples, blocks, threads and executors
"""

from collections.abc import Callable, Sequence

from consilience.engine.metrics.registry import Request, parse
from consilience.engine.testing.computed import (
    Reference,
    check_chunking,
    check_executors,
    check_order,
    check_reference,
)
from consilience.engine.testing.declared import (
    check_identical,
    check_invariances,
    check_range,
    check_symmetry,
)

__all__ = ["CHECKS", "Reference", "check_executors", "check_metric", "check_reference"]

CHECKS: dict[str, Callable[[Request], None]] = {
    "range": check_range,
    "symmetry": check_symmetry,
    "invariances": check_invariances,
    "order": check_order,
    "identical": check_identical,
    "chunking": check_chunking,
}


def check_metric(
    metric: str, reference: Reference | None = None, *, executors: Sequence[str] = ("threads",)
) -> None:
    """Raise AssertionError, which says what is amiss, unless the metric of that id is what it declares.

    Checked on seeded features are its range, direction and symmetry; that it does not see the changes of X that it
    declares as invariances, and sees the others; that identical representations score its `best` exactly; that the
    order of the samples does not matter; that neither row groups, blocks, threads nor the least budget change a score.

    Args:
        metric: an id, with parameters that 60 samples allow.
        reference: the definition, literally: of X (n, d1) and Y (n, d2), or of X alone, in float64; scores agree with
            it to 1e-7, and 1e-5 in float32. With labels where the metric needs them, as a last argument, and of
            (n, repeats, d) arrays where it needs repeats.
        executors: where it must score the same to 1e-6, as for `compare`: ``"threads"``, ``"distributed"``, ``"ray"``,
            or an address. The last two start processes on this machine.
    """
    for check in CHECKS.values():
        check(parse(metric))
    if reference is not None:
        check_reference(parse(metric), reference)
    for executor in executors:
        check_executors(parse(metric), executor)
