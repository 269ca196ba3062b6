"""Every kind of transformers model that is known, saved, opened by name and extracted, beside its own forward pass."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.signal import resample_poly

from consilience.connectors.models import open_model
from consilience.connectors.models.huggingface import HuggingFace
from consilience.connectors.models.huggingface.families import BEFORE, FAMILIES
from consilience.connectors.models.huggingface.pieces import cut
from consilience.connectors.models.huggingface.towers import TOWERS, tower
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Layer, Model, ModelCard, Outputs, noted
from consilience.engine.extraction.pools import pooled
from consilience.pipelines.extract import extract

TEXTS = ["word1 word2 word3", "word4", "word5 word9 word7 word8 word6 word2 word1"]
RNG = np.random.default_rng(0)
SIZES = ((32, 40), (40, 32), (32, 40))
PICTURES = [Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in SIZES]
SOUNDS = [(RNG.normal(size=length).astype(np.float32), 16_000) for length in (4000, 6400, 4000)]
ITEMS: dict[str, list[Any]] = {"text": TEXTS, "image": PICTURES, "speech": SOUNDS}
# Kinds of model that have as many positions of every text or sound; of pictures it is not known of IDEFICS 2 and 3.
EVEN = {"siglip_text_model", "whisper", "clap_audio_model"} | {
    kind for kind, family in FAMILIES.items() if family.modality == "image" and not family.valued
}
PARTS = [(kind, part) for kind in small_models.CONFIGS for part in TOWERS.get(kind, {"": ("", "", "")})]


def modality(part: tuple[str, str]) -> str:
    """Of what that part of that kind of model is made for."""
    kind, name = part
    config = small_models.CONFIGS[kind]
    return tower({**config, "model_type": kind}, name, kind).family.modality


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def opened(folders: Path, kind: str, part: str) -> HuggingFace:
    folder = folders / kind
    if not folder.is_dir():
        small_models.save(kind, folder)
    model = open_model(f"hf:{folder}" + (f"#{part}" if part else ""))
    assert isinstance(model, HuggingFace)
    return model


def alone(model: HuggingFace, item: Any) -> tuple[Any, Any]:
    """Hidden states and last hidden state of one sample by the network as transformers loads it."""
    net = transformers.AutoModel.from_pretrained(model.folder, **model.family.settings).eval()
    module = net.get_submodule(model.tower.module) if model.tower.module else net
    inputs = MADE[model.family.modality](model, item)
    if model.tower.kind == "vit_mae":
        inputs["noise"] = torch.arange(16.0)[None]  # patches in order
    with torch.inference_mode():
        if model.tower.kind == "idefics_vision":  # which keeps no hidden states
            states = [module.pre_layrnorm(module.embeddings(inputs["pixel_values"]))]
            for block in module.encoder.layers:
                states.append(block(states[-1], None))
            return states, module(**inputs).last_hidden_state
        out = module(**inputs, output_hidden_states=True)
    return out.hidden_states, out.last_hidden_state


def read(model: HuggingFace, text: str) -> dict[str, torch.Tensor]:
    padding = "max_length" if model.tower.kind == "siglip_text_model" else False  # as in its training
    tokenizer = transformers.AutoTokenizer.from_pretrained(model.folder)
    length = model._own.get("max_position_embeddings")
    ids = tokenizer(text, padding=padding, max_length=length if padding else None)["input_ids"]
    given = model.preprocess(text)
    assert ids[: len(given)] == given
    inputs = {"input_ids": torch.tensor([ids])}
    if (
        model.tower.kind == "idefics"
    ):  # as its processor has it of a text: a black picture that nothing looks at
        inputs |= {
            "pixel_values": torch.zeros(1, 1, 3, 32, 32),
            "image_attention_mask": torch.zeros(1, len(ids), 1).long(),
        }
    return inputs


def seen(model: HuggingFace, picture: Any) -> dict[str, torch.Tensor]:
    """As the processor of the folder makes it, but for DINOv3, whose own asks for torchvision."""
    if model.tower.kind == "dinov3_vit":
        return {"pixel_values": torch.from_numpy(model.preprocess(picture))[None]}
    processor = transformers.AutoImageProcessor.from_pretrained(model.folder, use_fast=False)
    if model.tower.kind == "idefics":
        return {"pixel_values": torch.as_tensor(processor(picture))}
    whole = {"do_image_splitting": False} if hasattr(processor, "do_image_splitting") else {}
    pixels = processor(picture, return_tensors="pt", **whole)
    pixels = pixels if isinstance(pixels, torch.Tensor) else pixels["pixel_values"]
    return {"pixel_values": pixels[0] if pixels.ndim == 5 else pixels}


def heard(model: HuggingFace, sound: Any) -> dict[str, torch.Tensor]:
    extractor = transformers.AutoFeatureExtractor.from_pretrained(model.folder)
    rate = extractor.sampling_rate  # CLAP has three times that of the others
    samples = resample_poly(sound[0], rate // sound[1], 1) if rate != sound[1] else sound[0]
    made = extractor(samples, sampling_rate=rate, return_tensors="pt")
    masked = model.tower.kind == "seamless_m4t_speech"
    return {name: made[name] for name in extractor.model_input_names[: 1 + masked]}


MADE = {"text": read, "image": seen, "speech": heard}


class Stimuli:
    """The samples above, in all views."""

    name, fingerprint, licence, citation = "few", "few 1", "none", "none"

    def views(self) -> list[str]:
        return list(ITEMS)

    def sample_ids(self) -> list[str]:
        return ["a", "b", "c"]

    def get(self, view: str, index: int) -> Any:
        return ITEMS[view][index]


class Several:
    """Models in one, so that a process that extracts is started once for all: the names of layers begin with theirs.

    Each has its own tokens, so that vectors come out.
    """

    def __init__(self, names: dict[str, str], like: ModelCard):
        self.names, self.card = names, replace(like, name="several")

    def models(self) -> dict[str, Model]:
        return {prefix: open_model(name) for prefix, name in self.names.items()}

    def layers(self) -> list[Layer]:
        return [
            replace(x, name=f"{at}.{x.name}", axes="bd")
            for at, model in self.models().items()
            for x in model.layers()
        ]

    def load(self, device: str) -> None:
        self._loaded = self.models()
        for model in self._loaded.values():
            model.load(device)

    def preprocess(self, item: Any) -> list[Any]:
        return [model.preprocess(item) for model in self._loaded.values()]

    def forward(self, batch: Sequence[Any]) -> Outputs:
        found = {}
        for (at, model), its in zip(self._loaded.items(), zip(*batch)):
            out = model.forward(list(its))
            for x in model.layers():
                found[f"{at}.{x.name}"] = pooled("mean", out.layers[x.name], x, out.mask_of(x.name))
        return Outputs(found)


@pytest.mark.parametrize("kind", ITEMS)
def test_a_table_holds_the_pooled_layers(folders: Path, kind: str, tmp_path: Path, ray_local: Any) -> None:
    """Opened by name in the process that extracts, on a Ray cluster."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    models = {
        ".".join(filter(None, part)): opened(folders, *part) for part in PARTS if modality(part) == kind
    }
    names = {at: f"hf:{model.folder}#{model.part}".rstrip("#") for at, model in models.items()}
    several = Several(names, next(iter(models.values())).card)
    table = extract(several, Stimuli(), tmp_path, replicas=1)
    want = {f"{at}.{x.name}": x.units for at, model in models.items() for x in model.layers()}
    assert {name: info.dim for name, info in table.layers.items()} == want
    for at, model in models.items():
        model.load("cpu")
        with torch.inference_mode():
            out = model.forward([model.preprocess(item) for item in ITEMS[model.card.modality]])
        for layer in model.layers():
            vectors = pooled("mean", out.layers[layer.name], layer, out.mask_of(layer.name)).numpy()
            got = table.take(f"{at}.{layer.name}", np.arange(3))
            np.testing.assert_allclose(got, vectors, atol=1e-6 * max(1, abs(vectors).max()))


