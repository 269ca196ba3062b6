"""Torch modules that a function makes: their layers by name, beside what the modules give, here and through Ray."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from consilience.connectors.models import open_model
from consilience.connectors.models.torch_modules import TorchModule
from consilience.engine.errors import BadInput
from consilience.engine.extraction import plan_job
from consilience.pipelines.extract import extract

NETS = """
from collections import OrderedDict
from dataclasses import dataclass
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
    def forward(self, x):
        return self.act(self.mlp(x))

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 16, 16)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(4, 5)
    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return {"logits": self.head(x.mean((2, 3))), "map": x.permute(0, 2, 3, 1)}

def small():
    return Small()

class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(64, 6)
        self.lstm = nn.LSTM(6, 7, batch_first=True)
    def forward(self, letters):
        return self.lstm(self.words(letters))

def reader():
    return Reader(), lambda text: torch.tensor([ord(x) % 64 for x in text])

class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(64, 6)
    def forward(self, ids, attention_mask):
        return self.words(ids)

def masked():
    def preprocess(text):
        ids = torch.zeros(32, dtype=torch.long)
        mask = torch.zeros(32, dtype=torch.long)
        ids[:len(text)] = torch.tensor([ord(x) % 64 for x in text])
        mask[:len(text)] = 1
        return {"ids": ids, "attention_mask": mask}
    return Masked(), preprocess

calls = 0
def unsteady():
    global calls
    calls += 1
    torch.manual_seed(calls)
    return Small()

def nothing():
    return "a net"
