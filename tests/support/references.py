"""Which literal definition every metric is held to, by id. Families that are many bring their own table.

`REFERENCE` are those of two representations (n, d), and `EVERY` those on repeats, with labels, and of one as well.
"""

from collections.abc import Callable

import reference
import reference_held_out
import reference_knn
import reference_probe
import reference_single
import reference_units

Reference = Callable[..., float]

REFERENCE: dict[str, Reference] = (
    {
        "cka": reference.cka,
        "cka:estimator=biased": lambda x, y: reference.cka(x, y, "biased"),
        "cka:kernel=rbf": reference.cka_rbf,
        "cka:bandwidth=0.5,estimator=biased,kernel=rbf": lambda x, y: reference.cka_rbf(x, y, "biased", 0.5),
        "cka:estimator=unbiased_both": reference.cka_unbiased_both,
        "cka:batch=16,estimator=minibatch": lambda x, y: reference.cka_minibatch(x, y, 16),
        "distance_correlation": reference.distance_correlation,
        "rsa": reference.rsa,
        "rsa:compare=rho_a": lambda x, y: reference.rsa(x, y, compare="rho_a"),
        "rsa:compare=whitened_cosine": lambda x, y: reference.rsa(x, y, compare="whitened_cosine"),
        "rsa:compare=whitened_cosine,rdm=euclidean": lambda x, y: reference.rsa(
            x, y, "euclidean", "whitened_cosine"
        ),
        "rsa:compare=kendall": lambda x, y: reference.rsa(x, y, compare="kendall"),
        "rsa:compare=pearson": lambda x, y: reference.rsa(x, y, compare="pearson"),
        "rsa:compare=cosine,rdm=cosine": lambda x, y: reference.rsa(x, y, "cosine", "cosine"),
        "rsa:compare=spearman,rdm=cosine": lambda x, y: reference.rsa(x, y, "cosine"),
        "rsa:rdm=euclidean": lambda x, y: reference.rsa(x, y, "euclidean"),
        "rsa:compare=pearson,rdm=euclidean": lambda x, y: reference.rsa(x, y, "euclidean", "pearson"),
        "mutual_knn:k=3": lambda x, y: reference.mutual_knn(x, y, 3),
        "mutual_knn:distance=euclidean,k=2": lambda x, y: reference.mutual_knn(x, y, 2, "euclidean"),
        "jaccard_knn:k=3": lambda x, y: reference.jaccard_knn(x, y, 3),
        "cknna:k=3": lambda x, y: reference.cknna(x, y, 3),
        "cca": reference.cca,
        "cca:summary=mean_squared": lambda x, y: reference.cca(x, y, "mean_squared"),
        "cca:summary=first": lambda x, y: reference.cca(x, y, "first"),
        "cca:summary=sum": lambda x, y: reference.cca(x, y, "sum"),
        "cca:ridge=0.5": lambda x, y: reference.cca_ridge(x, y, 0.5),
        "cca:ridge=0.01,summary=first": lambda x, y: reference.cca_ridge(x, y, 0.01, "first"),
        "svcca": reference.svcca,
        "svcca:variance=0.8": lambda x, y: reference.svcca(x, y, 0.8),
        "pwcca": reference.pwcca,
        "linreg": reference.linreg,
        "linreg:ridge=0.5": lambda x, y: reference.linreg_ridge(x, y, 0.5),
        "procrustes": reference.procrustes,
        "procrustes:form=squared": lambda x, y: reference.procrustes(x, y, "squared"),
        "procrustes:whiten=0.3": lambda x, y: reference.procrustes(x, y, whiten=0.3),
        "procrustes:whiten=0": lambda x, y: reference.procrustes(x, y, whiten=0.0),
        "procrustes:form=squared,whiten=0": lambda x, y: reference.procrustes(x, y, "squared", 0.0),
        "bures": reference.bures,
    }
    | reference_held_out.REFERENCE
    | reference_knn.REFERENCE
    | reference_units.REFERENCE
)

# Of X, Y and the labels (n,) of the samples.
LABELLED: dict[str, Reference] = {
    "cka:by=label": reference.cka_of_classes,
    "cka:by=label,estimator=biased": lambda x, y, c: reference.cka_of_classes(x, y, c, "biased"),
    "cka:by=label,kernel=rbf": lambda x, y, c: reference.cka_rbf_of_classes(x, y, c),
    "cka:bandwidth=2,by=label,estimator=biased,kernel=rbf": lambda x, y, c: reference.cka_rbf_of_classes(
        x, y, c, "biased", 2.0
    ),
    "cka:by=label,estimator=unbiased_both": reference.cka_unbiased_both_of_classes,
    "stitch:report=class": reference_held_out.stitch_class,
    "stitch:report=class,ridge=0.5": lambda x, y, c: reference_held_out.stitch_class(x, y, c, 0.5),
}

# Of features (n, repeats, d).
REPEATED: dict[str, Reference] = {
    f"rsa:compare={compare},rdm=crossnobis": lambda x, y, compare=compare: reference.rsa(
        x, y, "crossnobis", compare
    )
    for compare in ("spearman", "pearson", "cosine", "rho_a", "whitened_cosine", "kendall")
}

EVERY: dict[str, Reference] = (
    REFERENCE | LABELLED | REPEATED | reference_single.REFERENCE | reference_probe.REFERENCE
)
