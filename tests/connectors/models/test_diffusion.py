"""Every kind of diffusion model that is known, saved as a pipeline, opened by name and extracted, beside its network's
own forward pass on what its own scheduler makes of a picture."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import small_pipelines
import torch
from PIL import Image

from consilience.connectors.models import open_model
from consilience.connectors.models.diffusion import Diffusion
from consilience.connectors.models.diffusion.noising import noise_of
from consilience.connectors.models.families import of_family
from consilience.engine.errors import BadInput
from consilience.engine.extraction import Extraction, extract_all
from consilience.engine.extraction.interfaces import NotInstalled
from consilience.engine.extraction.pools import pooled
from consilience.engine.extraction.projecting import Projection
from consilience.engine.features import FeatureStore

RNG = np.random.default_rng(0)
PICTURES = [Image.fromarray(RNG.integers(0, 256, (20, 24, 3), dtype=np.uint8)) for _ in range(3)]
STEP = 300
OF_UNETS: dict[str, tuple[int, ...]] = {
    "conv_in": (8, 8, 8), "down_blocks.0": (8, 4, 4), "down_blocks.1": (16, 4, 4), "mid_block": (16, 4, 4),
    "up_blocks.0": (16, 8, 8), "up_blocks.1": (8, 8, 8),
}  # fmt: skip
# Kind of pipeline -> every layer, with the shape of what a sample gives.
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "pixels": OF_UNETS,
    "texts": OF_UNETS,
    "classes": dict.fromkeys(["pos_embed", *(f"transformer_blocks.{i}" for i in range(3))], (16, 16)),
}


class Pictures:
    name, fingerprint, licence, citation = "few", "few 1", "none", "none"

    def views(self) -> list[str]:
        return ["image"]

    def sample_ids(self) -> list[str]:
        return ["a", "b", "c"]

    def get(self, view: str, index: int) -> Any:
        return PICTURES[index]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipelines")
    for kind in small_pipelines.KINDS:
        small_pipelines.save(kind, folder / kind)
    return folder


def opened(folders: Path, kind: str, step: int = STEP, **options: Any) -> Diffusion:
    model = open_model(f"diffusion:{folders / kind}", {"timestep": step, **options})
    assert isinstance(model, Diffusion)
    return model


def outputs(model: Diffusion, pictures: list[Any]) -> dict[str, torch.Tensor]:
    model.load("cpu")
    with torch.inference_mode():
        return dict(model.forward([model.preprocess(x) for x in pictures]).layers)


def alone(model: Diffusion, picture: Any) -> dict[str, torch.Tensor]:
    """What the modules give of one picture, by the pipeline as `diffusers` loads it."""
    kind = model.pipeline.folder
    pipeline = diffusers.DiffusionPipeline.from_pretrained(kind)
    net = pipeline.transformer if hasattr(pipeline, "transformer") else pipeline.unet
    pixels, noise = (torch.from_numpy(x)[None] for x in model.preprocess(picture))
    step = torch.tensor([model.timestep])
    more: dict[str, Any] = {}
    with torch.inference_mode():
        if hasattr(pipeline, "vae"):
            config = pipeline.vae.config
            pixels = (
                pipeline.vae.encode(pixels).latent_dist.mode() - config.shift_factor
            ) * config.scaling_factor
        noisy = pipeline.scheduler.add_noise(pixels, noise, step)
        noisy = pipeline.scheduler.scale_model_input(noisy, step[0])
        if kind.name == "classes":
            more = {"class_labels": torch.tensor([10])}
        elif kind.name == "texts" and model.prompt is None:
            more = {"encoder_hidden_states": torch.zeros(1, 77, 16)}
        elif kind.name == "texts":
            more = {"encoder_hidden_states": pipeline.encode_prompt(model.prompt, "cpu", 1, False)[0]}
        found: dict[str, torch.Tensor] = {}
        for name in SHAPES[kind.name]:

            def keep(_module: Any, _given: Any, out: Any, name: str = name) -> None:
                found[name] = out[0] if isinstance(out, tuple) else out

            net.get_submodule(name).register_forward_hook(keep)
        net(noisy, timestep=step, **more)
    return found


def close(got: torch.Tensor, want: torch.Tensor, error: float = 1e-6) -> None:
    torch.testing.assert_close(got, want, rtol=0, atol=error * max(1.0, float(want.abs().max())))


@pytest.mark.parametrize("kind", small_pipelines.KINDS)
def test_its_layers_are_those_of_its_own_forward_pass(folders: Path, kind: str) -> None:
    model = opened(folders, kind)
    out = outputs(model, PICTURES)
    assert [x.name for x in model.layers()] == list(out) == list(SHAPES[kind])
    for row, picture in enumerate(PICTURES):
        want, single = alone(model, picture), outputs(model, [picture])
        for layer in model.layers():
            shape = tuple(out[layer.name].shape)
            assert shape == (3, *SHAPES[kind][layer.name])
            assert layer.units == shape[layer.axes.index("c" if "c" in layer.axes else "d")]
            assert single[layer.name].numel() == layer.units * model.positions()[layer.name]
            close(single[layer.name], want[layer.name])
            close(
                out[layer.name][row], want[layer.name][0], 5e-6
            )  # convolutions round by the size of the batch
    assert model.card.objective == "diffusion"
    net = model._net.num_parameters() + (model._vae.num_parameters() if model._vae else 0)
    assert model.card.parameters == net


def test_tables_hold_the_pooled_layers(folders: Path, tmp_path: Path, ray_local: Any) -> None:
    """Opened by name, extracted by processes of a Ray cluster, and found again."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    models = [opened(folders, kind) for kind in small_pipelines.KINDS]
    dit = models[list(small_pipelines.KINDS).index("classes")]
    wanted = [
        *(Extraction(model, Pictures()) for model in models),
        Extraction(opened(folders, "pixels", seed=1), Pictures()),
        Extraction(dit, Pictures(), pool="flat", how={"project": 100}),
    ]
    store = FeatureStore(tmp_path)
    *tables, other, whole = extract_all(wanted, store)
    for model, table in zip(models, tables):
        out = outputs(model, PICTURES)
        assert table.layers.keys() == out.keys()
        for layer in model.layers():
            vectors = pooled("mean", out[layer.name], layer)
            close(torch.tensor(table.take(layer.name, np.arange(3))), vectors)
    for name, value in outputs(dit, PICTURES).items():
        want = Projection(100, "cpu")(value.reshape(3, 256))
        close(torch.tensor(whole.take(name, np.arange(3))), want)
    assert other.digest != tables[0].digest
    assert not np.allclose(
        other.take("mid_block", np.arange(3)), tables[0].take("mid_block", np.arange(3)), atol=1e-3
    )


