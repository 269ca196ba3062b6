"""Models in ONNX files, written here from torch weights: every value inside the graph beside what torch computes."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from consilience.connectors.models import open_model
from consilience.connectors.models.defaults import picture
from consilience.connectors.models.onnx_files import Onnx
from consilience.engine.errors import BadInput
from consilience.engine.extraction.runlog import notes
from consilience.pipelines.extract import extract

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
RNG = np.random.default_rng(0)
WORDS = {"[PAD]": 0, "[UNK]": 1, "sheep": 2, "grass": 3, "wolf": 4}
TEXTS = ["sheep grass", "wolf", "grass grass wolf sheep wolf", "sheep"]
TABLE = RNG.normal(size=(5, 6)).astype(np.float32)
KERNEL = RNG.normal(size=(4, 3, 8, 8)).astype(np.float32)


def saved(
    path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: dict[str, Any]
) -> Path:
    constants = [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = onnx.helper.make_graph(nodes, "small", inputs, outputs, constants)
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path


def value(name: str, kind: Any, *shape: Any) -> Any:
    return onnx.helper.make_tensor_value_info(name, kind, shape)


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """Word vectors, their rectified form inside the graph, and their mean over the mask."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_padding(length=9)
    tokenizer.enable_truncation(4)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    node = onnx.helper.make_node
    nodes = [
        node("Gather", ["table", "input_ids"], ["/words"]),
        node("Relu", ["/words"], ["/words/relu"]),
        node("Cast", ["attention_mask"], ["/mask"], to=onnx.TensorProto.FLOAT),
        node("Unsqueeze", ["/mask", "last"], ["/mask/wide"]),
        node("Mul", ["/words", "/mask/wide"], ["/kept"]),
        node("ReduceSum", ["/kept", "tokens"], ["sentence"], keepdims=0),
    ]
    ids = [value(x, onnx.TensorProto.INT64, "batch", "token") for x in ("input_ids", "attention_mask")]
    ends = [value("sentence", onnx.TensorProto.FLOAT, "batch", 6)]
    axes = {"last": np.array([2]), "tokens": np.array([1])}
    return saved(tmp_path / "reader.onnx", nodes, ids, ends, {"table": TABLE, **axes})


def viewer(path: Path, batch: Any = "batch", side: Any = 32) -> Path:
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["pixels", "kernel"], ["/conv"], kernel_shape=[8, 8], strides=[8, 8]),
        node("Relu", ["/conv"], ["/relu"]),
        node("GlobalAveragePool", ["/relu"], ["/pool"]),
        node("Flatten", ["/pool"], ["head"]),
    ]
    pixels = [value("pixels", onnx.TensorProto.FLOAT, batch, 3, side, side)]
    return saved(path, nodes, pixels, [value("head", onnx.TensorProto.FLOAT, batch, 4)], {"kernel": KERNEL})


def opened(file: Path, **options: Any) -> Onnx:
    model = open_model(f"onnx:{file}", options)
    assert isinstance(model, Onnx)
    return model


def test_a_text_model_has_its_outputs_and_what_is_inside_as_layers(
    reader: Path, tmp_path: Path, ray_local: None
) -> None:
    assert [x.name for x in opened(reader).layers()] == ["sentence"]
    model = opened(reader, inside=["/words*", "/mask*", "/kept"])
    assert [(x.name, x.axes, x.units, x.meaning) for x in model.layers()] == [
        ("/words", "btd", 6, "output of Gather"), ("/words/relu", "btd", 6, "output of Relu"),
        ("/mask/wide", "btd", 1, "output of Unsqueeze"), ("/kept", "btd", 6, "output of Mul"),
        ("sentence", "bd", 6, "output of ReduceSum"),
    ]  # fmt: skip
    assert model.card.parameters == TABLE.size + 2
    assert model.card.modality == "text"
    (tmp_path / "lines.txt").write_text("\n".join(TEXTS))
    table = extract(
        f"onnx:{reader}", f"text:{tmp_path / 'lines.txt'}", tmp_path / "s", ["/words/*", "sentence"],
        options={"inside": "/words*"},
    )  # fmt: skip
    assert list(table.layers) == ["/words/relu", "sentence"]
    assert notes(table.path) == {"cut to 4 tokens": sum(len(x.split()) > 4 for x in TEXTS)}
    for row, text in enumerate(TEXTS):
        ids = [WORDS[x] for x in text.split()][:4]  # the tokenizer's own limit
        at = np.array([row])
        np.testing.assert_allclose(table.take("/words/relu", at)[0], np.maximum(TABLE[ids], 0).mean(0), 1e-6)
        np.testing.assert_allclose(table.take("sentence", at)[0], TABLE[ids].sum(0), 1e-6, 1e-6)


