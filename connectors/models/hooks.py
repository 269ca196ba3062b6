"""What comes out of the modules of a torch module while it runs, by forward hooks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from consilience.connectors.models import probing

if TYPE_CHECKING:
    import torch

WHOLE = "output"  # the name of what the module itself gives


@contextmanager
def watching(module: "torch.nn.Module", wanted: Sequence[str] | None) -> "Iterator[dict[str, torch.Tensor]]":
    """What comes out of the modules while the block runs, of those layers or of all."""
    seen: dict[str, torch.Tensor] = {}

    def hook(name: str) -> Any:
        def keep(_module: Any, _given: Any, output: Any) -> None:
            for layer, value in probing.tensors(name, output):
                if value.is_floating_point() and (wanted is None or layer in wanted):
                    seen.pop(layer, None)
                    seen[layer] = value.detach().clone()

        return keep

    names = [(name or WHOLE, each) for name, each in module.named_modules()]
    hooks = [
        each.register_forward_hook(hook(name))
        for name, each in names
        if wanted is None or any(x == name or x.startswith(name + ".") for x in wanted)
    ]
    try:
        yield seen
    finally:
        for each in hooks:
            each.remove()
