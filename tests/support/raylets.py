"""A cluster of several raylets on this machine whose processes can be killed, and a driver in a process of its own."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import tiny

# A dead raylet is noticed in seconds, where a cluster over a network would wait half a minute.
_QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
}

_DRIVER = """
import pickle, sys
sys.path.insert(0, {support!r})
import tiny
from ray import cloudpickle
cloudpickle.register_pickle_by_value(tiny)
if __name__ == "__main__":
    from consilience.engine.extraction import Extraction, extract_all
    from consilience.engine.features import FeatureStore
    with open(sys.argv[1], "rb") as file:
        pairs, store, options = cloudpickle.load(file)
    extract_all([Extraction(*pair) for pair in pairs], FeatureStore(store), **options)
"""


class Raylets:
    """The head, which runs no replica, and as many nodes as are added."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "object_store_memory": 128 << 20, "_system_config": _QUICK},
        )
        self.nodes: list[Any] = []

    @property
    def address(self) -> str:
        return self._cluster.address

    def add(self, cpus: int = 2, gpus: int = 0) -> Any:
        """A node more."""
        node = self._cluster.add_node(num_cpus=cpus, num_gpus=gpus, object_store_memory=80 << 20)
        self.nodes.append(node)
        return node

    def kill(self, node: Any) -> None:
        """SIGKILL of the raylet; what runs on it goes with it."""
        self.nodes.remove(node)
        os.kill(self._raylet(node), signal.SIGKILL)

    def actors(self) -> list[int]:
        """The process ids of the replicas on all nodes, those that still load among them."""
        found = []
        for node in self.nodes:
            for process in psutil.Process(self._raylet(node)).children(recursive=True):
                try:
                    if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::Actor"):
                        found.append(process.pid)
                except psutil.Error:  # gone while we looked
                    continue
        return sorted(found)

    def shutdown(self) -> None:
        self._cluster.shutdown()
        with (
            warnings.catch_warnings()
        ):  # a socket that Ray leaves open, and that nobody else is to be blamed for
            warnings.simplefilter("ignore", ResourceWarning)
            del self._cluster
            self.nodes.clear()
            gc.collect()

    def _raylet(self, node: Any) -> int:
        return node.all_processes["raylet"][0].process.pid


@contextmanager
def raylets(*cpus: int) -> Iterator[Raylets]:
    """A cluster with one node for each number of CPUs."""
    cluster = Raylets()
    try:
        for number in cpus:
            cluster.add(number)
        yield cluster
    finally:
        cluster.shutdown()


@contextmanager
def driver(folder: Path, pairs: Any, **options: Any) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that extracts `pairs` of (model, stimuli) into ``folder/store``; its errors go to ``folder/errors``."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(tiny)
    folder.mkdir(parents=True, exist_ok=True)
    what = folder / "what.pickle"
    with what.open("wb") as file:
        cloudpickle.dump((pairs, folder / "store", options), file, protocol=pickle.HIGHEST_PROTOCOL)
    script = _DRIVER.format(support=str(Path(tiny.__file__).parent))
    with (
        (folder / "errors").open("ab") as errors,
        subprocess.Popen([sys.executable, "-c", script, str(what)], stderr=errors) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def finished(process: "subprocess.Popen[bytes]", folder: Path, seconds: float = 120) -> None:
    """Wait for a driver that must end well."""
    assert process.wait(seconds) == 0, (folder / "errors").read_text()
