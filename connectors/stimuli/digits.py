"""Handwritten digits, of 8 by 8 pixels: the smallest pictures with classes that many models can be shown."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from consilience.connectors.files import package_folder, sha256
from consilience.connectors.stimuli.registry import register

if TYPE_CHECKING:
    from sklearn.utils import Bunch


@register("digits", "1,797 handwritten digits of 8 x 8 pixels, with labels")
class Digits:
    """Bright digits on black, ``0000`` to ``1796``, 17 steps of grey; their labels are ``0`` to ``9``."""

    name = "digits"
    licence = "CC BY 4.0 (UCI Machine Learning Repository)"
    citation = (
        "Alpaydin & Kaynak 1998, Optical Recognition of Handwritten Digits (its test set), UCI Machine Learning "
        "Repository"
    )

    @cached_property
    def fingerprint(self) -> str:
        return sha256([package_folder("sklearn", "scikit-learn", self.name) / "datasets/data/digits.csv.gz"])

    def views(self) -> Sequence[str]:
        return ("image",)

    def sample_ids(self) -> Sequence[str]:
        return [f"{i:04d}" for i in range(len(self._data.images))]

    def labels(self) -> dict[str, str]:
        """Sample id -> its digit."""
        return dict(zip(self.sample_ids(), map(str, self._data.target.tolist())))

    def get(self, view: str, index: int) -> Any:
        from PIL import Image

        return Image.fromarray((self._data.images[index] * (255 / 16)).round().astype("uint8"))

    @cached_property
    def _data(self) -> "Bunch":
        from sklearn.datasets import load_digits

        return load_digits()
