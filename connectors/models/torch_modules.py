"""Any torch module: a function makes it, and the outputs of its modules are the layers, under the modules' names.

The function is called where the study is read, to see what there is, and once in every process that extracts: it must
give the same weights each time, which is checked. The processes import its module, from an installed package, from
PYTHONPATH or from the folder it was found in here, where they can see that.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from consilience.connectors.models import probing
from consilience.connectors.models.collating import Part, in_order, stacked
from consilience.connectors.models.defaults import DEFAULTS
from consilience.connectors.models.hooks import WHOLE, watching
from consilience.connectors.models.registry import register
from consilience.connectors.models.user_code import folder_of, imported, source_of
from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import MODALITIES, Layer, ModelCard, Outputs

if TYPE_CHECKING:
    import torch


@register(
    "torch:MODULE:CALLABLE",
    "any torch module that a function of yours makes; layers are its modules by name: torch:my_nets:small",
)
class TorchModule:
    """The module that CALLABLE of the Python module MODULE returns, alone or as (module, preprocess).

    `preprocess` makes of a stimulus what the module takes of one sample: an array, a tuple of arrays, or a mapping of
    them by name (which may hold an ``attention_mask``). Without one, pictures are cropped to 224 pixels and normalised
    as for ImageNet, and sounds brought to 16 kHz. `axes` says what the axes of layers are, by pattern of their names,
    where their number would mislead: ``{"stages.*": "bhwc"}``.

    Raises BadInput for what cannot be imported or is no module, for weights that differ from call to call, and for
    texts without a `preprocess`.
    """

    def __init__(
        self, place: str, *, modality: str = "image", axes: dict[str, str] | None = None, name: str = "",
        licence: str = "not stated", citation: str = "not stated", objective: str = "not stated",
    ):  # fmt: skip
        self.module, _, self.function = place.partition(":")
        if not self.module or not self.function:
            raise BadInput("torch:MODULE:CALLABLE", f"torch:{place}", "name both, as in torch:my_nets:small")
        if modality not in MODALITIES:
            raise unknown("modality", modality, MODALITIES)
        self.modality, self.axes = modality, axes or {}
        make = imported(self.module, self.function, "")
        self._folder = folder_of(self.module)
        self._wanted: frozenset[str] | None = None
        module = self._made(make)
        self._layers = self._found(module)
        self.card = ModelCard(
            name=name or f"{self.module}.{self.function}",
            modality=modality,
            revision=f"source {source_of(self.module)}",
            weights_hash=_weights(module),
            preprocessing=DEFAULTS[modality][1] if self._plain else f"that of {place}",
            objective=objective,
            parameters=sum(p.numel() for p in module.parameters()),
            licence=licence,
            citation=citation,
        )

    def layers(self) -> Sequence[Layer]:
        return self._layers

    def positions(self) -> Mapping[str, int]:
        import torch

        module, names = (
            self._made(imported(self.module, self.function, self._folder)),
            [x.name for x in self._layers],
        )
        with torch.inference_mode():
            seen = [
                self._outputs(module, given, names)
                for item in probing.varied(self.modality)
                for _, given in stacked([self._preprocess(item)])
            ]
        return probing.positions(self._layers, seen)

    def only(self, names: Sequence[str]) -> None:
        """Keep no outputs but those of these layers."""
        self._wanted = frozenset(names)

    def load(self, device: str) -> None:
        module = self._made(imported(self.module, self.function, self._folder))
        if _weights(module) != self.card.weights_hash:
            raise BadInput(
                f"the same weights each time {self.module}:{self.function} is called", "others in another process",
                "load them from a file, or seed whatever draws them",
            )  # fmt: skip
        self._module, self._device = module.to(device), device

    def preprocess(self, item: Any) -> Any:
        return self._preprocess(item)

    def forward(self, batch: Sequence[Any]) -> Outputs:
        wanted = [x for x in self._layers if self._wanted is None or x.name in self._wanted]
        parts = []
        for rows, given in stacked(batch):
            found = self._outputs(self._module, _on(given, self._device), [x.name for x in wanted])
            mask = given.get("attention_mask") if isinstance(given, Mapping) else None
            parts.append(Part(rows, found, None if mask is None else mask.to(self._device)))
        return in_order(parts, wanted, len(batch))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_module", "_preprocess")}

    def _made(self, make: Callable[[], Any]) -> "torch.nn.Module":
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # for modules without trained weights
            made = make()
        module, own = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
        if not isinstance(module, torch.nn.Module) or not (own is None or callable(own)):
            raise BadInput(
                f"a torch module from {self.module}:{self.function}(), or (module, preprocess)", _kind(made),
                "return one of the two",
            )  # fmt: skip
        default = DEFAULTS[self.modality][0]
        if own is None and default is None:
            raise BadInput(
                f"a preprocess for {self.modality}s from {self.module}:{self.function}()", "a module alone",
                "return (module, preprocess), where preprocess makes of a text what the module takes",
            )  # fmt: skip
        self._plain = own is None
        self._preprocess: Callable[[Any], Any] = own or default  # type: ignore[assignment]
        return module.eval()

    def _found(self, module: "torch.nn.Module") -> list[Layer]:
        """What comes out of every module, in the order in which they are done."""
        import torch

        try:
            seen = []
            for item in probing.noise(self.modality):
                ((_, given),) = stacked([self._preprocess(item)] * probing.COUNT)
                with torch.inference_mode():
                    seen.append(self._outputs(module, given, None))
        except Exception as error:  # whatever code that is not ours raises
            raise BadInput(
                f"{self.module}:{self.function} to take {probing.COUNT} samples of noise as {self.modality}",
                f"{type(error).__name__}: {error}", "mend it, or say what it is for with the option `modality`",
            ) from error  # fmt: skip
        kinds = {name or WHOLE: type(x).__name__ for name, x in module.named_modules()}
        names = [name for name in seen[0] if all(name in outputs for outputs in seen)]
        probing.check_axes(self.axes, names)
        layers = [
            probing.layer(
                name, [tuple(outputs[name].shape) for outputs in seen], f"output of {_kind_of(name, kinds)}", self.axes,
                self.modality,
            )
            for name in names
        ]  # fmt: skip
        found = [x for x in layers if x is not None]
        if not found:
            raise BadInput(
                f"an output of {self.module}:{self.function} with an axis for samples in front", "none",
                "return a module that takes a batch, or say what its `axes` are",
            )  # fmt: skip
        return found

    def _outputs(
        self, module: "torch.nn.Module", given: Any, wanted: Sequence[str] | None
    ) -> "dict[str, torch.Tensor]":
        """Copies, since a module may go on to write into what another gave; of one that runs several times the last."""
        found: dict[str, torch.Tensor] = {}
        with watching(module, wanted) as seen:
            if isinstance(given, Mapping):
                module(**given)
            else:
                module(*given) if isinstance(given, tuple) else module(given)
            found.update(seen)
        return found


def _kind_of(layer: str, kinds: Mapping[str, str]) -> str:
    owner = layer
    while owner not in kinds:
        owner = owner.rpartition(".")[0]
    return kinds[owner] + (f", {layer[len(owner) + 1 :]}" if owner != layer else "")


def _on(given: Any, device: str) -> Any:
    if isinstance(given, Mapping):
        return {name: value.to(device) for name, value in given.items()}
    return tuple(x.to(device) for x in given) if isinstance(given, tuple) else given.to(device)


def _weights(module: "torch.nn.Module") -> str:
    import torch

    found = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if isinstance(value, torch.Tensor):
            found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _kind(made: Any) -> str:
    if isinstance(made, tuple):
        return f"({', '.join(type(x).__name__ for x in made)})"
    return type(made).__name__
