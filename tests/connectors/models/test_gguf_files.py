"""A Llama in a GGUF file, written here from torch weights, beside the same weights in torch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from consilience.connectors.models import open_model
from consilience.engine.errors import BadInput
from consilience.pipelines.extract import extract

gguf = pytest.importorskip("gguf")
WIDTH, DEPTH, HEADS, PAIRS, INNER = 16, 2, 4, 2, 32
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["<unk>", "<s>", "</s>", *LETTERS, "Ġ", *(f"{x}{y}" for x in "ab" for y in "cd")]
TEXTS = ["sheep", "a wolf", "no", "sheep and stones"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSILIENCE_CACHE", str(tmp_path / "cache"))


def llama() -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, num_key_value_heads=PAIRS,
        intermediate_size=INNER, vocab_size=len(WORDS), max_position_embeddings=64, rms_norm_eps=1e-5,
        initializer_range=0.3, tie_word_embeddings=True,
    )  # fmt: skip
    return transformers.LlamaModel(config).eval()


def turned(weight: np.ndarray, heads: int) -> np.ndarray:
    """Queries and keys in GGUF's order, in which the two halves of a head that a rotation mixes lie side by side."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write(net: Any, path: Path, architecture: str = "llama") -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("small")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(DEPTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(PAIRS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(WORDS)
    writer.add_token_types([3, 3, 3, *([1] * (len(WORDS) - 3))])
    writer.add_token_merges([f"{x} {y}" for x in "ab" for y in "cd"])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    state = {name: value.numpy() for name, value in net.state_dict().items()}
    names = {
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    }  # fmt: skip
    writer.add_tensor("token_embd.weight", state["embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", state["norm.weight"])
    for block in range(DEPTH):
        for ours, theirs in names.items():
            weight = state[f"layers.{block}.{ours}.weight"]
            if theirs in ("attn_q", "attn_k"):
                weight = turned(weight, HEADS if theirs == "attn_q" else PAIRS)
            writer.add_tensor(f"blk.{block}.{theirs}.weight", np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_hidden_states_are_those_of_the_same_weights_in_torch(tmp_path: Path, ray_local: None) -> None:
    net = llama()
    file = write(net, tmp_path / "small.gguf")
    model: Any = open_model(f"gguf:{file}")
    assert (model.card.name, model.card.modality) == ("small", "text")
    assert model.card.parameters == sum(p.numel() for p in net.parameters())
    assert [(x.name, x.units) for x in model.layers()] == [(f"hidden.{i}", WIDTH) for i in range(DEPTH + 1)]
    (tmp_path / "lines.txt").write_text("\n".join(TEXTS))
    table = extract(f"gguf:{file}", f"text:{tmp_path / 'lines.txt'}", tmp_path / "store", replicas=1)
    model.load("cpu")
    for row, text in enumerate(TEXTS):
        with torch.inference_mode():
            states = net(torch.tensor([model.preprocess(text)]), output_hidden_states=True).hidden_states
        for layer, state in zip(table.layers, states):
            np.testing.assert_allclose(table.take(layer, np.array([row]))[0], state[0].mean(0), atol=1e-6)
    assert open_model(f"gguf:{file}").card == model.card  # from what was kept


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a GGUF file; got .*which is not there"):
        open_model(f"gguf:{tmp_path / 'none.gguf'}")
    (tmp_path / "notes.gguf").write_text("not a model")
    with pytest.raises(BadInput, match="a model in GGUF format"):
        open_model(f"gguf:{tmp_path / 'notes.gguf'}")
    with pytest.raises(
        BadInput, match=r"an architecture that transformers reads \(.*llama.*Fix: give the folder"
    ):
        open_model(f"gguf:{write(llama(), tmp_path / 'other.gguf', 'no-such-kind')}")
