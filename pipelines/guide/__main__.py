"""Write the guide to the file that is named."""

import sys
from pathlib import Path

from consilience.pipelines.guide.page import guide

Path(sys.argv[1]).write_text(guide(), encoding="utf-8")
