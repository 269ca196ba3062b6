"""`cs.extract`: features of stimuli in a model, each given by name or as an object."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from consilience.engine.extraction.interfaces import Model, StimulusSet
from consilience.engine.features import FeatureStore, FeatureTable
from consilience.engine.progress import Progress, silent


def extract(
    model: str | Model,
    stimuli: str | StimulusSet,
    store: str | Path | FeatureStore,
    layers: str | Sequence[str] = "all",
    pool: str = "mean",
    address: str | None = None,
    *,
    device: str = "auto",
    replicas: int | None = None,
    gpus: float | None = None,
    batch: Literal["auto"] | int | None = None,
    memory: int | float | str | None = None,
    autocast: str | None = None,
    quantize: str | None = None,
    device_map: str | Mapping[str, str | int] | None = None,
    compile: bool = False,
    project: int | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> FeatureTable:
    """The features of `stimuli` in `model`: opened if the store has them, else extracted and stored.

    `model` and `stimuli` are registered names (``minilm``, ``hf:FOLDER``, ``openmoji``, ``images:FOLDER``) or objects
    that offer the interfaces of ``consilience.engine.extraction.interfaces``; `store` a `FeatureStore`, its folder, or
    its URI (``s3://BUCKET/PREFIX``). `address` is that of a Ray cluster; without it the cluster that this process is
    connected to, or else this machine. `options` are of the kind of model that is named. `batch` is how many samples go
    through the model at once; "auto" finds the largest power of two within `memory` ("4GB", or bytes), what a replica
    may take. The rest is as in ``consilience.engine.extraction.extract``.

    Raises BadInput, before anything is loaded, for names, layers or a pool that do not exist or do not fit, and
    NotInstalled, with the pip line, for a registered name whose package is missing.
    """
    from consilience.connectors.models import open_model
    from consilience.connectors.stimuli import open_stimuli
    from consilience.engine import extraction

    return extraction.extract(
        open_model(model, options) if isinstance(model, str) else model,
        open_stimuli(stimuli) if isinstance(stimuli, str) else stimuli,
        store if isinstance(store, FeatureStore) else FeatureStore(store),
        layers=layers,
        pool=pool,
        address=address,
        device=device,
        replicas=replicas,
        gpus=gpus,
        batch_size=batch,
        memory=memory,
        autocast=autocast,
        quantize=quantize,
        device_map=device_map,
        compile=compile,
        project=project,
        progress=progress,
    )
