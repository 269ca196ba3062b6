"""The units: verified by systemd itself, and the command that they start."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from deploying import DEPLOY, done, installed, tiny_study

__all__ = ["installed"]
SERVICE, TIMER = (DEPLOY / "systemd" / f"consilience-reevaluate@.{kind}" for kind in ("service", "timer"))


def setting(path: Path, key: str) -> str:
    (value,) = re.findall(rf"^{key}=(.*)$", path.read_text(encoding="utf-8"), re.M)
    return str(value)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_takes_the_units(installed: Path, tmp_path: Path) -> None:
    # Its program must be there, so here it is that of the tests.
    text = SERVICE.read_text().replace("/opt/consilience/bin", str(installed))
    (tmp_path / SERVICE.name).write_text(text)
    shutil.copy(TIMER, tmp_path)
    units = [tmp_path / path.name.replace("@", "@zoo") for path in (SERVICE, TIMER)]
    for template, unit in zip((SERVICE, TIMER), units):
        (tmp_path / template.name).rename(unit)
    done("systemd-analyze", "verify", "--man=no", *units)
    assert "Next elapse" in done("systemd-analyze", "calendar", setting(TIMER, "OnCalendar"))


def test_what_the_service_starts_runs(installed: Path, tmp_path: Path) -> None:
    program, command, study = shlex.split(setting(SERVICE, "ExecStart"))
    assert (program, command) == ("/opt/consilience/bin/consilience", "reevaluate")
    folder = tmp_path / "zoo"
    tiny_study(folder)
    assert setting(SERVICE, "WorkingDirectory") == "/srv/consilience/%i"
    done(installed / "consilience", "run", study, cwd=folder)
    assert (folder / "out" / "report.html").is_file()
