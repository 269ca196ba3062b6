"""Metrics of another package, really installed: they share the passes and get errors, nulls, checks and the report."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "outside-metrics"
version = "1.0"

[project.entry-points."consilience.metrics"]
ours = "outside_metrics"

[tool.setuptools]
py-modules = ["outside_metrics"]
"""
MODULE = '''
"""Two metrics: of pairs of samples, and of neighbours."""

import numpy as np

from consilience.engine.metrics import Number, register


@register(
    "plain_cosine", needs="sums", space=lambda: "inner", symmetric=True, direction="similarity", range=(-1, 1),
    source="this package", invariances=("permutation", "rotation", "scaling"),
)
def plain_cosine(s):
    """Cosine of two Gram matrices, without centring.

    <K, L> / (|K| |L|), diagonals left out
    """
    own = np.sqrt(np.diagonal(s.cross, axis1=1, axis2=2))
    return s.cross / (own[:, :, None] * own[:, None, :])


@register(
    "any_neighbour", needs="neighbours", space=lambda k: "rdm-cosine", parameters={"k": Number(3, 1)},
    symmetric=True, direction="similarity", range=(0, 1), source="this package",
    invariances=("permutation", "rotation", "scaling"),
)
def any_neighbour(left, right, *, k):
    """Share of samples with at least one neighbour in common.

    mean over samples i of [N_X(i) and N_Y(i) share a sample]
    """
    shared = (left.lists[:, None, :, :, None] == right.lists[None, :, :, None, :]).any(axis=(3, 4))
    return shared.mean(axis=2)
'''
SCRIPT = """
if __name__ != "__main__":
    raise SystemExit  # a worker that starts
import numpy as np
import consilience as cs
from consilience.engine.comparison import Comparison
from consilience.testing import check_metric

assert cs.metrics()["plain_cosine"] == "Cosine of two Gram matrices, without centring."
rng = np.random.default_rng(0)
x, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 7))
y[:, :5] += x
metrics = ["plain_cosine", "any_neighbour:k=4", "cka", "rsa"]
table = cs.compare({"x": x, "y": y}, metrics=metrics, permutations=19)
assert (table["se"].sel(a="x", b="y") > 0).all()
assert table["p"].sel(a="x", b="y").values[1] == 1 / 20
assert list(table["null"].values)[1] == "19 permutations"
steps = [step.name for step in Comparison({"x": x}, metrics=metrics).plan().steps]
assert steps == ["tiles", "neighbour lists"]  # one sweep, theirs and ours
try:
    cs.score("any_neighbour:k=60", x, y)
except cs.BadInput as bad:
    print(bad)
def cosine(x, y):
    k, l = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0), np.fill_diagonal(l, 0)
    return (k * l).sum() / np.linalg.norm(k) / np.linalg.norm(l)


def any_shared(x, y, k=4):
    near = []
    for z in (x, y):
        unit = z / np.linalg.norm(z, axis=1, keepdims=True)
        similar = unit @ unit.T
        np.fill_diagonal(similar, -2)
        near.append(np.argsort(-similar, axis=1)[:, :k])
    return np.mean([bool(set(p) & set(q)) for p, q in zip(*near)])


check_metric("plain_cosine", cosine, executors=("threads", "distributed"))
check_metric("any_neighbour:k=4", any_shared)
try:
    check_metric("any_neighbour:k=4", lambda x, y: any_shared(x, y, 5), executors=())
except AssertionError as wrong:
    print(wrong)
store = cs.FeatureStore("store")
for name, z in (("x", x), ("y", y)):
    store.write(name, "set", [str(i) for i in range(60)], {"layer": z})
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of site packages that holds the installed package."""
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "outside_metrics.py").write_text(textwrap.dedent(MODULE))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--no-index", "--target", site, source], check=True, timeout=300
    )
    return site


def test_metrics_of_an_installed_package(outside: Path, tmp_path: Path) -> None:
    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, timeout=300, cwd=tmp_path,
            env={"PYTHONPATH": str(outside), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / "script.py").write_text(SCRIPT)
    told = run("script.py")
    assert "k smaller than the number of samples in 'any_neighbour:k=60'" in told
    assert "any_neighbour:k=4: the reference is " in told
    cli = ("-m", "consilience.pipelines.cli")
    assert "plain_cosine" in run(*cli, "list", "metrics")
    run(
        *cli,
        "compare",
        "store/x/set",
        "store/y/set",
        "--metric",
        "plain_cosine",
        "--metric",
        "any_neighbour:k=2",
    )
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "plain_cosine" in report
    assert "any_neighbour:k=2" in report
