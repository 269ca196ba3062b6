"""The hidden states of a module, and of how many positions they are, known without its weights."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.connectors.models.hooks import watching
from consilience.connectors.models.huggingface.families import Family
from consilience.connectors.models.huggingface.inputs import LOCAL, Inputs
from consilience.connectors.models.huggingface.towers import Tower
from consilience.connectors.models.probing import varied

if TYPE_CHECKING:
    import torch


def hidden_states(net: Any, family: Family, given: "Mapping[str, torch.Tensor]") -> "Sequence[torch.Tensor]":
    """Every hidden state of what the module is given."""
    more = {**family.options, **(family.beside(net, given) if family.beside else {})}
    if not family.outputs:
        states: Sequence[torch.Tensor] = net(**given, **more, output_hidden_states=True).hidden_states
        return states
    wanted = [
        name
        for pattern in family.outputs
        for name, _ in net.named_modules()
        if fnmatchcase(name, pattern) and name.count(".") == pattern.count(".")
    ]
    with watching(net, wanted) as seen:
        net(**given, **more)
    return [seen[name] for name in wanted]


def positions(folder: Path, tower: Tower, inputs: Inputs, units: Sequence[int]) -> dict[str, int]:
    """Of every hidden state (with so many units) how many positions it has, where that is the same for all samples.

    By a pass of shapes alone: on torch's device "meta" there are neither weights nor values. `inputs` get loaded.
    """
    family = tower.family
    if family.valued or (family.modality == "text" and not family.filled):
        return {}
    import torch
    import transformers

    inputs.load()
    items = [inputs.preprocess(item) for item in varied(family.modality)]
    given = [values for _, values, _ in inputs.together(items)]
    if len(given) > 1:  # they are of several sizes
        return {}
    config = transformers.AutoConfig.from_pretrained(folder, **LOCAL)
    for key, value in family.settings.items():
        setattr(config, key, value)
    with torch.device("meta"):
        whole = transformers.AutoModel.from_config(config).eval()
    net = whole.get_submodule(tower.module) if tower.module else whole
    with torch.inference_mode():
        states = hidden_states(net, family, {name: value.to("meta") for name, value in given[0].items()})
    return {f"hidden.{i}": x[0].numel() // d for i, (x, d) in enumerate(zip(states, units))}
