"""A study over features that are brought: models of two layers, in a store, that can be given other weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from consilience.engine.features import FeatureStore

N = 60
STUDY = """
name: toy
stimuli: toys
models: {models}
metrics: {metrics}
groups: 10
permutations: 3
tracking: {tracking}
{more}
"""


def write_toys(
    folder: Path, *models: str, seed: int = 0, share: float = 1.0, n: int = N, parameters: int = 60
) -> None:
    """Put features of those models into the store: what all see, and noise of their own.

    Another `share` of what all see, or another `seed` of the noise, is another table with other weights.
    """
    latent = np.random.default_rng(99).normal(size=(N + 20, 4))
    for model in models:
        rng = np.random.default_rng([seed, *model.encode()])
        layers = {
            f"layer.{i}": (share * latent @ rng.normal(size=(4, 6)) + rng.normal(size=(N + 20, 6))).astype(
                "f4"
            )[:n]
            for i in range(2)
        }
        card = {
            "weights_hash": f"{model}-{seed}-{share}",
            "revision": "r1",
            "modality": "image",
            "parameters": parameters,
        }
        FeatureStore(folder / "features").write(
            model, "toys", [f"s{i:02d}" for i in range(n)], layers, meta={"card": card}
        )


def toy_study(
    folder: Path,
    models: str = '["*"]',
    metrics: Sequence[str] = ("cka",),
    tracking: str = "null",
    more: str = "",
) -> Path:
    """Write the study, and give its path."""
    path = folder / "study.yaml"
    path.write_text(
        STUDY.format(models=models, metrics=f"[{', '.join(metrics)}]", tracking=tracking, more=more)
    )
    return path
