"""The images: linted, and what is done in them done here, in an environment with the wheel installed."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from deploying import DEPLOY, ROOT, done, installed, tiny_study, tool

__all__ = ["installed"]
DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")


def instruction(name: str) -> str:
    """The last of that name."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.M)[-1]


@pytest.mark.parametrize("folder", ["docker", "mlflow"])
def test_hadolint_finds_nothing(folder: str) -> None:
    assert done(tool("hadolint"), DEPLOY / folder / "Dockerfile") == ""


def test_hadolint_finds_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.replace("--no-install-recommends ", ""), encoding="utf-8")
    assert "DL3015" in subprocess.run([tool("hadolint"), bad], capture_output=True, text=True).stdout


def test_the_last_stage_holds_no_tools_to_build_with_and_no_root() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert not re.search(r"gcc|build-essential|pip install|git\b", last)
    assert instruction("USER") == "1000:1000"
    assert last.index("USER ") < last.index("ENTRYPOINT")
    labels = set(re.findall(r"org\.opencontainers\.image\.([\w.]+)=", last))
    assert labels >= {"title", "description", "version", "revision", "licenses", "base.name"}


def test_the_context_is_what_is_copied() -> None:
    ignored = (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    let_in = set(re.findall(r"^!(.*)$", ignored, re.M))
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M)
    assert let_in == {name for line in lines for name in line.split()}
    assert all((ROOT / name).exists() for name in let_in)


def test_the_variants_differ_in_torch_alone(tmp_path: Path) -> None:
    """The step that installs torch, with a pip that says what it was called with."""
    step = DOCKERFILE.split("RUN case", 1)[1].split("\n\n", 1)[0].replace("\\\n", " ")
    pip = tmp_path / "bin" / "pip"
    pip.parent.mkdir()
    pip.write_text('#!/bin/bash\necho "$@"\n')
    pip.chmod(0o755)
    step = "case" + step.replace("/opt/consilience", str(tmp_path)).replace("python -m venv", "true")

    def run(variant: str) -> subprocess.CompletedProcess[str]:
        shell = ["bash", "-euo", "pipefail", "-c", step]
        return subprocess.run(shell, cwd=ROOT, env={"VARIANT": variant}, capture_output=True, text=True)

    torch = re.findall(r"^torch==.*$", (ROOT / "constraints.txt").read_text(), re.M)[0]
    assert run("cuda").stdout == f"install --no-deps {torch}\n"
    assert run("cpu").stdout.split()[-3:] == ["--index-url", "https://download.pytorch.org/whl/cpu", torch]
    wrong = run("rocm")
    assert (wrong.returncode, wrong.stderr) == (2, "expected VARIANT=cpu or cuda; got rocm\n")


def test_the_entry_point_runs_a_study(installed: Path, tmp_path: Path) -> None:
    init, dashes, command = json.loads(instruction("ENTRYPOINT"))
    assert (init, dashes) == ("tini", "--")
    study = tiny_study(tmp_path)
    environment = {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path)}
    said = done(installed / command, "run", study, cwd=tmp_path, env=environment)
    assert "two models agree best between one/layer.0 and two/layer.0" in said
    assert (tmp_path / "out" / "report.html").is_file()
    code = "import consilience; print(consilience.__file__)"
    assert done(installed / "python", "-c", code, cwd=tmp_path).startswith(str(installed.parent))


def test_what_the_build_ends_with_passes(installed: Path, tmp_path: Path) -> None:
    check = instruction("RUN").split()
    environment = {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(tmp_path)}
    said = done(installed / check[0], *check[1:], cwd=tmp_path, env=environment)
    assert "torch" in said
    assert done(installed / "consilience", *json.loads(instruction("CMD"))).strip().startswith("Usage")
