"""Models by name."""

from consilience.connectors.registry import Registry
from consilience.engine.extraction.interfaces import Model

_REGISTRY: Registry[Model] = Registry("model", "consilience.models")
register = _REGISTRY.register


def models() -> dict[str, str]:
    """Every registered model: name -> one line. A name in capitals after a colon stands for an argument."""
    _fill()
    return _REGISTRY.lines()


def open_model(name: str) -> Model:
    """The model of that name, not loaded yet.

    Raises BadInput for an unknown name, and NotInstalled, with the pip line, when its package is missing.
    """
    _fill()
    return _REGISTRY.open(name)


def _fill() -> None:
    # Here and not above: these modules import the decorator from this one.
    from consilience.connectors.models import (  # noqa: F401
        efficientnet,
        glove,
        huggingface,
        minilm,
        resemblyzer,
        smollm2,
        whisper,
    )
