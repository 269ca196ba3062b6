"""Models of transformers in fewer bits, spread over devices, and compiled: beside the same model as it is."""

import subprocess
import sys
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
import torch

from consilience.connectors.models import open_model
from consilience.connectors.models.huggingface import HuggingFace, weights
from consilience.connectors.stimuli import open_stimuli
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Loading
from consilience.engine.extraction.job import plan_job, table_spec
from consilience.engine.extraction.loading import load
from consilience.pipelines.extract import extract
from consilience.pipelines.runs.computed import computed

TEXTS = ["word1 word2 word3", "word4", "word5 word9 word7 word8 word6 word2 word1", "word3 word3"]
KINDS = ("bert", "llama")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    for kind in (*KINDS, "gpt2", "resnet", "vit"):
        small_models.save(kind, made / kind)
    (made / "texts.txt").write_text("\n".join(TEXTS))
    return made


def opened(folders: Path, kind: str) -> HuggingFace:
    model = open_model(f"hf:{folders / kind}")
    assert isinstance(model, HuggingFace)
    return model


def features(model: HuggingFace, texts: list[str] = TEXTS) -> dict[str, torch.Tensor]:
    """Of the tokens that belong to the texts."""
    with torch.inference_mode():
        out = model.forward([model.preprocess(text) for text in texts])
    assert out.mask is not None
    return {name: x[out.mask.bool()] for name, x in out.layers.items()}


def loaded(folders: Path, kind: str, how: Loading) -> HuggingFace:
    model = opened(folders, kind)
    model.load("cpu", how)
    return model


def off(found: dict[str, torch.Tensor], plain: dict[str, torch.Tensor]) -> list[float]:
    """How far every layer is, as a share of its size."""
    return [float((found[name] - x).norm() / x.norm()) for name, x in plain.items()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("quantize", "least", "most"), [("8bit", 1e-5, 0.02), ("4bit", 2e-4, 0.3)])
def test_weights_in_fewer_bits_move_features_a_little_and_no_sample_by_its_neighbours(
    folders: Path, kind: str, quantize: str, least: float, most: float
) -> None:
    model, plain = loaded(folders, kind, Loading(quantize)), loaded(folders, kind, Loading())
    found = features(model)
    first, *later = off(found, features(plain))
    assert first == 0  # embeddings are as they are
    assert least < min(later), later
    assert max(later) < most, later
    assert all(x.dtype == torch.float32 for x in found.values())
    alone = features(model, TEXTS[:1])
    for name, x in alone.items():
        torch.testing.assert_close(found[name][: len(x)], x, rtol=0, atol=2e-6)


def test_weights_in_fewer_bits_take_less(folders: Path) -> None:
    def taken(how: Loading) -> int:
        """Bytes of what a linear layer holds."""
        net = loaded(folders, "bert", how)._net.encoder.layer[0].intermediate.dense
        held = [x for p in (net.weight,) for x in (getattr(p, "_data", p),)]
        return sum(x.numel() * x.element_size() for x in held)

    assert taken(Loading()) == 4 * taken(Loading("8bit")) == 8 * taken(Loading("4bit"))


def test_what_has_no_linear_layers_is_refused(folders: Path) -> None:
    with pytest.raises(BadInput, match="linear layers, whose weights 8bit keeps in fewer bits; got resnet"):
        loaded(folders, "resnet", Loading("8bit"))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("hf", {"quantize": "3bit"}, r"a known quantize \(4bit, 8bit\); got '3bit'"),
        ("hf", {"device_map": "balanced"}, "device_map 'auto', or a mapping.*got 'balanced'"),
        (
            "hf",
            {"quantize": "8bit", "compile": True},
            "compile with weights in float32 on one device; got quantize",
        ),
        (
            "glove",
            {"quantize": "8bit"},
            "transformers opens, such as hf:FOLDER, for quantize '8bit'; got glove",
        ),
        (
            "efficientnet-lite0",
            {"device_map": "auto"},
            "for device_map; got efficientnet.*leave device_map out",
        ),
        ("efficientnet-lite0", {"compile": True}, "a model that can be compiled.*got efficientnet-lite0"),
        ("smollm2", {"quantize": "4bit"}, "weights that are not quantised yet.*a GGUF file"),
    ],
)
def test_what_a_model_cannot_is_refused_before_it_is_loaded(
    folders: Path, name: str, arguments: dict[str, Any], message: str
) -> None:
    model = open_model(f"hf:{folders / 'bert'}" if name == "hf" else name)
    stimuli = open_stimuli("openmoji")
    with pytest.raises(BadInput, match=message):
        plan_job(model, stimuli, **arguments)


