"""Preprocessing: named steps between the features and the passes, fitted and applied block by block.

A step is a registered class, one file each, or two that share their statistic. Its `fit` makes a small, frozen,
picklable object from passes over blocks of the rows that are compared (a join may have left rows out); its `apply` is a
pure function of a block of rows. A preprocessed representation is a representation whose rows go through the steps
whenever they are read, so that every pass and metric works on it unchanged, in the memory of a block.

- ``registry``  what a step is; names and ids          - ``rows``   the rows of a fit; the source that applies steps
- ``chain``     steps in their order, fitted           - ``load``   what they add to a plan
- ``units`` (centre, zscore), ``length`` (l2), ``clip``, ``pca``, ``projection``: the steps
"""

from consilience.engine.preprocessing import clip, length, pca, projection, units
from consilience.engine.preprocessing.chain import Preprocess, attributes, preprocessed, read_steps
from consilience.engine.preprocessing.load import Load, Shape
from consilience.engine.preprocessing.registry import Asked, Step, parse, preprocessing, register

__all__ = [
    "Asked", "Load", "Preprocess", "Shape", "Step", "attributes", "clip", "length", "parse", "pca", "preprocessed",
    "preprocessing", "projection", "read_steps", "register", "units",
]  # fmt: skip
