"""Stimuli that are broken, empty, too large or of another form: rejected with a reason, or noted in the run's log."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_models
from PIL import Image

import consilience as cs
from consilience.connectors.models import open_model
from consilience.connectors.models.pictures import rgb
from consilience.connectors.stimuli.decoding import MOST_PIXELS, picture, sound, text
from consilience.engine.extraction.interfaces import note, noted
from consilience.engine.extraction.runlog import notes, read_runs
from consilience.engine.features.damage import repair


def encoded(image, form, **options):
    sink = BytesIO()
    image.save(sink, form, **options)
    return sink.getvalue()


def claimed(width, height):
    """A PNG that says it is so large, in a hundred bytes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@pytest.mark.filterwarnings("default::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (60_000, 60_000), (MOST_PIXELS + 1, 1)])
def test_a_picture_too_large_is_refused_before_it_is_decoded(width, height):
    with pytest.raises(ValueError, match=r"too large to be decoded .*at most 89,478,485 pixels\): make"):
        picture(claimed(width, height))


def test_the_same_where_warnings_are_errors():
    with pytest.raises(ValueError, match="too large to be decoded"):
        picture(claimed(10_000, 10_000))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_truncated_picture_is_refused(form):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    whole = encoded(Image.fromarray(noise), form)
    assert picture(whole).size == (64, 64)
    with pytest.raises(OSError, match="truncated"):
        picture(whole[: len(whole) // 2])


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_a_picture_in_cmyk_has_its_colours(form):
    inks = Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # no cyan: red
    assert rgb(picture(encoded(inks, form)), 8).getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_of_16_bits_the_upper_eight_are_shown(form):
    greys = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    opened = picture(encoded(Image.fromarray(greys), form))
    with noted() as said:
        shown = rgb(opened, 8)
    np.testing.assert_array_equal(np.asarray(shown)[..., 0], greys >> 8)
    assert shown.mode == "RGB"
    assert said == ["of 16 bits a pixel, shown by the upper eight"]


def test_big_endian_16_bits_are_read_alike():
    greys = np.array([[0, 255, 256, 65535]], np.uint16)
    image = Image.frombytes("I;16B", (4, 1), greys.astype(">u2").tobytes())
    assert np.asarray(rgb(image, 4))[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_32_bits_are_refused(mode):
    opened = picture(encoded(Image.new(mode, (4, 4)), "TIFF"))
    with pytest.raises(ValueError, match="pixels of 32 bits, whose range is not known"):
        rgb(opened, 4)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_shown_and_that_is_noted(form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    moving = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    with noted() as said:
        shown = rgb(picture(moving), 8)
    assert shown.getpixel((0, 0)) == (255, 0, 0)
    assert said == ["animated, shown by the first frame"]
    with noted() as said:
        picture(encoded(frames[0], form, **options))
    assert said == []


def test_empty_texts_and_sounds_are_refused():
    import soundfile

    for nothing in ("", " \n\t", b"\xef\xbb\xbf"):
        with pytest.raises(ValueError, match="the text is empty"):
            text(nothing)
    with pytest.raises(UnicodeDecodeError):
        text(b"caf\xe9")
    sink = BytesIO()
    soundfile.write(sink, np.zeros(0, np.float32), 8000, format="WAV")
    with pytest.raises(ValueError, match="the sound has no sample"):
        sound(sink.getvalue())
    with pytest.raises(Exception, match=r"[Ff]ormat"):
        sound(b"no sound")


def test_what_a_thread_notes_is_its_own():
    note("nobody listens")
    with noted() as outer:
        with noted() as inner:
            note("a")
            note("a")
        note("b")
    assert (outer, inner) == (["b"], ["a"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A vision, a language and a speech model, with random weights."""
    root = tmp_path_factory.mktemp("models")
    for kind in ("vit", "bert", "wav2vec2"):
        small_models.save(kind, root / kind)
    return root


def test_a_text_of_marks_alone_is_refused_by_the_model_too(folders):
    model = open_model(f"hf:{folders / 'bert'}")
    model.load("cpu")
    with pytest.raises(ValueError, match="the text is empty"):
        model.preprocess(" ")


def test_a_text_that_is_longer_than_the_model_takes_is_cut_and_that_is_told(folders):
    model = open_model(f"hf:{folders / 'bert'}")
    model.load("cpu")
    most = model._inputs.most  # type: ignore[attr-defined]
    words = [f"word{k % 9}" for k in range(most + 30)]
    marks = len(model.preprocess("word1")) - 1
    with noted() as told:
        fits = model.preprocess(" ".join(words[: most - marks]))
        assert len(fits) == most
    assert told == []
    with noted() as told:
        assert model.preprocess(" ".join(words)) == fits
    assert told == [f"cut to {most} tokens"]


@pytest.mark.usefixtures("ray_local")
def test_tables_of_bad_stimuli_hold_the_good_ones_and_every_reason(folders, tmp_path):
    import soundfile

    grey = Image.fromarray(np.full((40, 40), 40_000, np.uint16))
    good = [Image.new("RGB", (40, 40), (50 * k, 0, 0)) for k in range(3)]
    pictures = [encoded(x, "PNG") for x in good]
    moving = encoded(good[0], "GIF", save_all=True, append_images=good[1:])
    pictures += [b"\xff\xd8 no", pictures[0][:60], None, encoded(grey, "PNG"), moving]
    texts = ["a dog", "a cat", "a man", "", " ", None, "a bird", "a fish"]
    pq.write_table(pa.table({"image": pictures, "text": texts}), tmp_path / "set.parquet")
    seen = cs.extract(f"hf:{folders / 'vit'}", f"parquet:{tmp_path}/set.parquet", tmp_path / "store")
    read = cs.extract(f"hf:{folders / 'bert'}", f"parquet:{tmp_path}/set.parquet", tmp_path / "store")
    for table in (seen, read):
        assert list(table.sample_ids) == ["0", "1", "2", "6", "7"]
        assert table.rejected["sample_id"].to_pylist() == ["3", "4", "5"]
    reasons = seen.rejected["reason"].to_pylist()
    assert "cannot identify image file" in reasons[0]
    assert "the row has no image" in reasons[2]
    assert all("the text is empty" in x for x in read.rejected["reason"].to_pylist()[:2])
    assert notes(seen.path) == {
        "animated, shown by the first frame": 1,
        "of 16 bits a pixel, shown by the upper eight": 1,
    }
    (tmp_path / "sounds").mkdir()
    for k, rate in enumerate((16_000, 8_000, 8_000, 44_100)):
        tone = np.sin(np.arange(rate // 2) * 600 / rate).astype(np.float32)
        soundfile.write(tmp_path / "sounds" / f"{k}.wav", tone, rate)
    heard = cs.extract(f"hf:{folders / 'wav2vec2'}", f"audio:{tmp_path}/sounds", tmp_path / "store")
    assert len(heard.sample_ids) == 4
    resampled = {"resampled from 44100 to 16000 Hz": 1, "resampled from 8000 to 16000 Hz": 2}
    assert notes(heard.path) == resampled
    (part,) = heard.path.glob("part-*.arrow")
    part.write_bytes(part.read_bytes()[:-100])
    repair(heard.path)
    again = cs.extract(f"hf:{folders / 'wav2vec2'}", f"audio:{tmp_path}/sounds", tmp_path / "store")
    assert len(read_runs(again.path)) == 2
    assert notes(again.path) == resampled, "a shard that is written again counts once"
