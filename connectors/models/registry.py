"""Models by name."""

from collections.abc import Mapping
from typing import Any

from consilience.connectors.registry import Registry
from consilience.engine.extraction.interfaces import Model

_REGISTRY: Registry[Model] = Registry("model", "consilience.models")
register = _REGISTRY.register


def models() -> dict[str, str]:
    """Every registered model: name -> one line. A name in capitals after a colon stands for an argument."""
    _fill()
    return _REGISTRY.lines()


def open_model(name: str, options: Mapping[str, Any] | None = None) -> Model:
    """The model of that name, not loaded yet, with the `options` that its kind takes.

    Raises BadInput for an unknown name or option, and NotInstalled, with the pip line, when its package is missing.
    """
    _fill()
    return _REGISTRY.open(name, options)


def _fill() -> None:
    # Here and not above: these modules import the decorator from this one.
    from consilience.connectors.models import (  # noqa: F401
        diffusion,
        efficientnet,
        endpoints,
        gguf_files,
        glove,
        huggingface,
        minilm,
        onnx_files,
        resemblyzer,
        smollm2,
        torch_modules,
        whisper,
    )
