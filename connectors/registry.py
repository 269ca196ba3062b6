"""Names for connectors: registered by a decorator here, or by entry points of other packages."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from consilience.engine.errors import BadInput, unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """Factories by name. A name is plain (``minilm``), or a kind with its argument (``hf:FOLDER``) whose factory takes
    what stands after the colon. Other packages register a factory under the entry point group `group`."""

    def __init__(self, kind: str, group: str):
        self.kind, self.group = kind, group
        self._made: dict[str, tuple[str, Callable[..., T]]] = {}

    def register(self, name: str, line: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator: the function or class makes what `name` stands for; `line` describes it in one line."""

        def add(factory: Callable[..., Any]) -> Callable[..., Any]:
            self._made[name] = (line, factory)
            return factory

        return add

    def lines(self) -> dict[str, str]:
        """Every name with its one line, sorted."""
        outside = {
            point.name: f"from the package {point.dist.name if point.dist else point.module}"
            for point in entry_points(group=self.group)
        }
        return dict(sorted({**outside, **{name: line for name, (line, _) in self._made.items()}}.items()))

    def open(self, name: str) -> T:
        """Make what `name` stands for. Raises BadInput for a name that is not known or lacks its argument."""
        kind, _, argument = name.partition(":")
        for known in self.lines():
            stem, takes, _ = known.partition(":")
            if known != name and (not takes or stem != kind):
                continue
            if takes and (not argument or known == name):
                raise BadInput(known, repr(name), f"give the argument, as in {stem}:/data/mine")
            return self._factory(known)(argument) if takes else self._factory(known)()
        raise unknown(self.kind, name, self.lines())

    def _factory(self, known: str) -> Callable[..., T]:
        if known in self._made:
            return self._made[known][1]
        (point,) = entry_points(group=self.group, name=known)
        return point.load()
