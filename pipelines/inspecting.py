"""What a model is and what it takes, measured on a dozen samples in this process."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Model, ModelCard, Remote, StimulusSet
from consilience.engine.extraction.pools import able, pooled

SAMPLES = 12
_EVERY = 0.005  # seconds between looks at the memory


@dataclass(frozen=True)
class Seen:
    """One layer: the shape of what one sample gives (tokens of the longest), and the pools that its axes allow."""

    name: str
    axes: str
    shape: tuple[int, ...]
    units: int
    pools: tuple[str, ...]
    meaning: str


@dataclass(frozen=True)
class Inspection:
    """`load` and `forward` are seconds, of the weights and of `samples` samples with pooling; `loaded` and `peak` bytes
    of this process beyond what it had before, and beyond that while the samples pass; `tokens` were paid for."""

    card: ModelCard
    facts: Mapping[str, Any]
    layers: tuple[Seen, ...]
    samples: int
    load: float
    forward: float
    loaded: int
    peak: int
    threads: int
    tokens: int = 0

    @property
    def thousand(self) -> float:
        """Seconds for a thousand samples, at that rate."""
        return self.forward / self.samples * 1000

    @property
    def kept(self) -> int:
        """Bytes of a thousand samples in a feature table with all layers."""
        return 4 * 1000 * sum(layer.units for layer in self.layers)


def inspect(model: Model, stimuli: StimulusSet | None = None) -> Inspection:
    """Load `model` here, on the CPU, and put a dozen samples through it: of `stimuli`, or noise.

    Raises BadInput for stimuli that it does not take, for samples that it refuses, and where its layers are not what it
    says.
    """
    import torch

    from consilience.connectors.models.facts import told

    items = _items(model, stimuli)
    layers = model.layers()
    with _memory() as loading:
        began = perf_counter()
        model.load("cpu")
        load = perf_counter() - began
    try:
        batch = [model.preprocess(item) for item in items]
        with torch.inference_mode():
            if not isinstance(model, Remote):
                model.forward(batch[:1])  # the first pass sets things up
            with _memory() as passing:
                began = perf_counter()
                out = model.forward(batch)
                for layer in layers:
                    pooled(able(layer.axes)[0], out.layers[layer.name], layer, out.mask_of(layer.name))
                forward = perf_counter() - began
    except BadInput:
        raise
    except Exception as error:  # of any library behind a model
        whose = "noise" if stimuli is None else stimuli.name
        raise BadInput(
            f"{model.card.name} to take {len(items)} samples of {whose}", f"{type(error).__name__}: {error}",
            "give stimuli that it can take, as in `consilience inspect MODEL STIMULI`",
        ) from error  # fmt: skip
    seen = tuple(
        Seen(x.name, x.axes, tuple(out.layers[x.name].shape[1:]), x.units, able(x.axes), x.meaning)
        for x in layers
    )
    tokens = model.tokens if isinstance(model, Remote) else 0
    facts = told(model.card.name, vars(model.card))
    return Inspection(
        model.card, facts, seen, len(items), load, forward, loading["rise"], passing["rise"], torch.get_num_threads(),
        tokens,
    )  # fmt: skip


def _items(model: Model, stimuli: StimulusSet | None) -> list[Any]:
    from consilience.connectors.models.probing import noise

    view = model.card.modality
    if stimuli is None:
        return (noise(view) * SAMPLES)[:SAMPLES]
    if view not in stimuli.views():
        raise BadInput(
            f"a stimulus set with the view {view!r}, which {model.card.name} takes",
            f"{stimuli.name}, which has {', '.join(stimuli.views())}", "choose stimuli of its modality",
        )  # fmt: skip
    return [stimuli.get(view, row) for row in range(min(SAMPLES, len(stimuli.sample_ids())))]


@contextmanager
def _memory() -> Iterator[dict[str, int]]:
    """By how many bytes the memory of this process rises at most while the block runs, as `rise`."""
    import psutil

    me, done, found = psutil.Process(), threading.Event(), {"rise": 0}
    before = me.memory_info().rss

    def look() -> None:
        found["rise"] = max(found["rise"], me.memory_info().rss - before)

    def watch() -> None:
        while not done.wait(_EVERY):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
        look()


def lines(seen: Inspection) -> Iterator[str]:
    """What is said beside the table of layers."""
    card, known = seen.card, seen.facts
    yield f"{card.name}: {card.modality}, {card.parameters:,} parameters, licence {card.licence}"
    told = [
        str(known[key])
        for key in ("architecture", "lineage", "family", "year", "training_data")
        if known.get(key)
    ]
    if told:
        yield f"Known of it: {', '.join(told)}"
    yield f"Objective: {card.objective}. Input: {card.preprocessing}"
    yield f"Revision {card.revision}, weights {card.weights_hash[:16]}"
    yield (
        f"Measured on {seen.samples} samples, {seen.threads} threads: loaded in {seen.load:.1f} s and "
        f"{seen.loaded / 1e6:,.0f} MB; {seen.thousand:.3g} s a thousand samples, {seen.peak / 1e6:,.0f} MB more while "
        f"they pass; a thousand samples of all layers are {seen.kept / 1e6:,.3g} MB of features"
    )
    if seen.tokens:
        yield f"The endpoint counted {seen.tokens:,} tokens for this"
