"""The pages of docs/ build without a warning, and every block of code in them is run, or says where it belongs."""

import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from consilience.connectors.brains import registry as brains
from consilience.connectors.models import registry as models
from consilience.connectors.stimuli import registry as stimuli
from consilience.engine.metrics import registry as metrics
from consilience.engine.preprocessing import registry as steps
from consilience.pipelines import cli
from consilience.pipelines.brain.study import load_brain_study
from consilience.pipelines.studyfiles.study import load_study

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
# A block that cannot be run here says so in its title, where the reader sees it. How many each page has is written
# down: one more is a decision.
ELSEWHERE = {"on your machine", "on your cluster"}
NOT_RUN = {"install.md": 2, "scale.md": 3, "scheduling.md": 3, "studies.md": 1, "your-own.md": 1}
FENCE = re.compile(r'^( *)```(\w*)(?: title="([^"]*)")?\n(.*?)^\1```$', re.M | re.S)


@dataclass(frozen=True)
class Block:
    language: str
    title: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    found = FENCE.findall(text)
    assert 2 * len(found) == len(re.findall(r"^ *```", text, re.M)), (
        f"{page.name}: a fence that is not understood"
    )
    for _, language, title, code in found:
        yield Block(language, title, textwrap.dedent(code))


def python(block: Block, names: dict[str, object]) -> None:
    exec(compile(block.text, "a block of python", "exec"), names)


def bash(block: Block, call: Callable[[list[str]], int]) -> None:
    for line in block.text.splitlines():
        program, *arguments = shlex.split(line, comments=True)
        if program == "consilience":
            assert call(arguments) == 0, line
        else:
            assert program == "python", f"{line}: only consilience and python are run"
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=300)


def study(block: Block) -> None:
    path = Path(block.title or "untitled.yaml")
    path.write_text(block.text, encoding="utf-8")
    (load_brain_study if "brain" in yaml.safe_load(block.text) else load_study)(path)


def entry_points(block: Block) -> None:
    """Those of a package that registers something."""
    groups = tomllib.loads(block.text)["project"]["entry-points"]
    for group in groups:
        assert f'"{group}"' in "".join(x.read_text() for x in (ROOT / "connectors").rglob("registry.py"))


@pytest.fixture
def own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page registers goes with it: other tests of this process count what is registered."""
    for registry in (models, stimuli, brains):
        registry._fill()  # once: what is imported while the copy stands would be lost with it
        monkeypatch.setattr(registry._REGISTRY, "_made", dict(registry._REGISTRY._made))
    monkeypatch.setattr(metrics, "_METRICS", dict(metrics._METRICS))
    monkeypatch.setattr(steps, "_STEPS", dict(steps._STEPS))


@pytest.mark.usefixtures("own_registries", "capsys")
@pytest.mark.parametrize("page", [x for x in PAGES if next(blocks(x), None)], ids=lambda x: x.name)
def test_every_block_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {
        "__name__": "__main__"
    }  # classes of a block are sent to other processes by value

    def call(arguments: list[str]) -> int:
        monkeypatch.setattr(sys, "argv", ["consilience", *arguments])
        with pytest.raises(SystemExit) as done:
            cli.main()
        return int(done.value.code or 0)

    elsewhere = 0
    for block in blocks(page):
        if block.title in ELSEWHERE:
            elsewhere += 1
        elif block.language == "python":
            python(block, names)
        elif block.language == "bash":
            bash(block, call)
        elif block.language == "yaml":
            study(block)
        elif block.language == "toml":
            entry_points(block)
        else:
            pytest.fail(f"{page.name}: a block of {block.language or 'no language'} that nobody runs")
    assert elsewhere == NOT_RUN.get(page.name, 0)


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {x.stem for x in tmp_path.glob("*.html")} >= {x.stem for x in PAGES}
    fetched = re.compile(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//')
    assert not [x.name for x in tmp_path.glob("*.html") if fetched.search(x.read_text(encoding="utf-8"))]


def test_a_link_to_nowhere_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# One\n\n[two](two.md)\n")
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    for key in ("nav", "exclude_docs", "extra_css"):
        del settings[key]
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(settings))
    build = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "two.md" in done.stderr
