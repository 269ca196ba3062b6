"""Reliability of recordings with repeats: how well units, dissimilarities and the identity of stimuli come again.

`halves` deals repeats into halves and corrects by Spearman and Brown, `units` and `rdms` say how alike halves are,
`decoding` tells stimuli apart in a repeat left out, and `reliability` is the public call.
"""

from consilience.engine.reliability.reliability import reliability

__all__ = ["reliability"]
