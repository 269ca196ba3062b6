"""A language model in a GGUF file, quantised or not: dequantised once by transformers, into a folder in the cache."""

import json
import shutil
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from consilience.connectors.files import package_folder, sha256
from consilience.connectors.models.huggingface import HuggingFace
from consilience.connectors.models.registry import register
from consilience.engine.cache import cache_folder
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import WHOLE, Loading, ModelCard

_COUNT = "parameters"


class Gguf(HuggingFace):
    """The model in `file`, every hidden state; `config` is its transformers configuration, read from it by default.
    `named` overrides fields of its card.

    Raises BadInput for a file that is not there or is no GGUF, and for an architecture that is not known; NotInstalled
    where a package is missing that reads it.
    """

    def __init__(self, file: str | Path, config: dict[str, Any] | None = None, **named: Any):
        self.gguf = Path(file).expanduser().absolute()
        name = str(named.get("name", f"gguf:{file}"))
        if not self.gguf.is_file():
            raise BadInput("a GGUF file", f"{self.gguf}, which is not there", "check the path")
        for package in ("gguf", "accelerate"):
            package_folder(package, package, name)
        self._hash = sha256([self.gguf])
        if config is None:
            config = _config(self.gguf, cache_folder() / f"gguf-{self._hash[:16]}.json")
        # Settled here: the processes that load the model may have another environment.
        folder = cache_folder() / f"{named.get('name', 'gguf')}-{self._hash[:16]}"
        super().__init__(folder, config, **{"name": self.gguf.stem, **named})

    @cached_property
    def card(self) -> ModelCard:
        fields = {
            "modality": self.family.modality,
            "revision": f"{self.config['model_type']}, GGUF",
            "weights_hash": self._hash,
            "preprocessing": f"the file's tokenizer, no prompt, at most {self._inputs.most} tokens; "  # type: ignore[attr-defined]
            "weights as float32",
            "objective": self.family.objective,
            "parameters": self.config.get(_COUNT, 0),
            "licence": "not stated",
            "citation": "not stated",
        }
        return ModelCard(**{**fields, **self._named})

    def refuse_loading(self, how: Loading) -> None:
        if how.quantize:
            raise BadInput(
                f"weights that are not quantised yet, for quantize {how.quantize!r}", f"{self.gguf}, a GGUF file",
                "leave quantize out, or take the transformers folder that it was converted from",
            )  # fmt: skip
        super().refuse_loading(how)

    def load(self, device: str, how: Loading = WHOLE) -> None:
        if not self.folder.is_dir():
            dequantise(self.gguf, self.folder)
        super().load(device, how)


@register("gguf:FILE", "a language model in a GGUF file (Llama, Qwen, Gemma, ...), every hidden state")
def _named(argument: str, *, name: str = "", licence: str = "", citation: str = "") -> Gguf:
    told = {"name": name, "licence": licence, "citation": citation}
    named: dict[str, Any] = {key: value for key, value in told.items() if value}
    return Gguf(argument, **named)


def _config(gguf: Path, kept: Path) -> dict[str, Any]:
    """The configuration in the file, with how many parameters it holds; kept, since a vocabulary takes seconds."""
    with suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    import transformers
    from gguf import GGUFReader
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES, load_gguf_checkpoint

    transformers.utils.logging.set_verbosity_error()
    try:
        reader = GGUFReader(gguf)
    except Exception as error:
        raise BadInput("a model in GGUF format", f"{gguf}: {error}", "fetch or convert it again") from error
    try:
        config = dict(load_gguf_checkpoint(str(gguf), return_tensors=False)["config"])
    except ValueError as error:
        raise BadInput(
            f"an architecture that transformers reads ({', '.join(sorted(GGUF_SUPPORTED_ARCHITECTURES))})", str(error),
            "give the folder of the model it was converted from, as in hf:/models/mine",
        ) from error  # fmt: skip
    config[_COUNT] = int(sum(int(tensor.n_elements) for tensor in reader.tensors))
    plain: dict[str, Any] = json.loads(json.dumps(config, default=_plain))
    with suppress(OSError):  # where nothing can be kept, it is read again
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_name(f".{kept.name}-{id(plain)}")
        fresh.write_text(json.dumps(plain), encoding="utf-8")
        fresh.replace(kept)
    return plain


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def dequantise(gguf: Path, folder: Path) -> None:
    """Write the model in `gguf` as a transformers folder in float32, which appears whole or not at all."""
    import torch
    import transformers
    from safetensors.torch import save_file

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    source = {"gguf_file": gguf.name, "local_files_only": True, "trust_remote_code": False}
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