"""
PICTURES = [
    Image.fromarray(np.random.default_rng(k).integers(0, 256, (240, 300, 3), np.uint8)) for k in range(6)
]
TEXTS = ["a sheep", "grass", "a wolf", "trees", "stone", "no"]


class Both:
    name, fingerprint, licence, citation = "both", "1", "none", "none"

    def views(self) -> list[str]:
        return ["image", "text"]

    def sample_ids(self) -> list[str]:
        return list("abcdef")

    def get(self, view: str, index: int) -> Any:
        views: dict[str, list[Any]] = {"image": PICTURES, "text": TEXTS}
        return views[view][index]


@pytest.fixture(scope="module", autouse=True)
def nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The module above, in the folder of a user who starts there; what is defined here goes to Ray by value."""
    import sys

    from ray import cloudpickle

    folder = tmp_path_factory.mktemp("user")
    (folder / "user_nets.py").write_text(textwrap.dedent(NETS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cloudpickle.register_pickle_by_value(sys.modules[__name__])
        yield
    sys.path.remove(str(folder))


def opened(function: str, **options: Any) -> TorchModule:
    model = open_model(f"torch:user_nets:{function}", options)
    assert isinstance(model, TorchModule)
    return model


def test_every_module_is_a_layer_and_what_it_gave_is_not_written_over() -> None:
    model = opened("small")
    assert {x.name: (x.axes, x.units) for x in model.layers()} == {
        "stem": ("bchw", 4), "blocks.0.mlp": ("bchw", 4), "blocks.0.act": ("bchw", 4), "blocks.0": ("bchw", 4),
        "blocks.1.mlp": ("bchw", 4), "blocks.1.act": ("bchw", 4), "blocks.1": ("bchw", 4), "head": ("bd", 5),
        "output.logits": ("bd", 5), "output.map": ("bchw", 14),
    }  # fmt: skip
    model.load("cpu")
    batch = [model.preprocess(x) for x in PICTURES[:2]]
    assert batch[0].shape == (3, 224, 224)
    with torch.inference_mode():
        out = model.forward(batch).layers
        net = model._module
        mlp = net.get_submodule("blocks.0.mlp")(out["stem"])
    assert (mlp < 0).any()
    torch.testing.assert_close(out["blocks.0.mlp"], mlp)  # the rectifier after it works in place
    torch.testing.assert_close(out["blocks.0"], mlp.relu())
    torch.testing.assert_close(out["output.logits"], out["head"])


def test_positions_are_known_of_layers_that_have_as_many_whatever_the_sample() -> None:
    maps = ("stem", "blocks.0.mlp", "blocks.0.act", "blocks.0", "blocks.1.mlp", "blocks.1.act", "blocks.1")
    counts = opened("small", axes={"output.map": "bhwc"}).positions()
    assert counts == {**dict.fromkeys((*maps, "output.map"), 14 * 14), "head": 1, "output.logits": 1}
    assert opened("reader", modality="text").positions() == {}
    with pytest.raises(
        BadInput, match=r"for pool='flat'; got words, .* of user_nets.reader, where their number"
    ):
        plan_job(opened("reader", modality="text"), Both(), pool="flat")


def test_axes_are_told_where_their_number_misleads() -> None:
    model = opened("small", axes={"output.map": "bhwc"})
    assert {x.name: x.units for x in model.layers()}["output.map"] == 4
    with pytest.raises(BadInput, match=r"a known layer .*got 'output.mapp'. Fix: did you mean 'output.map'"):
        opened("small", axes={"output.mapp": "bhwc"})
    with pytest.raises(BadInput, match=r"a known kind of axes .*'bhcw'"):
        opened("small", axes={"output.map": "bhcw"})
    with pytest.raises(BadInput, match=r"layer 'head' with axes 'btd'; got shape \(3, 5\)"):
        opened("small", axes={"head": "btd"})


def test_chosen_layers_come_through_ray_as_the_modules_give_them(tmp_path: Path, ray_local: None) -> None:
    table = extract("torch:user_nets:small", Both(), tmp_path, layers="blocks.*.mlp", replicas=1)
    assert list(table.layers) == ["blocks.0.mlp", "blocks.1.mlp"]
    model = opened("small")
    model.load("cpu")
    with torch.inference_mode():
        out = model.forward([model.preprocess(x) for x in PICTURES]).layers["blocks.1.mlp"].mean((2, 3))
    np.testing.assert_allclose(table.take("blocks.1.mlp", np.arange(6)), out, rtol=1e-5, atol=1e-6)
    with pytest.raises(BadInput, match=r"a known layer \(blocks.0, .*got 'block.\*.mlp'"):
        extract("torch:user_nets:small", Both(), tmp_path, layers="block.*.mlp")


def test_texts_of_any_length_are_read_alone_and_pooled_over_their_own_tokens(
    tmp_path: Path, ray_local: None
) -> None:
    model = opened("reader", modality="text")
    assert [(x.name, x.axes, x.units) for x in model.layers()] == [
        ("words", "btd", 6), ("lstm", "btd", 7), ("output", "btd", 7),
    ]  # fmt: skip
    model.load("cpu")
    table = extract("torch:user_nets:reader", Both(), tmp_path, options={"modality": "text"}, replicas=1)
    with torch.inference_mode():
        for row, text in enumerate(TEXTS):
            own = model._module(model.preprocess(text)[None])[0][0].mean(0)
            np.testing.assert_allclose(table.take("lstm", np.array([row]))[0], own, rtol=1e-5, atol=1e-6)


def test_a_mask_that_preprocess_gives_is_what_pools_use() -> None:
    model = opened("masked", modality="text")
    model.load("cpu")
    out = model.forward([model.preprocess(x) for x in TEXTS])
    assert out.mask is not None
    assert out.mask.sum(1).tolist() == [len(x) for x in TEXTS]


@pytest.mark.parametrize(
    ("place", "options", "says"),
    [
        ("user_nets", {}, "expected torch:MODULE:CALLABLE; got torch:user_nets"),
        ("user_nets:smal", {}, "a known function of user_nets .*got 'smal'. Fix: did you mean 'small'"),
        ("no_such_nets:small", {}, "the Python module no_such_nets .*PYTHONPATH"),
        ("user_nets:nothing", {}, "a torch module from user_nets:nothing.*got str"),
        ("user_nets:small", {"modality": "text"}, "a preprocess for texts .*got a module alone"),
        (
            "user_nets:reader",
            {},
            r"user_nets:reader to take 3 samples of noise as image; got .*option `modality`",
        ),
        ("user_nets:small", {"modality": "pictures"}, "a known modality .*'pictures'"),
        ("user_nets:small", {"modal": "image"}, "a known option of torch:.*did you mean 'modality'"),
    ],
)
def test_what_cannot_be_is_told(place: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        open_model(f"torch:{place}", options)


def test_weights_that_change_from_call_to_call_are_refused() -> None:
    model = opened("unsteady")
    with pytest.raises(BadInput, match="the same weights each time user_nets:unsteady is called"):
        model.load("cpu")
    assert opened("small").card == opened("small").card


def test_an_image_model_on_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("one\ntwo\nthree\nfour\n")
    with pytest.raises(BadInput, match=r"a stimulus set with the view 'image', which user_nets.small takes"):
        extract("torch:user_nets:small", f"text:{tmp_path / 'lines.txt'}", tmp_path)
