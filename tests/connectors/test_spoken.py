"""Texts spoken by eSpeak NG."""

import ctypes
import hashlib
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from consilience.connectors.stimuli import open_stimuli
from consilience.connectors.stimuli.espeak import Voice
from consilience.connectors.stimuli.spoken import Spoken
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import NotInstalled

WORDS = ["fish", "zebra", "red apple", "sun with face", "snake"]
_ALONE = """
from consilience.connectors.stimuli.espeak import Voice
import hashlib, sys
print(hashlib.sha256(Voice().speak(sys.argv[1])[0].tobytes()).hexdigest())
"""


def digest(samples: np.ndarray) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()


def test_a_word_sounds_the_same_in_any_order_thread_and_process():
    voice = Voice()
    want = {word: digest(voice.speak(word)[0]) for word in WORDS}
    order = WORDS * 6
    random.Random(0).shuffle(order)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda word: digest(voice.speak(word)[0]), order)) == [want[x] for x in order]
    alone = subprocess.run(
        [sys.executable, "-c", _ALONE, WORDS[1]], capture_output=True, text=True, check=True
    )
    assert alone.stdout.strip() == want[WORDS[1]]


def test_it_is_sound_of_the_length_of_the_text_in_the_voice_that_is_named():
    samples, rate = Voice().speak("grinning face")
    assert (samples.dtype, rate) == (np.float32, 22_050)
    assert 0.1 < np.abs(samples).max() <= 1
    assert 0.5 < len(samples) / rate < 1
    assert len(Voice().speak("grinning face with smiling eyes")[0]) > 1.5 * len(samples)
    assert digest(Voice("de").speak("grinning face")[0]) != digest(samples)


def test_what_cannot_be_spoken_is_said():
    with pytest.raises(ValueError, match="nothing is heard of ''"):
        Voice().speak("")
    with pytest.raises(RuntimeError, match="no voice 'none'"):
        Voice("none").speak("fish")


def test_a_library_that_is_in_use_elsewhere_is_not_trusted_to_begin_anew():
    import _ctypes

    voice = Voice()
    held = ctypes.CDLL(str(voice._library))
    with pytest.raises(RuntimeError, match="in use in this process"):
        voice.speak("fish")
    _ctypes.dlclose(held._handle)
    assert voice.speak("fish")[1] == 22_050


def test_openmoji_is_spoken_under_its_own_ids(tmp_path):
    drawn, spoken = open_stimuli("openmoji"), open_stimuli("spoken:openmoji")
    assert list(spoken.sample_ids()) == list(drawn.sample_ids())
    assert (spoken.name, list(spoken.views())) == ("openmoji-spoken", ["speech"])
    assert spoken.fingerprint != drawn.fingerprint
    assert "CC BY-SA 4.0" in spoken.licence
    row = list(drawn.sample_ids()).index("1F600")
    np.testing.assert_array_equal(spoken.get("speech", row)[0], Voice().speak("grinning face")[0])
    (tmp_path / "words.txt").write_text("fish\n")
    assert open_stimuli(f"spoken:text:{tmp_path}/words.txt").get("speech", 0)[1] == 22_050
    assert Spoken("openmoji", voice="de").fingerprint != spoken.fingerprint


def test_a_set_without_texts_and_a_missing_library_are_told(monkeypatch):
    with pytest.raises(BadInput, match="with texts, to be spoken; got kriegeskorte92, which has image"):
        open_stimuli("spoken:kriegeskorte92")
    monkeypatch.setattr("consilience.connectors.files.find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match="espeakng-loader, which spoken:openmoji is made from"):
        open_stimuli("spoken:openmoji")
