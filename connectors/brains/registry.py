"""Brain data sets by name."""

from pathlib import Path
from typing import Any

from consilience.connectors.brains.dataset import Brains
from consilience.connectors.registry import Registry

_REGISTRY: Registry[Brains] = Registry("brain data set", "consilience.brains")
register = _REGISTRY.register


def brains() -> dict[str, str]:
    """Every registered brain data set: name -> one line. A name in capitals after a colon stands for an argument."""
    _fill()
    return _REGISTRY.lines()


def open_brains(name: str, *, base: str | Path = ".", **options: Any) -> Brains:
    """The brain data set of that name; what it holds is fetched and read when it is asked for. `options` are those of
    its kind, such as ``task`` of ``bids:FOLDER``; relative paths among them start at `base`.

    Raises BadInput for an unknown name or option, and for an option that is missing.
    """
    _fill()
    return _REGISTRY.open(name, options, {"base": base})


def _fill() -> None:
    # Here and not above: these modules import the decorator from this one.
    from consilience.connectors.brains import alice, files, haxby, image_folders, imaging, kriegeskorte92  # noqa: F401
