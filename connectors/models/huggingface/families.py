"""What `hidden_states` are, by kind of architecture: axes, units, meaning, and what a forward pass takes beside input.

A kind that is not here is refused, since the axes and the meaning of its outputs would be guesses. Where the last
hidden state lies, before or after the final norm, differs between kinds, and was looked up by comparing both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

Config = Mapping[str, Any]
AFTER = "output of the last block, after the final norm"
BEFORE = "output of the last block, before the final norm"
STAGE = "output of the last stage"
MASKED, NEXT, CONTRASTIVE = "masked language model", "next-token prediction", "contrastive image-text"
LABELS, OWN = "image classification", "self-distillation"


@dataclass(frozen=True)
class Family:
    """A kind of architecture, ``model_type`` in its configuration.

    Attributes:
        modality, axes: of what goes in, and of every hidden state; see `Layer`.
        last: what the last hidden state is.
        units: of every hidden state, from the configuration.
        options: arguments of every forward pass. settings: what is changed in the configuration.
        masked: whether a text is given with its attention mask.
        filled: whether texts are padded to the longest the model takes, and it sees that, as it did in training.
        apart: whether only texts of one length go together, because attention that runs both ways sees what is padded.
        patches_in_order: whether patches must be told to stay where they are.
    """

    modality: str
    axes: str
    last: str
    objective: str
    units: Callable[[Config], list[int]]
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    masked: bool = True
    filled: bool = False
    apart: bool = False
    patches_in_order: bool = False


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


def _speech(objective: str, **names: str) -> Family:
    return Family("speech", "btd", AFTER, objective, _depth(**names))


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
    # It reads from left to right, so that what is padded on the right comes too late to matter.
    "mamba": Family("text", "btd", AFTER, NEXT, _depth(), {"use_cache": False}, masked=False),
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
    "vit_mae": _vision("masked autoencoding", settings={"mask_ratio": 0.0}, patches_in_order=True),
    "clip_vision_model": _vision(CONTRASTIVE, AFTER),
    "siglip_vision_model": _vision(CONTRASTIVE),
    "blip_vision_model": _vision(CONTRASTIVE),
    "idefics2_vision": _vision("next-token prediction after a contrastive start"),
    "swin": Family("image", "btd", BEFORE, LABELS, _doubling("embed_dim")),
    "sam_vision_model": Family("image", "bhwc", BEFORE, "promptable segmentation", _depth()),
    "convnext": _map(LABELS, _stages(lambda c: c["hidden_sizes"][0])),
    "convnextv2": _map(LABELS, _stages(lambda c: c["hidden_sizes"][0])),
    "resnet": _map(LABELS, _stages(lambda c: c["embedding_size"]), STAGE),
    "align_vision_model": _map(CONTRASTIVE, _efficient, STAGE),
    "wav2vec2": _speech("contrastive, masked"),
    "hubert": _speech("masked prediction of clusters"),
    "wavlm": _speech("masked prediction of clusters, denoising"),
    "whisper": _speech("transcription", width="d_model", depth="encoder_layers"),
    "clap_audio_model": Family(
        "speech", "bchw", "output of the last stage, before the final norm", "contrastive sound-text",
        _doubling("patch_embeds_hidden_size"),
    ),
}  # fmt: skip
