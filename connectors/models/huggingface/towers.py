"""Models of several parts, and parts of models: where each lies, and where its configuration does."""

from dataclasses import dataclass
from typing import Any

from consilience.connectors.models.huggingface.families import FAMILIES, Config, Family
from consilience.engine.errors import BadInput, unknown


@dataclass(frozen=True)
class Tower:
    """A part of a model. `module` is its path in the model, `config` the key of its configuration; "" is the whole."""

    family: Family
    kind: str
    module: str = ""
    config: str = ""

    def of(self, config: Config) -> Config:
        """Its part of the configuration of a model."""
        return config[self.config] if self.config else config


Place = tuple[str, str, str]  # module, key of its configuration, its kind where that does not say so


def _two(kind: str) -> dict[str, Place]:
    return {
        "vision": ("vision_model", "vision_config", f"{kind}_vision_model"),
        "text": ("text_model", "text_config", f"{kind}_text_model"),
    }


_SEAMLESS: dict[str, Place] = {
    "speech": ("speech_encoder", "", "seamless_m4t_speech"),
    "text": ("text_encoder", "", "seamless_m4t_text"),
}
# Kind of the model -> name of the part -> where it is.
TOWERS: dict[str, dict[str, Place]] = {
    **{kind: _two(kind) for kind in ("clip", "siglip", "blip", "align")},
    "idefics": {"vision": ("vision_model", "vision_config", "idefics_vision"), "text": ("", "", "idefics")},
    "idefics2": {
        "vision": ("vision_model", "vision_config", "idefics2_vision"),
        "text": ("text_model", "text_config", "mistral"),
    },
    "idefics3": {
        "vision": ("vision_model", "vision_config", "idefics3_vision"),
        "text": ("text_model", "text_config", "llama"),
    },
    "paligemma": {
        "vision": ("vision_tower", "vision_config", "siglip_vision_model"),
        "text": ("language_model", "text_config", "gemma"),
    },
    "clap": {
        "speech": ("audio_model", "audio_config", "clap_audio_model"),
        "text": ("text_model", "text_config", "clap_text_model"),
    },
    "seamless_m4t": _SEAMLESS,
    "seamless_m4t_v2": _SEAMLESS,
    "sam": {"": ("vision_encoder", "vision_config", "sam_vision_model")},
    "t5": {"": ("encoder", "", "t5")},
    "whisper": {"": ("encoder", "", "whisper")},
}


def tower(config: dict[str, Any], name: str, where: str) -> Tower:
    """The part of that name of the model with this configuration, in `where`; "" of a model that has one only.

    Raises:
        BadInput: for a kind of model that is not known, a part that it lacks, and where one must be chosen.
    """
    whole = str(config.get("model_type", ""))
    parts = TOWERS.get(whole, {"": ("", "", whole)})
    if name not in parts:
        if not name:
            raise BadInput(
                f"one of the parts {' and '.join(parts)} of {whole}", f"hf:{where}",
                f"add it, as in hf:{where}#{next(iter(parts))}",
            )  # fmt: skip
        if set(parts) == {""}:
            raise BadInput(f"{where} without a part, for {whole} has one only", f"#{name}", "leave it out")
        raise unknown(f"part of {whole}", name, parts)
    module, key, kind = parts[name]
    kind = str(config.get(key, {}).get("model_type") or kind) if key else kind
    family = FAMILIES.get(f"{whole}/{kind}") or FAMILIES.get(kind)
    if family is None:
        raise unknown("transformers family", kind, [*FAMILIES, *TOWERS])
    return Tower(family, kind, module, key)
