"""Where a run was made: the commit of the study's folder, and the versions of what is installed."""

import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit

_SECONDS = 10.0  # git may ask a slow network disk


def commit(folder: Path) -> dict[str, str]:
    """The commit that `folder` is at, under the names that MLflow shows; empty outside a repository or without git.

    ``git.dirty`` tells whether files that git knows differ from that commit.
    """
    found = _git(folder, "rev-parse", "HEAD")
    if not found:
        return {}
    tags = {
        "mlflow.source.git.commit": found,
        "mlflow.source.git.branch": _git(folder, "rev-parse", "--abbrev-ref", "HEAD"),
        "mlflow.source.git.repoURL": _without_login(_git(folder, "remote", "get-url", "origin")),
        "git.dirty": str(bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))).lower(),
    }
    return {name: value for name, value in tags.items() if value}


def environment() -> str:
    """Python, the machine, and every installed package with its version, a line each."""
    found = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    lines = [f"{name}=={version}" for name, version in sorted(found.items(), key=lambda x: x[0].lower())]
    return "\n".join([f"# Python {platform.python_version()}, {platform.platform()}", *lines, ""])


def _git(folder: Path, *arguments: str) -> str:
    """What git says; nothing where it fails, or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "://" in url else url
