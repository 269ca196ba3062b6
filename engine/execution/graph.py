"""The graph of a pass: its tasks, and how their results are combined: always alike, so that order never matters."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

FAN_IN = 8
CHUNK = "chunk-"  # how the keys of the tasks given begin

Key = tuple[str | int, ...]


class Tasks(NamedTuple):
    """A pass: ``combine`` of ``function(*call)`` over `calls`."""

    function: Callable[..., Any]
    calls: Sequence[tuple[Any, ...]]
    combine: Callable[[list[Any]], Any]


class Graph(NamedTuple):
    """Tasks by key, for a Dask scheduler; `chunks` are the keys of those given, in order, `last` of the result."""

    tasks: dict[Key, tuple[Any, ...]]
    chunks: list[Key]
    last: Key


def chain(tasks: Sequence[tuple[Any, ...]], combine: Callable[..., Any]) -> Graph:
    """The graph of `tasks`, each a function and its arguments; eight results at a time enter what there is so far.

    For results in one memory: of those that cover all rows there is one, where a tree holds up to eight for each level.
    """
    chunks, graph = _leaves(tasks, "")
    last: list[Key] = []
    for i in range(0, len(chunks), FAN_IN):
        key = ("combine", i)
        graph[key] = (combine, last + chunks[i : i + FAN_IN])
        last = [key]
    return Graph(graph, chunks, last[0])


def tree(
    tasks: Sequence[tuple[Any, ...]], combine: Callable[..., Any], beside: Sequence[Any], name: str
) -> Graph:
    """The graph of `tasks`, each a function and its arguments.

    Args:
        combine: called with a list of results, eight at a time in the order of the tasks, then of what that gave; also
            with a single one. `beside` are further arguments of each such call.
        name: tells the keys from those of other graphs.
    """
    chunks, graph = _leaves(tasks, name)
    level, depth = chunks, 0
    while len(level) > 1 or depth == 0:
        above: list[Key] = []
        for i in range(0, len(level), FAN_IN):
            key = (f"combine-{name}", depth, i)
            graph[key] = (combine, level[i : i + FAN_IN], *beside)
            above.append(key)
        level, depth = above, depth + 1
    return Graph(graph, chunks, level[0])


def _leaves(tasks: Sequence[tuple[Any, ...]], name: str) -> tuple[list[Key], dict[Key, tuple[Any, ...]]]:
    chunks: list[Key] = [(CHUNK + name, i) for i in range(len(tasks))]
    return chunks, dict(zip(chunks, tasks))
