"""Small transformers models with random weights, one of every kind that is known, saved as their users have them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"word{i}" for i in range(55))]
TEXT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 60,
    "pad_token_id": 0,
}  # fmt: skip
DECODER = {**TEXT, "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 64}
IMAGE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip
VISION = {k: v for k, v in IMAGE.items() if k != "hidden_size"}
SPEECH = {
    **{k: v for k, v in TEXT.items() if k != "pad_token_id"}, "conv_dim": [8, 8], "conv_kernel": [10, 3],
    "conv_stride": [5, 2], "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
MAPS = {"hidden_sizes": [4, 8, 12, 16], "depths": [1, 1, 1, 1], "image_size": 32}
SEAMLESS = {
    "hidden_size": 16, "vocab_size": 60, "encoder_layers": 2, "encoder_ffn_dim": 32, "encoder_attention_heads": 2,
    "decoder_layers": 1, "decoder_ffn_dim": 32, "decoder_attention_heads": 2, "speech_encoder_layers": 3,
    "speech_encoder_attention_heads": 2, "speech_encoder_intermediate_size": 32, "t2u_encoder_layers": 1,
    "t2u_encoder_ffn_dim": 32, "t2u_encoder_attention_heads": 2, "t2u_decoder_layers": 1, "t2u_decoder_ffn_dim": 32,
    "t2u_decoder_attention_heads": 2, "t2u_vocab_size": 20, "unit_hifi_gan_vocab_size": 20, "unit_embed_dim": 8,
    "lang_embed_dim": 4, "spkr_embed_dim": 4, "vocoder_num_langs": 2, "vocoder_num_spkrs": 2,
    "upsample_initial_channel": 64, "conv_depthwise_kernel_size": 3, "bos_token_id": 2, "eos_token_id": 3,
}  # fmt: skip
SAM = {**IMAGE, "global_attn_indexes": [1], "output_channels": 8, "window_size": 2}
# Kind of model -> configuration. Parts are tried one after the other.
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": TEXT,
    "roberta": {**TEXT, "max_position_embeddings": 66, "pad_token_id": 1},
    "albert": {**TEXT, "embedding_size": 8},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "vocab_size": 60},
    "mpnet": {**TEXT, "pad_token_id": 1},
    "t5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "vocab_size": 60},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 60},
    **dict.fromkeys(("llama", "mistral", "gemma", "gemma2", "qwen2", "qwen3"), DECODER),
    "mamba": {"hidden_size": 16, "num_hidden_layers": 2, "vocab_size": 60, "state_size": 4},
    **dict.fromkeys(("vit", "deit", "beit", "dinov2", "vit_mae"), IMAGE),
    "dinov3_vit": {**IMAGE, "num_register_tokens": 2},
    "swin": {
        "image_size": 32,
        "patch_size": 4,
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [1, 2],
        "window_size": 4,
    },
    "convnext": MAPS,
    "convnextv2": MAPS,
    "resnet": {
        "embedding_size": 4,
        "hidden_sizes": [8, 12, 16, 20],
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
    },
    "sam": {
        "vision_config": SAM,
        "prompt_encoder_config": {"hidden_size": 8, "image_size": 32, "patch_size": 8},
        "mask_decoder_config": {
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "mlp_dim": 16,
            "iou_head_hidden_dim": 8,
        },
    },
    "clip": {"text_config": {**TEXT, "eos_token_id": 3, "bos_token_id": 2}, "vision_config": IMAGE},
    "siglip": {"text_config": TEXT, "vision_config": IMAGE},
    "blip": {
        "text_config": {**TEXT, "encoder_hidden_size": 16, "bos_token_id": 2, "sep_token_id": 3},
        "vision_config": {**IMAGE, "initializer_range": 0.02},
    },
    "align": {
        "text_config": TEXT,
        "vision_config": {
            "image_size": 32,
            "width_coefficient": 0.3,
            "depth_coefficient": 0.4,
            "hidden_dim": 16,
        },
    },
    "idefics": {
        **TEXT, "vision_config": {**VISION, "embed_dim": 24}, "alpha_initializer": "ones",
        "cross_layer_interval": 1, "use_resampler": True,
        "perceiver_config": {
            "use_resampler": True, "resampler_n_latents": 2, "resampler_depth": 1, "resampler_n_heads": 2,
            "resampler_head_dim": 8,
        },
    },
    "idefics3": {
        "text_config": {**DECODER, "model_type": "llama"}, "vision_config": IMAGE, "image_token_id": 59,
        "scale_factor": 2,
    },
    "paligemma": {
        "text_config": {**DECODER, "model_type": "gemma"},
        "vision_config": {**IMAGE, "model_type": "siglip_vision_model", "projection_dim": 16},
        "image_token_index": 59,
        "projection_dim": 16,
    },
    "idefics2": {
        "text_config": {**DECODER, "model_type": "mistral", "num_key_value_heads": 2},
        "vision_config": IMAGE,
        "perceiver_config": {
            "hidden_size": 16,
            "resampler_n_latents": 2,
            "resampler_depth": 1,
            "resampler_n_heads": 2,
            "resampler_head_dim": 8,
            "num_key_value_heads": 1,
        },
    },
    **dict.fromkeys(("wav2vec2", "hubert", "wavlm"), SPEECH),
    "seamless_m4t": SEAMLESS,
    "seamless_m4t_v2": {
        **SEAMLESS, "char_vocab_size": 20, "t2u_variance_predictor_embed_dim": 16,
        "t2u_variance_predictor_hidden_dim": 8,
    },
    "whisper": {
        "d_model": 16,
        "encoder_layers": 2,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32,
        "vocab_size": 60,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
    },
    "clap": {
        "text_config": {**TEXT, "max_position_embeddings": 66, "pad_token_id": 1},
        "audio_config": {
            "patch_size": 4, "patch_stride": [4, 4], "window_size": 4,
            "patch_embeds_hidden_size": 8, "hidden_size": 16, "depths": [1, 1], "num_attention_heads": [1, 2],
            "enable_fusion": False, "num_hidden_layers": 2,
        },
    },
}  # fmt: skip


SQUARE = {"height": 32, "width": 32}
CROPPED = {"size": {"shortest_edge": 32}, "crop_size": SQUARE}
# Kind of model -> the image processor that it is published with, and how it is set up.
PROCESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    "beit": ("BeitImageProcessor", {"size": SQUARE, "crop_size": SQUARE}),
    "deit": ("DeiTImageProcessor", {"size": SQUARE, "crop_size": SQUARE}),
    "dinov2": ("BitImageProcessor", CROPPED),
    **dict.fromkeys(("convnext", "convnextv2", "resnet"), ("ConvNextImageProcessor", {"size": {"shortest_edge": 32}})),
    "sam": ("SamImageProcessor", {"size": {"longest_edge": 32}, "pad_size": SQUARE}),
    "clip": ("CLIPImageProcessor", CROPPED),
    **dict.fromkeys(("siglip", "paligemma"), ("SiglipImageProcessor", {"size": SQUARE})),
    "blip": ("BlipImageProcessor", {"size": SQUARE}),
    "align": ("EfficientNetImageProcessor", {"size": SQUARE, "crop_size": SQUARE}),
    "idefics": ("IdeficsImageProcessor", {"image_size": 32}),
    "idefics2": (
        "Idefics2ImageProcessor", {"size": {"shortest_edge": 16, "longest_edge": 32}, "do_image_splitting": True},
    ),
    "idefics3": (
        "Idefics3ImageProcessor", {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}},
    ),
}  # fmt: skip


def save(kind: str, folder: Path) -> None:
    """A model of that kind, its tokenizer, image processor and feature extractor, in `folder`."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **_copied(CONFIGS[kind]))
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
    if kind == "whisper":
        transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    elif kind == "clap":
        transformers.ClapFeatureExtractor(
            max_length_s=1,
            truncation="rand_trunc",
            padding="repeatpad",
        ).save_pretrained(folder)
    elif kind.startswith("seamless"):
        transformers.SeamlessM4TFeatureExtractor().save_pretrained(folder)
    elif kind in ("wav2vec2", "hubert", "wavlm"):
        transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    else:
        name, settings = PROCESSORS.get(kind, ("ViTImageProcessor", {"size": SQUARE}))
        getattr(transformers, name + "Pil")(**settings).save_pretrained(folder)


def _copied(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of its own: transformers changes what it is given."""
    return {k: _copied(v) if isinstance(v, Mapping) else v for k, v in config.items()}
