"""Small diffusion pipelines with random weights, one of every kind of network that is known, saved by `diffusers`."""

from pathlib import Path
from string import ascii_lowercase
from typing import Any

import small_models

BLOCKS: dict[str, Any] = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}
UNET: dict[str, Any] = {**BLOCKS, "sample_size": 8, "attention_head_dim": 4}


def vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        **BLOCKS, latent_channels=4, sample_size=16, down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, shift_factor=0.1,
    )  # fmt: skip


def pixels(folder: Path) -> None:
    """A UNet on pixels, which lies beside its index as in the first pipelines that were published."""
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    types = {
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    }
    pipeline: Any = DDPMPipeline(
        UNet2DModel(**UNET, **types), DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    )
    pipeline.save_pretrained(folder)
    for part in ("unet", "scheduler"):
        for file in (folder / part).iterdir():
            file.rename(folder / file.name)
        (folder / part).rmdir()


def classes(folder: Path) -> None:
    """A DiT on latents, told a class."""
    from diffusers import DDIMScheduler, DiTPipeline, DiTTransformer2DModel

    net = DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=3, sample_size=8,
        num_embeds_ada_norm=10,
    )  # fmt: skip
    pipeline: Any = DiTPipeline(net, vae(), DDIMScheduler())
    pipeline.save_pretrained(folder)


def texts(folder: Path) -> None:
    """A UNet on latents, told a text."""
    import transformers
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel

    types = {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }
    own: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 0, "max_position_embeddings": 16}
    config = transformers.CLIPTextConfig(**{**small_models.TEXT, **own})
    letters = [*ascii_lowercase, *(f"{x}</w>" for x in ascii_lowercase)]
    words = {word: i for i, word in enumerate(["<|endoftext|>", "<|startoftext|>", *letters])}
    pipeline: Any = StableDiffusionPipeline(
        vae(), transformers.CLIPTextModel(config),
        transformers.CLIPTokenizer(vocab=words, merges=[], model_max_length=16),
        UNet2DConditionModel(**UNET, **types, cross_attention_dim=16),
        EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_end=0.012, steps_offset=1), None, None, None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder)


KINDS = {"pixels": pixels, "classes": classes, "texts": texts}


def save(kind: str, folder: Path) -> None:
    """A pipeline of that kind in `folder`."""
    import torch

    torch.manual_seed(0)
    KINDS[kind](folder)
