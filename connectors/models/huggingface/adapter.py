"""Any transformers folder whose outputs have `hidden_states`: one adapter over configurations."""

import json
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.connectors.files import sha256
from consilience.connectors.models.huggingface import weights
from consilience.connectors.models.huggingface.blocks import compile_blocks
from consilience.connectors.models.huggingface.families import Config, Family
from consilience.connectors.models.huggingface.hub import located
from consilience.connectors.models.huggingface.inputs import (
    PLAIN,
    Inputs,
    Pictures,
    Texts,
    padded,
    refuse_bare,
)
from consilience.connectors.models.huggingface.pieces import Pieces, joined
from consilience.connectors.models.huggingface.sounds import Sounds
from consilience.connectors.models.huggingface.states import hidden_states, positions
from consilience.connectors.models.huggingface.towers import tower
from consilience.connectors.models.registry import register
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import WHOLE, Layer, Loading, ModelCard, Outputs

if TYPE_CHECKING:
    import torch

INPUTS: dict[str, Callable[[Path, Config, str, Family], Inputs]] = {
    "text": Texts,
    "image": Pictures,
    "speech": Sounds,
}
SETTINGS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "preprocessor_config.json")


class HuggingFace:
    """A model in a transformers folder, or one part of it, not loaded before `load`.

    `chunk` has a speech model hear long sounds in pieces of so many seconds that overlap by `overlap`; see `pieces`.
    `named` overrides fields of its card.
    """

    def __init__(
        self, folder: str | Path, config: dict[str, Any] | None = None, *, part: str = "",
        chunk: float | None = None, overlap: float = 0.0, **named: Any,
    ):  # fmt: skip
        self.folder = Path(folder).expanduser().absolute()
        self.config = _config(self.folder) if config is None else config
        self.part, self._named = part, named
        self.tower = tower(self.config, part, str(named.get("name", folder)))
        self.family = self.tower.family
        inputs = INPUTS[self.family.modality](self.folder, self._own, self.tower.kind, self.family)
        if chunk is not None or overlap:
            if not isinstance(inputs, Sounds) or self.family.axes != "btd":
                raise BadInput(
                    "`chunk` and `overlap` for a speech model with a state a frame",
                    f"{self.tower.kind}, of {self.family.modality} with axes {self.family.axes!r}",
                    "leave them out",
                )
            inputs = Pieces(inputs, chunk or 0.0, overlap)
        self._inputs = inputs

    @cached_property
    def _own(self) -> Config:
        """The configuration of the part, with what a file leaves out because it is as transformers has it."""
        found = self.tower.of(self.config)
        try:
            self.family.units(found)
        except KeyError:
            import transformers

            whole = transformers.AutoConfig.from_pretrained(
                self.folder, local_files_only=True, trust_remote_code=False
            )
            found = self.tower.of(whole.to_dict())
        return found

    @cached_property
    def card(self) -> ModelCard:
        files = sorted(self.folder.glob("*.safetensors")) or sorted(self.folder.glob("*.bin"))
        if not files:
            raise BadInput(
                "weights (*.safetensors or *.bin)", f"{self.folder}, which has none", "save the model there"
            )
        if self.tower.kind not in PLAIN:
            refuse_bare(self.folder, self.family.modality)
        settings = [path for name in SETTINGS if (path := self.folder / name).is_file()]
        fields = {
            "name": self.folder.name,
            "modality": self.family.modality,
            "revision": str(self.config.get("_commit_hash") or self.config["model_type"]),
            "weights_hash": sha256(files),
            "preprocessing": f"{self._inputs.says} (settings {sha256(settings)[:16]})",
            "objective": self.family.objective,
            "parameters": sum(path.stat().st_size for path in files) // _item_bytes(self.config),
            "licence": "not stated",
            "citation": "not stated",
        }
        found = ModelCard(**{**fields, **self._named})
        return replace(found, name=f"{found.name}.{self.part}") if self.part else found

    def layers(self) -> Sequence[Layer]:
        units = self.family.units(self._own)
        meaning = [
            self.family.first,
            *(f"output of block {i}" for i in range(1, len(units) - 1)),
            self.family.last,
        ]
        return [Layer(f"hidden.{i}", self.family.axes, *pair) for i, pair in enumerate(zip(units, meaning))]

    def refuse_loading(self, how: Loading) -> None:
        """Raise BadInput where a package is missing for that."""
        weights.refuse_missing(how)

    def positions(self) -> Mapping[str, int]:
        return self._positions

    @cached_property
    def _positions(self) -> dict[str, int]:
        if isinstance(self._inputs, Pieces):
            return {}
        return positions(self.folder, self.tower, copy(self._inputs), self.family.units(self._own))

    def load(self, device: str, how: Loading = WHOLE) -> None:
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        # A folder's weights and settings are data: neither a pickle with code in it nor a module beside it is run.
        net = transformers.AutoModel.from_pretrained(
            self.folder,
            dtype=torch.float32,
            local_files_only=True,
            weights_only=True,
            trust_remote_code=False,
            **self.family.settings,
            **weights.arguments(how, device),
        )
        module = net.get_submodule(self.tower.module) if self.tower.module else net
        weights.refuse_as_before(module, self.card.name, how)
        self._net, self._device = module.eval() if how != WHOLE else module.eval().to(device), device
        self._inputs.load()

    def compile(self) -> None:
        """Have torch compile the blocks, see `blocks`."""
        compile_blocks(self._net)

    def preprocess(self, item: Any) -> Any:
        """A text -> its token ids; a picture or a sound -> what the folder's processor makes of it."""
        return self._inputs.preprocess(item)

    def length(self, given: Any) -> int:
        """Of an input: its tokens or samples. Pictures are of one size."""
        return self._inputs.length(given)

    def forward(self, batch: Sequence[Any]) -> Outputs:
        parts, positions = [], 0
        tokens_of: dict[int, int] = {}
        for rows, given, tokens in self._inputs.together(batch):
            given = {name: value.to(self._device) for name, value in given.items()}
            states = hidden_states(self._net, self.family, given)
            parts.append((rows, [x.to(self._device) for x in states]))  # of several devices on one
            positions += len(rows) * states[0].shape[1]
            tokens_of.update(zip(rows, tokens or [states[0].shape[1]] * len(rows)))
        lengths = [tokens_of[row] for row in range(len(tokens_of))]
        count = len(parts[0][1])
        found = [padded([(rows, states[i]) for rows, states in parts], len(lengths)) for i in range(count)]
        counts = [lengths] * count
        if self.family.shorter:
            counts[-1] = [self.family.shorter(self._own, length) for length in lengths]
        if isinstance(self._inputs, Pieces):
            found, counts = map(list, zip(*(joined(x, its, batch) for x, its in zip(found, counts))))
        layers = {f"hidden.{i}": state for i, state in enumerate(found)}
        # Pictures have a mask only where they have different numbers of tokens.
        if self.family.axes != "btd" or (self.family.modality == "image" and len(set(lengths)) == 1):
            return Outputs(layers, None, positions)
        own = {f"hidden.{i}": self._mask(found[i], x) for i, x in enumerate(counts) if x != counts[0]}
        return Outputs(layers, self._mask(found[0], counts[0]), positions, own)

    def _mask(self, state: "torch.Tensor", lengths: Sequence[int]) -> "torch.Tensor":
        """(sample, token): which tokens are of each sample, that has so many."""
        import torch

        longest = torch.arange(state.shape[1], device=self._device)
        return (longest < torch.tensor(lengths, device=self._device)[:, None]).long()


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise BadInput(
            "a transformers folder with its config.json", f"{folder}, which has none", "check the path"
        )
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _item_bytes(config: Config) -> int:
    """Bytes of a stored parameter."""
    kind = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    return 2 if kind.endswith("16") else 4


@register(
    "hf:NAME_OR_FOLDER",
    "any transformers model with hidden states (BERT, Llama, ViT, wav2vec 2.0, ...), of CLIP #vision or #text: "
    "hf:facebook/dinov2-base@main, hf:/models/clip#vision",
)
def _named(argument: str, *, chunk: float | None = None, overlap: float = 0.0) -> HuggingFace:
    place, _, part = argument.partition("#")
    folder, about = located(place)
    return HuggingFace(folder, part=part, chunk=chunk, overlap=overlap, **about)
