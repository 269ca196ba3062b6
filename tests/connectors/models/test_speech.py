"""The speech models that come as packages, against the library their weights were made for, or their equations."""

import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import malice
import numpy as np
import pytest
import torch

from consilience.connectors.models import ctranslate2 as binary
from consilience.connectors.models import open_model
from consilience.connectors.models.huggingface.sounds import at_rate
from consilience.connectors.models.resemblyzer import Resemblyzer, windows
from consilience.connectors.models.whisper import Whisper
from consilience.connectors.stimuli.espeak import Voice
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Outputs

SENTENCES = ["one two three four five", "a red apple", "grinning face"]


@pytest.fixture(scope="module")
def sounds() -> list[tuple[np.ndarray, int]]:
    voice = Voice()
    return [voice.speak(text) for text in SENTENCES]


def forward(model: Any, sounds: list[tuple[np.ndarray, int]]) -> Outputs:
    model.load("cpu")
    with torch.inference_mode():
        return model.forward([model.preprocess(sound) for sound in sounds])


def close(got: Any, want: Any, tolerance: float) -> None:
    """Largest difference, relative to the largest value."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= tolerance * np.abs(want).max()


def test_whisper_gives_what_ctranslate2_makes_of_the_same_weights(sounds):
    import ctranslate2

    model = Whisper()
    out = forward(model, sounds)
    assert [layer.name for layer in model.layers()] == list(out.layers) == [f"hidden.{i}" for i in range(5)]
    spectra = np.stack([model.preprocess(sound)[0] for sound in sounds])
    theirs = ctranslate2.models.Whisper(
        str(model.binary.parent), device="cpu", compute_type="float32", intra_threads=1
    )
    encoded = theirs.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(spectra)))
    close(out.layers["hidden.4"], np.array(encoded), 1e-4)
    # The first: two convolutions and the positions.
    raw = {
        name: torch.from_numpy(x.astype(np.float32))
        for name, x in binary.read(model.binary, "WhisperSpec").items()
    }
    x = torch.from_numpy(spectra)
    for i, stride in ((1, 1), (2, 2)):
        conv = torch.nn.functional.conv1d(
            x, raw[f"encoder/conv{i}/weight"], raw[f"encoder/conv{i}/bias"], stride=stride, padding=1
        )
        x = torch.nn.functional.gelu(conv)
    close(out.layers["hidden.0"], x.mT + raw["encoder/position_encodings/encodings"], 1e-5)
    # Of 30 s, what lasts as long as the sound.
    assert out.mask is not None
    assert out.mask.sum(1).tolist() == [-(-model.preprocess(x)[1] // 320) for x in sounds]


def test_the_whole_network_writes_down_what_it_hears(sounds):
    import transformers

    model = Whisper()
    model.load("cpu")
    net = transformers.WhisperModel.from_pretrained(model.folder, dtype=torch.float32).eval()
    words = transformers.PreTrainedTokenizerFast(tokenizer_file=str(model.binary.parent / "tokenizer.json"))
    tokens = [words.vocab[x] for x in ("<|startoftranscript|>", "<|notimestamps|>")]
    with torch.inference_mode():
        heard = net.encoder(torch.from_numpy(model.preprocess(sounds[0])[0])[None])
        while len(tokens) < 12:
            state = net(encoder_outputs=heard, decoder_input_ids=torch.tensor([tokens])).last_hidden_state
            tokens.append(int((state[0, -1] @ net.decoder.embed_tokens.weight.T).argmax()))
            if tokens[-1] == net.config.eos_token_id:
                break
    assert str(words.decode(tokens[2:], skip_special_tokens=True)).split() == ["1", "2", "3", "4", "5"]


def test_a_short_window_has_the_same_weights_and_fewer_frames(sounds, tmp_path, monkeypatch):
    monkeypatch.setenv("CONSILIENCE_CACHE", str(tmp_path))  # nothing is converted yet
    long, short = Whisper(), open_model("whisper-tiny.en-3s")
    assert isinstance(short, Whisper)
    a, b = forward(long, sounds), forward(short, sounds)
    assert b.layers["hidden.0"].shape == (3, 150, 384)
    # Before attention, where the sound lies, there is no difference; the last frame's neighbour may be cut.
    close(b.layers["hidden.0"][0, :60], a.layers["hidden.0"][0, :60], 1e-5)
    assert long.card.weights_hash == short.card.weights_hash
    assert long.card.preprocessing != short.card.preprocessing
    for model in (long, short):
        assert sum(p.numel() for p in model._net.parameters()) == model.card.parameters
    with pytest.raises(ValueError, match=r"lasts 5\.0 s, and the model takes 3 s"):
        short.preprocess((np.zeros(80_000, np.float32), 16_000))


def test_a_sound_longer_than_the_window_is_heard_in_pieces(sounds):
    long = np.concatenate([samples for samples, _ in sounds] * 2), sounds[0][1]  # some five seconds
    options = {"chunk": 3, "overlap": 1}
    short, pieces = open_model("whisper-tiny.en-3s"), open_model("whisper-tiny.en-3s", options)
    assert isinstance(short, Whisper)
    assert isinstance(pieces, Whisper)
    sent = cloudpickle.loads(cloudpickle.dumps(pieces))
    out = forward(sent, [long, sounds[1]])
    seconds = len(at_rate(*long, 16_000)) / 16_000
    assert seconds > 5
    assert out.mask is not None
    assert int(out.mask[0].sum()) == pytest.approx(50 * seconds, abs=3)
    own = int(out.mask[1].sum())
    alone = forward(short, [sounds[1]])
    close(out.layers["hidden.4"][1, :own], alone.layers["hidden.4"][0, :own], 1e-5)
    first = forward(short, [(at_rate(*long, 16_000)[:48_000], 16_000)])
    close(
        out.layers["hidden.4"][0, :125], first.layers["hidden.4"][0, :125], 1e-5
    )  # to the middle of an overlap
    assert pieces.card.preprocessing == f"{short.card.preprocessing}; in pieces of 3 s that overlap by 1 s"
    assert short.positions() == dict.fromkeys((f"hidden.{i}" for i in range(5)), 150)
    assert pieces.positions() == {}
    with pytest.raises(BadInput, match="of at most 3 s, which the model takes"):
        open_model("whisper-tiny.en-3s", {"chunk": 4})
    with pytest.raises(ValueError, match="`chunk` has it heard in pieces"):
        short.preprocess(long)


def test_a_file_that_is_not_whole_or_of_another_kind_is_refused(tmp_path):
    whole = Whisper().binary.read_bytes()
    path = tmp_path / "model.bin"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"a whole CTranslate2 model\.bin.*install its package again"):
        binary.read(path, "WhisperSpec")
    with pytest.raises(BadInput, match="WhisperSpec in 6"):
        binary.read(Whisper().binary, "TransformerSpec")


def test_resemblyzer_gives_the_published_network(sounds):
    """The same three layers as one LSTM, and the embedding as the package computes it."""
    long = np.concatenate([samples for samples, _ in sounds] * 2), sounds[0][1]
    given = [*sounds, long]
    model = Resemblyzer()
    out = forward(model, given)
    state = torch.load(model._weights, map_location="cpu", weights_only=True)["model_state"]
    lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
    lstm.load_state_dict({k.removeprefix("lstm."): v for k, v in state.items() if k.startswith("lstm.")})
    for row, (samples, rate) in enumerate(given):
        mels, frames = model.preprocess((samples, rate))
        assert (len(mels) > 4) == (row == 3)
        with torch.inference_mode():
            top, (hidden, _) = lstm(torch.from_numpy(mels))
            raw = torch.relu(hidden[-1] @ state["linear.weight"].T + state["linear.bias"])
        partial = (raw / raw.norm(dim=1, keepdim=True)).mean(0)
        close(out.layers["embedding"][row], partial / partial.norm(), 1e-5)
        close(out.layers["lstm.3"][row, : 160 * len(mels)], top.flatten(0, 1), 1e-5)
        assert out.mask is not None
        assert int(out.mask[row].sum()) == sum(frames)
    assert (
        sum(p.numel() for x in (*model._recurrent, model._linear) for p in x.parameters())
        == model.card.parameters
    )


def test_the_spectrogram_of_resemblyzer_is_power_in_mel_bands(sounds):
    model = Resemblyzer()
    model.load("cpu")
    samples = at_rate(sounds[0][0], sounds[0][1], 16_000)
    samples = samples * max(1.0, 10 ** (-30 / 20) / np.sqrt(np.mean(samples**2)))
    x = torch.nn.functional.pad(torch.from_numpy(samples), (200, 200 + 16_000))
    spectrum = (
        torch.stft(x, 400, 160, window=torch.hann_window(400), center=False, return_complex=True).abs() ** 2
    )
    mels, _ = model.preprocess(sounds[0])
    want = (spectrum.T @ torch.from_numpy(model._filters).float())[:160]
    close(mels[0], want, 1e-4)
    bands = model._filters
    assert bands.shape == (201, 40)
    # Each is a triangle of the same area, 1 over hertz: steps of 40 Hz, of which the narrowest hold few.
    close(bands[:, 20:].sum(0) * 40, np.ones(20), 0.1)


@pytest.mark.parametrize("samples", [1, 8_000, 25_599, 25_600, 37_920, 44_800, 100_000, 160_001])
def test_windows_are_those_of_the_package(samples):
    frames = int(np.ceil((samples + 1) / 160))
    starts = list(range(0, max(1, frames - 160 + 77 + 1), 77))
    if (samples - starts[-1] * 160) / 25_600 < 0.75 and len(starts) > 1:
        starts.pop()
    assert windows(samples) == starts


def test_a_silent_sound_has_no_voice():
    model = Resemblyzer()
    model.load("cpu")
    with pytest.raises(ValueError, match="the sound is silent"):
        model.preprocess((np.zeros(16_000, np.float32), 16_000))


def test_weights_with_code_in_them_are_refused(tmp_path: Path):
    mark, model = tmp_path / "mark", Resemblyzer()
    model._weights = tmp_path / "weights.pt"
    torch.save({"model_state": malice.Malice(mark)}, model._weights)
    with pytest.raises(pickle.UnpicklingError, match=r"[Ww]eights.only"):
        model.load("cpu")
    assert not mark.exists()
