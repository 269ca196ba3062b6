"""One import name over top-level folders: what is installed, who imports whom, and what `--help` pays for."""

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import consilience

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAPPING: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]
HEAVY = ("torch", "ray", "mlflow", "transformers", "xarray", "dask", "pandas", "scipy", "sklearn", "plotly")
FROM_ENGINE = {"cache", "errors", "progress", "extraction.interfaces"}


def python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=120)


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the source tree, by the name it is imported under."""
    for package, folder in MAPPING.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join([package, *parts])
            yield name.removesuffix(".__init__"), path


def test_the_packages_named_are_the_folders_that_hold_code() -> None:
    found = {name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in modules()}
    assert found == set(PROJECT["tool"]["setuptools"]["packages"])
    assert all(path.with_name("__init__.py").is_file() for _, path in modules())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    # Built from a copy: setuptools keeps `build/` in the source tree, and would pack modules deleted since.
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("src", "engine", "connectors", "pipelines", "tests", "deploy", "typings"):
        if (ROOT / name).is_dir():
            junk = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=junk)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "-w", str(out), "."]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_the_wheel_holds_every_module_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    held = {x for x in wheel.namelist() if ".dist-info/" not in x}
    code = {
        "/".join([*name.split("."), "__init__.py"])
        if path.name == "__init__.py"
        else name.replace(".", "/") + ".py"
        for name, path in modules()
    }
    assert {x for x in held if x.endswith(".py")} == code
    assert {x.split("/")[0] for x in held} == {"consilience"}


def test_the_wheel_holds_the_files_that_code_reads(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    kinds = {".yaml", ".html", ".css", ".js", ".typed", ".sha256", ".toml"}
    for package, folder in MAPPING.items():
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in kinds:
                name = package.replace(".", "/") + "/" + path.relative_to(ROOT / folder).as_posix()
                assert name in held, f"add {path.relative_to(ROOT)} to package-data"


@pytest.mark.parametrize("folder", ["engine", "connectors", "pipelines"])
def test_a_folder_refuses_its_bare_name(folder: str) -> None:
    done = python(f"import {folder}", ROOT)
    assert done.returncode == 1
    assert f"expected 'consilience.{folder}'" in done.stderr
    assert "Fix: " in done.stderr


def test_a_users_own_engine_folder_is_neither_used_nor_hidden(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("mine = True\n")
    (tmp_path / "engine" / "errors.py").write_text("raise SystemExit('the wrong engine')\n")
    code = "import consilience.engine.errors as e, engine; print(e.__file__); assert engine.mine"
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith(str(tmp_path))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (x.name for x in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{x.name}" for x in node.names)


def test_data_flows_one_way() -> None:
    for name, path in modules():
        for target in imported(path):
            assert target.split(".")[0] not in MAPPING.values(), f"{name} imports {target} by its bare name"
            if name.startswith("consilience.engine"):
                assert not target.startswith(("consilience.connectors", "consilience.pipelines")), (
                    name,
                    target,
                )
            if name.startswith("consilience.connectors"):
                assert not target.startswith("consilience.pipelines"), (name, target)
                if target.startswith("consilience.engine."):
                    within = target.removeprefix("consilience.engine.")
                    allowed = any(within == x or within.startswith(x + ".") for x in FROM_ENGINE)
                    assert allowed, f"{name} imports {target}"


def test_every_public_name_resolves() -> None:
    for name in consilience.__all__:
        assert getattr(consilience, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'comapre'"):
        consilience.comapre  # noqa: B018


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["list", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = f"""
import sys
from consilience.pipelines.cli import main
sys.argv = ["consilience", *{arguments!r}]
try:
    main()
except SystemExit as done:
    assert done.code == 0, done.code
loaded = [x for x in {HEAVY!r} if x in sys.modules]
assert not loaded, loaded
"""
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
