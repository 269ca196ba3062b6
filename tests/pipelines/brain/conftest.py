"""A small study of each shipped data set, run once: few layers, few regions."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from consilience.pipelines.brain.run import run
from consilience.pipelines.console import Console

PICTURES = """
name: pictures
brain: kriegeskorte92
models:
  - {name: efficientnet-lite0, layers: [block.2, block.12, block.13]}
  - {name: efficientnet-lite0-random, layers: [block.2, block.12, block.13]}
permutations: 1000
bootstraps: 300
tracking: sqlite:///runs.db
"""
STORY = """
name: story
brain: alice
models:
  - glove
  - {name: minilm, layers: [hidden.1, hidden.4], stimuli: alice-context}
regions: [LPTL, LIPL]
encode: {nuisance: [word_rate, sound_power, motion], components: 20, bands: 3}
tracking: null
"""


class Ran:
    """A study that was run: its file, its tables, and what the terminal showed."""

    def __init__(self, folder: Path, text: str):
        self.file = folder / "study.yaml"
        self.file.write_text(text)
        self.output = folder / "out"
        self.tables, self.said = self.again()

    def again(self) -> tuple[Any, str]:
        shown = StringIO()
        return run(self.file, console=Console(shown)), shown.getvalue()


@pytest.fixture(scope="session")
def pictures(published: Path, ray_local: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSILIENCE_CACHE", str(published))
        yield Ran(tmp_path_factory.mktemp("pictures"), PICTURES)


@pytest.fixture(scope="session")
def story(published: Path, ray_local: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSILIENCE_CACHE", str(published))
        yield Ran(tmp_path_factory.mktemp("story"), STORY)
