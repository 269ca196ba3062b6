"""What a metric costs, in a sentence of the guide: from the declarations that the plan of a comparison is made from."""

from collections.abc import Iterator

from consilience.engine.metrics.registry import Choice, Metric, Number, Request, Work, parse

SHARED = {
    "sums": "one tile pass over all pairs of samples, n²(Σd + R²) operations for R representations, shared by all "
    "metrics of this kind; linear CKA from moments where those are fewer or tiles do not fit the budget",
    "classes": "the tile pass within each class",
    "batches": "n times the size of a batch, instead of n²",
    "neighbours": "the tile pass, in which the neighbours are found",
    "overlaps": "the tile pass, in which the neighbours are found; those in common are then counted, n k R² operations",
    "unions": "the tile pass, and the similarities of each sample with the neighbours it has anywhere",
    "triangles": "whole matrices of at most 1,024 samples, and a sort of n²/2 entries for every pair and subset",
    "moments": "moments, n d² a pair",
    "held_out": "one reading of the held-out samples",
    "covariance": "moments, n d² a representation, and a decomposition, d³, for every subset",
    "means": "one reading of the features",
    "directions": "one tile pass over all pairs of samples",
    "distances": "one tile pass, in which the neighbours are found",
    "probe": "one fit to at most `samples` train samples a representation, and one reading of the held-out samples",
}
WIDTHS = (512, 512), (512, 768)


def costs(metric: Metric) -> str:
    """By default, and what is different with other values of each parameter that matters to it."""
    usual = tuple(_parts(parse(metric.name)))
    others: dict[tuple[str, ...], list[str]] = {}
    for name, value in _others(metric):
        if (parts := tuple(_parts(parse({"name": metric.name, name: value})))) != usual:
            others.setdefault(parts, []).append(f"`{name}={value}`")
    told = ["; ".join(usual)]
    for parts, given in others.items():
        told.append(f"With {' or '.join(given)}: {'; '.join(part for part in parts if part not in usual)}")
    return ". ".join(told)


def _parts(request: Request) -> Iterator[str]:
    """Of one metric with all its parameters."""
    needs, work = request.needs, request.work
    drawn = "" if request.metric.null else " and permutation"
    if needs == "held_out":
        yield from _held_out(request)
        return
    yield SHARED[needs]
    if needs == "moments" and (found := _decompositions(work, request)):
        fold = ", in each fold" if request.parameters.get("folds", 0) else ""
        yield f"then, on every subset{drawn}{fold}, {found}"
    elif needs == "neighbours":
        yield f"then {_ns(work)} for each sample and two representations, on every subset{drawn}"
    elif needs == "overlaps" and drawn:
        yield f"and {_ns(work)} for each sample and two representations in every permutation"


def _others(metric: Metric) -> Iterator[tuple[str, str | int | float]]:
    """Other words of each choice; of numbers that by default switch something off, one that does not."""
    for name, parameter in metric.parameters.items():
        if isinstance(parameter, Choice):
            yield from ((name, word) for word in parameter.words if word != parameter.default)
        elif isinstance(parameter, Number) and parameter.default in (parameter.low, parameter.high):
            yield name, 5 if isinstance(parameter.default, int) else 0.5


def _held_out(request: Request) -> Iterator[str]:
    work, drawn = request.work, request.metric.null is None
    gallery = "gallery" in request.parameters
    if request.fits:
        yield "moments of the train half of the samples, n d²/2 a pair"
        yield f"a map made of those, {_decompositions(work, request)}"
    yield SHARED["held_out"] + (", of at most `gallery`" if gallery else "")
    if gallery:
        each = _ns(work) + (f" ({work.null:g} ns more for the null)" if work.null else "")
        yield f"{each} for each two of those in every pair"
    if drawn:
        yield (
            "all but the reading again for every permutation"
            if request.fits
            else "again for every permutation"
        )


def _decompositions(work: Work, request: Request) -> str:
    """Operations for each d³, at the rate of matrix products, and the time of what is none."""
    found = []
    if work.own:
        found.append(f"{work.own:g} d³ a representation")
    if work.maps + work.pair:
        precise = f" ({work.maps + work.precise:g} d³ where the last digits matter)"
        found.append(f"{work.maps + work.pair:g} d³ a pair" + precise * (work.precise > work.pair))
    if work.entry and request.needs == "moments":
        found.append(f"{_ns(work)} for each of its d² numbers")
    return " and ".join(found)


def _ns(work: Work) -> str:
    same, unequal = (work.entries(a, b) / (a * b) for a, b in WIDTHS)
    apart = "" if same == unequal else f" ({unequal:g} ns where the two have different numbers of units)"
    return f"{same:g} ns{apart}"