@pytest.mark.parametrize(("batch", "side"), [("batch", 32), ("batch", "side")])
def test_a_vision_model_takes_pictures_as_for_imagenet(tmp_path: Path, batch: Any, side: Any) -> None:
    model = opened(viewer(tmp_path / "viewer.onnx", batch, side), inside="/*")
    size = 224 if side == "side" else 32
    assert model.card.preprocessing == f"RGB, {size} x {size} from the middle, ImageNet's mean and deviation"
    assert [x.name for x in model.layers()] == ["/conv", "/relu", "/pool", "head"]
    pictures = [Image.fromarray(RNG.integers(0, 256, (40, 50, 3), np.uint8)) for _ in range(3)]
    model.load("cpu")
    out = model.forward([model.preprocess(x) for x in pictures]).layers
    pixels = torch.from_numpy(np.stack([picture(x, size) for x in pictures]))
    want = torch.nn.functional.conv2d(pixels, torch.from_numpy(KERNEL), stride=8)
    torch.testing.assert_close(out["/conv"], want, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(out["head"], want.relu().mean((2, 3)), rtol=1e-5, atol=1e-4)


def test_the_image_processor_beside_the_file_is_used(tmp_path: Path) -> None:
    plain = opened(viewer(tmp_path / "viewer.onnx")).card
    size = {"height": 32, "width": 32}
    processor = transformers.ViTImageProcessor(size=size, image_mean=[0.5] * 3, image_std=[0.25] * 3)
    processor.save_pretrained(tmp_path)
    model = opened(tmp_path / "viewer.onnx")
    assert model.card != plain
    model.load("cpu")
    image = Image.fromarray(np.full((32, 32, 3), 51, np.uint8))
    np.testing.assert_allclose(model.preprocess(image), (51 / 255 - 0.5) / 0.25, rtol=1e-5)


def test_what_cannot_be_is_told(reader: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"an ONNX file; got .*which is not there"):
        open_model(f"onnx:{tmp_path / 'none.onnx'}")
    (tmp_path / "notes.onnx").write_text("not a model")
    with pytest.raises(BadInput, match="a model in ONNX format"):
        open_model(f"onnx:{tmp_path / 'notes.onnx'}")
    with pytest.raises(BadInput, match=r"a known layer .*'sentenc'. Fix: did you mean 'sentence'"):
        extract(f"onnx:{reader}", _lines(tmp_path), tmp_path, layers="sentenc")
    with pytest.raises(BadInput, match="got reader, which onnxruntime computes"):
        extract(f"onnx:{reader}", _lines(tmp_path), tmp_path, autocast="bfloat16")
    with pytest.raises(BadInput, match="the view 'image', which viewer takes"):
        extract(f"onnx:{viewer(tmp_path / 'viewer.onnx')}", _lines(tmp_path), tmp_path)
    with pytest.raises(BadInput, match=r"a known value inside reader.onnx \(/kept, .*did you mean '/words'"):
        opened(reader, inside="/word").layers()
    with pytest.raises(BadInput, match="takes one sample at a time"):
        opened(viewer(tmp_path / "viewer.onnx", 1)).layers()
    (reader.parent / "tokenizer.json").unlink()
    with pytest.raises(
        BadInput, match=r"tokenizer.json beside .*reader.onnx, which takes token ids; got none"
    ):
        open_model(f"onnx:{reader}")
    odd = [value("waves", onnx.TensorProto.FLOAT, "batch", "sample")]
    ends = [value("waves", onnx.TensorProto.FLOAT, "batch", "sample")]
    node = onnx.helper.make_node("Relu", ["waves"], ["out"])
    ends = [value("out", onnx.TensorProto.FLOAT, "batch", "sample")]
    with pytest.raises(BadInput, match=r"the inputs of a text model .*got waves \('\?', '\?'\)"):
        open_model(f"onnx:{saved(tmp_path / 'odd.onnx', [node], odd, ends, {})}")


def _lines(folder: Path) -> str:
    (folder / "lines.txt").write_text("\n".join(TEXTS))
    return f"text:{folder / 'lines.txt'}"


def test_weights_in_a_file_of_their_own(reader: Path, tmp_path: Path) -> None:
    whole = opened(reader)
    model = onnx.load(str(reader))
    (tmp_path / "apart").mkdir()
    onnx.save(
        model,
        str(tmp_path / "apart" / "reader.onnx"),
        save_as_external_data=True,
        location="w.bin",
        size_threshold=100,
    )
    shutil.copy(tmp_path / "tokenizer.json", tmp_path / "apart")
    apart = opened(tmp_path / "apart" / "reader.onnx")
    assert apart.layers() == whole.layers()
    assert apart.card.weights_hash != whole.card.weights_hash
    before = apart.card.weights_hash
    data = bytearray((tmp_path / "apart" / "w.bin").read_bytes())
    data[0] ^= 1
    (tmp_path / "apart" / "w.bin").write_bytes(data)
    assert opened(tmp_path / "apart" / "reader.onnx").card.weights_hash != before
    assert json.loads((tmp_path / "tokenizer.json").read_text())["padding"]
