"""Resemblyzer, a speaker encoder: three recurrent layers and the embedding, 256 units each.

Its package cannot be imported without others that are not wanted here; network and spectrogram are
a few lines each. Silences are not cut out of a sound, as the package does before it.
"""

from collections.abc import Sequence
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any

from consilience.connectors.files import package_folder, revision, sha256
from consilience.connectors.models.huggingface.sounds import at_rate
from consilience.connectors.models.registry import register
from consilience.engine.extraction.interfaces import Layer, ModelCard, Outputs

if TYPE_CHECKING:
    import numpy as np

_PACKAGE = "resemblyzer"
_RATE, _HOP, _FFT, _CHANNELS = 16_000, 160, 400, 40
_WINDOW, _STEP, _COVERED = 160, 77, 0.75  # frames of a window, and between two; how full the last one must be
_UNITS, _DEPTH = 256, 3
_LOUDNESS = 10 ** (-30 / 20)  # root mean square, which a softer sound is raised to


@register(
    "resemblyzer", "Resemblyzer, speaker encoder: every recurrent layer, and the embedding of the voice"
)
class Resemblyzer:
    """The network on windows of 1.6 s, 1.3 of them a second, as its ``embed_utterance`` cuts a sound.

    The tokens of a recurrent layer are the frames of all windows that lie in the sound. The embedding is the mean of
    those of the windows, on the unit sphere.
    """

    def __init__(self) -> None:
        self._weights = package_folder("resemblyzer", _PACKAGE, "resemblyzer") / "pretrained.pt"

    @cached_property
    def card(self) -> ModelCard:
        return ModelCard(
            name="resemblyzer",
            modality="speech",
            revision=revision(_PACKAGE),
            weights_hash=sha256([self._weights]),
            preprocessing="one channel, resampled to 16000 Hz, raised to -30 dBFS, silences kept; mel spectrogram of "
            "40 channels in windows of 1.6 s each 0.77 s",
            objective="speaker verification (generalised end-to-end loss)",
            parameters=1_423_616,
            licence="Apache-2.0",
            citation="Wan et al. 2018, Generalized end-to-end loss for speaker verification, ICASSP; "
            "Resemblyzer (Resemble AI)",
        )

    def layers(self) -> Sequence[Layer]:
        recurrent = [
            Layer(f"lstm.{i}", "btd", _UNITS, "output of the recurrent layer at every frame of the sound")
            for i in range(1, _DEPTH + 1)
        ]
        return [*recurrent, Layer("embedding", "bd", _UNITS, "the voice: mean over windows, of length 1")]

    def load(self, device: str) -> None:
        import torch

        state = torch.load(self._weights, map_location="cpu", weights_only=True)["model_state"]
        self._recurrent = [
            torch.nn.LSTM(_CHANNELS if not i else _UNITS, _UNITS, batch_first=True) for i in range(_DEPTH)
        ]
        for i, layer in enumerate(self._recurrent):
            layer.load_state_dict({name: state[f"lstm.{name[:-1]}{i}"] for name in layer.state_dict()})
            layer.eval().to(device)
        self._linear = torch.nn.Linear(_UNITS, _UNITS)
        self._linear.load_state_dict({name: state[f"linear.{name}"] for name in ("weight", "bias")})
        self._linear.eval().to(device)
        self._device = device
        self._filters = filters()

    def preprocess(self, item: tuple[Any, int]) -> tuple["np.ndarray", list[int]]:
        """(samples, rate) -> spectrograms (window, frame, channel), and how many frames of each are of the sound."""
        import numpy as np

        samples = at_rate(item[0], item[1], _RATE)
        loudness = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        if not loudness:
            raise ValueError("the sound is silent")
        starts = windows(len(samples))
        end = max(len(samples), (starts[-1] + _WINDOW) * _HOP)
        mel = spectrogram(
            np.pad(samples, (0, end - len(samples))) * max(1.0, _LOUDNESS / loudness), self._filters
        )
        frames = ceil((len(samples) + 1) / _HOP)
        mels = np.stack([mel[start : start + _WINDOW] for start in starts])
        return mels, [min(_WINDOW, frames - start) for start in starts]

    def forward(self, batch: Sequence[tuple["np.ndarray", list[int]]]) -> Outputs:
        import numpy as np
        import torch

        x = torch.from_numpy(np.concatenate([mels for mels, _ in batch])).to(self._device)
        sizes = [len(mels) for mels, _ in batch]
        layers = {}
        for i, layer in enumerate(self._recurrent, 1):
            x, _ = layer(x)
            layers[f"lstm.{i}"] = _by_sample(x.flatten(0, 1), [n * _WINDOW for n in sizes])
        voices = torch.nn.functional.normalize(torch.relu(self._linear(x[:, -1])), dim=1, eps=0.0)
        means = torch.stack([part.mean(0) for part in voices.split(sizes)])
        layers["embedding"] = torch.nn.functional.normalize(means, dim=1, eps=0.0)
        seen = torch.tensor([n for _, frames in batch for n in frames], device=x.device)
        inside = torch.arange(_WINDOW, device=x.device) < seen[:, None]
        mask = _by_sample(inside.long().flatten(), [n * _WINDOW for n in sizes])
        return Outputs(layers, mask)


def windows(samples: int) -> list[int]:
    """The frames at which the windows of a sound begin, as the package's ``compute_partial_slices`` has them. The last
    is left out where less than 3/4 of it is filled, unless it is the only one."""
    frames = ceil((samples + 1) / _HOP)
    starts = list(range(0, max(1, frames - _WINDOW + _STEP + 1), _STEP))
    filled = (samples / _HOP - starts[-1]) / _WINDOW
    return starts if filled >= _COVERED or len(starts) == 1 else starts[:-1]


def filters() -> "np.ndarray":
    """(frequency, channel): the mel bands of librosa, of equal area."""
    from transformers.audio_utils import mel_filter_bank

    bands = mel_filter_bank(
        _FFT // 2 + 1, _CHANNELS, 0.0, _RATE / 2, _RATE, norm="slaney", mel_scale="slaney"
    )  # fmt: skip
    return bands.astype("float32")


def spectrogram(samples: "np.ndarray", bands: "np.ndarray") -> "np.ndarray":
    """(frame, channel) in float32: power in mel bands, not its logarithm. A frame is 25 ms around each 10 ms."""
    import numpy as np

    padded = np.pad(samples, _FFT // 2)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP] * hann
    power = np.abs(np.fft.rfft(frames)) ** 2
    return (power @ bands).astype(np.float32)


def _by_sample(x: Any, counts: Sequence[int]) -> Any:
    """(tokens of all samples, ...) -> (sample, token, ...), filled up with 0."""
    import torch

    return torch.nn.utils.rnn.pad_sequence(x.split(list(counts)), batch_first=True)
