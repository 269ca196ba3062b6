"""A cache of data sets: filled from a folder of the published files where there is one, else fetched."""

import os
import shutil
from pathlib import Path

import pytest

from consilience.connectors.datasets import alice, haxby, kriegeskorte92
from consilience.connectors.datasets.fetching import DataSet, NotFetched

ROOT = Path(__file__).parents[2]
_FOLDERS = {"kriegeskorte92": "kriegeskorte92", "alice": "alice_fmri", "haxby_slice": "haxby_1slice_pymvpa"}
_SETS = (kriegeskorte92.DATA, alice.DATA, haxby.DATA)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds the files of every named data set, under their checksums."""
    given = Path(os.environ.get("CONSILIENCE_TEST_DATA") or ROOT.parent / "shared" / "data")
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSILIENCE_CACHE", str(cache))
        if given.is_dir():
            for data in _SETS:
                _copy(data, given / _FOLDERS[data.name])
        elif os.environ.get("CI") == "true":
            pytest.fail(f"{given} is missing: set CONSILIENCE_TEST_DATA to the folder of the published files")
        else:
            _fetch()
    return cache


@pytest.fixture
def data_sets(published: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of `published` as this test's own."""
    monkeypatch.setenv("CONSILIENCE_CACHE", str(published))
    return published


def _copy(data: DataSet, source: Path) -> None:
    for name in data.files:
        target = data.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)


def _fetch() -> None:
    try:
        for data in _SETS:
            for name in data.files:
                data.path(name)
    except NotFetched as error:
        pytest.skip(f"no folder of published files, and no network: {error}")
