"""Three subjects whose voxels lie on one grid: features drive most of one region and nothing in the other."""

from pathlib import Path
from typing import Any

import numpy as np

from consilience.connectors.brains import Brains, Region, Subject
from consilience.connectors.brains.registry import _REGISTRY
from consilience.engine.features import FeatureStore

STUDY = """
name: volumes
brain: three_volumes
stimuli: made
models: [net, other]
metrics: []
encode: {nuisance: [rate, motion], bands: 2, components: null, permutations: 19}
bootstraps: 200
store: features
tracking: null
"""
STIMULI = [f"i{k:02d}" for k in range(60)]
GRID = 3.0 * np.stack(np.meshgrid(*map(np.arange, (6, 5, 4)), indexing="ij"), axis=-1).reshape(-1, 3)
PLACES = {"early": GRID + np.array((-21.0, -96.0, -9.0)), "far": GRID[:30] + np.array((36.0, 21.0, 30.0))}
DRIVEN = np.arange(len(GRID)) >= 30  # voxels of `early`; the others measure noise


def features(name: str) -> np.ndarray:
    return np.random.default_rng(len(name)).normal(size=(len(STIMULI), 6))


def subject(name: str) -> Subject:
    """The first two came three times, the last one once; motion is each one's own, the rate is that of all."""
    rng = np.random.default_rng(20 + int(name[1:]))
    repeats = () if name == "s3" else ("a", "b", "c")
    motion, rate = rng.normal(size=(len(STIMULI), 2)), np.sin(np.arange(len(STIMULI)))[:, None]
    drive = features("net") @ np.random.default_rng(9).normal(size=(6, len(GRID))) * DRIVEN
    signals = {"early": drive + 2 * motion[:, :1], "far": np.zeros((len(STIMULI), 30))}
    regions = {}
    for region, signal in signals.items():
        noise = rng.normal(size=(len(STIMULI), max(1, len(repeats)), signal.shape[1]))
        values = signal[:, None] + 1.5 * noise
        regions[region] = Region(values if repeats else values[:, 0], coordinates=PLACES[region])
    return Subject(name, STIMULI, regions, repeats, nuisance={"rate": rate, "motion": motion})


def prepare(folder: Path) -> Path:
    """The study's file in `folder`, with the features in its store."""
    store = FeatureStore(folder / "features")
    for name in ("net", "other"):
        store.write(name, "made", STIMULI, {"layer.0": features(name)})
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


def register(patch: Any) -> None:
    """The data set under its name, as long as `patch` lasts."""
    brains = Brains("three_volumes", ("s1", "s2", "s3"), subject, "three volumes, first version")
    patch.setitem(_REGISTRY._made, brains.name, ("three subjects", lambda: brains))
