"""A study over windows of time, from epochs on disk to the page: layers are found when they are heard."""

import json
from io import StringIO
from typing import Any

import numpy as np
import pytest

import consilience as cs
from consilience.pipelines.brain.report.payload import alignment
from consilience.pipelines.brain.run import run
from consilience.pipelines.brain.study import load_brain_study
from consilience.pipelines.console import Console

LAYERS, N, RATE = 4, 16, 40
WINDOWS = [f"{100 * k}ms..{100 * (k + 1)}ms" for k in range(LAYERS)]
STUDY = f"""
name: windows
brain: {{name: "epochs:epochs", windows: 0.1}}
stimuli: sounds
models: [forward, backward, noise]
metrics: [rsa]
hierarchy: [{", ".join(WINDOWS)}]
permutations: 99
bootstraps: 100
tracking: null
output: out
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Folder, table and what the terminal showed: layer k of ``forward`` is heard k · 100 ms after the onset, in all
    four subjects; there is a window before it in which nothing is."""
    import mne

    folder, rng = tmp_path_factory.mktemp("windows"), np.random.default_rng(0)
    ids, latents = [f"sound-{k:02d}" for k in range(N)], rng.normal(size=(LAYERS, N, 5))
    store = cs.FeatureStore(folder / "features")
    seen = {"forward": latents, "backward": latents[::-1], "noise": rng.normal(size=latents.shape)}
    for model, layers in seen.items():
        features = {
            f"layer.{k}": x @ rng.normal(size=(5, 8)) + 0.5 * rng.normal(size=(N, 8))
            for k, x in enumerate(layers)
        }
        store.write(model, "sounds", ids, features)
    (folder / "epochs").mkdir()
    per_window = RATE // 10
    codes = {name: k for k, name in enumerate(ids, 1)}
    for subject in ("s1", "s2", "s3", "s4"):
        shown = np.concatenate([rng.permutation(N) for _ in range(3)])
        values = rng.normal(size=(3 * N, 8, per_window * (LAYERS + 1)))
        for k, x in enumerate(latents):
            heard = (x @ rng.normal(size=(5, 8)))[shown]
            values[:, :, per_window * (k + 1) : per_window * (k + 2)] += heard[:, :, None]
        events = np.array([[100 * t, 0, codes[ids[i]]] for t, i in enumerate(shown)])
        held = mne.EpochsArray(
            values, mne.create_info(8, float(RATE), "eeg"), events, tmin=-0.1, event_id=codes, verbose="error"
        )
        held.save(folder / "epochs" / f"{subject}-epo.fif", fmt="double", verbose="error")
    (folder / "study.yaml").write_text(STUDY)
    text = StringIO()
    table = run(load_brain_study(folder / "study.yaml"), console=Console(text))["alignment"]
    return folder, table.isel(metric=0), text.getvalue()


def test_every_layer_is_found_in_its_window(ran: Any) -> None:
    _, table, _ = ran
    assert table["region"].values.tolist() == ["-100ms..0ms", *WINDOWS]
    for model, layers in (("forward", range(LAYERS)), ("backward", range(LAYERS)[::-1])):
        for window, layer in zip(WINDOWS, layers):
            one = table.sel(model=model, region=window)
            assert set(one["chosen"].values) == {f"layer.{layer}"}
            assert float(one["p"]) == 0.01
    assert (table["p"].sel(region="-100ms..0ms") > 0.05).all()
    assert (table["p"].sel(model="noise") > 0.02).all()
    assert table["order_tau"].sel(model=["forward", "backward"]).values.tolist() == [1, -1]
    forward = table.sel(model="forward")
    assert max(float(forward["order_p"]), float(forward["order_p_stimuli"])) < 0.02


def test_the_page_has_layers_by_windows_and_the_right_sentences(ran: Any) -> None:
    folder, table, text = ran
    page = alignment(table.expand_dims("metric"))
    assert page["regions"] == ["-100ms..0ms", *WINDOWS]
    forward = np.array(page["metrics"][0]["score"])[1:, :LAYERS]
    assert forward.argmax(axis=1).tolist() == list(range(LAYERS))
    assert (folder / "out" / "report.html").is_file()
    said = json.loads(table.attrs["summary"])
    assert any("forward: best layers follow the hierarchy (tau 1.00" in x for x in said)
    assert any("backward: best layers do not follow the hierarchy" in x for x in said)
    assert any("noise: best layers" in x and "follow the hierarchy" in x for x in said)
    assert not any("noise: best layers follow" in x for x in said)
    before = [x for x in said if "-100ms..0ms:" in x]
    assert "is not shown to be more than chance" in before[0]
    assert "undecided, and no word for a model that is not shown to be more than chance" in before[1]
    assert "not corrected for the 5 regions" in " ".join(said)
    assert said[0] in text


def test_the_page_draws_the_windows_of_the_hierarchy_in_their_order(ran: Any, open_report: Any) -> None:
    folder, table, _ = ran
    ready = "document.documentElement.dataset.ready"
    page = open_report(folder / "out" / "report.html", ready=ready, viewport={"width": 1200, "height": 900})
    assert page.problems == []
    z = np.array(page.evaluate("document.getElementById('matrix').data[0].z"), float)
    assert z[1:, :LAYERS].argmax(axis=1).tolist() == list(range(LAYERS))
    shown = page.evaluate(
        "(({data, layout}) => [layout.xaxis.ticktext, data[0].y])(document.getElementById('hierarchy-figure'))"
    )
    assert shown[0] == WINDOWS
    assert shown[1] == pytest.approx(np.arange(LAYERS) / (LAYERS - 1))
    rows = [row.split("\t") for row in page.locator("#orders tr").all_inner_texts()]
    assert [row[1:3] for row in rows[:2]] == [["forward", "1.00"], ["backward", "-1.00"]]
    assert float(rows[2][4]) == pytest.approx(float(table["order_p_stimuli"].sel(model="noise")), rel=0.05)
    said = page.evaluate("document.getElementById('universality-1').layout.annotations[0].text")
    assert said.startswith("Spearman ")
    page.context.close()
