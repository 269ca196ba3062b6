"""Is the true partner of a held-out sample found among all of them?"""

import numpy as np

from consilience.engine.inference.linear_null import hits
from consilience.engine.inference.null import Null
from consilience.engine.inference.split import Held
from consilience.engine.metrics.held_out import Scores, quantised

RECALL = {"recall_1": 1, "recall_5": 5}


def recall(similarity: np.ndarray, held: Held, k: int) -> Scores:
    """Share of samples i whose partner is among the k of greatest `similarity` (m, m) to i; ties by lower row number.

    Kept is how many samples of each group beat the partner of i, so that its rank among any groups is a sum. A group
    left out is missing from the queries and from what they are to be told from; ranks jump, so that the jackknife errs
    on the wide side.
    """
    similarity = quantised(similarity)
    partner = np.diagonal(similarity)[:, None]
    better = similarity > partner
    better |= (similarity == partner) & np.tri(len(similarity), k=-1, dtype=bool)
    groups = np.eye(held.subsets.masks.shape[1], dtype=np.float32)
    ahead = better.astype(np.float32) @ groups[held.group]  # (m, G)
    found = (ahead @ held.subsets.masks.T < k) & held.inside.T
    values = found.sum(axis=0) / held.inside.sum(axis=1)
    return Scores(values, lambda subset: _null(similarity, held.inside[subset], k))


def _null(similarity: np.ndarray, inside: np.ndarray, k: int) -> Null:
    among = similarity[np.ix_(inside, inside)]
    rows = np.arange(len(among))
    degree = np.zeros(len(among))
    k = min(k, len(among))
    for _ in range(k):
        nearest = among.argmax(axis=1)
        degree += np.bincount(nearest, minlength=len(among))
        among[rows, nearest] = -np.inf
    return hits(degree, k).scaled(np.asarray(len(among)))
