"""Consilience: compare the representations of foundation models, and of brains, with error bars."""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("consilience")

# Public name -> module that holds it. Loaded on first use, so that `import consilience` and `--help` stay fast.
_HOME = {
    "BadInput": "consilience.engine.errors",
    "FeatureStore": "consilience.engine.features",
    "FeatureTable": "consilience.engine.features",
    "RDM": "consilience.engine.features",
    "align": "consilience.engine.alignment",
    "audit": "consilience.engine.audit",
    "best_layers": "consilience.engine.best",
    "brains": "consilience.connectors.brains",
    "compare": "consilience.engine.comparison",
    "encode": "consilience.engine.encoding",
    "extract": "consilience.pipelines.extract",
    "metrics": "consilience.engine.metrics",
    "models": "consilience.connectors.models",
    "noise_ceiling": "consilience.engine.ceiling",
    "open_scores": "consilience.engine.scores",
    "plan": "consilience.pipelines.studyfiles.study",
    "plot": "consilience.pipelines",
    "preprocessing": "consilience.engine.preprocessing",
    "profile": "consilience.engine.profile",
    "reliability": "consilience.engine.reliability",
    "run": "consilience.pipelines.zoo.run",
    "score": "consilience.engine.comparison",
    "stimuli": "consilience.connectors.stimuli",
    "turing_test": "consilience.engine.turing",
}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'consilience' has no attribute {name!r}")
    if name == "plot":
        return import_module("consilience.pipelines.plot")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
