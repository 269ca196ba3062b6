"""Files of published data sets: fetched once from where they are published, checked by sha256, kept in the cache."""

import logging
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from consilience.engine.cache import cache_folder
from consilience.engine.errors import BadInput

_LOG = logging.getLogger(__name__)


class NotFetched(BadInput):
    """A file of a data set that is not in the cache and cannot be had from where it is published."""


def announce(name: str, url: str, licence: str, citation: str) -> None:
    """Log what is about to be fetched. A warning, since it has to be seen where nobody has configured logging."""
    _LOG.warning("Fetching %s from %s. Licence: %s. Cite: %s", name, url, licence, citation)


@dataclass(frozen=True)
class DataSet:
    """A published data set: the files that are listed, with their sha256, in ``<name>.sha256`` beside this module.

    A file ``a/b.txt`` comes from ``<url>a/b.txt`` and is kept as ``<cache>/datasets/<name>/a/b.txt``.
    """

    name: str
    url: str
    licence: str
    citation: str

    @property
    def folder(self) -> Path:
        """Where the files are kept."""
        return cache_folder() / "datasets" / self.name

    @cached_property
    def files(self) -> dict[str, str]:
        """Every file with its sha256."""
        lines = self._listing.read_text().splitlines()
        return {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}

    @cached_property
    def fingerprint(self) -> str:
        """Over the names and checksums of all files; nothing is fetched for it."""
        return sha256(self._listing.read_bytes()).hexdigest()

    def cached(self) -> bool:
        """Whether every file is in the cache."""
        return all((self.folder / name).is_file() for name in self.files)

    def path(self, name: str) -> Path:
        """The file `name`, fetched unless it is in the cache.

        Before the first file of the set is fetched, licence and citation are logged. Raises NotFetched when there
        is no way to it, and BadInput when it is not the one that was published.
        """
        import pooch
        from requests import ConnectionError as Unreachable

        target = self.folder / name
        if not any((self.folder / held).is_file() for held in self.files):
            announce(self.name, self.url, self.licence, self.citation)
        try:
            fetched = pooch.retrieve(
                self.url + name, f"sha256:{self.files[name]}", target.name, target.parent, progressbar=False
            )
        except OSError as error:
            raise NotFetched(
                f"{name} of the data set {self.name}, from {self.url}{name}",
                "no connection" if isinstance(error, Unreachable) else f"{type(error).__name__}: {error}",
                f"connect to the network once, or put the file at {target}",
            ) from error
        except ValueError as error:  # what pooch raises for another checksum
            raise BadInput(
                f"{name} of the data set {self.name} with sha256 {self.files[name][:12]}…",
                f"another file from {self.url}{name}: {error}",
                "fetch it again; if that does not help, the published file has changed",
            ) from error
        return Path(fetched)

    @property
    def _listing(self) -> Path:
        return Path(__file__).with_name(f"{self.name}.sha256")
