"""The stimulus sets that models can be shown. A new one is one file here and one decorator, or an entry point
``consilience.stimuli`` of another package."""

from consilience.connectors.stimuli.registry import open_stimuli, register, stimuli

__all__ = ["open_stimuli", "register", "stimuli"]
