"""Every metric written out from its definition, in float64 NumPy, with whole n×n matrices and no shortcuts."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from consilience.engine.inference.subsets import deal


def gram(x):
    return x @ x.T


def hsic_biased(k, l):
    n = len(k)
    h = np.eye(n) - np.ones((n, n)) / n
    return np.trace(k @ h @ l @ h)


def hsic_unbiased(k, l):
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    one = np.ones(n)
    return (
        np.trace(k @ l)
        + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * (one @ k @ l @ one)
    ) / (n * (n - 3))


def cka(x, y, estimator="unbiased"):
    hsic = hsic_unbiased if estimator == "unbiased" else hsic_biased
    k, l = gram(x), gram(y)
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def cka_of_classes(x, y, labels, estimator="unbiased"):
    """HSIC summed over classes, rows of one class at a time, then the ratio."""
    hsic = hsic_unbiased if estimator == "unbiased" else hsic_biased
    sums = np.zeros(3)
    for label in np.unique(labels):
        k, l = gram(x[labels == label]), gram(y[labels == label])
        if len(k) >= 4:
            sums += hsic(k, l), hsic(k, k), hsic(l, l)
    return sums[0] / np.sqrt(sums[1] * sums[2]) if min(sums[1:]) > 0 else np.nan


def cka_minibatch(x, y, batch):
    """Nguyen et al. 2021: the mean of the unbiased HSIC over batches, then the ratio. The batches are the deal's."""
    dealt = deal(len(x), -(-len(x) // batch), 0)
    of = np.empty(len(x), int)
    of[dealt.order] = np.repeat(np.arange(dealt.count), dealt.sizes)
    return cka_of_classes(x, y, of)


def unbiased_self(x):
    p = x.shape[1]
    alone = sum(hsic_unbiased(np.outer(u, u), np.outer(u, u)) for u in x.T)
    return (hsic_unbiased(gram(x), gram(x)) - alone) * p / (p - 1) if p > 1 else np.nan


def cka_unbiased_both(x, y):
    """Chun et al. 2025: also corrected for the units that were not recorded."""
    own = [unbiased_self(z) for z in (x, y)]
    return hsic_unbiased(gram(x), gram(y)) / np.sqrt(own[0] * own[1]) if min(own) > 0 else np.nan


def rdm(x, kind):
    if kind == "crossnobis":
        return crossnobis(x)
    if kind == "correlation":
        return 1 - np.corrcoef(x)
    if kind == "cosine":
        unit = x / np.linalg.norm(x, axis=1, keepdims=True)
        return 1 - unit @ unit.T
    return cdist(x, x, "sqeuclidean")


def crossnobis(x):
    """(n, r, d): the mean over pairs of different repeats of the inner products of differences."""
    n, repeats, _ = x.shape
    found = np.zeros((n, n))
    for a in range(repeats):
        for b in range(repeats):
            if a != b:
                for i in range(n):
                    found[i] += ((x[i, a] - x[:, a]) * (x[i, b] - x[:, b])).sum(axis=1)
    return found / (repeats * (repeats - 1))


def distances(x):
    return np.array([np.sqrt(((x - row) ** 2).sum(axis=1)) for row in x])


def gram_rbf(x, bandwidth=1.0):
    d = distances(x)
    sigma = bandwidth * np.median(d[np.triu_indices(len(x), 1)])
    return np.exp(-(d**2) / (2 * sigma**2))


def cka_rbf_of_classes(x, y, labels, estimator="unbiased", bandwidth=1.0):
    """As `cka_of_classes`; the width of the kernel is that of all samples."""
    hsic = hsic_unbiased if estimator == "unbiased" else hsic_biased
    whole, sums = [gram_rbf(z, bandwidth) for z in (x, y)], np.zeros(3)
    for label in np.unique(labels):
        k, l = (g[np.ix_(labels == label, labels == label)] for g in whole)
        sums += hsic(k, l), hsic(k, k), hsic(l, l)
    return sums[0] / np.sqrt(sums[1] * sums[2]) if min(sums[1:]) > 0 else np.nan


def cka_unbiased_both_of_classes(x, y, labels):
    """The self terms are summed over classes too, and with them those of single units."""
    sums = np.zeros(3)
    for label in np.unique(labels):
        a, b = x[labels == label], y[labels == label]
        sums += hsic_unbiased(gram(a), gram(b)), unbiased_self(a), unbiased_self(b)
    return sums[0] / np.sqrt(sums[1] * sums[2]) if min(sums[1:]) > 0 else np.nan


def cka_rbf(x, y, estimator="unbiased", bandwidth=1.0):
    hsic = hsic_unbiased if estimator == "unbiased" else hsic_biased
    k, l = (gram_rbf(z, bandwidth) for z in (x, y))
    top, left, right = hsic(k, l), hsic(k, k), hsic(l, l)
    return top / np.sqrt(left * right) if left > 0 and right > 0 else np.nan


def distance_correlation(x, y):
    """Székely and Rizzo 2014, their definition of the U-centred matrix row by row."""
    n = len(x)
    centred = []
    for z in (x, y):
        d = distances(z)
        rows, total, u = d.sum(axis=1), d.sum(), np.zeros((n, n))
        for i in range(n):
            u[i] = d[i] - rows[i] / (n - 2) - rows / (n - 2) + total / ((n - 1) * (n - 2))
            u[i, i] = 0
        centred.append(u)
    a, b = centred
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def rsa(x, y, rdm_kind="correlation", compare="spearman"):
    upper = np.triu_indices(len(x), 1)
    d, e = rdm(x, rdm_kind)[upper], rdm(y, rdm_kind)[upper]
    if compare == "cosine":
        return d @ e / np.linalg.norm(d) / np.linalg.norm(e)
    if compare == "whitened_cosine":
        h = np.eye(len(x)) - 1 / len(x)
        a, b = (h @ rdm(z, rdm_kind) @ h for z in (x, y))
        return (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)
    if compare in ("spearman", "rho_a", "kendall"):
        # Distances that are equal but for rounding are ties; correlations over two units are all 1 or -1.
        d, e = (rankdata(np.round(z / z.mean(), 11)) for z in (d, e))
    if compare == "kendall":
        agree = sum(float((np.sign(d[i] - d[i:]) * np.sign(e[i] - e[i:])).sum()) for i in range(len(d)))
        return agree / (len(d) * (len(d) - 1) / 2)
    if compare == "rho_a":
        m = len(d)
        return 12 * (d * e).sum() / (m**3 - m) - 3 * (m + 1) / (m - 1)
    return np.corrcoef(d, e)[0, 1]


def neighbours(x, k, distance="cosine"):
    """(n, k): for each sample its k nearest others, nearest first, ties by lower index; equal in float32 is a tie."""
    away = -gram(x) if distance == "inner" else rdm(x, distance)
    size = (x**2).sum(axis=1, keepdims=True) if distance == "euclidean" else 1.0
    if distance != "inner":
        away = np.where(away <= 16 * np.finfo(np.float64).eps * size, 0, away)  # copies, but for rounding
    away = away.astype(np.float32)
    np.fill_diagonal(away, np.inf)
    return np.argsort(away, axis=1, kind="stable")[:, :k]


def mutual_knn(x, y, k, distance="cosine"):
    a, b = neighbours(x, k, distance), neighbours(y, k, distance)
    return np.mean([len(set(p) & set(q)) / k for p, q in zip(a, b)])


def jaccard_knn(x, y, k, distance="cosine"):
    a, b = neighbours(x, k, distance), neighbours(y, k, distance)
    return np.mean([len(set(p) & set(q)) / len(set(p) | set(q)) for p, q in zip(a, b)])


def cknna(x, y, k):
    n = len(x)

    def mask(features):
        m = np.zeros((n, n))
        for i, near in enumerate(neighbours(features, k, "inner")):
            m[i, near] = 1
        return m

    mk, ml, kx, ky = mask(x), mask(y), gram(x), gram(y)
    both = mk * ml
    top = hsic_unbiased(both * kx, both * ky)
    return top / np.sqrt(hsic_unbiased(mk * kx, mk * kx) * hsic_unbiased(ml * ky, ml * ky))


def basis(x):
    """Left singular vectors and singular values of the centred features, those of rounding left out."""
    u, s, vt = np.linalg.svd(x - x.mean(0), full_matrices=False)
    keep = s > s[0] * 1e-7
    return u[:, keep], s[keep], vt[keep]


def canonical(x, y):
    return np.linalg.svd(basis(x)[0].T @ basis(y)[0], compute_uv=False)


def cca(x, y, summary="mean"):
    rho = canonical(x, y)
    return {"mean": rho.mean(), "mean_squared": (rho**2).mean(), "first": rho[0], "sum": rho.sum()}[summary]


def cca_ridge(x, y, ridge, summary="mean"):
    """Singular values of (Sx + λx)^-½ Sxy (Sy + λy)^-½, λ the ridge in units of the mean eigenvalue of each."""
    xc, yc, roots = x - x.mean(0), y - y.mean(0), []
    for z in (xc, yc):
        values, vectors = np.linalg.eigh(
            z.T @ z + ridge * np.trace(z.T @ z) / z.shape[1] * np.eye(z.shape[1])
        )
        roots.append(vectors / np.sqrt(values) @ vectors.T)
    rho = np.linalg.svd(roots[0] @ xc.T @ yc @ roots[1], compute_uv=False)
    # Directions that one side has not got have no correlation.
    rho = rho[: min(np.linalg.matrix_rank(xc), np.linalg.matrix_rank(yc))]
    return {"mean": rho.mean(), "first": rho[0]}[summary]


def leading(x, variance):
    u, s, _ = basis(x)
    share = np.cumsum(s**2) / (s**2).sum()
    r = next(i for i, v in enumerate(share) if v >= variance) + 1
    return u[:, :r]


def svcca(x, y, variance=0.99):
    return np.linalg.svd(leading(x, variance).T @ leading(y, variance), compute_uv=False).mean()


def pwcca(x, y):
    u = basis(x)[0]
    q, rho, _ = np.linalg.svd(u.T @ basis(y)[0], full_matrices=False)
    variates = u @ q  # the canonical variates of X, one a column
    alpha = np.abs(variates.T @ (x - x.mean(0))).sum(axis=1)
    return (alpha * rho).sum() / alpha.sum()


def linreg(x, y):
    yc = y - y.mean(0)
    return (np.linalg.norm(basis(x)[0].T @ yc) / np.linalg.norm(yc)) ** 2


def linreg_ridge(x, y, ridge):
    """R² of the fitted values of ridge regression, penalty in units of the mean eigenvalue of Xc'Xc."""
    xc, yc = x - x.mean(0), y - y.mean(0)
    penalty = ridge * np.trace(xc.T @ xc) / x.shape[1]
    w = np.linalg.solve(xc.T @ xc + penalty * np.eye(x.shape[1]), xc.T @ yc)
    return 1 - ((yc - xc @ w) ** 2).sum() / (yc**2).sum()


def bures(x, y):
    xc, yc = x - x.mean(0), y - y.mean(0)
    nuclear = np.linalg.svd(xc.T @ yc, compute_uv=False).sum()
    return min(nuclear / np.linalg.norm(xc) / np.linalg.norm(yc), 1.0)


def procrustes(x, y, form="angular", whiten=1.0):
    def prepared(z):
        zc = z - z.mean(0)
        if whiten < 1:
            u, s, vt = basis(z)
            zc = (u * ((1 - whiten) + whiten * s / np.linalg.norm(s))) @ vt
        return zc / np.linalg.norm(zc)

    a, b = prepared(x), prepared(y)
    if form == "squared":
        return 2 - 2 * np.linalg.svd(a.T @ b, compute_uv=False).sum()
    return np.arccos(min(np.linalg.svd(a.T @ b, compute_uv=False).sum(), 1.0))
