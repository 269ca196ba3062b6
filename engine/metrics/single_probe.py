"""What a linear model tells of the labels of samples that it was not fitted on."""

from typing import Any

import numpy as np

from consilience.engine.metrics.registry import Choice, Number, register

MOST_STEPS = 1000  # of the solver


@register(
    "probe",
    needs="probe",
    parameters={
        "task": Choice(("auto", "accuracy", "r2")),
        "strength": Number(1.0, 1e-6),
        "samples": Number(10_000, 4),
    },
    range=lambda task, **_: (0 if task == "accuracy" else None, 1),
    source="Alain and Bengio 2017; Harvey et al. 2024",
    undefined="no held-out label differs from the mean of the train labels",
    invariances=("permutation", "scaling", "translation"),
)
def probe(x: np.ndarray, y: np.ndarray, *, strength: float, **_: Any) -> Any:
    """Linear probe of labels, fitted on one half of the samples and scored on the other.

    accuracy: share of held-out samples whose label is predicted; r2: 1 - Σ (y - ŷ)² / Σ (y - ȳ)² over held-out samples,
    ȳ the mean of the train labels

    auto: r2 for labels that are floating-point numbers, accuracy for all others. The probe is logistic regression, or
    ridge regression, on units standardised by the train samples, of which at most `samples` are drawn. `strength` is
    that of the penalty, scikit-learn's alpha and 1 / C. Notes tell the chance level: the share of the largest class
    of the held-out samples, or 0. The probe is taken as given: the error is that of the held-out samples.

    Misleads where classes differ in size: compare with chance. A low score says that a linear map from so few samples
    does not find the labels, not that the representation holds nothing of them; wider ones are easier to fit.
    """
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = y.dtype.kind == "f"
    model = Ridge(alpha=strength) if regression else LogisticRegression(C=1 / strength, max_iter=MOST_STEPS)
    return make_pipeline(StandardScaler(copy=False), model).fit(x, y)
