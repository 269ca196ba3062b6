"""The metric guide, ``docs/metrics.md``: every registered metric from its docstring and declarations, and a few cases.

``python -m consilience.pipelines.guide docs/metrics.md`` writes it; a test compares the file with what this makes.
"""

from collections.abc import Iterator

from consilience.engine.errors import BadInput
from consilience.engine.metrics.registry import Choice, Metric, Number, parse, registered, spelled_range
from consilience.engine.parameters import Parameter
from consilience.engine.scoring.sampled import forms, unsampled
from consilience.pipelines.guide.cases import cases
from consilience.pipelines.guide.costs import costs

CHANGES = {
    "permutation": "the order of the units", "rotation": "rotations", "scaling": "one factor for all units",
    "translation": "shifts", "linear": "invertible linear maps of the units",
}  # fmt: skip
HEAD = """# Metrics

X is (n, d₁), Y is (n, d₂), and row i of both is the same sample. Every score comes with a standard error, and with
what unrelated samples would score. An id such as `cka:estimator=biased,kernel=linear` names a metric with all its
parameters; what is left out takes the default, in bold below.

Costs are of n samples in R representations of d units. So many d³ are operations at the rate of products of large
matrices in float64; a decomposition of few units takes longer, by as much as one of 250 units more would. Nanoseconds
are of one thread. Both were measured, and are what a plan counts on. What a representation contributes no permutation
changes. The last digits matter in the scores of all samples and of two halves, not in a standard error or a null.

This page is made from the docstrings of the metrics: `python -m consilience.pipelines.guide docs/metrics.md`.
"""


def guide() -> str:
    """The page, in Markdown."""
    known = [m for _, m in sorted(registered().items()) if m.finish.__module__.startswith("consilience.")]
    parts = [HEAD, "\n".join(cases())]
    for heading, single in (
        ("## Metrics of two representations\n", False),
        ("## Metrics of one representation\n", True),
    ):
        parts += [heading, *("\n".join(section(m)) for m in known if m.single == single)]
    return "\n".join(parts)


def section(metric: Metric) -> Iterator[str]:
    """The lines on one metric."""
    title, formula, *rest = metric.paragraphs
    misleads = [p for p in rest if p.startswith("Misleads")]
    yield f"### `{metric.name}`\n"
    yield f"{title}\n"
    yield f"> {formula}\n"
    for paragraph in (p for p in rest if p not in misleads):
        yield f"{paragraph}\n"
    for paragraph in misleads:
        yield f"**{paragraph.split(' ', 1)[0]}** {paragraph.split(' ', 1)[1]}\n"
    yield from facts(metric)


def facts(metric: Metric) -> Iterator[str]:
    """The lines on what it takes, gives, does not see and costs."""
    if metric.parameters:
        yield "- Parameters: " + "; ".join(f"`{k}` {values(p)}" for k, p in metric.parameters.items())
    request = parse(metric.name)
    unseen = ", ".join(CHANGES[i] for i in request.invariances)
    yield f"- Does not see, by default: {unseen or 'nothing of the kind'}"
    if metric.single:
        yield f"- Range: {ranges(metric)}"
    else:
        way = "symmetric" if request.symmetric else "directed"
        yield f"- A {metric.direction}, {way}; range {ranges(metric)}"
        yield f"- Null: {null(metric)}"
        yield f"- `until_se`: {sampled(metric)}"
    yield f"- Costs: {costs(metric)}"
    yield f"- Source: {metric.source}\n"


def null(metric: Metric) -> str:
    """Where the null comes from."""
    return (
        "exact mean and variance under permutation of the samples" if metric.null else "seeded permutations"
    )


def ranges(metric: Metric) -> str:
    """That of the defaults, and those of other values of a single parameter where they differ."""
    usual = spelled_range(parse(metric.name).range)
    others: dict[str, list[str]] = {}
    for name, parameter in metric.parameters.items():
        # Of a number that is 0 by default, such as of folds, any other stands for all.
        number = [2] if parameter.default == 0 else []
        for value in parameter.words if isinstance(parameter, Choice) else number:
            try:
                told = spelled_range(parse({"name": metric.name, name: value}).range)
            except BadInput:
                continue  # not without another parameter
            if told != usual:
                others.setdefault(told, []).append(
                    f"{name}={value}" if isinstance(parameter, Choice) else name
                )
    if not others:
        return usual
    return f"{usual} ({'; '.join(told + ' with ' + ', '.join(where) for told, where in others.items())})"


def sampled(metric: Metric) -> str:
    """Whether random parts of the pairs of samples serve, with which parameters, or why not."""
    told, request = forms(metric), parse(metric.name)
    if told is None:
        return f"no: {unsampled(request)}"
    _, _, some = told.partition(" ")
    return f"with {some.strip('()')}" if some else "yes"


def values(parameter: Parameter) -> str:
    """What a parameter may be, the default in bold."""
    if isinstance(parameter, Choice):
        return ", ".join(f"**{w}**" if w == parameter.default else w for w in parameter.words)
    assert isinstance(parameter, Number)
    end = "" if parameter.high == float("inf") else f" to {parameter.high:g}"
    return f"**{parameter.default:g}** (from {parameter.low:g}{end})"
