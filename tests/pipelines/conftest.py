"""Synthetic score tables of a realistic size, and a real browser."""

import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from called import call
from swept import swept

from consilience.engine.scores import assemble
from consilience.engine.scoring import single_table
from consilience.pipelines.report import write

__all__ = ["call", "swept"]  # fixtures

READY = "document.documentElement.dataset.ready && document.querySelector('#ranked tbody tr')"

ZOO = {
    "efficientnet-lite0": (17, "image"), "efficientnet-lite1": (22, "image"),
    "efficientnet-lite2": (22, "image"), "efficientnet-lite0-random": (17, "image"),
    "minilm": (7, "text"), "smollm2-135m": (30, "text"),
}  # fmt: skip
METRICS = {
    "cka:estimator=unbiased,kernel=linear": (
        "Centred kernel alignment, unbiased",
        "similarity",
        "exact moments",
    ),
    "cka:estimator=biased,kernel=linear": ("Centred kernel alignment, biased", "similarity", "exact moments"),
    "mutual_knn:distance=cosine,k=10": ("Mutual nearest neighbours", "similarity", "k / (n - 1)"),
    "svcca:variance=0.99": ("Singular vector canonical correlation", "similarity", "20 permutations"),
    "procrustes:form=angular,whiten=1": ("Angular Procrustes distance", "distance", "20 permutations"),
}


def attributes(metrics: list[str], models: list[str], reasons: dict[str, str]) -> dict[str, Any]:
    nested = {
        "summary": [
            "Vision and language agree best between efficientnet-lite2/blocks.20 and minilm/hidden.6: an "
            "unbiased CKA of 0.247 ± 0.012 on samples that did not choose the pair.",
            "The same network with random weights reaches 0.05, a fifth of it.",
        ],
        "tables": [
            {
                "model": m, "stimuli": "openmoji", "digest": f"{i:02d}a9c4f7e1b2d3", "n": 1448,
                "licence": "CC BY-SA 4.0", "citation": "OpenMoji",
                "rejected": [["1F9FF", "unreadable picture"]] if i == 0 else [],
            }
            for i, m in enumerate(models)
        ],
        "join": {"rows": 1447, "dropped": {m: 0 if i == 0 else 1 for i, m in enumerate(models)}},
        "metrics": {
            m: {
                "title": METRICS[m][0], "formula": "HSIC(K, L) / √(HSIC(K, K) HSIC(L, L))",
                "range": "about 0 to 1",
                "source": "Kornblith 2019, Similarity of neural network representations revisited, ICML",
            }
            for m in metrics
        },
        "reasons": reasons,
        "elapsed": {"extraction": 210.4, "comparison": 95.2},
        "stimuli": {
            "name": "OpenMoji 17.0", "licence": "CC BY-SA 4.0",
            "citation": "OpenMoji, the open-source emoji and icon project, HfG Schwäbisch Gmünd.",
        },
        "cards": {
            m: {
                "name": m, "modality": ZOO[m][1], "revision": "0.1.0", "weights_hash": "9f2c" * 16,
                "parameters": 4652008, "preprocessing": "224 px, (x - 127) / 128",
                "objective": "supervised, ImageNet", "licence": "Apache-2.0",
                "citation": "Tan and Le 2019, EfficientNet, ICML",
            }
            for m in models
        },
    }  # fmt: skip
    plain = {
        "version": "0.1.0",
        "created": "2026-11-22T10:00:00",
        "seed": 0,
        "study": "OpenMoji: pictures and their names",
    }
    return plain | {key: json.dumps(value) for key, value in nested.items()}


def synthetic(
    models: list[str] | None = None,
    metrics: list[str] | None = None,
    *,
    thin: int = 1,
    sparse: tuple[str, ...] = (),
    seed: int = 0,
) -> xr.Dataset:
    """A score table as the demo's zoo leaves it: every `thin`-th layer; `sparse` metrics on every fourth."""
    models, metrics = models or list(ZOO), metrics or list(METRICS)
    rng = np.random.default_rng(seed)
    layers = [
        (m, f"{'hidden' if ZOO[m][1] == 'text' else 'blocks'}.{i}")
        for m in models
        for i in range(0, ZOO[m][0], thin)
    ]
    n = len(layers)
    kind = np.array([[1.0, 0.0] if ZOO[m][1] == "image" else [0.0, 1.0] for m, _ in layers])
    depth = np.array([int(name.split(".")[1]) / ZOO[m][0] for m, name in layers])
    trained = np.array(["random" not in m for m, _ in layers])
    near = np.exp(-8 * (depth[:, None] - depth) ** 2) * np.where(
        kind @ kind.T, 0.85, 0.22 * (0.4 + depth[:, None] * depth)
    )
    truth = near * np.where(trained[:, None] & trained, 1.0, 0.35)
    values: dict[str, list[np.ndarray]] = {}
    for metric in metrics:
        distance = METRICS[metric][1] == "distance"
        score, select, holdout = (_noisy(truth, distance, rng, size) for size in (0.004, 0.012, 0.012))
        se = np.full((n, n), 0.006) + 0.01 * truth * (1 - truth)
        null = np.full((n, n), np.arccos(0.01) if distance else 0.007)
        z = (null - score if distance else score - null) / 0.006
        p = 10.0 ** np.maximum(-0.22 * z**2, -290) * 0.5
        row = {
            "score": score, "se": se, "null_mean": null, "z": z, "p": p, "q": np.minimum(1, p * 2),
            "calibrated": truth, "n": np.full((n, n), 1447.0), "score_select": select,
            "score_holdout": holdout, "se_holdout": se * 1.4, "z_holdout": z / 1.4, "p_holdout": np.sqrt(p),
        }  # fmt: skip
        if metric in sparse:
            asked = np.arange(n) % 4 == 0
            row = {name: np.where(asked[:, None] & asked, array, np.nan) for name, array in row.items()}
        for name, array in row.items():
            values.setdefault(name, []).append(array)
    return assemble(
        {name: np.stack(arrays) for name, arrays in values.items()}, layers, layers, metrics,
        groups=[20] * len(metrics), groups_holdout=[10] * len(metrics),
        direction=[METRICS[m][1] for m in metrics], null=[METRICS[m][2] for m in metrics],
        attrs=attributes(metrics, models, {}),
    )  # fmt: skip