@pytest.mark.parametrize("kind", small_pipelines.KINDS)
def test_noise_is_as_its_scheduler_has_it(folders: Path, kind: str) -> None:
    """Written out, for the betas in the file: √ᾱ x + √(1 - ᾱ) ε."""
    model = opened(folders, kind, 999)
    model.load("cpu")
    config = model.pipeline.scheduler.config
    t = np.arange(1000)
    if config["beta_schedule"] == "linear":
        kept = np.cumprod(1 - np.linspace(config["beta_start"], config["beta_end"], 1000))
    elif config["beta_schedule"] == "scaled_linear":
        kept = np.cumprod(1 - np.linspace(config["beta_start"] ** 0.5, config["beta_end"] ** 0.5, 1000) ** 2)
    else:
        cosine = np.cos((np.arange(1001) / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2
        kept = np.cumprod(1 - np.minimum(1 - cosine[1:] / cosine[:-1], 0.999))
    x, noise = RNG.normal(size=(2, 1000, 3)).astype(np.float32)
    got = model._noising.add_noise(torch.from_numpy(x), torch.from_numpy(noise), torch.from_numpy(t))
    want = np.sqrt(kept)[:, None] * x + np.sqrt(1 - kept)[:, None] * noise
    np.testing.assert_allclose(got.numpy(), want, atol=1e-5)


def test_noise_is_decided_by_the_seed_and_the_picture_alone(folders: Path) -> None:
    model = opened(folders, "classes")
    out, turned = outputs(model, PICTURES), outputs(model, PICTURES[::-1])
    close(out["transformer_blocks.2"], turned["transformer_blocks.2"].flip(0), 5e-6)
    noises = [model.preprocess(x)[1] for x in PICTURES]
    assert [noise.shape for noise in noises] == [(4, 8, 8)] * 3
    assert abs(np.corrcoef([x.ravel() for x in noises])[0, 1]) < 0.2
    # What it is must stay, or tables could not be continued: the first values of a black picture's.
    first = noise_of(np.full((3, 2, 2), -1, np.float32), 0, (2,))
    np.testing.assert_allclose(first, [0.745692, -0.837482], atol=1e-6)
    assert not np.allclose(first, noise_of(np.full((3, 2, 2), -1, np.float32), 1, (2,)))


def test_what_was_asked_for_is_in_the_card(folders: Path) -> None:
    cards = [
        opened(folders, "texts").card,
        opened(folders, "texts", 301).card,
        opened(folders, "texts", seed=3).card,
        opened(folders, "texts", prompt="a cat").card,
    ]
    assert [card.name for card in cards] == ["texts-t300", "texts-t301", "texts-t300-seed3", "texts-t300"]
    assert len({card.preprocessing for card in cards}) == 4
    assert "noise of timestep 300 of 1000 (beta_end 0.012" in cards[0].preprocessing
    assert "diffusion:NAME_OR_FOLDER" in of_family({"diffusion:NAME_OR_FOLDER": "line"}, "vision")
    assert not of_family({"diffusion:/a": "line"}, "language")


def test_a_prompt_is_read_as_its_pipeline_reads_it(folders: Path) -> None:
    model = opened(folders, "texts", prompt="a dog")
    out = outputs(model, PICTURES[:1])
    want = alone(model, PICTURES[0])
    for name, value in want.items():
        close(out[name], value)
    without = outputs(opened(folders, "texts"), PICTURES[:1])
    assert not torch.allclose(without["up_blocks.1"], out["up_blocks.1"], atol=1e-4)


def test_a_pipeline_in_pickles_and_pictures_in_grey_are_taken(folders: Path, tmp_path: Path) -> None:
    net = diffusers.UNet2DModel(
        **small_pipelines.UNET, in_channels=1, out_channels=1, down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2, mid_block_type=None,
    )  # fmt: skip
    pipeline: Any = diffusers.DDPMPipeline(net, diffusers.DDPMScheduler())
    pipeline.save_pretrained(tmp_path / "grey", safe_serialization=False)
    model = opened(tmp_path, "grey", 0)
    grey = np.asarray(PICTURES[0].convert("L").resize((8, 8)), np.float32)
    assert model.preprocess(PICTURES[0])[0].shape == (1, 8, 8)
    assert abs(model.preprocess(PICTURES[0])[0].mean() - (grey.mean() / 127.5 - 1)) < 0.1
    assert "mid_block" not in outputs(model, PICTURES)


def changed(folders: Path, tmp_path: Path, kind: str, file: str, **values: Any) -> Path:
    shutil.copytree(folders / kind, tmp_path / kind)
    path = tmp_path / kind / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return tmp_path


UNIT, INDEX = "unet/config.json", "model_index.json"


@pytest.mark.parametrize(
    ("kind", "file", "values", "message"),
    [
        ("texts", UNIT, {"addition_embed_type": "text_time"}, "without conditions of its own in .*addition_embed_"),
        ("texts", UNIT, {"cross_attention_dim": [16, 16]}, r"cross_attention_dim=\[16, 16\]"),
        ("texts", UNIT, {"in_channels": 9}, "the 4 channels of its VAE; got 9 channels, some of them for more"),
        ("texts", UNIT, {"sample_size": None}, "`sample_size` as one number in .*config.json; got None"),
        ("texts", INDEX, {"unet": ["diffusers", "UNet3DConditionModel"]}, "a known denoising network"),
        ("texts", INDEX, {"unet": [None, None]}, "a unet or transformer in the pipeline .*; got .*scheduler"),
        ("texts", INDEX, {"vae": ["diffusers", "AsymmetricAutoencoderKL"]}, "an AutoencoderKL in"),
        ("texts", INDEX, {"vae": [None, None]}, "a VAE in .*; got 4 channels and none"),
        ("pixels", "config.json", {"num_class_embeds": 4}, "got num_class_embeds=4"),
        ("classes", INDEX, {"transformer": ["diffusers", "Transformer2DModel"]}, "a DiT .*got norm_type 'layer_norm'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(
    folders: Path, tmp_path: Path, kind: str, file: str, values: Any, message: str
) -> None:
    if kind == "classes":
        path = folders / kind / "transformer" / "config.json"
        assert json.loads(path.read_text())["norm_type"] == "ada_norm_zero"
    place = changed(folders, tmp_path, kind, file, **values)
    if kind == "classes":
        path = tmp_path / kind / "transformer" / "config.json"
        path.write_text(path.read_text().replace("ada_norm_zero", "layer_norm"))
    with pytest.raises(BadInput, match=message):
        opened(place, kind)


def test_a_dit_as_it_was_first_published_is_one(folders: Path, tmp_path: Path) -> None:
    """DiT-XL has the class Transformer2DModel in its index and its configuration."""
    place = changed(folders, tmp_path, "classes", INDEX, transformer=["diffusers", "Transformer2DModel"])
    path = tmp_path / "classes" / "transformer" / "config.json"
    path.write_text(path.read_text().replace("DiTTransformer2DModel", "Transformer2DModel"))
    got, want = (outputs(opened(x, "classes"), PICTURES) for x in (place, folders))
    close(got["transformer_blocks.2"], want["transformer_blocks.2"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timestep": 1000}, "`timestep` from 0 to 999, of the scheduler; got 1000"),
        ({"timestep": 5, "seed": -1}, "`seed` of 0 or more; got -1"),
        ({"timestep": 5, "prompt": "word1"}, "`prompt` for a network with a text"),
        ({}, "the option `timestep` of diffusion:NAME_OR_FOLDER"),
    ],
)
def test_options_that_do_not_fit_are_refused(folders: Path, options: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        open_model(f"diffusion:{folders / 'pixels'}", options)


def test_what_is_no_pipeline_or_is_flow_matched_is_refused(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a pipeline folder of diffusers with its model_index.json"):
        opened(tmp_path, "nothing")
    place = changed(folders, tmp_path, "pixels", "scheduler_config.json")
    path = place / "pixels" / "scheduler_config.json"
    path.write_text(json.dumps({"_class_name": "FlowMatchEulerDiscreteScheduler"}))
    with pytest.raises(BadInput, match="a scheduler with a schedule of betas"):
        opened(place, "pixels")


def test_without_the_package_the_line_that_installs_it_is_given(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(NotInstalled, match=r"pip install 'consilience\[diffusion\]'"):
        opened(folders, "pixels")
