"""What the driver holds: the ids of the samples, and none of their features."""

from typing import Any

import pytest
from measure import peak
from tiny import Numbers, Wide

from consilience.engine.extraction import extract
from consilience.engine.features import FeatureStore

pytestmark = pytest.mark.usefixtures("ray_local")


def rise(n: int, folder: Any) -> int:
    """Bytes of memory by which the driver rises while it has `n` samples extracted."""
    with peak() as rose:
        table = extract(Wide(), Numbers(n), FeatureStore(folder / str(n)), batch_size=256)
    assert sum(part["bytes"] for part in table.manifest["parts"]) > 4096 * n
    return rose[0]


def test_features_never_pass_through_the_driver(tmp_path):
    rise(1000, tmp_path)  # what is imported by then
    assert rise(50_000, tmp_path) < 40e6  # of 205 MB
