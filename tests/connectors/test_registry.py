import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from consilience.connectors import registry as registries
from consilience.connectors.files import package_folder
from consilience.connectors.models import models, open_model
from consilience.connectors.registry import Registry
from consilience.connectors.stimuli import open_stimuli, stimuli
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import NotInstalled


def test_what_is_registered_has_a_line_each():
    assert {
        "efficientnet-lite0",
        "efficientnet-lite0-random",
        "hf:NAME_OR_FOLDER",
        "minilm",
        "resemblyzer",
        "smollm2",
        "whisper-tiny.en",
    } <= set(models())
    assert {"images:FOLDER", "openmoji", "spoken:SET", "text:FILE"} <= set(stimuli())
    assert all(len(line) > 10 for line in {**models(), **stimuli()}.values())


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(BadInput, match=r"a known model .*did you mean 'minilm'"):
        open_model("minilmm")
    with pytest.raises(BadInput, match=r"a known stimulus set .*did you mean 'openmoji'"):
        open_stimuli("openmojis")


def test_a_kind_without_its_argument_is_refused():
    for name in ("hf", "hf:", "hf:NAME_OR_FOLDER"):
        with pytest.raises(BadInput, match=r"expected hf:NAME_OR_FOLDER; got .* as in hf:/data/mine"):
            open_model(name)


def test_factories_by_decorator_and_entry_point(monkeypatch):
    registry: Registry[Any] = Registry("thing", "some.group")
    registry.register("here", "made here")(lambda: "plain")
    registry.register("kind:WHAT", "with an argument")(lambda argument: argument)
    point = EntryPoint("there", "collections:OrderedDict", "some.group")
    monkeypatch.setattr(registries, "entry_points", lambda group, name="there": [point])
    assert registry.open("here") == "plain"
    assert registry.open("kind:a:b") == "a:b"
    assert registry.open("there") == {}
    assert list(registry.lines()) == ["here", "kind:WHAT", "there"]


def test_a_missing_package_is_named_with_its_pip_line():
    with pytest.raises(
        NotInstalled, match=r"the package some-model, which m is .* pip install --no-deps some-model"
    ):
        package_folder("no_such_module", "some-model", "m")


def test_cards_layers_and_fingerprints_load_no_framework():
    script = (
        "import sys\n"
        "from consilience.connectors.models import models, open_model\n"
        "from consilience.connectors.stimuli import open_stimuli\n"
        "from consilience.engine.extraction import plan_job, table_spec\n"
        "drawn, spoken = open_stimuli('openmoji'), open_stimuli('spoken:openmoji')\n"
        "for name in models():\n"
        "    if ':' not in name:\n"
        "        model = open_model(name)\n"
        "        shown = spoken if model.card.modality == 'speech' else drawn\n"
        "        table_spec(model, shown, plan_job(model, shown))\n"
        "print(sorted({'torch', 'transformers', 'ray'} & set(sys.modules)))\n"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
