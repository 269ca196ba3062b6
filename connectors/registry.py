"""Names for connectors: registered by a decorator here, or by entry points of other packages."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib.metadata import entry_points
from inspect import Parameter, signature
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

    def open(
        self, name: str, options: Mapping[str, Any] | None = None, offered: Mapping[str, Any] | None = None
    ) -> T:
        """Make what `name` stands for, with the `options` that its factory takes by keyword, and what of `offered` it
        takes.

        Raises BadInput for a name that is not known or lacks its argument, and for options that are not the factory's.
        """
        kind, _, argument = name.partition(":")
        for known in self.lines():
            stem, takes, _ = known.partition(":")
            if known != name and (not takes or stem != kind):
                continue
            if takes and (not argument or known == name):
                raise BadInput(known, repr(name), f"give the argument, as in {stem}:/data/mine")
            factory = self._factory(known)
            keywords = _keywords(known, factory, options or {}, offered or {})
            return factory(argument, **keywords) if takes else factory(**keywords)
        raise self._unknown(name)

    def _unknown(self, name: str) -> BadInput:
        """Of a kind with its argument the kind is compared with those there are: no argument is like another."""
        error = unknown(self.kind, name, self.lines())
        kind, colon, _ = name.partition(":")
        stems = {known.partition(":")[0]: known for known in self.lines() if ":" in known}
        near = get_close_matches(kind, stems, n=1, cutoff=0.5) if colon else []
        return BadInput(error.expected, error.got, f"did you mean {stems[near[0]]!r}?") if near else error

    def _factory(self, known: str) -> Callable[..., T]:
        if known in self._made:
            return self._made[known][1]
        (point,) = entry_points(group=self.group, name=known)
        return point.load()


def _keywords(
    known: str, factory: Callable[..., Any], options: Mapping[str, Any], offered: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        parameters = signature(factory).parameters.items()
    except ValueError:  # of a built-in, which says nothing of itself
        parameters = {}.items()
    takes = {k: p for k, p in parameters if p.kind is Parameter.KEYWORD_ONLY}
    allowed = [name for name in takes if name not in offered]
    for name, value in options.items():
        if not allowed:
            raise BadInput(f"no options of {known}, which takes none", repr(name), "leave it out")
        if name not in allowed:
            raise unknown(f"option of {known}", name, allowed)
        _check(known, name, value, takes[name].annotation)
    for name in allowed:
        if takes[name].default is Parameter.empty and name not in options:
            raise BadInput(f"the option `{name}` of {known}", "none", f"add `{name}:` beside the name")
    return {**{k: v for k, v in offered.items() if k in takes}, **options}


def _check(known: str, name: str, value: Any, kind: Any) -> None:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        wanted = " or ".join(dict.fromkeys(e["msg"].removeprefix("Input should be ") for e in error.errors()))
        raise BadInput(f"`{name}` of {known} as {wanted}", repr(value), f"correct `{name}:`") from error
