"""A picture as a diffusion model takes it, and the noise that is added to it."""

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from consilience.connectors.models.pictures import square

if TYPE_CHECKING:
    import numpy as np


def pixels_of(item: Any, size: int, channels: int) -> "np.ndarray":
    """A picture -> (channels, size, size) float32 from -1 to 1, cropped to a square; one channel is of grey."""
    import numpy as np
    from PIL import Image

    found = square(item, size)
    if channels == 1:
        found = np.asarray(Image.fromarray(found).convert("L"))[:, :, None]
    first = np.ascontiguousarray(found.transpose(2, 0, 1))
    return first.astype(np.float32) / np.float32(127.5) - np.float32(1)


def noise_of(pixels: "np.ndarray", seed: int, shape: tuple[int, ...]) -> "np.ndarray":
    """Standard normal float32 noise, decided by the seed and by what is in the picture: whatever goes before it or
    beside it through the model, and wherever that runs, a picture has the same."""
    import numpy as np

    content = np.frombuffer(sha256(pixels.tobytes()).digest(), "<u4").tolist()
    return np.random.default_rng([seed, *content]).standard_normal(shape, np.float32)
