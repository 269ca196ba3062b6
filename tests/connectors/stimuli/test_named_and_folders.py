import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import consilience as cs
from consilience.connectors.models.pictures import rgb, square
from consilience.connectors.stimuli import open_stimuli
from consilience.connectors.stimuli.lee import Lee
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Labelled, Picture, StimulusSet


@pytest.fixture(scope="module")
def openmoji():
    return open_stimuli("openmoji")


def test_openmoji_has_named_drawings_without_skin_tones_and_flags(openmoji):
    ids = openmoji.sample_ids()
    assert isinstance(openmoji, StimulusSet)
    assert len(ids) == len(set(ids)) == 1445
    names = {i: openmoji.get("text", row) for row, i in enumerate(ids)}
    assert names["1F600"] == "grinning face"
    assert not any("skin tone" in name or "flag: " in name.lower() for name in names.values())
    assert not any(mark in name for name in names.values() for mark in ":_")
    assert openmoji.licence == "CC BY-SA 4.0"


def test_a_drawing_is_drawn_at_the_size_asked_for_on_white(openmoji):
    drawing = openmoji.get("image", list(openmoji.sample_ids()).index("1F600"))
    assert isinstance(drawing, Picture)
    for size in (224, 260):
        pixels = square(drawing, size)
        assert pixels.shape == (size, size, 3)
        assert (pixels[0, 0] == 255).all()
        assert (pixels[size // 2, size // 2] != 255).any()
    # Drawn, not resized: a small drawing is not what a large one shrinks to.
    small = np.asarray(drawing.image(32)).astype(int)
    shrunk = np.asarray(drawing.image(256).resize((32, 32), Image.Resampling.BICUBIC)).astype(int)
    assert 0 < np.abs(small - shrunk).mean() < 10


def test_fingerprints_move_with_ids_and_contents(tmp_path):
    for name, shade in (("a.png", 10), ("sub/b.PNG", 20)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (shade,) * 3).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")

    def fingerprint():
        return open_stimuli(f"images:{tmp_path}").fingerprint

    assert list(open_stimuli(f"images:{tmp_path}").sample_ids()) == ["a.png", "sub/b.PNG"]
    first = fingerprint()
    assert fingerprint() == first
    Image.new("RGB", (8, 8), (11,) * 3).save(tmp_path / "a.png")
    second = fingerprint()
    (tmp_path / "a.png").rename(tmp_path / "c.png")
    assert len({first, second, fingerprint()}) == 3


def test_a_photograph_is_resized_by_its_shorter_side_and_cut_in_the_middle(tmp_path):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    picture = open_stimuli(f"images:{tmp_path}").get("image", 0)
    assert (square(picture, 40) == 255).all()
    assert square(picture, 100).shape == (100, 100, 3)


def test_transparent_pixels_are_put_on_white():
    assert rgb(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), 4).getpixel((0, 0)) == (255, 255, 255)
    assert rgb(Image.new("L", (4, 4), 7), 4).getpixel((0, 0)) == (7, 7, 7)
    with pytest.raises(TypeError, match="a PIL image or a Picture; got str"):
        rgb("x", 4)


def test_a_picture_that_cannot_be_read_raises(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no")
    with pytest.raises(OSError):
        open_stimuli(f"images:{tmp_path}").get("image", 0)


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(BadInput, match="which has none"):
        open_stimuli(f"images:{tmp_path}")
    with pytest.raises(BadInput, match="which is not a folder"):
        open_stimuli(f"images:{tmp_path}/no")


def test_lines_are_samples_by_their_number(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("\ufeffone\r\n\ntwo\u2028words\n", encoding="utf-8")
    texts = open_stimuli(f"text:{path}")
    assert list(texts.sample_ids()) == ["1", "3"]
    assert [texts.get("text", row) for row in range(2)] == ["one", "two\u2028words"]
    assert texts.name == "words"


def test_a_tab_in_the_first_line_makes_ids(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("a\tone\nb\ttwo\twords\n")
    texts = open_stimuli(f"text:{path}")
    assert list(texts.sample_ids()) == ["a", "b"]
    assert texts.get("text", 1) == "two\twords"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tone\ntwo\n", "no id and tab in line 2"),
        (b"a\tone\na\ttwo\n", "an id that occurred before in line 2"),
        (b"\n \n", "which has none"),
        (b"caf\xe9\n", "a file in UTF-8"),
    ],
)
def test_files_that_cannot_be_meant_are_refused(tmp_path, content, message):
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        open_stimuli(f"text:{path}")


def test_a_folder_of_sounds(tmp_path):
    import soundfile

    tone = np.sin(np.arange(800) / 8).astype(np.float32)
    (tmp_path / "low").mkdir()
    soundfile.write(tmp_path / "low" / "a.wav", tone, 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "b.flac", np.stack([tone, -tone], axis=1), 16_000)
    soundfile.write(tmp_path / "c.wav", tone[:0], 8000)
    (tmp_path / "d.ogg").write_bytes(b"no sound")
    (tmp_path / "notes.txt").write_text("not one either")
    sounds = open_stimuli(f"audio:{tmp_path}")
    assert isinstance(sounds, StimulusSet)
    assert list(sounds.views()) == ["speech"]
    assert list(sounds.sample_ids()) == ["b.flac", "c.wav", "d.ogg", "low/a.wav"]
    samples, rate = sounds.get("speech", 3)
    assert rate == 8000
    np.testing.assert_array_equal(samples, tone)
    samples, rate = sounds.get("speech", 0)
    assert (samples.shape, rate) == ((800, 2), 16_000)
    np.testing.assert_allclose(samples[:, 0], tone, atol=1e-4)
    with pytest.raises(ValueError, match="no sample"):
        sounds.get("speech", 1)
    with pytest.raises(Exception, match=r"[Ff]ormat"):
        sounds.get("speech", 2)
    before = sounds.fingerprint
    soundfile.write(tmp_path / "low" / "a.wav", -tone, 8000, subtype="FLOAT")
    assert open_stimuli(f"audio:{tmp_path}").fingerprint != before
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match=r"sounds \(.aif, .*which has none"):
        open_stimuli(f"audio:{tmp_path / 'none'}")


def test_digits_are_bright_on_black_and_labelled():
    digits = open_stimuli("digits")
    assert isinstance(digits, StimulusSet)
    assert isinstance(digits, Labelled)
    ids, labels = digits.sample_ids(), digits.labels()
    assert len(ids) == len(labels) == 1797
    assert list(labels)[:10] == list(ids[:10])
    assert list(labels.values())[:10] == list("0123456789")
    source = load_digits()
    for k in (0, 1, 900, 1796):
        grey = np.asarray(rgb(digits.get("image", k), 8))[..., 0]
        np.testing.assert_array_equal(np.round(grey / 255 * 16), source.images[k])
        assert labels[ids[k]] == str(source.target[k])


def test_lee_holds_the_texts_and_what_people_say_of_them():
    lee = Lee()
    assert isinstance(open_stimuli("lee"), Lee)
    assert isinstance(lee, StimulusSet)
    ids = lee.sample_ids()
    assert ids == [f"{k:02d}" for k in range(1, 51)]
    texts = [lee.get("text", k) for k in range(50)]
    assert texts[0].startswith("The national executive of the strife-torn Democrats")
    assert min(len(x.split()) for x in texts) == 45
    assert not [x for x in texts if "\ufffd" in x]
    people = lee.similarities()
    assert people.shape == (50, 50)
    np.testing.assert_array_equal(people, people.T)
    assert (people.min(), people[0, 1]) == (0.2, 0.3)


@pytest.mark.usefixtures("ray_local")
def test_minilm_finds_texts_alike_as_people_do(tmp_path):
    lee = Lee()
    table = cs.extract("minilm", "lee", tmp_path, layers=["hidden.0", "hidden.6"])
    people = {"people": cs.RDM(1 - lee.similarities(), lee.sample_ids())}
    found = cs.compare([table], people, ["rsa:compare=pearson,rdm=cosine"])["score"].squeeze()
    assert found[1] == pytest.approx(0.656, abs=0.005)
    assert found[0] < 0.4
