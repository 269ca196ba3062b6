import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _by_value(request: pytest.FixtureRequest) -> Iterator[None]:
    """Workers cannot import the tests: their functions travel with the tasks, as those of a notebook do."""
    import cloudpickle

    module = request.module
    if sys.modules.get(module.__name__) is not module:
        yield
        return
    cloudpickle.register_pickle_by_value(module)
    yield
    cloudpickle.unregister_pickle_by_value(module)
