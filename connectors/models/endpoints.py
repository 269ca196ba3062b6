"""A text model behind an OpenAI-compatible embeddings endpoint: asked over the network, and paid by the token."""

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from consilience.connectors.models.asking import Asker, checked
from consilience.connectors.models.registry import register
from consilience.engine.cache import cache_folder
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Layer, ModelCard, Outputs

OPENAI = "api.openai.com"


@register(
    "endpoint:URL#MODEL",
    "a text model behind an OpenAI-compatible endpoint: endpoint:https://api.openai.com/v1#text-embedding-3-small",
)
class Endpoint:
    """The embeddings that URL/embeddings gives of texts, for MODEL.

    `price` is in US dollars a million tokens, for the plan; `rate` at most so many requests a minute; `dimensions` is
    sent, for models that shorten their vectors. The key comes from the environment variable `key_env`, by default
    OPENAI_API_KEY for api.openai.com and CONSILIENCE_ENDPOINT_KEY for others, in the processes that extract; it is
    stored nowhere. How many units there are is asked once, with one word, where `dimensions` does not say it.

    Raises BadInput for what is no address with a model, and for one that holds a key.
    """

    arithmetic = "its endpoint"
    at_once = 1  # so that `rate` holds whatever the cluster

    def __init__(
        self, place: str, *, price: float | None = None, rate: float | None = None, dimensions: int | None = None,
        key_env: str = "", retries: int = 6, seconds: float = 60, name: str = "", revision: str = "not known",
        licence: str = "not stated",
    ):  # fmt: skip
        url, _, self.model = place.partition("#")
        self.url = checked(url.rstrip("/"))
        if not self.model:
            raise BadInput(
                "endpoint:URL#MODEL", f"endpoint:{url}", f"name the model, as in endpoint:{url}#my-model"
            )
        for what, value in (
            ("price", price),
            ("rate", rate),
            ("dimensions", dimensions),
            ("seconds", seconds),
        ):
            if value is not None and not value > 0 and not (what == "price" and value == 0):
                raise BadInput(f"`{what}` above 0", repr(value), "correct it, or leave it out")
        self.price, self.dimensions = price, dimensions
        at_openai = urlsplit(self.url).hostname == OPENAI
        key_env = key_env or ("OPENAI_API_KEY" if at_openai else "CONSILIENCE_ENDPOINT_KEY")
        self._asker = Asker(f"{self.url}/embeddings", key_env, rate, retries, seconds)
        self.card = ModelCard(
            name=name or self.model,
            modality="text",
            revision=revision,
            weights_hash=f"not known, behind {self.url}",
            preprocessing="that of the endpoint"
            + (f", {dimensions} dimensions asked for" if dimensions else ""),
            objective="not stated",
            parameters=0,
            licence=licence,
            citation="not stated",
        )

    @property
    def tokens(self) -> int:
        """Those that the endpoint has counted so far, in this process."""
        return self._asker.tokens

    def cost(self, tokens: float) -> float | None:
        """US dollars for so many tokens; None where the price is not known."""
        return None if self.price is None else self.price * tokens / 1e6

    def layers(self) -> Sequence[Layer]:
        return [Layer("embedding", "bd", self._units, "what the endpoint gives")]

    @cached_property
    def _units(self) -> int:
        if self.dimensions is not None:
            return self.dimensions
        key = sha256(f"{self.url}#{self.model}".encode()).hexdigest()[:16]
        kept = cache_folder() / f"endpoint-{key}.json"
        with suppress(OSError, ValueError, KeyError):
            return int(json.loads(kept.read_text(encoding="utf-8"))["units"])
        units = len(self._embedded(["word"])[0])
        with suppress(OSError):  # where nothing can be kept, it is asked again
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps({"units": units}), encoding="utf-8")
        return units

    def load(self, device: str) -> None:
        self._device = device

    def preprocess(self, item: str) -> str:
        if not item.strip():
            raise ValueError("the text is empty")
        return item

    def forward(self, batch: Sequence[str]) -> Outputs:
        import torch

        vectors = torch.tensor(self._embedded(batch), dtype=torch.float32, device=self._device)
        return Outputs({"embedding": vectors})

    def _embedded(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector a text, in their order."""
        asked: dict[str, Any] = {"model": self.model, "input": list(texts), "encoding_format": "float"}
        if self.dimensions is not None:
            asked["dimensions"] = self.dimensions
        found = self._asker.ask(asked)
        try:
            vectors = {int(x["index"]): x["embedding"] for x in found["data"]}
            ordered = [vectors[row] for row in range(len(texts))]
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"one embedding a text from {self.url}", f"an answer without it ({error!r})",
                "give the address of an OpenAI-compatible endpoint, up to /v1",
            ) from error  # fmt: skip
        return ordered
