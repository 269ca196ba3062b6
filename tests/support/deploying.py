"""What the tests of deploy/ share: the tools that validate it, a study that takes seconds, and an installed wheel."""

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from clusters import path_file

import consilience as cs

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
_FIELD = r"(\*|[0-9]+(-[0-9]+)?)(/[0-9]+)?"
CRON = re.compile(rf"{_FIELD}(,{_FIELD})*( {_FIELD}(,{_FIELD})*){{4}}")


def tool(name: str) -> str:
    """The program `name` that a package of the environment brings."""
    return str(Path(sys.executable).with_name(name))


def done(*command: str | Path, timeout: float = 300, **options: Any) -> str:
    """What a command that succeeds prints on its standard output."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def tiny_study(folder: Path, **keys: Any) -> Path:
    """A study of two tables that its store holds, so that no model is loaded."""
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    names, latent = [f"s{i:03d}" for i in range(200)], rng.normal(size=(200, 4))
    for model in ("one", "two"):
        features = (latent @ rng.normal(size=(4, 8)) + rng.normal(size=(200, 8))).astype(np.float32)
        cs.FeatureStore(folder / "features").write(model, "points", names, {"layer.0": features})
    study = {"name": "tiny", "stimuli": "points", "models": ["one", "two"], "metrics": ["cka"]}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study | {"tracking": None} | keys), encoding="utf-8")
    return path


def copied(dockerfile: Path, target: Path) -> None:
    """Copy into `target` what the Dockerfile copies from the source tree."""
    for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile.read_text(encoding="utf-8"), re.M):
        *sources, to = line.split()
        for source in sources:
            if (ROOT / source).is_dir():
                junk = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(ROOT / source, target / to, ignore=junk)
            else:
                shutil.copy(ROOT / source, target / to)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin/` of an environment with the wheel installed, built from what the Dockerfile copies and nothing else.

    The packages that it needs are those of the environment of the tests.
    """
    folder = tmp_path_factory.mktemp("installed")
    source, wheels, environment = folder / "source", folder / "wheels", folder / "venv"
    source.mkdir()
    copied(DEPLOY / "docker" / "Dockerfile", source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    done(*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", wheels, source)
    venv.create(environment, with_pip=False)
    # A path file names folders whose own path files are not read: the editable install of the tests is not seen.
    path_file(environment).write_text("".join(f"{x}\n" for x in sys.path if x.endswith("site-packages")))
    pip += ["--python", str(environment / "bin" / "python")]
    done(*pip, "install", "--no-deps", "--no-index", *wheels.iterdir())
    return environment / "bin"
