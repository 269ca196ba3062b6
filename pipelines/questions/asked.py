"""The question of a study: refused before any compute where its models cannot answer it, and answered after."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from consilience.engine.errors import BadInput
from consilience.engine.scores import label
from consilience.pipelines.zoo.prepare import Prepared
from consilience.pipelines.zoo.words import FIELDS, is_control

if TYPE_CHECKING:
    import xarray as xr

    from consilience.pipelines.questions.zoo import Zoo


def check(prepared: Prepared) -> None:
    """Refuse a question that these models or metrics cannot answer. Raises StudyError that says what is missing."""
    question = prepared.study.question
    if question is None:
        return
    cards = {m: c for m, c in _cards(prepared).items() if not is_control(c)}
    try:
        if question.stimuli is not None and question.name != "objectives":
            raise BadInput(
                "`stimuli:` with the question objectives alone", f"it with {question.name}", "leave it out"
            )
        _check(question.name, cards, prepared)
    except BadInput as bad:
        raise prepared.study.error(("question",), bad) from bad


def _check(name: str, cards: Mapping[str, dict[str, Any]], prepared: Prepared) -> None:
    fields = dict.fromkeys(FIELDS[x] for c in cards.values() if (x := str(c.get("modality", ""))) in FIELDS)
    if name != "objectives" and len(fields) < 2:
        raise BadInput(
            f"trained models of two modalities for the question {name}", ", ".join(fields) or "none that is known",
            "add some, or name the modality of your own features in `cards:`",
        )  # fmt: skip
    if name == "scale":
        _check_sizes(cards)
    if name == "stitching":
        from consilience.pipelines.questions.stitching import FOUND, report_of

        if not any(report_of(m) in FOUND for m in prepared.metric_ids()):
            raise BadInput(
                "a stitch that finds something, for the question stitching", ", ".join(prepared.metric_ids()),
                "add {name: stitch, report: recall_1}, or {name: stitch, report: class} with `labels:`",
            )  # fmt: skip
    if name == "objectives":
        from consilience.pipelines.questions.kinds import kind

        kinds = {k for c in cards.values() if (k := kind(str(c.get("objective", ""))))}
        if len(kinds) < 2:
            raise BadInput(
                "trained models of two objectives for the question objectives",
                ", ".join(sorted(kinds)) or "none that is known",
                "add some, or name the objective of your own in `cards:`",
            )  # fmt: skip


def _check_sizes(cards: Mapping[str, dict[str, Any]]) -> None:
    from consilience.pipelines.questions.scale import SIZES, lineage

    sizes: dict[tuple[str, str], set[float]] = {}
    for card in cards.values():
        if (name := lineage(card)) and card.get("parameters"):
            sizes.setdefault((name, str(card.get("modality"))), set()).add(float(card["parameters"]))
    if not any(len(x) >= SIZES for x in sizes.values()):
        had = ", ".join(f"{name}: {len(x)}" for (name, _), x in sizes.items()) or "none that is known"
        raise BadInput(
            f"{SIZES} sizes of one lineage for the question scale", had,
            "add sizes, or name `lineage` and `parameters` of your own models in `cards:`",
        )  # fmt: skip


def _cards(prepared: Prepared) -> dict[str, dict[str, Any]]:
    """As they will stand in the score table, of models that are not extracted yet too."""
    from consilience.connectors.models.facts import told

    own, found = prepared.study.own_cards(), {}
    for seat in prepared.seats:
        held = seat.table.meta.get("card", {}) if seat.table is not None else asdict(seat.model.card)  # type: ignore[union-attr]
        found[seat.name] = told(seat.name, dict(held), own)
    return found


def answered(prepared: Prepared, scores: "xr.Dataset", beside: "xr.Dataset | None") -> dict[str, Any]:
    """The answer as plain JSON; empty for a study that asks nothing. `beside` are the scores on its second stimuli."""
    question = prepared.study.question
    if question is None:
        return {}
    from consilience.pipelines.questions import depth, layers, objectives, scale, stitching

    zoo = _zoo(prepared, scores)
    if question.name == "objectives":
        other = None
        if beside is not None:
            assert prepared.beside is not None
            other = _zoo(prepared.beside, beside)
        found = objectives.answer(zoo, other)
    else:
        asked = {"layers": layers, "scale": scale, "stitching": stitching, "depth": depth}
        found = asked[question.name].answer(zoo)
    if not found.rows:
        found = replace(found, sentences=[*found.sentences, _nothing(zoo)])
    return {"question": question.name, **found.plain()}


def _nothing(zoo: "Zoo") -> str:
    """Why there is no answer, though the models could have had one."""
    if not any(zoo.fields(metric) for metric in zoo.metrics):
        return "There is no answer: no trained models of two modalities were compared; see `pairs:` of the study."
    if not zoo.left_out:
        return (
            "There is no answer: of so many pairs of layers the scores without each row group are not kept, and "
            "without these there is no error. Compare fewer layers, such as `layers: {every: 4}`."
        )
    return "There is no answer: it takes more layers, or other pairs, than were compared."


def _zoo(prepared: Prepared, scores: "xr.Dataset") -> "Zoo":
    """The table with what is kept of its scores without each row group."""
    from consilience.pipelines.questions.zoo import Zoo
    from consilience.pipelines.zoo.pairscores import Pairs

    places = [{str(x): i for i, x in enumerate(scores[side].values)} for side in "ab"]
    found = {}
    for comparison in prepared.comparisons():
        pairs = Pairs(prepared, comparison)
        for metric in comparison.metrics:
            kept = pairs.left_out(metric)
            if kept is None:
                continue
            sides = comparison.a, comparison.b or comparison.a
            at = [[where[label(*x)] for x in side] for where, side in zip(places, sides)]
            whole = np.full((len(kept), *map(len, places)), np.nan)
            whole[np.ix_(range(len(kept)), *at)] = kept
            found[metric] = whole
    return Zoo(scores, found)


def sentences(attrs: Mapping[Any, Any]) -> list[str]:
    """Those of the answer in a score table's attributes."""
    found: list[str] = json.loads(attrs.get("answer", "{}")).get("sentences", [])
    return found
