"""Tasks on a Ray cluster, through Dask-on-Ray: the cluster that extraction runs on."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psutil

from consilience.engine.execution.graph import CHUNK, FAN_IN, Key, Tasks, tree
from consilience.engine.execution.sessions import Done
from consilience.engine.execution.shipping import Load, Shipment
from consilience.engine.extraction.cluster import ray_running

STORE = 2 << 30  # bytes of object store of a Ray started here, if the memory is there: states pass through it
RETRIES = 5  # of a task whose worker died


class RayCluster:
    """Tasks of one core each, or one GPU. Ray has those of a dead process done again."""

    together = 1

    def __init__(self) -> None:
        import ray

        self._shipment = Shipment(lambda values: [ray.put(value) for value in values])

    @property
    def workers(self) -> int:
        import ray

        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def forget(self) -> None:
        self._shipment.forget()

    def run(self, tasks: Tasks, done: Done, gpu: bool) -> Any:
        import ray
        from ray.exceptions import RayTaskError
        from ray.util.dask import ray_dask_get

        load = Load(tasks, self._shipment)
        graph = tree(load.tasks, load.fold, load.beside, name=uuid.uuid4().hex)
        window = Window(2 * self.workers + FAN_IN, done)
        needs = {"num_cpus": 1, "num_gpus": int(gpu), "max_retries": RETRIES}
        last = ray_dask_get(
            graph.tasks,
            cast(Any, graph.last),
            ray_callbacks=[window.callback],
            ray_persist=True,
            num_workers=1,
            ray_remote_args=needs,
        )
        try:
            window.drain()
            return ray.get(last).value()
        except RayTaskError as error:
            raise error.cause from error


class Window:
    """Submits at most so many tasks ahead of those that are done: else all would be done, and their states kept, before
    the first are combined."""

    def __init__(self, most: int, done: Done):
        self._most, self._done = most, done
        self._ahead: dict[Any, Key] = {}

    @property
    def callback(self) -> Any:
        """For Dask-on-Ray, to be called before and after it submits a task."""
        from ray.util.dask.callbacks import RayCallback

        hooks: Any = RayCallback  # a named tuple, its fields named at run time
        return hooks(self._before, self._after, None, None, None, None)

    def _before(self, task: Any, key: Key, deps: Any) -> None:
        while len(self._ahead) >= self._most:
            self._wait()

    def _after(self, task: Any, key: Key, deps: Any, ref: Any) -> None:
        self._ahead[ref] = key

    def _wait(self) -> None:
        import ray

        (ref,), _ = ray.wait(list(self._ahead), fetch_local=False)
        name, number, *_ = self._ahead.pop(ref)
        if str(name).startswith(CHUNK):
            self._done(int(number))

    def drain(self) -> None:
        """Wait for all that is left."""
        while self._ahead:
            self._wait()


@contextmanager
def ray_cluster(address: str | None, workers: int | None) -> Iterator[RayCluster]:
    """The Ray that this process is connected to, the one at the address, or one started here; see `ray_running`."""
    store = min(STORE, psutil.virtual_memory().available // 4)
    with ray_running(address, store=store, cores=workers):
        yield RayCluster()