@pytest.mark.parametrize(
    ("how", "package"), [("8bit", "optimum-quanto"), ("4bit", "bitsandbytes"), ("", "accelerate")]
)
def test_a_missing_package_is_told_with_how_to_install_it(
    folders: Path, monkeypatch: pytest.MonkeyPatch, how: str, package: str
) -> None:
    def without(name: str) -> Any:
        if name.replace(".", "-") == package:
            raise ModuleNotFoundError(name)
        return util.find_spec(name)

    monkeypatch.setattr(weights, "find_spec", without)
    arguments: dict[str, Any] = {"quantize": how} if how else {"device_map": "auto"}
    with pytest.raises(BadInput, match=rf"the package {package}, for.*pip install 'consilience\[large\]'"):
        plan_job(opened(folders, "bert"), open_stimuli(f"text:{folders / 'texts.txt'}"), **arguments)


@pytest.mark.parametrize(
    "spread",
    [
        "auto",
        {"embeddings": "cpu", "encoder.layer.0": "cpu", "encoder.layer.1": "disk", "pooler": "disk"},
        {"embeddings": "disk", "encoder": "cpu", "pooler": "disk"},
    ],
)
def test_a_model_that_is_spread_over_devices_gives_the_same_features(folders: Path, spread: Any) -> None:
    """To the bit: parts that lie on the disk are brought in when it is their turn."""
    model = loaded(folders, "bert", Loading(device_map=spread))
    away = [name for name, x in model._net.named_parameters() if x.device.type == "meta"]
    assert bool(away) == (spread != "auto")
    found, plain = features(model), features(loaded(folders, "bert", Loading()))
    for name, x in plain.items():
        torch.testing.assert_close(found[name], x, rtol=0, atol=0)


def compiled(folders: Path, kind: str) -> HuggingFace:
    model = opened(folders, kind)
    stimuli = open_stimuli(f"text:{folders / 'texts.txt'}")
    load(model, plan_job(model, stimuli, compile=True), "cpu")
    return model


@pytest.mark.filterwarnings(
    "ignore:`torch.jit.script_method`:DeprecationWarning"
)  # of what torch imports for it
def test_a_compiled_network_gives_the_same_features_whatever_sizes_came_first(folders: Path) -> None:
    plain, one, other = (
        loaded(folders, "bert", Loading()),
        compiled(folders, "bert"),
        compiled(folders, "bert"),
    )
    torch._dynamo.utils.counters.clear()
    features(one, TEXTS[1:2] * 3)
    features(other, TEXTS * 5)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    for texts in (TEXTS, TEXTS[:1], TEXTS[2:3] * 9):
        found, again = features(one, texts), features(other, texts)
        for name, x in features(plain, texts).items():
            assert float((found[name] - x).abs().max() / x.abs().max()) <= 1e-5
            torch.testing.assert_close(found[name], again[name], rtol=0, atol=0)


def test_a_machine_without_a_compiler_is_told_so_before_a_sample_is_read(folders: Path) -> None:
    """In a process of its own: what a compiler made is kept, in memory and on disk."""
    script = f"""
import torch
from consilience.connectors.models import open_model
from consilience.connectors.stimuli import open_stimuli
from consilience.engine.extraction.job import plan_job
from consilience.engine.extraction.loading import load
model, stimuli = open_model("hf:{folders / "bert"}"), open_stimuli("text:{folders / "texts.txt"}")
load(model, plan_job(model, stimuli, compile=True), "cpu")
"""
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        env={"PATH": "/nowhere", "CXX": "/nowhere/g++", "HOME": str(folders), "TORCHINDUCTOR_CACHE_DIR": str(folders)},
    )  # fmt: skip
    assert "BadInput: expected a compiler that torch.compile can use for cpu; got" in said.stderr
    assert "install g++" in said.stderr


@pytest.mark.usefixtures("ray_local")
def test_features_of_other_weights_are_a_table_of_their_own_that_says_so(
    folders: Path, tmp_path: Path
) -> None:
    name, stimuli = f"hf:{folders / 'bert'}", f"text:{folders / 'texts.txt'}"
    plain = extract(name, stimuli, tmp_path)
    rows, last = np.arange(len(TEXTS)), list(plain.layers)[-1]
    table = extract(name, stimuli, tmp_path, quantize="4bit")
    assert table.digest != plain.digest
    assert (computed(plain), computed(table)) == ({}, {"quantize": "4bit"})
    a, b = (x.take(last, rows) for x in (table, plain))
    assert 2e-4 < np.linalg.norm(a - b) / np.linalg.norm(b) < 0.3
    # Where it is computed decides no digest.
    model = opened(folders, "bert")
    shown = open_stimuli(stimuli)
    spec = table_spec(model, shown, plan_job(model, shown, device_map="auto"))
    assert spec == plain.manifest["spec"]
    assert table_spec(model, shown, plan_job(model, shown, compile=True)) == {**spec, "compile": True}
