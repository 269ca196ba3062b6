"""A model loaded as a job wants it: which layers, which weights, compiled or not."""

from typing import TYPE_CHECKING

from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import WHOLE, Choosy, Compilable, Loadable, Model
from consilience.engine.extraction.job import Job

if TYPE_CHECKING:
    import torch


def load(model: Model, job: Job, device: str) -> None:
    """Put the weights on `device`. Raises BadInput where the job wants it compiled and no compiler works here."""
    if isinstance(model, Choosy):
        model.only([layer.name for layer in job.layers])
    if job.compile:
        refuse_without_compiler(device)
    if job.loading == WHOLE:
        model.load(device)
    else:
        assert isinstance(model, Loadable)
        model.load(device, job.loading)
    if job.compile:
        assert isinstance(model, Compilable)
        model.compile()


def refuse_without_compiler(device: str) -> None:
    """Raise BadInput where torch cannot compile: tried on a function of one line."""
    import torch

    try:
        torch.compile(_probe)(torch.ones(8, device=device))
    except Exception as error:  # whatever torch and the compiler raise
        first = next((x.strip() for x in str(error).splitlines() if x.strip()), "")
        raise BadInput(
            f"a compiler that torch.compile can use for {torch.device(device).type}",
            f"{type(error).__name__}: {first}",
            "install g++ (Debian: apt-get install g++), on a GPU with triton, or leave compile out",
        ) from error


def _probe(x: "torch.Tensor") -> "torch.Tensor":
    return (x.sin() + 1).sum()
