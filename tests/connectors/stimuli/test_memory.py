"""Large sets cost the driver their ids and little more."""

import json
import subprocess
import sys
import tarfile

# The peaks of what Python and Arrow hold, in bytes.
MEASURE = """
import json, sys, tracemalloc
import pyarrow as pa
from consilience.connectors.stimuli import open_stimuli, stimuli
stimuli()
pa.array(["pyarrow imports pandas here"])
tracemalloc.start()
{before}
found = open_stimuli(sys.argv[1])
n = len(found.sample_ids())
peak = tracemalloc.get_traced_memory()[1] + pa.default_memory_pool().max_memory()
print(json.dumps([n, peak, found.sample_ids()[n - 1]]))
"""


def measured(name, before=""):
    run = [sys.executable, "-c", MEASURE.format(before=before), name]
    return json.loads(subprocess.run(run, check=True, capture_output=True, text=True, timeout=120).stdout)


# A folder of a million files takes a minute to make: the listing is given a million entries in their place.
MILLION = """
import os
class Entry:
    def __init__(self, k):
        self.name = f"{k:07d}.png"
    def is_dir(self, follow_symlinks=True):
        return False
    is_file = lambda self: True
class Listing:
    def __enter__(self):
        return (Entry(k) for k in range(1_000_000))
    def __exit__(self, *error):
        pass
os.scandir = lambda place: Listing()
"""


def test_a_million_files_are_listed_in_the_memory_of_their_names(tmp_path):
    count, peak, last = measured(f"images:{tmp_path}", MILLION)
    assert (count, last) == (1_000_000, "0999999.png")
    assert peak < 100 << 20  # a list of a million strings and paths takes 300 MB


def test_a_tar_of_many_members_is_indexed_in_a_few_bytes_each(tmp_path):
    count = 40_000
    with (tmp_path / "large.tar").open("wb") as file:
        content = b"word".ljust(tarfile.BLOCKSIZE, b"\0")
        for k in range(count):
            info = tarfile.TarInfo(f"{k:08d}.txt")
            info.size = 4
            file.write(info.tobuf(tarfile.USTAR_FORMAT))
            file.write(content)
        file.write(b"\0" * 1024)
    found, peak, last = measured(f"webdataset:{tmp_path}/large.tar")
    assert (found, last) == (count, f"{count - 1:08d}")
    assert peak < 200 * count  # a list of the members takes a kilobyte each
