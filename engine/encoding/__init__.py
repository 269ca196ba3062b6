"""Encoding models: ridge from features to responses, fitted and scored on the moments of folds.

`folds` says which rows are held out together, `sources` what is read (delays, some units, permuted residuals),
`statistics` what is summed up of it, `ridge` how maps come of the sums and are scored, `curves` how the maps of all
penalties come of few, `search` how penalties are chosen, `models` which spaces are fitted together, `fitting` how units
stream through, `null` what unrelated responses would score, `ceiling` what repeats and other subjects could, `variants`
what is made of the scores of every fold, `table` what is told, and `encoding` is the public call.
"""

from consilience.engine.encoding.encoding import encode

__all__ = ["encode"]
