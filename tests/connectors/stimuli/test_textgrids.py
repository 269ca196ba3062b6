"""Intervals of Praat's TextGrids, in both of its text forms, with the sound cut alike."""

import numpy as np
import pytest

from consilience.connectors.stimuli import open_stimuli
from consilience.connectors.stimuli.praat import Interval, read_textgrid
from consilience.connectors.stimuli.textgrid import TextGrids
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import StimulusSet

# As Praat's manual has them, but for the words.
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.3
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 2.3
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "the ""old"" 5 men"
        intervals [3]:
            xmin = 1.25
            xmax = 1.5
            text = " "
        intervals [4]:
            xmin = 1.5
            xmax = 2.3
            text = "naïve! = 3"
    item [2]:
        class = "TextTier"
        name = "bell"
        xmin = 0
        xmax = 2.3
        points: size = 1
        points [1]:
            number = 1
            mark = "ding"
    item [3]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 2.3
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.3
            text = "x"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2.3
<exists>
3
"IntervalTier"
"words"
0
2.3
4
0
0.5
""
0.5
1.25
"the ""old"" 5 men"
1.25
1.5
" "
1.5
2.3
"naïve! = 3"
"TextTier"
"bell"
0
2.3
1
1
"ding"
"IntervalTier"
"phones"
0
2.3
1
0
2.3
"x"
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", [LONG, SHORT, SHORT.replace('"phones"', '"phones" ! a comment 7')])
def test_both_forms_in_the_encodings_that_praat_writes(tmp_path, text, encoding):
    path = tmp_path / "a.TextGrid"
    path.write_text(text, encoding=encoding)
    tiers = read_textgrid(path)
    assert list(tiers) == ["words", "phones"]
    assert tiers["words"][1::2] == [Interval(0.5, 1.25, 'the "old" 5 men'), Interval(1.5, 2.3, "naïve! = 3")]
    assert tiers["phones"] == [Interval(0.0, 2.3, "x")]


def test_an_interval_is_a_sample_with_its_text_and_its_sound(tmp_path):
    import soundfile

    tone = np.arange(2300, dtype=np.float32) / 4000
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "story.TextGrid").write_text(LONG, encoding="utf-8")
    (tmp_path / "end.textgrid").write_text(SHORT, encoding="utf-8")
    for path in (tmp_path / "day" / "story.wav", tmp_path / "end.flac"):
        soundfile.write(path, tone, 1000)
    stimuli = open_stimuli(f"textgrid:{tmp_path}#words")
    assert isinstance(stimuli, TextGrids)
    assert isinstance(stimuli, StimulusSet)
    assert list(stimuli.views()) == ["text", "speech"]
    assert list(stimuli.sample_ids()) == ["day/story/0002", "day/story/0004", "end/0002", "end/0004"]
    assert stimuli.get("text", 0) == 'the "old" 5 men'
    assert (stimuli.onsets, stimuli.offsets, stimuli.empty) == ([0.5, 1.5] * 2, [1.25, 2.3] * 2, 4)
    samples, rate = stimuli.get("speech", 1)
    assert rate == 1000
    np.testing.assert_allclose(samples, tone[1500:2300], atol=1e-4)
    before = stimuli.fingerprint
    soundfile.write(tmp_path / "end.flac", tone[:1800], 1000)
    stimuli = open_stimuli(f"textgrid:{tmp_path}#words")
    assert stimuli.fingerprint != before
    assert len(stimuli.get("speech", 3)[0]) == 300  # to where the sound ends
    soundfile.write(tmp_path / "end.flac", tone[:1200], 1000)
    with pytest.raises(ValueError, match="no sample"):
        stimuli.get("speech", 3)
    (tmp_path / "end.flac").unlink()
    assert list(open_stimuli(f"textgrid:{tmp_path}#words").views()) == ["text"]


def test_a_file_alone_and_the_tier_that_is_meant(tmp_path):
    path = tmp_path / "story.TextGrid"
    path.write_text(LONG, encoding="utf-8")
    assert list(open_stimuli(f"textgrid:{path}#phones").sample_ids()) == ["story/0001"]
    assert open_stimuli(f"textgrid:{path}#phones").name == "story#phones"
    with pytest.raises(
        BadInput, match=r"one tier of intervals in story.TextGrid; got words, phones. .*#words"
    ):
        open_stimuli(f"textgrid:{path}")
    with pytest.raises(BadInput, match="did you mean 'words'"):
        open_stimuli(f"textgrid:{path}#word")
    with pytest.raises(BadInput, match=r"a known tier of intervals in story.TextGrid \(phones, words\)"):
        open_stimuli(f"textgrid:{path}#bell")
    with pytest.raises(BadInput, match="which is neither"):
        open_stimuli(f"textgrid:{tmp_path}/none")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends too early"),
        (b"some words", "ends too early"),
        (b'"ooTextFile" "Pitch 1"', "another kind of file"),
        (SHORT.encode()[:-20], "ends too early"),
        (SHORT.encode("latin-1"), "other bytes"),
        (SHORT.replace("1.25\n1.5", "1.5\n1.25").encode(), "an interval from 1.5 to 1.25 s in 'words'"),
        (SHORT.replace('"phones"', '"words"').encode(), "two tiers of the name 'words'"),
        (SHORT.replace('\n"x"\n', "\n7\n").encode(), "7 where a text is expected"),
    ],
)
def test_what_is_no_textgrid_is_refused(tmp_path, content, message):
    path = tmp_path / "a.TextGrid"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        read_textgrid(path)
