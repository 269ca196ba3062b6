"""An alignment study of published recordings: what simple features of 92 pictures have of human temporal cortex."""

from pathlib import Path

import numpy as np
import pytest
import reference_alignment as reference
from scipy.spatial.distance import pdist
from scipy.stats import rankdata

import consilience as cs
from consilience.connectors.brains import open_brains
from consilience.connectors.datasets import kriegeskorte92

NAMES = ("kriegeskorte92.BE", "kriegeskorte92.KO", "kriegeskorte92.SN", "kriegeskorte92.TI")
UPPER = np.triu_indices(92, 1)


def features() -> dict[str, np.ndarray]:
    """Pictures as coarser and coarser pixels, outlines too; categories as one more bit at a time."""
    pictures = kriegeskorte92.pictures()
    grey = pictures.images.mean(axis=3)
    background = grey[:, :1, :1]
    outline = (np.abs(grey - background) > 8).astype(np.float64)
    coarse = {f"pixels/{k}": _blocks(grey, k) for k in (35, 7)}
    outlines = {f"outline/{k}": _blocks(outline, k) for k in (35, 7)}
    kinds = np.array(pictures.categories)
    animate = np.array(["inanimate" not in c for c in kinds])
    face = np.array(["face" in c for c in kinds])
    bits = [animate, face, np.array([c.startswith("human") for c in kinds])]
    noise = 1e-3 * np.random.default_rng(0).normal(size=(92, 3))  # no two pictures are quite alike
    category = {
        f"category/{k}": np.stack([b * (j < k) for j, b in enumerate(bits)], 1) + noise for k in (1, 2, 3)
    }
    return {**coarse, **outlines, **category}


def _blocks(images: np.ndarray, k: int) -> np.ndarray:
    """(n, k²): means over squares."""
    side = images.shape[1] // k
    return images.reshape(len(images), k, side, k, side).mean(axis=(2, 4)).reshape(len(images), -1)


def test_human_temporal_cortex_is_nearer_to_categories_than_to_pixels(
    data_sets: Path, tmp_path: Path
) -> None:
    data, store = open_brains("kriegeskorte92"), cs.FeatureStore(tmp_path)
    tables = data.write(store).tables
    models = [
        store.write(m, "kriegeskorte92", kriegeskorte92.pictures().ids,
                    {n.partition("/")[2]: x for n, x in features().items() if n.startswith(m)})
        for m in ("pixels", "outline", "category")
    ]  # fmt: skip
    found = cs.align(
        models,
        [tables[n] for n in NAMES],
        "rsa:compare=spearman,rdm=euclidean",
        permutations=199,
        bootstraps=400,
    )
    here = found.isel(metric=0, region=0)
    assert found["region"].values.tolist() == ["IT"]
    assert found["subject"].values.tolist() == list(NAMES)

    brains = np.array([rankdata(kriegeskorte92.human(s).mean(axis=0)[UPPER]) for s in kriegeskorte92.HUMANS])
    lower = np.mean([np.corrcoef(b, rankdata(brains.sum(axis=0) - b))[0, 1] for b in brains])
    upper = np.mean([np.corrcoef(b, rankdata(brains.sum(axis=0)))[0, 1] for b in brains])
    assert float(here["lower"]) == pytest.approx(lower, abs=1e-6)
    assert float(here["upper"]) == pytest.approx(upper, abs=1e-6)
    assert (round(lower, 2), round(upper, 2)) == (0.37, 0.67)

    for m in ("pixels", "outline", "category"):
        rdms = [pdist(x, "sqeuclidean") for n, x in features().items() if n.startswith(m)]
        scores = np.array([[np.corrcoef(rankdata(r), b)[0, 1] for b in brains] for r in rdms])
        chosen, held = reference.held_out(scores)
        names = [n.partition("/")[2] for n in features() if n.startswith(m)]
        its = here.sel(model=m)
        assert its["chosen"].values.tolist() == [names[k] for k in chosen]
        np.testing.assert_allclose(its["held_out"], held, atol=1e-6)
    mean = {m: float(here["mean"].sel(model=m)) for m in ("pixels", "outline", "category")}
    assert 0.3 < mean["category"] < upper
    assert mean["category"] > 2 * max(mean["outline"], mean["pixels"])
    assert float(here["p"].sel(model="category")) == 1 / 200
    assert float(here["difference_q"].sel(model="category", model_b="pixels")) < 0.01
    assert float(here["difference_p_stimuli"].sel(model="category", model_b="pixels")) < 1e-3
    assert str(here["verdict"].sel(model="pixels").values).startswith("fails: ")
    assert str(here["verdict"].sel(model="category").values).startswith("undecided: ")
