"""What an audit found, in words: each sentence by a stated rule, with the figures it rests on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import TYPE_CHECKING

from consilience.engine.audit import causes, disagreements

if TYPE_CHECKING:
    from consilience.engine.audit.auditing import Audit

Rule = Callable[["Audit"], tuple[str, dict[str, float]] | None]

RULES: dict[str, Rule] = {
    "identical": disagreements.identical,
    "unrelated": disagreements.unrelated,
    "dominant units": causes.dominant_units,
    "dominant direction": causes.dominant_direction,
    "bias": causes.bias,
    "neighbours against CKA": disagreements.neighbours,
    "shared in other proportions": disagreements.proportions,
    "shared in strong directions": disagreements.strong_directions,
    "mostly chance": causes.mostly_chance,
    "number of samples": causes.number_of_samples,
    "uncertain": causes.uncertain,
}
NOTHING = "Nothing unusual was found."


@dataclass(frozen=True)
class Finding:
    """A conclusion: the name of its rule, the sentence, the rule in words, and the figures behind the sentence."""

    name: str
    text: str
    rule: str
    figures: Mapping[str, float] = field(default_factory=dict)


def find(audit: "Audit") -> tuple[Finding, ...]:
    """The findings of every rule that applies, in the order of `RULES`; one that says so where none does."""
    found = [
        Finding(name, said[0], statement(rule), said[1])
        for name, rule in RULES.items()
        if (said := rule(audit)) is not None
    ]
    return tuple(found) or (Finding("nothing", NOTHING, "No rule applies."),)


def statement(rule: Rule) -> str:
    """The rule in words: the docstring of its function."""
    return " ".join(cleandoc(rule.__doc__ or "").split())
