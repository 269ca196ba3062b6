"""Weights and recordings with code in them are refused, and the code is not run."""

import pickle
from pathlib import Path

import malice
import numpy as np
import pytest

from consilience.connectors.brains import open_brains, read_rdm
from consilience.connectors.models.efficientnet import EfficientNetLite
from consilience.connectors.models.huggingface import HuggingFace


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
