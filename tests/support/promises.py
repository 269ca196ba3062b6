"""What the plan of a call promises of memory, and what the call takes: each in a process of its own."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
from measure import peak

import consilience as cs
from consilience.engine.comparison import Comparison
from consilience.engine.costs.brains import reliability_step
from consilience.engine.encoding.encoding import Encoding
from consilience.engine.machine import nominal
from consilience.engine.metrics.registry import parse
from consilience.engine.profile import Profile

Work = tuple[Callable[[], object], float]  # a call, and the bytes it is promised to take

# Each process is forked from one that has imported all this and done nothing: the imports take longer than the work.
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(
    ["consilience", "consilience.engine.encoding", "scipy.spatial", "sklearn.linear_model"]
)


def promised_and_taken(make: Callable[..., Work], *given: Any) -> tuple[float, float]:
    with ProcessPoolExecutor(1, mp_context=_FORKED) as process:
        return process.submit(_taken, make, *given).result()


def _taken(make: Callable[..., Work], *given: Any) -> tuple[float, float]:
    work, promised = make(*given)
    with peak() as rise:
        work()
    return promised, rise[0]


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def comparison(n: int, d: int, count: int, metrics: str, options: dict[str, Any]) -> Work:
    """Of `count` representations (n, d), or RDMs of n samples where d is 0."""
    from scipy.spatial.distance import pdist

    rng, names = np.random.default_rng(0), metrics.split("+")
    single = parse(names[0]).metric.single
    call: Any = Profile if single else Comparison
    few: dict[str, Any] = {}
    if not single:
        options = {"permutations": 10, **options}
        few["preprocess"] = ["l2"]
    if any(parse(m).labelled for m in names):
        few["labels"], options["labels"] = np.arange(64) % 2, rng.integers(0, 10, n)
    call({"a": rng.normal(size=(64, 4)), "b": rng.normal(size=(64, 4))}, metrics=names, **few).run()

    def made() -> Any:
        if d:
            return rng.normal(size=(n, d)).astype(np.float32)
        return cs.RDM(pdist(rng.normal(size=(n, 3)), "sqeuclidean").astype(np.float32))

    x = {f"m/{i}": made() for i in range(count)}

    def work() -> None:
        call(x, metrics=names, **options).run()

    return work, call(x, metrics=names, **options).plan().memory


def encoding(n: int, d: int, v: int, options: dict[str, Any]) -> Work:
    """From `layers` of d features, beyond a nuisance of `nuisance` columns, to v units."""
    layers, nuisance = options.pop("layers", 1), options.pop("nuisance", 0)
    Encoding(_normal(100, 4), _normal(100, 4)).run()
    rng = np.random.default_rng(1)
    x = {f"m/{k}": rng.normal(size=(n, d)).astype(np.float32) for k in range(layers)}
    beside = rng.normal(size=(n, nuisance)).astype(np.float32) if nuisance else None
    work = Encoding(x, _normal(n, v), beside, **options)
    return work.run, max(step.memory for step in work.plan())


def reliability(n: int, repeats: int, d: int) -> Work:
    cs.reliability(_normal(5, 2, 4), permutations=5)
    x = _normal(n, repeats, d)

    def work() -> None:
        cs.reliability(x, permutations=5)

    return work, reliability_step(n, repeats, [d], 100, 5, nominal()).memory
