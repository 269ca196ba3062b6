"""Alignment studies: layers of models against regions of brains, over subjects."""

from consilience.engine.alignment.aligning import align

__all__ = ["align"]
