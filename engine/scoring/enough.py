"""When a sampled score is sure enough, and what is told of it."""

from typing import Any

import numpy as np

from consilience.engine.scoring.evaluated import Evaluated
from consilience.engine.scoring.setting import Setting


def short(evaluated: Evaluated, setting: Setting) -> float:
    """The largest standard error of the pairs wanted, over the one asked for."""
    assert setting.until_se is not None
    se = evaluated.variables()["se"]
    wanted = [(a, b) for a, b in setting.pairs if a != b] or setting.pairs
    return float(np.nanmax([0.0, *(se[pair] for pair in wanted)])) / setting.until_se


def told(samples: int, pairs: float, n: int, setting: Setting) -> dict[str, Any]:
    """What the reader must know of a sampled score."""
    return {
        "samples used": samples, "pairs used": int(pairs), "pairs in all": n * (n - 1) // 2,
        "standard error asked for": setting.until_se,
    }  # fmt: skip
