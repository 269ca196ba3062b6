"""Which literal definition every metric is held to, by id. Families that are many bring their own table."""

from collections.abc import Callable

import numpy as np
import reference
import reference_held_out
import reference_knn
import reference_units

Reference = Callable[[np.ndarray, np.ndarray], float]

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
        "svcca": reference.svcca,
        "svcca:variance=0.8": lambda x, y: reference.svcca(x, y, 0.8),
        "pwcca": reference.pwcca,
        "linreg": reference.linreg,
        "linreg:ridge=0.5": lambda x, y: reference.linreg_ridge(x, y, 0.5),
        "procrustes": reference.procrustes,
        "procrustes:form=squared": lambda x, y: reference.procrustes(x, y, "squared"),
        "procrustes:whiten=0.3": lambda x, y: reference.procrustes(x, y, whiten=0.3),
        "bures": reference.bures,
    }
    | reference_held_out.REFERENCE
    | reference_knn.REFERENCE
    | reference_units.REFERENCE
)
