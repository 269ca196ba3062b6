import pytest
import tiny


@pytest.fixture(scope="session", autouse=True)
def _by_value() -> None:
    """Ray's workers cannot import `tiny`: its classes travel with the objects, as those of a notebook do."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(tiny)
