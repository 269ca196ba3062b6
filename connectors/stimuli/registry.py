"""Stimulus sets by name."""

from consilience.connectors.registry import Registry
from consilience.engine.extraction.interfaces import StimulusSet

_REGISTRY: Registry[StimulusSet] = Registry("stimulus set", "consilience.stimuli")
register = _REGISTRY.register


def stimuli() -> dict[str, str]:
    """Every registered stimulus set: name -> one line. A name in capitals after a colon stands for an argument."""
    _fill()
    return _REGISTRY.lines()


def open_stimuli(name: str) -> StimulusSet:
    """The stimulus set of that name.

    Raises BadInput for an unknown name, and NotInstalled, with the pip line, when its package is missing.
    """
    _fill()
    return _REGISTRY.open(name)


def _fill() -> None:
    # Here and not above: these modules import the decorator from this one.
    from consilience.connectors.stimuli import (  # noqa: F401
        alice,
        audio,
        captions,
        datasets,
        digits,
        images,
        kriegeskorte92,
        lee,
        openmoji,
        parquet,
        spoken,
        text,
        textgrid,
        webdataset,
    )
