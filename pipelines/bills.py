"""What models behind a paid endpoint will cost, before they are asked, and what they took."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from consilience.engine.extraction.interfaces import Model, Remote, StimulusSet

if TYPE_CHECKING:
    from consilience.engine.features import FeatureTable
    from consilience.pipelines.seats import Seat

_LETTERS = 4  # a token, in English
_READ = 200  # texts, of which the mean length stands for all


def bills(seats: "Sequence[Seat]") -> dict[str, str]:
    """Of every model that has to be asked for features: how many texts, about how many tokens, and for how much."""
    found: dict[str, str] = {}
    for seat in seats:
        if seat.table is None and isinstance(seat.model, Remote) and seat.stimuli is not None:
            tokens = _tokens(seat.stimuli)
            texts = f"{seat.samples:,} texts, about {tokens:,} tokens"
            found[seat.name] = f"{texts} at {_LETTERS} letters each: {_dollars(seat.model, tokens)}"
    return found


def paid(model: Model | None, table: "FeatureTable") -> str:
    """What the endpoint counted while the table was made; "" where nothing was asked."""
    tokens = table.manifest["times"].get("tokens", 0)
    if not tokens or not isinstance(model, Remote):
        return ""
    return f"{table.model}: {tokens:,} tokens asked for, {_dollars(model, tokens)}"


def _dollars(model: Remote, tokens: int) -> str:
    cost = model.cost(tokens)
    if cost is None:
        return "price not known (say it: `options: {price: …}`, in dollars a million tokens)"
    return f"about ${cost:,.2f}" if cost >= 0.1 else f"about ${cost:.2g}"


def _tokens(stimuli: StimulusSet) -> int:
    count = len(stimuli.sample_ids())
    step = max(1, count // _READ)
    lengths = [len(stimuli.get("text", row)) for row in range(0, count, step)]
    return round(count * sum(lengths) / len(lengths) / _LETTERS)
