"""What `hidden_states` are, by kind of architecture: axes, units, meaning, and what a forward pass takes beside input.

A kind that is not here is refused, since the axes and the meaning of its outputs would be guesses. Where the last
hidden state lies, before or after the final norm, differs between kinds, and was looked up by comparing both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Any

from consilience.connectors.models.huggingface.beside import in_order, no_picture

if TYPE_CHECKING:
    import torch

    Beside = Callable[[Any, Mapping[str, torch.Tensor]], dict[str, torch.Tensor]]

Config = Mapping[str, Any]
AFTER = "output of the last block, after the final norm"
BEFORE = "output of the last block, before the final norm"
STAGE = "output of the last stage"
BLOCK = "output of the last block; a final norm follows for the pooled vector alone"
MASKED, NEXT, CONTRASTIVE = "masked language model", "next-token prediction", "contrastive image-text"
LABELS, OWN = "image classification", "self-distillation"
CAPTIONED = "next-token prediction after a contrastive start"
TRANSLATION = "translation of speech and text"


@dataclass(frozen=True)
class Family:
    """A kind of architecture, ``model_type`` in its configuration.

    Attributes:
        modality, axes: of what goes in, and of every hidden state; see `Layer`.
        first, last: what the first and the last hidden state are.
        units: of every hidden state, from the configuration.
        options: arguments of every forward pass. settings: what is changed in the configuration.
        masked: whether a text or a sound is given with its attention mask.
        filled: whether texts are padded to the longest the model takes, and it sees that, as it did in training.
        apart: whether only texts of one length go together, because attention that runs both ways sees what is padded.
        beside: what a forward pass takes beside its input, of the module and the input.
        outputs: of a module that keeps no hidden states: those of which of its modules they are, by pattern.
        frames: of a sound of so many samples, how many frames that come out are of it, where it is padded.
        valued: whether its passes look at values, so that none can be made of shapes alone.
        shorter: of so many frames, how many the last hidden state has, where it has fewer than the others.
    """

    modality: str
    axes: str
    last: str
    objective: str
    units: Callable[[Config], list[int]]
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    first: str = "embeddings"
    masked: bool = True
    filled: bool = False
    apart: bool = False
    beside: "Beside | None" = None
    outputs: tuple[str, ...] = ()
    frames: Callable[[int], int] | None = None
    valued: bool = False
    shorter: Callable[[Config, int], int] | None = None


def _depth(width: str = "hidden_size", depth: str = "num_hidden_layers") -> Callable[[Config], list[int]]:
    return lambda config: [config[width]] * (config[depth] + 1)


def _stages(first: Callable[[Config], int]) -> Callable[[Config], list[int]]:
    return lambda config: [first(config), *config["hidden_sizes"]]


def _doubling(width: str) -> Callable[[Config], list[int]]:
    """Twice as many after each stage but the last."""
    return lambda config: [
        config[width] * 2 ** min(i, len(config["depths"]) - 1) for i in range(len(config["depths"]) + 1)
    ]


def _efficient(config: Config) -> list[int]:
    """Of an EfficientNet: of the stem, and of every block."""

    def rounded(count: int) -> int:
        divisor, wanted = config["depth_divisor"], count * config["width_coefficient"]
        found = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
        return int(found + divisor if found < 0.9 * wanted else found)

    units = [rounded(32)]
    for count, repeats in zip(config["out_channels"], config["num_block_repeats"]):
        units += [rounded(count)] * ceil(repeats * config["depth_coefficient"])
    return units


def _encoder(objective: str = MASKED, last: str = AFTER, **names: str) -> Family:
    return Family("text", "btd", last, objective, _depth(**names))


def _decoder(apart: bool = False, **names: str) -> Family:
    return Family("text", "btd", AFTER, NEXT, _depth(**names), {"use_cache": False}, apart=apart)


def _vision(objective: str, last: str = BEFORE, **more: Any) -> Family:
    return Family("image", "btd", last, objective, _depth(), **more)


def _speech(objective: str, frames: Callable[[int], int] | None = None, **names: str) -> Family:
    return Family("speech", "btd", AFTER, objective, _depth(**names), masked=False, frames=frames)


def _stacked(samples: int) -> int:
    """Of SeamlessM4T: a spectrum each 160 samples of 400, two of them a frame, of which half a frame is none."""
    return (1 + (samples - 400) // 160) // 2


def _adapted(config: Config, frames: int) -> int:
    """How many frames the adapter at the end leaves."""
    kernel, stride = config["adaptor_kernel_size"], config["adaptor_stride"]
    for _ in range(config["num_adapter_layers"] if config["add_adapter"] else 0):
        frames = (frames + 2 * (kernel // 2) - kernel) // stride + 1
    return frames


_SEAMLESS = Family(
    "speech", "btd", "what the encoder gives: the last block, an adapter where there is one, and a norm", TRANSLATION,
    _depth(depth="speech_encoder_layers"), first="projected spectra", frames=_stacked, shorter=_adapted,
)  # fmt: skip


def _map(objective: str, units: Callable[[Config], list[int]], last: str = AFTER) -> Family:
    return Family("image", "bchw", last, objective, units)


FAMILIES: dict[str, Family] = {
    "bert": _encoder(),
    "roberta": _encoder(),
    "xlm-roberta": _encoder(),
    "albert": _encoder(),
    "distilbert": _encoder(width="dim", depth="n_layers"),
    "mpnet": _encoder(),
    "t5": _encoder("span corruption", width="d_model", depth="num_layers"),
    "gpt2": _decoder(width="n_embd", depth="n_layer"),
    "llama": _decoder(),
    "mistral": _decoder(),
    "gemma": _decoder(),
    "gemma2": _decoder(),
    "paligemma/gemma": _decoder(apart=True),
    "paligemma/gemma2": _decoder(apart=True),
    "qwen2": _decoder(),
    "qwen3": _decoder(),
    "idefics": Family(
        "text", "btd", AFTER, NEXT, _depth(), {"use_cache": False}, beside=no_picture,
        first="embeddings, after the first gated block",
    ),
    # It reads from left to right, so that what is padded on the right comes too late to matter.
    "mamba": Family("text", "btd", AFTER, NEXT, _depth(), {"use_cache": False}, masked=False),
    "seamless_m4t_text": _encoder(TRANSLATION, depth="encoder_layers"),
    "clip_text_model": _encoder(CONTRASTIVE, BEFORE),
    "siglip_text_model": Family("text", "btd", BEFORE, CONTRASTIVE, _depth(), masked=False, filled=True),
    "blip_text_model": _encoder(CONTRASTIVE),
    "align_text_model": _encoder(CONTRASTIVE),
    "clap_text_model": _encoder("contrastive sound-text"),
    "vit": _vision(LABELS),
    "deit": _vision("image classification with a distillation token"),
    "beit": _vision("masked image modelling", AFTER),
    "dinov2": _vision(OWN),
    "dinov3_vit": _vision(OWN),
    "vit_mae": _vision("masked autoencoding", settings={"mask_ratio": 0.0}, beside=in_order),
    "clip_vision_model": _vision(CONTRASTIVE, BLOCK),
    "siglip_vision_model": _vision(CONTRASTIVE),
    "blip_vision_model": _vision(CONTRASTIVE),
    "idefics_vision": Family(
        "image", "btd", BLOCK, CAPTIONED, _depth(width="embed_dim"), outputs=("pre_layrnorm", "encoder.layers.*"),
    ),
    "idefics2_vision": _vision(CAPTIONED, valued=True),
    "idefics3_vision": _vision(CAPTIONED, valued=True),
    "swin": Family("image", "btd", BEFORE, LABELS, _doubling("embed_dim")),
    "sam_vision_model": Family("image", "bhwc", BEFORE, "promptable segmentation", _depth()),
    "convnext": _map(LABELS, _stages(lambda c: c["hidden_sizes"][0])),
    "convnextv2": _map(LABELS, _stages(lambda c: c["hidden_sizes"][0])),
    "resnet": _map(LABELS, _stages(lambda c: c["embedding_size"]), STAGE),
    "align_vision_model": _map(CONTRASTIVE, _efficient, STAGE),
    "wav2vec2": _speech("contrastive, masked"),
    "hubert": _speech("masked prediction of clusters"),
    "wavlm": _speech("masked prediction of clusters, denoising"),
    # A spectrum each 160 samples, every second of which a convolution keeps.
    "whisper": _speech("transcription", lambda n: ceil(n / 320), width="d_model", depth="encoder_layers"),
    "seamless_m4t_speech": _SEAMLESS,
    "clap_audio_model": Family(
        "speech", "bchw", "output of the last stage, before the final norm", "contrastive sound-text",
        _doubling("patch_embeds_hidden_size"), masked=False,
    ),
}  # fmt: skip
