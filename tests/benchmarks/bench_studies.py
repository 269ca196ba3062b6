"""The shipped studies of brains, whole and by their names: what they find, and how long they take beside their plan."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from consilience.engine.scores import open_scores

pytestmark = pytest.mark.bench


def ran(name: str, cache: Path, folder: Path) -> tuple[dict[str, xr.Dataset], str]:
    """Its tables, and what was said; the time of all its passes is told beside what the plan said of them."""
    command = [sys.executable, "-m", "consilience.pipelines.cli", "brain", name, "--output", str(folder)]
    began = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "CONSILIENCE_CACHE": str(cache)}
    )
    wall = time.perf_counter() - began
    assert done.returncode == 0, done.stdout + done.stderr
    tables = {x.stem: open_scores(x) for x in folder.glob("*.nc")}
    elapsed = json.loads(next(iter(tables.values())).attrs["elapsed"])
    planned, took = json.loads((folder / "plan.json").read_text())["seconds"], sum(elapsed.values())
    took -= elapsed.get("extraction", 0.0)
    print(f"\n{name}: {wall:.0f} s, of which passes {took:.0f} s (planned {planned:.0f} s): {elapsed}")
    return tables, " ".join(done.stdout.split())


def test_brain92(published: Any, tmp_path: Path) -> None:
    tables, _ = ran("brain92", published, tmp_path)
    of = tables["alignment"].isel(metric=0).sel(region="IT")
    trained = [f"efficientnet-lite{k}" for k in range(3)]
    apart = of["difference_p_stimuli"].sel(model=trained, model_b=[f"{name}-random" for name in trained])
    assert (apart < 0.001).all()


def test_alice(published: Any, tmp_path: Path) -> None:
    tables, said = ran("alice", published, tmp_path)
    of = tables["encoding"]
    assert of.sizes["subject"] == 19
    assert of.sizes["region"] == 6
    assert of["layer_r"].sizes["representation"] == 8
    assert (of["r_p"].sel(space="word_rate") < 0.05).any()
    glove = of.sel(space="glove")
    assert (glove["unique_r2_q"] > 0.05).all(), "not shown of other people"
    assert set(glove["region"].values[glove["null_q"].values < 0.05]) >= {"LATL", "LIFG"}
    assert (
        "glove is not shown to explain variance beyond word_rate, sound_power, motion in any region" in said
    )
    assert "Against responses shifted in time, glove is above chance in" in said


def test_haxby(published: Any, tmp_path: Path) -> None:
    tables, _ = ran("haxby", published, tmp_path)
    one = tables["reliability"].sel(region="slice", subject="sub001")
    assert one["accuracy"] > 0.6
    assert one["accuracy_p"] == pytest.approx(0.001)
    assert one["rdm_pairs"] > 0.1
