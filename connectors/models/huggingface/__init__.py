"""Models that transformers can open.

- ``families``  what the hidden states of a kind of architecture are: a table, a row a kind
- ``towers``    models of several parts, each of which is one of those kinds
- ``beside``    what a forward pass of some kinds takes beside its input
- ``inputs``    what a text or a picture is made into
- ``sounds``    what a sound is made into
- ``pieces``    long sounds cut into pieces that overlap
- ``weights``   in fewer bits, or on several devices
- ``blocks``    which parts of a network torch compiles
- ``states``    the hidden states of a module
- ``hub``       the folder behind a name
- ``adapter``   the model
"""

from consilience.connectors.models.huggingface.adapter import HuggingFace

__all__ = ["HuggingFace"]
