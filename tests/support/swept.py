"""Which pairs were really computed, by watching the engine at work."""

from typing import Any

import pytest
import xarray as xr

from consilience.engine.comparison import Comparison
from consilience.engine.profile import Profile


class Swept:
    """The pairs that each metric was really asked for, by watching the engine at work."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.found: dict[str, set[tuple[str, str]]] = {}
        for kind in (Comparison, Profile):
            inner = kind.run

            def watched(work: Any, *args: Any, inner: Any = inner, **kwargs: Any) -> xr.Dataset:
                names = [r.name for r in work.representations]
                pairs = getattr(work, "asked", [(i, i) for i in range(len(names))])
                for request in work.requests:
                    mine = self.found.setdefault(request.id, set())
                    new = {tuple(sorted((names[i], names[j]))) for i, j in pairs}
                    assert not mine & new, "computed twice in one run"
                    mine |= new
                return inner(work, *args, **kwargs)

            monkeypatch.setattr(kind, "run", watched)

    def counts(self) -> dict[str, int]:
        found = {metric.partition(":")[0]: len(pairs) for metric, pairs in self.found.items()}
        self.found.clear()
        return found


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> Swept:
    return Swept(monkeypatch)
