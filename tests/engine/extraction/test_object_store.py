"""Extraction by Ray's workers into an object store."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from tiny import Numbers, Tiny

from consilience.engine.extraction import extract
from consilience.engine.extraction.runlog import read_runs
from consilience.engine.features import FeatureStore

pytestmark = pytest.mark.usefixtures("ray_local")


def test_a_table_extracted_into_s3_is_the_one_extracted_to_disk(s3, tmp_path):
    model, stimuli = Tiny(nan=frozenset({9})), Numbers(300, unreadable=frozenset({200}))
    local = extract(model, stimuli, FeatureStore(tmp_path / "local"), replicas=2)
    remote = extract(model, stimuli, FeatureStore(s3), replicas=2)
    assert {**remote.manifest, "times": 0} == {**local.manifest, "times": 0}
    names = sorted(path.name for path in local.path.iterdir() if path.is_file())
    assert sorted(name for name, size in remote.path.sizes().items() if size is not None) == names
    told = [Counter(read_runs(t.path)[0].lines["event"].to_pylist()) for t in (remote, local)]
    assert told[0]["written"] == told[1]["written"] == 3
    for name in names[1:]:
        assert (
            hashlib.sha256((remote.path / name).read_bytes()).digest()
            == hashlib.sha256((local.path / name).read_bytes()).digest()
        ), name
    np.testing.assert_array_equal(remote.take("vector", range(298)), local.take("vector", range(298)))
    assert extract(model, stimuli, FeatureStore(s3)).manifest == remote.manifest
