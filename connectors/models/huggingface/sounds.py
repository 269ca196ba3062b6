"""What a sound is made into, and how several go through a model together."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from consilience.connectors.models.huggingface.families import Config, Family
from consilience.connectors.models.huggingface.inputs import LOCAL, Part, alike
from consilience.engine.extraction.interfaces import note


class Sounds:
    """One channel of samples at the rate of the model, as the folder's feature extractor makes it.

    Sounds of one length go through the model together, and no other: what is padded would change the statistics that
    some of these models normalise by, so that a sample's features would depend on its neighbours in the batch.
    """

    def __init__(self, folder: Path, config: Config, kind: str, family: Family):
        self.folder, self.family = folder, family
        path = folder / "preprocessor_config.json"
        settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self.rate = int(settings.get("sampling_rate", 16_000))
        self.most = float(settings.get("chunk_length") or settings.get("max_length_s") or 0) or None
        limit = f", at most {self.most:g} s" if self.most else ""
        self.says = f"one channel, resampled to {self.rate} Hz{limit}, the folder's feature extractor"

    def load(self) -> None:
        import transformers

        self._extractor = transformers.AutoFeatureExtractor.from_pretrained(self.folder, **LOCAL)

    def preprocess(self, item: tuple[Any, int]) -> tuple[Any, int]:
        """(samples, rate) -> what the extractor makes of it, and its length in samples at the model's rate."""
        samples = self.resampled(item)
        seconds = len(samples) / self.rate
        if self.most and seconds > self.most:
            raise ValueError(
                f"the sound lasts {seconds:.1f} s, and the model takes {self.most:g} s: "
                "`chunk` has it heard in pieces, where the model has that option"
            )
        return self.made(samples)

    def resampled(self, item: tuple[Any, int]) -> Any:
        """(samples, rate) -> samples at the model's rate."""
        if item[1] != self.rate:
            note(f"resampled from {item[1]} to {self.rate} Hz")
        return at_rate(item[0], item[1], self.rate)

    def made(self, samples: Any) -> tuple[Any, int]:
        """What the extractor makes of samples at the model's rate, and how many they are."""
        made = self._extractor(samples, sampling_rate=self.rate, return_tensors="np")
        return made[self._extractor.model_input_names[0]][0], len(samples)

    def length(self, given: tuple[Any, int]) -> int:
        return int(given[0].shape[-1])

    def together(self, batch: Sequence[tuple[Any, int]]) -> Iterator[Part]:
        import numpy as np
        import torch

        name = self._extractor.model_input_names[0]
        for rows in alike([values.shape for values, _ in batch]):
            given = {name: torch.from_numpy(np.stack([batch[row][0] for row in rows]))}
            frames = [self.family.frames(batch[row][1]) for row in rows] if self.family.frames else None
            if self.family.masked and frames:
                places = torch.arange(given[name].shape[1])
                given["attention_mask"] = (places < torch.tensor(frames)[:, None]).long()
            yield rows, given, frames


def at_rate(samples: Any, rate: int, wanted: int) -> Any:
    """One channel in float32 at the rate `wanted`. Raises ValueError for a sound without samples."""
    from math import gcd

    import numpy as np
    from scipy.signal import resample_poly

    samples = np.asarray(samples, np.float32)
    samples = samples.mean(axis=1) if samples.ndim == 2 else samples
    if not len(samples):
        raise ValueError("the sound has no sample")
    if rate == wanted:
        return samples
    common = gcd(int(rate), wanted)
    return resample_poly(samples, wanted // common, int(rate) // common).astype(np.float32)
