"""Pictures as a vision model takes them."""

from typing import TYPE_CHECKING, Any

from consilience.engine.extraction.interfaces import Picture, note

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image


def rgb(item: Any, size: int) -> "Image":
    """A PIL image or `Picture` as a PIL image in RGB; a drawing is drawn at `size`, a photograph keeps its own size.

    Transparent pixels are put on white: what lies under them in the file is arbitrary. Of 16 bits a pixel the upper
    eight are kept. Raises ValueError for pixels of 32 bits, whose range no file states.
    """
    from PIL import Image

    if isinstance(item, Picture):
        return item.image(size)
    if not isinstance(item, Image.Image):
        raise TypeError(f"expected a PIL image or a Picture; got {type(item).__name__}")
    if item.mode in ("RGBA", "LA", "PA") or "transparency" in item.info:
        item = item.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", item.size, "white"), item).convert("RGB")
    if item.mode.startswith("I;16"):
        note("of 16 bits a pixel, shown by the upper eight")
        return _upper_eight(item).convert("RGB")
    if item.mode in ("I", "F"):
        raise ValueError("the picture has pixels of 32 bits, whose range is not known: store it with 8 or 16")
    return item.convert("RGB")


def _upper_eight(item: "Image") -> "Image":
    """A picture of 16 bits a pixel with 8: Pillow's own conversion turns all but the darkest 256 greys white."""
    import numpy as np
    from PIL import Image

    return Image.fromarray((np.asarray(item) >> 8).astype(np.uint8))


def square(item: Any, size: int) -> "np.ndarray":
    """`item` as (size, size, 3) uint8: the shorter side resized to `size` (bicubic), the middle cut out."""
    import numpy as np
    from PIL import Image

    image = rgb(item, size)
    if image.size != (size, size):
        scale = size / min(image.size)
        width, height = (max(size, round(side * scale)) for side in image.size)
        left, top = (width - size) // 2, (height - size) // 2
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        image = image.crop((left, top, left + size, top + size))
    return np.asarray(image)
