"""Steps in their order: read, refused where they cannot be done, fitted one after the other, and told of."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np

from consilience.engine.errors import BadInput, unknown
from consilience.engine.features.representation import Representation
from consilience.engine.features.schema import digest
from consilience.engine.passes import executors
from consilience.engine.passes.executors import Run
from consilience.engine.preprocessing.load import Load, Shape
from consilience.engine.preprocessing.registry import Asked, parse
from consilience.engine.preprocessing.rows import Preprocessed, Rows
from consilience.engine.progress import Progress, silent

Spec = str | Mapping[str, Any]
Steps = str | Sequence[Spec]
Preprocess = Steps | Mapping[str, Steps]  # of all models, or by model
Chain = tuple[Asked, ...]
# Rounding of a row's own length, say, is no variation: so many times the last digit of float64.
ROUNDING = 8 * np.finfo(np.float64).eps


def read_steps(preprocess: Preprocess) -> Chain | dict[str, Chain]:
    """The steps for all models, or a mapping from models to steps.

    Raises:
        BadInput: for an unknown step, parameter or value.
    """
    if isinstance(preprocess, Mapping):
        return {model: _chain(steps) for model, steps in preprocess.items()}
    return _chain(preprocess)


def _chain(steps: Steps) -> Chain:
    return tuple(map(parse, [steps] if isinstance(steps, str) else steps))


def preprocessed(
    representations: Sequence[Representation],
    steps: Chain | Mapping[str, Chain],
    *,
    seed: int = 0,
    budget: float = float("inf"),
    run: Run = executors.run,
    progress: Progress = silent,
) -> list[Representation]:
    """The same representations with the steps applied, in the same order; those of a model without steps as they are.

    Args:
        representations: joined, and checked: the steps are fitted on all their rows.
        steps: of all models, or by model.
        seed: decides random projections and the pairs whose error is measured.
        budget: bytes; a step that needs more is refused.

    Raises:
        BadInput: before anything is fitted, for steps that these shapes do not allow; then for features that are
            constant or not finite after a step. It names the representation.
    """
    if isinstance(steps, Mapping):
        models = {r.model for r in representations}
        for model in steps:
            if model not in models:
                raise unknown("model to preprocess", model, models)
    chains = [steps.get(r.model, ()) if isinstance(steps, Mapping) else steps for r in representations]
    for r, chain in zip(representations, chains):
        if chain and r.rdm:
            raise BadInput(
                f"features in {r.name!r} for {_ids(chain)}", "an RDM, which has no units",
                "name the models whose features are to be preprocessed: preprocess={model: steps}",
            )  # fmt: skip
    shapes = [Shape.of(r, chain) for r, chain in zip(representations, chains)]
    Load(tuple(shapes)).refuse(budget, run.together)
    done = []
    for k, (r, chain) in enumerate(zip(representations, chains)):
        done.append(_fitted(r, chain, seed, run) if chain else r)
        if any(chains):
            progress("preprocessing", k + 1, len(chains))
    return done


def _fitted(of: Representation, chain: Chain, seed: int, run: Run) -> Representation:
    source = Preprocessed(of, (), (), of.d)
    for k, asked in enumerate(chain):
        current = _read_through(source)
        Shape.of(current, (asked,)).widths()  # a step before may have left fewer units than it could have
        with _naming(of, chain[:k]):
            step = asked.step.fit(Rows(current, seed, run), **asked.parameters)
        source = replace(source, asked=chain[: k + 1], steps=(*source.steps, step))
        source = replace(source, d=source.applied(of.take(np.arange(1))).shape[1])
        _refuse_constant(_read_through(source), source.asked)
    current = _read_through(source)
    with _naming(of, chain):
        Rows(current, seed, run).fold(len)  # nothing is wanted but the look for what is not finite
    ids, made = _known_as(of, chain, seed)
    return replace(current, sample_ids=ids, digest=made)


def _read_through(source: Preprocessed) -> Representation:
    of = source.of
    return Representation(of.model, of.layer, of.n, source.d, source.dtype, source, checked=True)


def _known_as(of: Representation, chain: Chain, seed: int) -> tuple[np.ndarray | None, str | None]:
    """Sample ids and digest of the preprocessed rows of a representation; the digest is None where it has none."""
    rows = of.rows
    ids = of.sample_ids  # of the rows that were joined
    if of.digest is None:
        return ids, None
    joined = None if rows is None else sha256(rows.astype("<i8").tobytes()).hexdigest()
    steps = [asked.id for asked in chain]
    return ids, digest({"of": of.digest, "rows": joined, "preprocess": steps, "seed": seed})


@contextmanager
def _naming(of: Representation, done: Chain) -> Iterator[None]:
    """Errors of a step name the representation, and the steps done before."""
    try:
        yield
    except BadInput as bad:
        after = f" after {_ids(done)}" if done else ""
        raise BadInput(f"{bad.expected} in {of.name!r}{after}", bad.got, bad.fix) from bad


def _refuse_constant(r: Representation, chain: Chain, rows_at_once: int = 1024) -> None:
    """Refuse features whose rows are all the same but for rounding. Nearly always the first block tells."""
    first = r.take(np.arange(1))
    least = ROUNDING * np.abs(first).max()
    for start in range(0, r.n, rows_at_once):
        block = r.take(np.arange(start, min(start + rows_at_once, r.n)))
        with np.errstate(over="ignore", invalid="ignore"):
            if not (np.abs(block - first) <= least).all():
                return
    raise BadInput(
        f"features that vary in {r.name!r} after {_ids(chain)}", f"the same values in all {r.n} samples",
        "leave the step or this representation out",
    )  # fmt: skip


def _ids(chain: Chain) -> str:
    return ", ".join(asked.id for asked in chain)


def attributes(representations: Sequence[Representation]) -> dict[str, str]:
    """The attributes of a score table that tell of the preprocessing, in JSON.

    ``preprocess``: representation -> its steps in order, each with its canonical id as ``step`` and what was found in
    fitting it. ``preprocess_steps``: canonical id -> ``title``, ``formula`` and ``source`` of the step.
    """
    found: dict[str, list[dict[str, str | int | float]]] = {}
    steps: dict[str, dict[str, str]] = {}
    for r in representations:
        if isinstance(r.source, Preprocessed):
            told = list(zip(r.source.asked, r.source.steps))
            found[r.name] = [{"step": asked.id, **step.facts} for asked, step in told]
            steps |= {asked.id: step.about() for asked, step in told}
    return {"preprocess": json.dumps(found), "preprocess_steps": json.dumps(steps)}
