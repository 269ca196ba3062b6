"""Which parts of a network torch compiles: its blocks, which are alike, so that one of them is compiled for all.

The forward of a block is replaced, not its call: transformers takes hidden states by hooks around it, which would not
go into a graph. Sizes are left open. Compiled for the sizes that came first, and given up after some of them, a table
would depend on which shards a replica happened to have.
"""

from typing import Any

from consilience.engine.errors import BadInput

_GRAPHS = 64  # of one function: layers of other sizes, one sample alone


def compile_blocks(net: Any) -> None:
    """Have torch compile the blocks of `net` when they are first run. Raises BadInput for a network without blocks."""
    import torch

    torch._dynamo.config.recompile_limit = max(_GRAPHS, torch._dynamo.config.recompile_limit)
    found = blocks(net)
    if not found:
        raise BadInput(
            "a network made of blocks, for compile",
            type(net).__name__,
            "leave compile out of this model's entry",
        )
    for block in found:
        block.forward = torch.compile(block.forward, dynamic=True)


def blocks(net: Any) -> list[Any]:
    """The modules in the outermost lists of modules of `net`."""
    import torch

    if isinstance(net, torch.nn.ModuleList):
        return list(net)
    return [block for child in net.children() for block in blocks(child)]
