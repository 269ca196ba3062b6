"""The 92 pictures of objects that were shown to humans and monkeys."""

from collections.abc import Sequence
from typing import Any

from consilience.connectors.datasets import kriegeskorte92 as data
from consilience.connectors.stimuli.registry import register


@register(
    "kriegeskorte92",
    "92 pictures of bodies, faces, natural and artificial objects, shown to humans and monkeys",
)
class Kriegeskorte92:
    """The pictures, 175 x 175, of the brain data set of the same name. Sample ids end in the category:
    ``13-human-face``. They are fetched when they are first asked for."""

    name = data.DATA.name
    licence = data.DATA.licence
    citation = data.DATA.citation
    fingerprint = data.DATA.fingerprint

    def views(self) -> Sequence[str]:
        return ("image",)

    def sample_ids(self) -> Sequence[str]:
        return data.pictures().ids

    def get(self, view: str, index: int) -> Any:
        from PIL import Image

        return Image.fromarray(data.pictures().images[index])
