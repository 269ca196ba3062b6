"""Run the tasks of a pass as one Dask graph and fold their results in a fixed tree, so that order never matters."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from consilience.engine.errors import unknown
from consilience.engine.progress import Progress, silent

EXECUTORS = ("threads",)
FAN_IN = 8


def workers(device: str = "cpu") -> int:
    """Threads that compute at the same time: the cores this process may use, or one for a GPU."""
    return len(os.sched_getaffinity(0)) if device == "cpu" else 1


def joined(parts: list[list[Any]]) -> list[Any]:
    """All of several lists in one, in their order: a `combine` for `run`."""
    return [value for part in parts for value in part]


def serial(
    function: Callable[..., Any],
    calls: Sequence[tuple[Any, ...]],
    combine: Callable[[list[Any]], Any],
    **_: Any,
) -> Any:
    """As `run`, one call after the other: for a task that is one of many already."""
    return combine([function(*call) for call in calls])


def run(
    function: Callable[..., Any],
    calls: Sequence[tuple[Any, ...]],
    combine: Callable[[list[Any]], Any],
    *,
    executor: str = "threads",
    threads: int | None = None,
    costs: Sequence[float] | None = None,
    stage: str = "",
    progress: Progress = silent,
) -> Any:
    """``combine`` of ``function(*call)`` over `calls`, combined eight at a time in the order of the calls.

    Args:
        costs: relative cost of each call, so that progress is in work done and not in tasks.
    """
    if executor not in EXECUTORS:
        raise unknown("executor", executor, EXECUTORS)
    from dask import threaded
    from dask.callbacks import Callback

    costs = costs or [1.0] * len(calls)
    # A partial is opaque to Dask, which would otherwise search the arguments for task names.
    graph: dict[Any, Any] = {("chunk", i): (partial(function, *call),) for i, call in enumerate(calls)}
    level: list[Any] = [("chunk", i) for i in range(len(calls))]
    depth = 0
    while len(level) > 1 or depth == 0:
        above = []
        for i in range(0, len(level), FAN_IN):
            key = ("combine", depth, i)
            graph[key] = (combine, level[i : i + FAN_IN])
            above.append(key)
        level, depth = above, depth + 1
    done, total = 0.0, float(sum(costs))

    def finished(key: Any, *_: Any) -> None:
        nonlocal done
        if isinstance(key, tuple) and key[0] == "chunk":
            done += costs[key[1]]
            progress(stage, done, total)

    progress(stage, 0.0, total)
    with Callback(posttask=finished):
        return threaded.get(graph, level[0], num_workers=threads or workers())
