"""Brain studies: layers of models against regions of brains, over subjects; ``consilience brain STUDY``."""
