import pytest
import tiny

from consilience.engine.extraction import driver


@pytest.fixture(scope="session", autouse=True)
def _by_value() -> None:
    """Ray's workers cannot import `tiny`: its classes travel with the objects, as those of a notebook do."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(tiny)


@pytest.fixture(params=["ray", "processes"])
def address(request: pytest.FixtureRequest, ray_local: None, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """Extraction by Ray's actors, and by processes without Ray; what address a driver of its own is to be given."""
    if request.param == "processes":
        monkeypatch.setattr(driver, "connected", lambda: False)
        return None
    return "local"
