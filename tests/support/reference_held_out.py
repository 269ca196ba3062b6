"""Metrics on held-out samples, written out from their definitions: every map by least squares, every rank by sorting.

Which rows are held out, which are anchors and which make up the gallery is what the split under test says.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import linear_sum_assignment, quadratic_assignment

from consilience.engine.inference.split import folded, split

Array = np.ndarray


def affine(x: Array, y: Array, ridge: float = 0.0) -> Callable[[Array], Array]:
    """The least-squares map with an intercept, fitted to these rows; the smallest one where it is not unique."""
    mean_x, mean_y = x.mean(0), y.mean(0)
    xc, yc = x - mean_x, y - mean_y
    if ridge:
        penalty = ridge * np.trace(xc.T @ xc) / x.shape[1]
        w = np.linalg.solve(xc.T @ xc + penalty * np.eye(x.shape[1]), xc.T @ yc)
    else:
        w = np.linalg.lstsq(xc, yc, rcond=1e-7)[0]
    return lambda new: mean_y + (new - mean_x) @ w


def cosine(a: Array, b: Array) -> float:
    """Equal where it is equal but for rounding."""
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.round((a @ b) / lengths * 2**40) / 2**40) if lengths > 0 else 0.0


def cosines(a: Array, b: Array) -> Array:
    return np.array([[cosine(p, q) for q in b] for p in a])


def recall(similarity: Array, k: int) -> float:
    """A stable sort puts the lower row number first among equals."""
    return float(np.mean([i in np.argsort(-row, kind="stable")[:k] for i, row in enumerate(similarity)]))


def stitch(
    x: Array, y: Array, report: str = "r2", ridge: float = 0.0, rows: Array | None = None, gallery: int = 1000
) -> float:
    """Here and below `rows` are held-out rows to score on, instead of all."""
    s = split(len(x), 0)
    predict = affine(x[s.train], y[s.train], ridge)
    centre = y[s.train].mean(0)
    if report == "r2":
        rows = s.held if rows is None else rows
        residual = ((y[rows] - predict(x[rows])) ** 2).sum()
        return 1 - residual / ((y[rows] - centre) ** 2).sum()
    rows = s.gallery(gallery) if rows is None else rows
    return recall(cosines(predict(x[rows]) - centre, y[rows] - centre), int(report[-1]))


def named(x: Array, y: Array, labels: Array, ridge: float = 0.0) -> Array:
    """The class of every row of x by the mean y of the train rows of each class, the first of equally near ones."""
    train = split(len(x), 0).train
    centre = y[train].mean(0)
    classes = sorted(set(labels[train]))
    means = np.array([y[train][labels[train] == c].mean(0) for c in classes]) - centre
    mapped = affine(x[train], y[train], ridge)(x) - centre
    return np.array([classes[np.argmax(row)] for row in cosines(mapped, means)])


def stitch_class(x: Array, y: Array, labels: Array, ridge: float = 0.0, rows: Array | None = None) -> float:
    rows = split(len(x), 0).held if rows is None else rows
    return float((named(x, y, labels, ridge) == labels)[rows].mean())


def profiles(x: Array, rows: Array, anchors: Array, angular: bool) -> Array:
    c = cosines(x[rows], x[anchors])
    return np.arccos(np.clip(c, -1, 1)) / np.pi if angular else c


def relative(
    x: Array, y: Array, report: str = "similarity", anchors: int = 256, angular: bool = False,
    rows: Array | None = None, gallery: int = 1000,
) -> float:  # fmt: skip
    s = split(len(x), 0)
    rows = s.gallery(gallery) if rows is None else rows
    a, b = (profiles(z, rows, s.anchors(anchors), angular) for z in (x, y))
    if report == "similarity":
        return float(np.mean([cosine(p, q) for p, q in zip(a, b)]))
    return recall(cosines(a, b), int(report[-1]))


def gram(x: Array) -> Array:
    """Of centred rows."""
    return (x - x.mean(0)) @ (x - x.mean(0)).T


def cka(x: Array, y: Array) -> float:
    k, l = gram(x), gram(y)
    return float((k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum()))


def qap(x: Array, y: Array, seeds: int = 320, gallery: int = 200) -> float:
    """The queries of Y are shown in another order: which one it is does not matter where nothing ties."""
    s = split(len(x), 0)
    known, rows = s.anchors(seeds), s.gallery(gallery)
    order = np.random.default_rng(5).permutation(len(rows))
    k, l = gram(x[[*known, *rows]]), gram(y[[*known, *rows[order]]])
    fixed = np.array([[i, i] for i in range(len(known))])
    options = {"maximize": True, "partial_match": fixed, "rng": np.random.default_rng(0)}
    found = quadratic_assignment(k, l, options=options)
    return float(np.mean(order[found.col_ind[len(known) :] - len(known)] == np.arange(len(rows))))


def local_cka(x: Array, y: Array, seeds: int = 320, gallery: int = 200) -> float:
    s = split(len(x), 0)
    known, rows = s.anchors(seeds), s.gallery(gallery)
    worth = np.array([[cka(x[[*known, i]], y[[*known, j]]) for j in rows] for i in rows])
    return float(np.mean(linear_sum_assignment(worth, maximize=True)[1] == np.arange(len(rows))))


def canonical(x: Array) -> tuple[Array, Array]:
    """A whitening map of the centred rows, and the whitened rows."""
    u, s, vt = np.linalg.svd(x - x.mean(0), full_matrices=False)
    keep = s > s[0] * 1e-7
    return vt[keep].T / s[keep], u[:, keep]


def mnn(
    x: Array, y: Array, space: str = "procrustes", distance: str = "cosine", k: int = 10, anchors: int = 256,
    rows: Array | None = None, gallery: int = 1000,
) -> float:  # fmt: skip
    """What a rotation leaves unfitted, it maps to where nothing of the other side lies."""
    s = split(len(x), 0)
    rows = s.gallery(gallery) if rows is None else rows
    if space == "none":
        if x.shape[1] != y.shape[1]:
            return float("nan")
        a, b = x[rows], y[rows]
    elif space == "relative":
        a, b = (profiles(z, rows, s.anchors(anchors), False) for z in (x, y))
    elif space == "procrustes":
        shown, fitted = [], []
        for z in (x, y):
            centre = z[s.train].mean(0)
            unit = (z - centre) / np.linalg.norm(z[s.train] - centre)
            shown.append(unit[rows])
            fitted.append(unit[s.train])
        u, values, vt = np.linalg.svd(fitted[0].T @ fitted[1], full_matrices=False)
        u, v = u[:, values > values[0] * 1e-9], vt[values > values[0] * 1e-9].T
        outside = [z - z @ w @ w.T for z, w in zip(shown, (u, v))]
        a = np.hstack([shown[0] @ u, outside[0], 0 * outside[1]])
        b = np.hstack([shown[1] @ v, 0 * outside[0], outside[1]])
    else:
        (map_x, white_x), (map_y, white_y) = canonical(x[s.train]), canonical(y[s.train])
        u, _, vt = np.linalg.svd(white_x.T @ white_y, full_matrices=False)
        a = (x[rows] - x[s.train].mean(0)) @ map_x @ u
        b = (y[rows] - y[s.train].mean(0)) @ map_y @ vt.T
    if distance == "cosine":
        near = cosines(a, b)
    else:
        away = np.array([[((p - q) ** 2).sum() for q in b] for p in a])
        near = -np.round(away / ((a**2).sum(1).mean() + (b**2).sum(1).mean()) * 2**40) / 2**40
    of_y = [set(np.argsort(-column, kind="stable")[:k]) for column in near.T]  # the nearest x of each y
    of_x = [set(np.argsort(-row, kind="stable")[:k]) for row in near]
    pairs = [(i, j) for i in range(len(a)) for j in of_x[i] if i in of_y[j]]
    return (len({i for i, _ in pairs}) + len({j for _, j in pairs})) / (2 * len(a))


def linreg_folds(x: Array, y: Array, folds: int, ridge: float = 0.0) -> float:
    dealt = folded(len(x), folds, 1, 0)
    residual = total = 0.0
    for f in range(folds):
        test = dealt.order[dealt.edges[f] : dealt.edges[f + 1]]
        train = np.setdiff1d(np.arange(len(x)), test)
        residual += ((y[test] - affine(x[train], y[train], ridge)(x[test])) ** 2).sum()
        total += ((y[test] - y[train].mean(0)) ** 2).sum()
    return float(1 - residual / total)


REFERENCE: dict[str, Callable[[Array, Array], float]] = {
    "stitch": stitch,
    "stitch:ridge=0.5": lambda x, y: stitch(x, y, ridge=0.5),
    "stitch:report=recall_1": lambda x, y: stitch(x, y, "recall_1"),
    "stitch:report=recall_5,ridge=0.5": lambda x, y: stitch(x, y, "recall_5", 0.5),
    "relative": relative,
    "relative:report=recall_1": lambda x, y: relative(x, y, "recall_1"),
    "relative:anchors=7,report=recall_5": lambda x, y: relative(x, y, "recall_5", 7),
    "indra": lambda x, y: relative(x, y, angular=True),
    "indra:report=recall_1": lambda x, y: relative(x, y, "recall_1", angular=True),
    "indra:anchors=9,report=recall_5": lambda x, y: relative(x, y, "recall_5", 9, angular=True),
    "matching": qap,
    "matching:method=local_cka": local_cka,
    "matching:method=local_cka,seeds=8": lambda x, y: local_cka(x, y, 8),
    "mnn:k=1": lambda x, y: mnn(x, y, k=1),
    "mnn:distance=euclidean,k=2": lambda x, y: mnn(x, y, distance="euclidean", k=2),
    "mnn:k=3,space=cca": lambda x, y: mnn(x, y, "cca", k=3),
    "mnn:distance=euclidean,k=1,space=cca": lambda x, y: mnn(x, y, "cca", "euclidean", 1),
    "mnn:k=2,space=relative": lambda x, y: mnn(x, y, "relative", k=2),
    "mnn:k=1,space=none": lambda x, y: mnn(x, y, "none", k=1),
    "mnn:distance=euclidean,k=1,space=none": lambda x, y: mnn(x, y, "none", "euclidean", 1),
    "linreg:folds=4": lambda x, y: linreg_folds(x, y, 4),
    "linreg:folds=5,ridge=0.5": lambda x, y: linreg_folds(x, y, 5, 0.5),
}