TRAITS = {
    "intrinsic_dimension:method=two_nn": ("Intrinsic dimension", "balanced half-samples"),
    "participation_ratio": ("Participation ratio", "jackknife"),
    "magnitude": ("Magnitude of the mean", "jackknife"),
    "uniformity": ("Uniformity", "jackknife"),
    "concentricity": ("Concentricity", "jackknife"),
}


def synthetic_profile(models: list[str] | None = None, seed: int = 0) -> xr.Dataset:
    """A profile of the same layers: humps, slopes, and one model whose mean is a thousand times as long."""
    rng = np.random.default_rng(seed)
    layers, columns = [], []
    for i, m in enumerate(models or list(ZOO)):
        depth = np.linspace(0, 1, ZOO[m][0])
        layers += [(m, f"{'hidden' if ZOO[m][1] == 'text' else 'blocks'}.{k}") for k in range(len(depth))]
        hump = np.sin(np.pi * depth)
        columns.append(
            [
                6 + 3 * i + 12 * hump, 3 + (4 + i) * hump, (2 + i) * (1 + 2000 * hump * (m.startswith("smollm"))),
                -3 + 2 * depth - 0.1 * i, 0.2 + 0.1 * i + 0.2 * hump,
            ]
        )  # fmt: skip
    truth = np.concatenate(columns, axis=1)
    se = np.abs(truth) * np.array([0.05, 0.03, 0.02, 0.02, 0.02])[:, None]
    score = truth + se * rng.normal(size=truth.shape)
    metrics = list(TRAITS)
    told = {
        m: {"title": f"{title}.", "formula": "of x_i", "range": "0..∞", "source": "Facco et al. 2017"}
        for m, (title, _) in TRAITS.items()
    }
    return single_table.assemble(
        {"score": score, "se": se, "n": np.full(truth.shape, 1447.0)}, layers, metrics,
        groups=[20] * len(metrics), error=[error for _, error in TRAITS.values()],
        attrs={"metrics": json.dumps(told), "reasons": "{}", "notes": "{}"},
    )  # fmt: skip


def _noisy(truth: np.ndarray, distance: bool, rng: np.random.Generator, size: float) -> np.ndarray:
    noise = size * rng.standard_normal(truth.shape)
    noisy = truth + (noise + noise.T) / 2
    np.fill_diagonal(noisy, 1.0)
    return np.arccos(np.clip(noisy, -1, 1)) if distance else noisy


@pytest.fixture(scope="session")
def make() -> Any:
    return synthetic


@pytest.fixture(scope="session")
def make_profile() -> Any:
    return synthetic_profile


@pytest.fixture(scope="session")
def scores() -> xr.Dataset:
    """Six models, 115 layers, five metrics; two of them on every fourth layer only."""
    return synthetic(sparse=("svcca:variance=0.99", "procrustes:form=angular,whiten=1"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium from the machine. In CI its absence is a failure, elsewhere a skip."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "no chromium, chromium-browser or google-chrome on the PATH (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=found, args=[*quiet, "--disable-component-update", "--no-first-run"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def layer_profile() -> xr.Dataset:
    """Five metrics of each of the 115 layers."""
    return synthetic_profile()


@pytest.fixture(scope="session")
def report(scores: xr.Dataset, layer_profile: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the large table and of its layers' profile, on disk."""
    return write(scores, tmp_path_factory.mktemp("report") / "report.html", layer_profile)


def opened(browser: Any, path: Path, ready: str = READY, **context: Any) -> Any:
    """A page once it is `ready`; `page.problems` collects console errors and every request beyond the file."""
    page = browser.new_context(**context).new_page()
    page.problems = []
    page.on("console", lambda m: page.problems.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: page.problems.append(str(e)))
    page.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else page.problems.append(r.url),
    )
    page.set_default_timeout(10_000)
    page.goto(path.as_uri())
    page.wait_for_function(ready)
    return page


@pytest.fixture(scope="session")
def page(browser: Any, report: Path) -> Any:
    """The large report as it opens, for tests that leave it as they found it."""
    return opened(browser, report, viewport={"width": 1200, "height": 900})


@pytest.fixture
def fresh(browser: Any, report: Path) -> Iterator[Any]:
    """The large report, opened anew."""
    page = opened(browser, report, viewport={"width": 1200, "height": 900})
    yield page
    page.context.close()


@pytest.fixture(scope="session")
def open_report(browser: Any) -> Any:
    """A function that opens a report and gives its page."""
    return partial(opened, browser)
