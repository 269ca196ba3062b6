"""YAML with a memory: which line each key stands on, so that an error in a study can point at it."""

from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from consilience.engine.errors import BadInput

Loc = tuple[str | int, ...]


class StudyError(BadInput):
    """A mistake in a study file. The text names the file, the line and the key before what BadInput says."""

    def __init__(self, where: str, expected: str, got: str, fix: str, more: tuple[str, ...] = ()):
        super().__init__(expected, got, fix)
        self.where, self.more = where, more

    def __str__(self) -> str:
        return "\n".join([f"{self.where}: {super().__str__()}", *self.more])

    def __reduce__(self) -> Any:
        return type(self), (self.where, self.expected, self.got, self.fix, self.more)


def dotted(loc: Loc) -> str:
    """``("models", 1, "layers")`` -> ``models[1].layers``."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


@dataclass(frozen=True)
class Located:
    """What a YAML text holds, and the line (from 1) of every key and list entry in it."""

    name: str
    data: Any = None
    lines: dict[Loc, int] = field(default_factory=dict)

    def line(self, loc: Loc = ()) -> int:
        """The line of the key at `loc`, or of the nearest key around it that the file has; 0 if none."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 0)

    def where(self, loc: Loc = ()) -> str:
        """``study.yaml, line 7, key models[1].layers``."""
        line = self.line(loc)
        return self.name + (f", line {line}" if line else "") + (f", key {dotted(loc)}" if loc else "")

    def error(self, loc: Loc, bad: BadInput) -> StudyError:
        """`bad`, with the place in the file where it comes from."""
        return StudyError(self.where(loc), bad.expected, bad.got, bad.fix)


class _Loader(yaml.SafeLoader):
    """Keys are their text: plain YAML reads the key `null` as None, and `on` as True."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


def read_yaml(text: str, name: str) -> Located:
    """Parse `text`, called `name` in errors.

    Raises StudyError where the text is not YAML, or where one mapping has a key twice (plain YAML readers
    keep the last and say nothing).
    """
    try:
        located = Located(name)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            _walk(root, (), located)
        return replace(located, data=yaml.load(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}, line {mark.line + 1}" if mark else name
        got = ", ".join(str(x) for x in (error.context, error.problem) if x)
        raise StudyError(
            where, "a YAML file", got, "check the indentation, colons and brackets there"
        ) from error
    except yaml.YAMLError as error:
        raise StudyError(name, "a YAML file in UTF-8", str(error), "save the file as UTF-8 text") from error


def _walk(node: yaml.Node, loc: Loc, into: Located) -> None:
    into.lines.setdefault(loc, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: dict[Any, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                into.lines[(*loc, "?")] = line
                raise StudyError(
                    into.where((*loc, "?")), "a plain word as key", "a list or mapping", "rename the key"
                )
            into.lines[(*loc, key.value)] = line
            if key.value in seen:
                raise StudyError(
                    into.where((*loc, key.value)),
                    "each key once",
                    f"{key.value!r} on line {seen[key.value]} and on line {line}",
                    "remove one of the two",
                )
            seen[key.value] = line
            _walk(value, (*loc, key.value), into)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            into.lines[(*loc, i)] = value.start_mark.line + 1
            _walk(value, (*loc, i), into)
