"""A study of each shipped data set, run once: `brain92` as it comes, of the others one of few layers and regions."""

import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from volume_brains import prepare, register

from consilience.engine.scores import open_scores
from consilience.pipelines.brain.run import run
from consilience.pipelines.console import Console

SAID = "said.txt"
STORY = """
name: story
brain: alice
models:
  - glove
  - {name: minilm, layers: [hidden.1, hidden.4], stimuli: alice-context}
regions: [LPTL, LIPL]
hierarchy: [LPTL, LIPL]
encode: {nuisance: [word_rate, sound_power, motion], components: 20, bands: 3}
tracking: null
"""
CATEGORIES = """
name: categories
brain: haxby_slice
reliability: {splits: 40, permutations: 99}
tracking: null
"""
LAGS = """
name: lags
brain: alice
models:
  - {name: minilm, layers: [hidden.1, hidden.4], stimuli: alice-context}
regions: [LPTL, LIPL]
encode: {nuisance: [word_rate], delays: [2, 3, 4], hrf: null, components: 10, bands: 2}
tracking: null
output: lags
"""


class Ran:
    """A study that was run: its file, its tables, and what the terminal showed."""

    def __init__(self, folder: Path, cache: Path, text: str | None = None, output: str = "out"):
        self.cache = cache
        self.file = folder / "study.yaml"
        if text is not None:
            self.file.write_text(text)
        self.output = folder / output
        self.tables: dict[str, Any] = {}
        self.said = ""

    def first(self, *given: str) -> "Ran":
        """By the command, in a process and a Ray of its own, whose workers look into the same cache."""
        command = [sys.executable, "-m", "consilience.pipelines.cli", "brain", *(given or [str(self.file)])]
        seen = {**os.environ, "CONSILIENCE_CACHE": str(self.cache)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=seen)
        assert done.returncode == 0, done.stdout + done.stderr
        (self.file.parent / SAID).write_text(done.stdout)
        return self

    def read(self) -> "Ran":
        self.tables = {x.stem: open_scores(x) for x in self.output.glob("*.nc")}
        self.said = (self.file.parent / SAID).read_text()
        return self

    def again(self) -> tuple[Any, str]:
        shown = StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CONSILIENCE_CACHE", str(self.cache))
            return run(self.file, console=Console(shown)), shown.getvalue()


class Once:
    """Studies that the first process of this run of the tests runs, and of which every process has a copy to itself."""

    def __init__(self, cache: Path, factory: pytest.TempPathFactory, worker: str):
        self.cache, self.factory = cache, factory
        base = factory.getbasetemp()
        self.shared = (base if worker == "master" else base.parent) / "studies"

    def __call__(self, name: str, text: str | None = None, output: str = "out") -> Ran:
        """A study as it is written in `text`, or the shipped one of that name."""
        folder = self.shared / name
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.shared / f"{name}.lock"):
            if not (folder / SAID).exists():
                Ran(folder, self.cache, text, output).first(
                    *(() if text else (name, "--output", str(folder)))
                )
        own = self.factory.mktemp(name)
        shutil.copytree(folder, own, dirs_exist_ok=True)
        return Ran(own, self.cache, output=output).read()


@pytest.fixture(scope="session")
def once(published: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    return Once(published, tmp_path_factory, worker_id)


@pytest.fixture(scope="session")
def pictures(once: Once) -> Ran:
    return once("brain92", output=".")


@pytest.fixture(scope="session")
def story(once: Once) -> Ran:
    return once("story", STORY)


@pytest.fixture(scope="session")
def lags(story: Ran) -> Any:
    """On the features of the story, which are there: its table, and the page."""
    file = story.file.with_name("lags.yaml")
    file.write_text(LAGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSILIENCE_CACHE", str(story.cache))
        return run(file, console=Console(StringIO()))["encoding"], file.parent / "lags" / "report.html"


@pytest.fixture(scope="session")
def categories(once: Once) -> Ran:
    return once("categories", CATEGORIES)


@pytest.fixture(scope="session")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three subjects on one grid, of whom two have repeats: the output folder, the tables, and what was said."""
    folder, shown = tmp_path_factory.mktemp("volumes"), StringIO()
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        tables = run(prepare(folder), console=Console(shown))
    return folder / "out", tables, " ".join(shown.getvalue().split())
