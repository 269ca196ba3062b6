"""The models of the demo and transformers folders, against a bare forward pass."""

from typing import TypeVar

import numpy as np
import pytest
import small_models
import torch
import transformers

from consilience.connectors.models import open_model
from consilience.connectors.models.efficientnet import EfficientNetLite
from consilience.connectors.models.huggingface import HuggingFace
from consilience.connectors.stimuli import open_stimuli
from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore
from consilience.pipelines.extract import extract

M = TypeVar("M")


class Few:
    """The first samples of OpenMoji."""

    def __init__(self, n):
        self.all, self.n = open_stimuli("openmoji"), n
        self.name, self.licence, self.citation = "few", self.all.licence, self.all.citation
        self.fingerprint = f"{self.all.fingerprint} {n}"

    def views(self):
        return self.all.views()

    def sample_ids(self):
        return self.all.sample_ids()[: self.n]

    def get(self, view, index):
        return self.all.get(view, index)


@pytest.fixture(scope="module")
def few():
    import sys

    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    return Few(20)


def opened(name: str, kind: type[M]) -> M:
    """The model of that name, which is one of `kind`."""
    model = open_model(name)
    assert isinstance(model, kind)
    return model


def close(got, want, tolerance=1e-6):
    """Largest difference, relative to the largest value."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= tolerance * np.abs(want).max()


def test_efficientnet_gives_the_blocks_of_the_published_network(few, tmp_path, ray_local):
    table = extract("efficientnet-lite0", few, tmp_path, replicas=1)
    assert table.n == 20
    assert list(table.layers) == [*(f"block.{i}" for i in range(16)), "head"]
    model = opened("efficientnet-lite0", EfficientNetLite)
    model.load("cpu")
    batch = [model.preprocess(few.get("image", row)) for row in range(16)]
    with torch.inference_mode():
        out = model.forward(batch).layers
    for name, values in out.items():
        close(table.take(name, np.arange(16)), values.mean((2, 3)))
    assert model.positions() == {name: values.shape[2] * values.shape[3] for name, values in out.items()}

    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(torch.load(model._weights(), weights_only=True))
    seen = []
    for block in net._blocks:
        block.register_forward_hook(lambda *parts: seen.append(parts[2]))
    with torch.inference_mode():
        head = net.extract_features(
            (torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float() - 127) / 128
        )
    # The batch norms are folded, which rounds otherwise.
    for name, values in zip(out, [*seen, head]):
        close(out[name], values, 2e-5)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"])
def test_what_an_efficientnet_says_of_itself_is_so(name):
    from efficientnet_lite_pytorch import EfficientNet

    model, net = opened(name, EfficientNetLite), EfficientNet.from_name(name)
    assert model.card.parameters == sum(p.numel() for p in net.parameters())
    assert model.size == net.input_image_size
    units = [block._project_conv.out_channels for block in net._blocks]
    assert [layer.units for layer in model.layers()] == [*units, net._conv_head.out_channels]


def test_random_weights_are_the_same_each_time_and_leave_the_seed_alone(few):
    torch.manual_seed(5)
    outs = []
    for _ in range(2):
        model = open_model("efficientnet-lite0-random")
        model.load("cpu")
        with torch.inference_mode():
            outs.append(
                model.forward([model.preprocess(few.get("image", row)) for row in range(4)]).layers["head"]
            )
    assert torch.equal(*outs)
    assert outs[0].mean((2, 3)).std(0).mean() > 1e-3  # a signal arrives at the last layer
    state = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), state)


def test_minilm_is_the_mean_of_its_tokens(few, tmp_path, ray_local):
    table = extract("minilm", few, tmp_path, replicas=1)
    model = opened("minilm", HuggingFace)
    net = transformers.AutoModel.from_pretrained(model.folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model.folder)
    batch = tokenizer([few.get("text", row) for row in range(20)], padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = net(**batch, output_hidden_states=True).hidden_states
    mask = batch["attention_mask"].unsqueeze(-1)
    assert list(table.layers) == [f"hidden.{i}" for i in range(7)]
    for name, state in zip(table.layers, states):
        close(table.take(name, np.arange(20)), (state * mask).sum(1) / mask.sum(1))


def test_smollm2_gives_every_hidden_state(few):
    model = opened("smollm2", HuggingFace)
    model.load("cpu")
    texts = [few.get("text", row) for row in range(6)]
    with torch.inference_mode():
        out = model.forward([model.preprocess(text) for text in texts])
        assert out.mask is not None
        for row in (0, 5):
            alone = model._net(
                torch.tensor([model.preprocess(texts[row])]), output_hidden_states=True, use_cache=False
            )
            length = int(out.mask[row].sum())
            for layer, state in zip(model.layers(), alone.hidden_states):
                assert state.shape[-1] == layer.units
                close(out.layers[layer.name][row, :length], state[0], 1e-4)
    assert len(out.layers) == len(model.layers()) == 31
    assert sum(p.numel() for p in model._net.parameters()) == model.card.parameters


def test_an_unknown_family_and_a_folder_without_weights_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"a transformers folder with its config.json"):
        open_model(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text('{"model_type": "bertt"}')
    with pytest.raises(BadInput, match=r"a known transformers family .*did you mean 'bert'"):
        open_model(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text('{"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 2}')
    with pytest.raises(BadInput, match="weights"):
        _ = open_model(f"hf:{tmp_path}").card


@pytest.mark.parametrize(
    ("kind", "what"), [("bert", "tokenizer"), ("vit", "processor"), ("wav2vec2", "processor")]
)
def test_a_folder_without_tokenizer_or_processor_is_refused_before_anything_is_loaded(tmp_path, kind, what):
    small_models.save(kind, tmp_path)
    assert open_model(f"hf:{tmp_path}").card.modality
    for name in ("tokenizer.json", "vocab.txt", "preprocessor_config.json", "processor_config.json"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(BadInput, match=rf"a {what} in .*got none. Fix: copy it there"):
        _ = open_model(f"hf:{tmp_path}").card


def test_two_stores_for_one_model_are_one_call_each(tmp_path, few, ray_local):
    store = FeatureStore(tmp_path)
    table = extract("minilm", few, store, layers=["hidden.6"], pool="cls", replicas=1)
    assert extract("minilm", few, str(tmp_path), layers="hidden.6", pool="cls").path == table.path
    assert table.manifest["meta"]["licence"] == "CC BY-SA 4.0"


def test_glove_is_the_mean_of_the_vectors_of_the_words_and_refuses_what_has_none():
    glove = open_model("glove")
    glove.load("cpu")
    rabbit, own, both = (
        glove.forward([glove.preprocess(x)]).layers["vector"].numpy()[0] for x in ("Rabbit", "'s", "rabbit's")
    )
    assert both.shape == (2, 50)
    np.testing.assert_array_equal(both, np.concatenate([rabbit, own]))
    out = glove.forward([glove.preprocess(x) for x in ("don't", "rabbit")])
    assert out.mask is not None
    assert out.mask.tolist() == [[1, 1], [1, 0]]
    assert abs(rabbit).max() > 0.1
    with pytest.raises(ValueError, match="curtseying"):
        glove.preprocess("curtseying")


def test_every_efficientnet_has_a_random_twin_of_its_shape():
    for variant in range(3):
        trained, twin = (open_model(f"efficientnet-lite{variant}{x}") for x in ("", "-random"))
        assert twin.layers() == trained.layers()
        assert twin.card.objective == "none (random weights)"


def test_random_twins_differ_by_their_seed():
    names = [f"efficientnet-lite0-random{x}" for x in ("", ":0", ":1", ":2")]
    models = [open_model(name) for name in names]
    assert [m.card.name.removeprefix("efficientnet-lite0-") for m in models] == [
        "random",
        "random",
        "random-1",
        "random-2",
    ]
    assert [m.card.weights_hash for m in models] == [f"random, seed {k}" for k in (0, 0, 1, 2)]
    picture = np.random.default_rng(0).integers(256, size=(224, 224, 3), dtype=np.uint8)
    found = []
    for model in models:
        model.load("cpu")
        with torch.inference_mode():
            found.append(np.asarray(model.forward([picture]).layers["block.2"]))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.corrcoef(found[0].ravel(), found[2].ravel())[0, 1] < 0.9
    assert np.corrcoef(found[2].ravel(), found[3].ravel())[0, 1] < 0.9
    with pytest.raises(BadInput, match="a whole number of 0 or more; got efficientnet-lite0-random:one"):
        open_model("efficientnet-lite0-random:one")


def test_vectors_from_a_table_cannot_be_cast(tmp_path):
    with pytest.raises(BadInput, match="got glove, which a table of vectors computes"):
        extract("glove", open_stimuli("openmoji"), tmp_path, autocast="bfloat16")


def test_options_of_a_model_that_takes_none_are_refused():
    with pytest.raises(
        BadInput, match=r"no options of minilm, which takes none; got 'chunk'\. Fix: leave it out"
    ):
        open_model("minilm", {"chunk": 5})