@pytest.mark.parametrize(("kind", "part"), PARTS)
def test_its_layers_are_those_of_its_own_forward_pass(folders: Path, kind: str, part: str) -> None:
    model = opened(folders, kind, part)
    modality = model.card.modality
    assert model.card.name == (f"{kind}.{part}" if part else kind)
    model.load("cpu")
    items = ITEMS[modality]
    with torch.inference_mode():
        out = model.forward([model.preprocess(item) for item in items])
    layers = model.layers()
    units_of = {layer.name: layer.units for layer in layers}
    assert list(out.layers) == [layer.name for layer in layers] == [f"hidden.{i}" for i in range(len(layers))]
    for row, item in enumerate(items):
        states, last = alone(model, item)
        assert len(states) == len(layers)
        for layer, want in zip(layers, states):
            got = out.layers[layer.name][row]
            assert want.ndim == len(layer.axes)
            assert want.shape[layer.axes.index("c" if "c" in layer.axes else "d")] == layer.units
            mask = out.mask_of(layer.name)
            if layer.axes == "btd" and mask is not None:
                assert mask.shape == out.layers[layer.name].shape[:2]
                assert int(mask[row].sum()) == own_tokens(model, item, layer, want.shape[1])
                got = got[: want.shape[1]]
            np.testing.assert_allclose(got, want[0], atol=1e-6 * max(1.0, float(want.abs().max())), rtol=0)
        same = states[-1].shape == last.shape and torch.allclose(states[-1], last, atol=1e-6)
        assert same == ("before" not in layers[-1].meaning), layers[-1].meaning
    assert BEFORE.endswith("before the final norm")
    shapes = {name: state[0].numel() // units_of[name] for name, state in out.layers.items()}
    assert model.positions() == (shapes if model.tower.kind in EVEN else {})


def own_tokens(model: HuggingFace, item: Any, layer: Layer, there: int) -> int:
    """How many of the tokens there are of the sample itself."""
    if model.tower.kind == "whisper":
        return -(-len(item[0]) // 320)  # the rest is silence added to 30 s
    if model.tower.kind == "seamless_m4t_speech":  # half a frame is none; the adapter makes one of eight
        frames = int(heard(model, item)["attention_mask"].sum())
        return frames // 8 + 1 if layer.name == model.layers()[-1].name else frames
    tokens = len(model.preprocess(item)) if model.family.modality == "text" else there
    assert tokens == there or model.tower.kind == "siglip_text_model"
    return tokens


def test_a_part_must_be_named_where_there_are_several(folders: Path) -> None:
    opened(folders, "clip", "vision")
    with pytest.raises(
        BadInput, match=r"one of the parts vision and text of clip; got hf:.*Fix: add it, as in hf:.*#vision"
    ):
        open_model(f"hf:{folders / 'clip'}")
    with pytest.raises(BadInput, match=r"a known part of clip .*did you mean 'vision'"):
        open_model(f"hf:{folders / 'clip'}#vison")
    opened(folders, "bert", "")
    with pytest.raises(BadInput, match="for bert has one only; got #text"):
        open_model(f"hf:{folders / 'bert'}#text")


def test_what_a_configuration_leaves_out_is_as_transformers_has_it(folders: Path, tmp_path: Path) -> None:
    """Published configurations of several parts leave out what is as the library has it."""
    opened(folders, "siglip", "vision")
    shutil.copytree(folders / "siglip", tmp_path / "short")
    path = tmp_path / "short" / "config.json"
    config = json.loads(path.read_text())
    config["vision_config"] = {"hidden_size": 24}
    path.write_text(json.dumps(config))
    layers = open_model(f"hf:{tmp_path / 'short'}#vision").layers()
    assert [layer.units for layer in layers] == [24] * 13


def test_a_limit_that_a_model_does_not_have_is_the_tokenizers_or_ours_and_told(
    folders: Path, tmp_path: Path
) -> None:
    assert "at most 512 tokens (" in opened(folders, "bert", "").card.preprocessing
    for kind in ("mamba", "t5"):
        card = opened(folders, kind, "").card
        assert "at most 512 tokens, for want of a limit of its own (" in card.preprocessing
        shutil.copytree(folders / kind, tmp_path / kind)
        path = tmp_path / kind / "tokenizer_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "model_max_length": 9}))
        model = open_model(f"hf:{tmp_path / kind}")
        assert "at most 9 tokens (" in model.card.preprocessing
        model.load("cpu")
        with noted() as notes:
            assert len(model.preprocess("word1 " * 20)) == 9
        assert notes == ["cut to 9 tokens"]


def test_sounds_are_brought_to_the_rate_of_the_model(folders: Path) -> None:
    model = opened(folders, "wav2vec2", "")
    model.load("cpu")
    time = np.arange(48_000) / 48_000
    stereo = np.stack([np.sin(2 * np.pi * 100 * time)] * 2, axis=1)
    values, length = model.preprocess((stereo, 48_000))
    assert length == 16_000 == len(values)
    want, _ = model.preprocess((np.sin(2 * np.pi * 100 * time[::3]), 16_000))
    np.testing.assert_allclose(values[500:-500], want[500:-500], atol=0.02)
    assert "resampled to 16000 Hz" in model.card.preprocessing
    with pytest.raises(ValueError, match="no sample"):
        model.preprocess((np.zeros(0), 16_000))
    whisper = opened(folders, "whisper", "")
    whisper.load("cpu")
    with pytest.raises(
        ValueError, match=r"lasts 31.0 s, and the model takes 30 s: `chunk` has it heard in pieces"
    ):
        whisper.preprocess((np.zeros(31 * 16_000), 16_000))


def test_a_long_sound_is_heard_in_pieces_that_overlap(folders: Path) -> None:
    whole = opened(folders, "wav2vec2", "")
    model = open_model(f"hf:{folders / 'wav2vec2'}", {"chunk": 1.0, "overlap": 0.2})
    assert model.card.preprocessing != whole.card.preprocessing, "features of their own"
    long = RNG.normal(size=41_600).astype(np.float32)  # 2.6 s: from 0, 0.8 and 1.6 s
    sounds = [(long, 16_000), SOUNDS[1], (long[:20_000], 16_000)]
    for one in (whole, model):
        one.load("cpu")
    with torch.inference_mode():
        out = model.forward([model.preprocess(x) for x in sounds])
        parts = [
            whole.forward([whole.preprocess((long[b : b + 16_000], 16_000))]) for b in (0, 12_800, 25_600)
        ]
        short = whole.forward([whole.preprocess(SOUNDS[1])])
    assert out.mask is not None
    frames = parts[0].layers["hidden.0"].shape[1]
    for name, got in out.layers.items():
        pieces = [x.layers[name][0] for x in parts]
        edge, other = round(0.9 * frames), round(0.1 * frames)  # the middle of what two of them share
        want = torch.cat([pieces[0][:edge], pieces[1][other:edge], pieces[2][other:]])
        torch.testing.assert_close(got[0], want, rtol=1e-5, atol=1e-5)
        own = int(out.mask[1].sum())
        torch.testing.assert_close(got[1, :own], short.layers[name][0], rtol=1e-5, atol=1e-5)
    kept = out.mask.sum(1).tolist()
    assert kept[:2] == [len(want), short.layers["hidden.0"].shape[1]]
    assert kept[2] == pytest.approx(frames * 20 / 16, abs=1)


def test_a_layer_with_fewer_frames_than_the_others_is_cut_and_joined_by_its_own(folders: Path) -> None:
    whole = opened(folders, "seamless_m4t", "speech")
    model = open_model(f"hf:{folders / 'seamless_m4t'}#speech", {"chunk": 1.0, "overlap": 0.2})
    long = RNG.normal(size=25_600).astype(np.float32)  # 1.6 s: from 0 and 0.6 s
    for one in (whole, model):
        one.load("cpu")
    with torch.inference_mode():
        out = model.forward([model.preprocess(x) for x in (SOUNDS[0], (long, 16_000))])
        parts = [whole.forward([whole.preprocess((long[b : b + 16_000], 16_000))]) for b in (0, 9_600)]
    for name, state in out.layers.items():
        a, b = (x.layers[name][0, : int(x.mask_of(name).sum())] for x in parts)  # type: ignore[union-attr]
        want = torch.cat([a[: round(0.8 * len(a))], b[round(0.2 * len(b)) :]])
        mask = out.mask_of(name)
        assert mask is not None
        assert mask.shape == state.shape[:2]
        assert int(mask[1].sum()) == len(want)
        torch.testing.assert_close(state[1, : len(want)], want, rtol=1e-5, atol=1e-5)
    assert {name: int(mask[1].sum()) for name, mask in out.masks.items()} == {"hidden.3": 12}  # 7 of a second


@given(st.integers(1, 5000), st.integers(1, 400), st.floats(0, 0.99))
def test_pieces_keep_every_moment_of_a_sound_once(length: int, most: int, share: float) -> None:
    found = cut(length, most, int(share * most))
    ends = [
        (begin + first * min(most, length), begin + last * min(most, length)) for begin, first, last in found
    ]
    assert ends[0][0] == 0
    assert ends[-1][1] == pytest.approx(length)
    assert all(a[1] == pytest.approx(b[0]) for a, b in pairwise(ends))
    assert all(begin >= 0 and begin + most <= max(length, most) for begin, _, _ in found)
    assert all(0 <= first < last <= 1 for _, first, last in found)


def test_a_model_with_a_limit_takes_longer_sounds_in_pieces(folders: Path) -> None:
    opened(folders, "whisper", "")
    model = open_model(f"hf:{folders / 'whisper'}", {"chunk": 30, "overlap": 2})
    model.load("cpu")
    with torch.inference_mode():
        out = model.forward([model.preprocess((np.zeros(40 * 16_000), 16_000))])
    assert out.mask is not None
    assert int(out.mask.sum()) == 40 * 50  # frames a second
    for options in (
        {"chunk": 31},
        {"chunk": 5, "overlap": 5},
        {"overlap": 1},
        {"chunk": -1},
        {"chunk": 1e-6},
        {"chunk": 1, "overlap": 0.999_999_9},  # less than a sample
    ):
        with pytest.raises(
            BadInput, match="`chunk` in seconds, of at most 30 s, which the model takes, and a shorter"
        ):
            open_model(f"hf:{folders / 'whisper'}", options)
    for kind, part, told in (("bert", "", "text"), ("clap", "#speech", "speech with axes 'bchw'")):
        opened(folders, kind, part.strip("#"))
        with pytest.raises(BadInput, match=f"`chunk` and `overlap` for a speech model with .* of {told}"):
            open_model(f"hf:{folders / kind}{part}", {"chunk": 5})
