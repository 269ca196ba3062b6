"""Models by the family that they belong to: of what they were trained on."""

from collections.abc import Mapping

from consilience.connectors.models.facts import FAMILIES, OF_MODALITY, told
from consilience.connectors.models.registry import open_model
from consilience.engine.errors import BadInput, unknown

# Kinds of model that are of one family only; any other may be of each.
_KINDS = {"gguf": "language", "endpoint": "language", "diffusion": "vision"}


def of_family(names: Mapping[str, str], family: str) -> dict[str, str]:
    """Those of `names`, with their lines, that are of that family, and the kinds that may be. Raises BadInput for a
    family that there is not."""
    if family not in FAMILIES:
        raise unknown("family of models", family, FAMILIES)
    return {name: line for name, line in names.items() if _family(name) in (family, None)}


def _family(name: str) -> str | None:
    """None where it may be any, or cannot be known because the model is not installed."""
    kind, argument, _ = name.partition(":")
    if argument:
        return _KINDS.get(kind)
    if found := told(name, {}).get("family"):
        return str(found)
    try:
        return OF_MODALITY.get(open_model(name).card.modality)
    except BadInput:
        return None
