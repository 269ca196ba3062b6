"""Brain data sets by name."""

from consilience.connectors.brains.dataset import Brains
from consilience.connectors.registry import Registry

_REGISTRY: Registry[Brains] = Registry("brain data set", "consilience.brains")
register = _REGISTRY.register


def brains() -> dict[str, str]:
    """Every registered brain data set: name -> one line. A name in capitals after a colon stands for an argument."""
    _fill()
    return _REGISTRY.lines()


def open_brains(name: str) -> Brains:
    """The brain data set of that name; what it holds is fetched and read when it is asked for.

    Raises BadInput for an unknown name.
    """
    _fill()
    return _REGISTRY.open(name)


def _fill() -> None:
    # Here and not above: these modules import the decorator from this one.
    from consilience.connectors.brains import alice, files, haxby, kriegeskorte92  # noqa: F401
