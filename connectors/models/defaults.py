"""How stimuli are made into the input of a model that comes without a way of its own, and what a card says of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from consilience.connectors.models.huggingface.inputs import MEAN, SPREAD
from consilience.connectors.models.huggingface.sounds import at_rate
from consilience.connectors.models.pictures import square

if TYPE_CHECKING:
    import numpy as np

SIZE, RATE = 224, 16_000


def picture(item: Any, size: int = SIZE) -> "np.ndarray":
    """A picture -> (3, size, size) float32, cropped to a square and normalised as for ImageNet."""
    import numpy as np

    pixels = square(item, size).astype(np.float32) / 255
    return ((pixels - np.array(MEAN, np.float32)) / np.array(SPREAD, np.float32)).transpose(2, 0, 1)


def sound(item: Any) -> "np.ndarray":
    """(samples, rate) -> one channel at 16 kHz."""
    samples: np.ndarray = at_rate(item[0], item[1], RATE)
    return samples


# Modality -> what makes a sample, and that in words.
DEFAULTS: dict[str, tuple[Callable[[Any], Any] | None, str]] = {
    "image": (picture, f"RGB, {SIZE} x {SIZE} from the middle, ImageNet's mean and deviation"),
    "speech": (sound, f"one channel, resampled to {RATE} Hz"),
    "text": (None, ""),
}
