"""Run the tasks of a pass as one Dask graph, on threads or on a cluster; see `consilience.engine.execution`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeVar

from consilience.engine import machine
from consilience.engine.execution.graph import Tasks, chain
from consilience.engine.execution.sessions import call, opened, resolved
from consilience.engine.progress import Progress, silent

P = ParamSpec("P")
T = TypeVar("T")


class Run(Protocol):
    """``combine`` of ``function(*call)`` over `calls`, combined in the order of the calls, always alike.

    `costs` are those of the calls relative to each other, so that progress is in work done and not in tasks. `workers`
    calls are done at the same time, `together` of these in one process, whose memory they share.
    """

    @property
    def workers(self) -> int: ...

    @property
    def together(self) -> int: ...

    def __call__(
        self,
        function: Callable[..., Any],
        calls: Sequence[tuple[Any, ...]],
        combine: Callable[[list[Any]], Any],
        *,
        costs: Sequence[float] | None = None,
        stage: str = "",
    ) -> Any: ...


@dataclass(frozen=True)
class Executor:
    """A `Run` on threads of this process, on a Dask cluster (``distributed``) or on a Ray cluster (``ray``).

    `threads` are how many compute at the same time, of a cluster that is started here; None: the cores this process may
    use, or one for a GPU.
    """

    executor: str = "threads"
    address: str | None = None
    threads: int | None = None
    device: str = "cpu"
    progress: Progress = silent

    def __post_init__(self) -> None:
        resolved(self.executor, self.address)

    @property
    def workers(self) -> int:
        return self._threads if self.executor == "threads" else self._of_cluster("workers")

    @property
    def together(self) -> int:
        return self._threads if self.executor == "threads" else self._of_cluster("together")

    def _of_cluster(self, number: str) -> int:
        with opened(self.executor, self.address, self._threads) as session:
            return int(getattr(session.cluster, number))

    @property
    def _threads(self) -> int:
        return self.threads or (machine.cores() if self.device == "cpu" else 1)

    def __call__(
        self,
        function: Callable[..., Any],
        calls: Sequence[tuple[Any, ...]],
        combine: Callable[[list[Any]], Any],
        *,
        costs: Sequence[float] | None = None,
        stage: str = "",
    ) -> Any:
        costs = costs or [1.0] * len(calls)
        done, total = 0.0, float(sum(costs))
        left = set(range(len(calls)))

        def finished(k: int) -> None:
            nonlocal done
            if k in left:  # and not done once more, because what it gave was lost
                left.remove(k)
                done += costs[k]
                self.progress(stage, done, total)

        self.progress(stage, 0.0, total)
        if self.executor == "threads":
            return _on_threads(Tasks(function, calls, combine), finished, self._threads)
        with call(self.executor, self.address, self._threads) as session:
            return session.cluster.run(Tasks(function, calls, combine), finished, self.device != "cpu")


def _on_threads(tasks: Tasks, finished: Callable[[int], None], threads: int) -> Any:
    from dask import threaded
    from dask.callbacks import Callback

    # A partial is opaque to Dask, which would otherwise search the arguments for task names.
    graph = chain([(partial(tasks.function, *arguments),) for arguments in tasks.calls], tasks.combine)
    number = {key: k for k, key in enumerate(graph.chunks)}

    def posttask(key: Any, *_: Any) -> None:
        if key in number:
            finished(number[key])

    with Callback(posttask=posttask):
        return threaded.get(graph.tasks, graph.last, num_workers=threads)


@dataclass(frozen=True)
class Serial:
    """As `Executor`, one call after the other: for a task that is one of many already."""

    workers: int = 1
    together: int = 1

    def __call__(
        self,
        function: Callable[..., Any],
        calls: Sequence[tuple[Any, ...]],
        combine: Callable[[list[Any]], Any],
        **_: Any,
    ) -> Any:
        return combine([function(*arguments) for arguments in calls])


run = Executor()
serial = Serial()


def in_turn(run: Run) -> Run:
    """The same on one thread, if it is on threads."""
    return replace(run, threads=1) if isinstance(run, Executor) and run.executor == "threads" else run


def joined(parts: list[list[Any]]) -> list[Any]:
    """All of several lists in one, in their order: a `combine` for `Run`."""
    return [value for part in parts for value in part]


def on_executor(function: Callable[P, T]) -> Callable[P, T]:
    """A function with the options `executor`, `address` and `threads`, whose passes all run on one cluster."""

    @wraps(function)
    def inside(*arguments: P.args, **options: P.kwargs) -> T:
        given: dict[str, Any] = dict(options)
        executor, address = given.get("executor", "threads"), given.get("address")
        if executor == "threads":
            return function(*arguments, **options)
        with call(executor, address, given.get("threads")):
            return function(*arguments, **options)

    return inside
