"""The folder behind ``NAME[@revision]``: of a model on the Hugging Face hub, fetched once and then read offline."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from consilience.engine.errors import BadInput

NAME = re.compile(r"[\w.-]+/[\w.-]+")
SETTINGS = ["*.json", "*.txt", "*.model"]
WEIGHTS = (["*.safetensors"], ["*.bin"])  # the second where there are none of the first
BELOW = ["*/*"]  # the same weights in other formats


def located(
    place: str,
    settings: Sequence[str] = SETTINGS,
    weights: Sequence[Sequence[str]] = WEIGHTS,
    ignored: Sequence[str] = BELOW,
) -> tuple[Path, dict[str, Any]]:
    """The folder, and name and revision of a model from the hub: the last part of its name, the commit. Of there the
    `settings` are fetched, and those of the `weights` of which there are any first, by pattern, without the `ignored`.

    Raises:
        BadInput: for what is neither a folder nor a name, and for a model that is not there, gated or out of reach.
    """
    folder = Path(place).expanduser()
    name, _, revision = place.partition("@")
    if folder.is_dir() or not NAME.fullmatch(name):
        return folder, {}
    for patterns in weights:
        found = _fetched(name, revision or None, [*settings, *patterns], ignored)
        if any(x for pattern in patterns for x in found.glob(pattern)):
            break
    return found, {"name": name.partition("/")[2], "revision": f"{name}@{found.name}"}


def _fetched(name: str, revision: str | None, patterns: list[str], ignored: Sequence[str]) -> Path:
    from huggingface_hub import errors, snapshot_download

    page = f"https://huggingface.co/{name}"
    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=patterns, ignore_patterns=[*ignored])
        )
    except errors.GatedRepoError as bad:
        raise BadInput(
            f"access to {name}, which is gated", "none", f"accept its terms on {page}, and set HF_TOKEN"
        ) from bad
    except errors.RepositoryNotFoundError as bad:
        raise BadInput(
            f"a folder, or a model that is there under that name ({page})", repr(name),
            "check both parts of the name; for a private model set HF_TOKEN",
        ) from bad  # fmt: skip
    except errors.RevisionNotFoundError as bad:
        raise BadInput(
            f"a branch, tag or commit of {name}",
            repr(revision),
            f"see {page}/commits, or leave @{revision} out",
        ) from bad
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as bad:
        raise BadInput(
            f"a folder {name}, a model of that name in the cache, or a connection to the hub", "none of these",
            f"check the path, or run `hf download {name}` where there is a connection, and give the folder",
        ) from bad  # fmt: skip
