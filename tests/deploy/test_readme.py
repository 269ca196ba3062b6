"""What deploy/README.md says is there."""

import re

from deploying import DEPLOY


def test_both_tables_name_every_folder() -> None:
    rows = re.findall(r"^\| `(\w+)/` \|", (DEPLOY / "README.md").read_text(encoding="utf-8"), re.M)
    folders = {x.name for x in DEPLOY.iterdir() if x.is_dir()}
    assert len(rows) == 2 * len(folders)
    assert set(rows[: len(folders)]) == set(rows[len(folders) :]) == folders
