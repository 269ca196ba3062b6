"""What a forward pass of some kinds of models takes beside its input: functions of the module and the input."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def in_order(net: Any, given: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """Of a masked autoencoder: it puts patches in the order of the noise they are given, so this has them stay."""
    import torch

    pixels = given["pixel_values"]
    patches = net.embeddings.patch_embeddings.num_patches
    return {"noise": torch.arange(patches, device=pixels.device, dtype=torch.float32).expand(len(pixels), -1)}


def no_picture(net: Any, given: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """Of IDEFICS on a text alone: a picture that no token attends to, whatever is in it."""
    ids = given["input_ids"]
    samples, tokens = ids.shape
    return {
        "image_encoder_embeddings": net.norm.weight.new_zeros(samples, 1, 1, net.vision_config.embed_dim),
        "image_attention_mask": ids.new_zeros(samples, tokens, 1),
    }
