"""The texts of a stimulus set, spoken: a third view of what it shows, under the same ids."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from consilience.connectors.stimuli.espeak import Voice
from consilience.connectors.stimuli.registry import open_stimuli, register
from consilience.engine.errors import BadInput


@register("spoken:SET", "the texts of another set, spoken by eSpeak NG: spoken:openmoji, spoken:text:FILE")
class Spoken:
    """The texts of the set named `stimuli` as (samples, rate), in a `voice` of eSpeak NG (``en``, ``en-us``, ``de``).

    They are spoken when they are asked for, and are the same to the bit in any order and process. A text of which
    nothing is heard is rejected. Raises NotInstalled, with the pip line, where the library of eSpeak NG is missing, and
    BadInput for a set without texts.
    """

    def __init__(self, stimuli: str, *, voice: str = "en"):
        self._voice = Voice(voice, f"spoken:{stimuli}")
        self._texts = open_stimuli(stimuli)
        if "text" not in self._texts.views():
            views = ", ".join(self._texts.views())
            raise BadInput(
                "a stimulus set with texts, to be spoken", f"{stimuli}, which has {views}", "choose another"
            )
        self.name = f"{self._texts.name}-spoken" + (f"-{voice}" if voice != "en" else "")
        self.licence = self._texts.licence
        self.citation = f"{self._texts.citation}; spoken by eSpeak NG ({self._voice.says})"

    @property
    def fingerprint(self) -> str:
        return sha256(f"{self._texts.fingerprint} spoken by {self._voice.says}".encode()).hexdigest()

    def views(self) -> Sequence[str]:
        return ("speech",)

    def sample_ids(self) -> Sequence[str]:
        return self._texts.sample_ids()

    def get(self, view: str, index: int) -> Any:
        return self._voice.speak(self._texts.get("text", index))
