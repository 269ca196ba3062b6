"""Weights and recordings with code in them are refused, and the code is not run; nor is any read otherwise."""

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import malice
import numpy as np
import pytest

from consilience.connectors.brains import open_brains, read_rdm
from consilience.connectors.models.efficientnet import EfficientNetLite
from consilience.connectors.models.huggingface import HuggingFace
from consilience.engine.errors import BadInput
from consilience.pipelines.studyfiles.study import load_study


def test_weights_of_a_transformers_folder(tmp_path: Path) -> None:
    import torch
    import transformers

    mark = tmp_path / "mark"
    config = transformers.BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=20
    )
    config.save_pretrained(tmp_path)
    torch.save({"embeddings": malice.Malice(mark)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(pickle.UnpicklingError, match=r"[Ww]eights.only"):
        HuggingFace(tmp_path).load("cpu")
    assert not mark.exists()


def test_weights_of_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    mark, path = tmp_path / "mark", tmp_path / "weights.pt"
    torch.save({"stem": malice.Malice(mark)}, path)
    torch.load(path, weights_only=False)
    assert mark.exists()
    mark.unlink()
    monkeypatch.setattr(EfficientNetLite, "_weights", lambda _: path)
    with pytest.raises(pickle.UnpicklingError, match=r"[Ww]eights.only"):
        EfficientNetLite(0).load("cpu")
    assert not mark.exists()


def test_recordings(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "one.npz").write_bytes(malice.npz(mark, sample_id=np.arange(4)))
    brains = open_brains(f"arrays:{tmp_path}")
    with pytest.raises(ValueError, match="allow_pickle=False"):
        brains.load("one")
    for name, data in (
        ("x.npy", malice.npy(mark)),
        ("y.npy", malice.bare(mark)),
        ("x.npz", malice.npz(mark)),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match="pickle"):
            read_rdm(tmp_path / name)
    assert not mark.exists()


ROOT = Path(__file__).parents[2]
# What a call that could run a stranger's code must say, by the last words of its name; None: it is not called.
SAID = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "from_pretrained": ("trust_remote_code", False),
    "pickle.load": None, "pickle.loads": None, "cloudpickle.loads": None, "pd.read_pickle": None, "joblib.load": None,
    "torch.hub.load": None, "yaml.unsafe_load": None, "yaml.full_load": None,
}  # fmt: skip
# Tasks and their results, between this process and workers that it has already sent code to.
OWN = ("engine/execution/shipping.py", "pickle.loads")


def unsafe(source: str, place: str) -> Iterator[str]:
    """The calls in `source` that do not say what they must."""
    for call in [x for x in ast.walk(ast.parse(source)) if isinstance(x, ast.Call)]:
        name = ast.unparse(call.func)
        known = next((x for x in SAID if name == x or name.endswith(f".{x}")), None)
        if known is None or (place, known) == OWN:
            continue
        wanted, said = SAID[known], {x.arg: ast.unparse(x.value) for x in call.keywords}
        # Keywords that several calls share stand in a dictionary, here or as LOCAL.
        shared = LOCAL if said.get(None) == "LOCAL" else source if None in said else ""
        if wanted is None or not (
            said.get(wanted[0]) == str(wanted[1]) or f'"{wanted[0]}": {wanted[1]}' in shared
        ):
            yield f"{place}:{call.lineno}: {name}"


LOCAL = (ROOT / "connectors" / "models" / "huggingface" / "inputs.py").read_text(encoding="utf-8")


def test_no_call_in_the_package_reads_code_with_data() -> None:
    assert list(unsafe("torch.load(x)\nnp.load(x, allow_pickle=True)\nyaml.unsafe_load(x)", "x")) == [
        "x:1: torch.load", "x:2: np.load", "x:3: yaml.unsafe_load",
    ]  # fmt: skip
    files = [x for part in ("connectors", "engine", "pipelines", "src") for x in (ROOT / part).rglob("*.py")]
    assert len(files) > 300
    found = [y for x in files for y in unsafe(x.read_text(encoding="utf-8"), x.relative_to(ROOT).as_posix())]
    assert found == []


def test_a_study_file_with_code_in_it_is_refused(tmp_path: Path) -> None:
    mark, study = tmp_path / "mark", tmp_path / "study.yaml"
    code = f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{mark}']]"
    study.write_text(f"name: {code}\nstimuli: s\nmodels: [a]\nmetrics: [cka]\n")
    with pytest.raises(BadInput, match=r"study.yaml, line 1.*python/object"):
        load_study(study)
    assert not mark.exists()
