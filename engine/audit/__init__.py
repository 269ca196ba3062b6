"""An audit of one pair of representations: where the metrics disagree, and why. All scores come from `compare`.

- ``sides``      the one representation of each side, without some of its units, on some of its samples
- ``agreement``  all metrics on one scale, from chance to identity
- ``dominance``  which units and directions hold the variance, and what of CKA they carry
- ``outliers``   the scores once the units of largest variance are removed
- ``size``       the scores of fewer samples
- ``bias``       biased against unbiased CKA
- ``findings``   what follows, in words, each by a stated rule
- ``auditing``   the call
"""

from consilience.engine.audit.auditing import Audit, audit
from consilience.engine.audit.findings import Finding

__all__ = ["Audit", "Finding", "audit"]
