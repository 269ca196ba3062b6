"""What other packages register: their entry points, each loaded once, when a name is first asked for."""

from functools import cache
from importlib.metadata import entry_points


@cache
def load(group: str) -> None:
    """Import what stands under the entry point group `group`; what it registers is known from then on."""
    for point in entry_points(group=group):
        point.load()
