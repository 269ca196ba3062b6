"""Tar shards as webdataset has them."""

import gzip
import io
import pickle
import tarfile

import pytest
from PIL import Image

from consilience.connectors.stimuli import open_stimuli
from consilience.connectors.stimuli.braces import expanded
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import StimulusSet


def picture(shade, form="PNG"):
    sink = io.BytesIO()
    Image.new("RGB", (6, 5), (shade, 0, 0)).save(sink, form)
    return sink.getvalue()


def shard(path, members, form=tarfile.USTAR_FORMAT):
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.fixture
def shards(tmp_path):
    """Two shards of two pictures with captions and other files."""
    for k in range(2):
        members = []
        for j in range(2):
            key = f"{k}{j}"
            members += [
                (f"{key}.png", picture(100 * k + 10 * j)),
                (f"{key}.txt", f"caption {key}\n".encode()),
                (f"{key}.json", b"{}"),
            ]
        shard(tmp_path / f"set-{k:03d}.tar", members)
    return tmp_path


def shades(stimuli):
    return [stimuli.get("image", k).getpixel((0, 0))[0] for k in range(len(stimuli.sample_ids()))]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("set-{000..001}.tar", "set-000-001"), ("set-*.tar", "set"), ("set-00{0,1}.tar", "set-00-0-1")],
)
def test_members_of_one_name_are_a_sample(shards, pattern, name):
    stimuli = open_stimuli(f"webdataset:{shards}/{pattern}")
    assert isinstance(stimuli, StimulusSet)
    assert list(stimuli.views()) == ["image", "text"]
    assert list(stimuli.sample_ids()) == ["00", "01", "10", "11"]
    assert shades(stimuli) == [0, 10, 100, 110]
    assert [stimuli.get("text", k) for k in range(4)] == [f"caption {x}" for x in stimuli.sample_ids()]
    assert stimuli.name == name
    again = pickle.loads(pickle.dumps(stimuli))
    assert shades(again) == [0, 10, 100, 110]
    assert again.fingerprint == stimuli.fingerprint


def test_a_field_is_named_or_the_only_one(shards):
    pattern = f"webdataset:{shards}/set-*.tar"
    assert list(open_stimuli(f"{pattern}#png").views()) == ["image"]
    assert list(open_stimuli(f"{pattern}#PNG,txt").views()) == ["image", "text"]
    assert open_stimuli(f"{pattern}#png").fingerprint != open_stimuli(pattern).fingerprint
    with pytest.raises(BadInput, match=r"a known field of these shards .*'jpg'"):
        open_stimuli(f"{pattern}#jpg")
    with pytest.raises(BadInput, match="fields of pictures, sounds or texts; got json"):
        open_stimuli(f"{pattern}#json")


def test_fields_of_one_view_stand_for_each_other_but_not_in_one_sample(tmp_path):
    shard(tmp_path / "a.tar", [("a.png", picture(1)), ("b.JPG", picture(2, "JPEG")), ("c.txt", b"c")])
    stimuli = open_stimuli(f"webdataset:{tmp_path}/a.tar")
    assert list(stimuli.sample_ids()) == ["a", "b", "c"]
    assert stimuli.get("image", 1).size == (6, 5)
    with pytest.raises(ValueError, match="no file of the view image"):
        stimuli.get("image", 2)
    with pytest.raises(ValueError, match="no file of the view text"):
        stimuli.get("text", 0)
    shard(tmp_path / "b.tar", [("x.a.png", picture(1)), ("x.b.png", picture(2))])
    with pytest.raises(
        BadInput, match=r"x in b.tar with .b.png and another. Fix: name the one that is meant: #b.png"
    ):
        open_stimuli(f"webdataset:{tmp_path}/b.tar")
    assert shades(open_stimuli(f"webdataset:{tmp_path}/b.tar#b.png")) == [2]


def test_a_key_of_two_shards_gets_the_name_of_its_shard(tmp_path):
    for k in range(2):
        shard(tmp_path / f"{k}.tar", [("cat.txt", b"one"), (f"sub.d/dog{k}.txt", b"two")])
    stimuli = open_stimuli(f"webdataset:{tmp_path}/{{0..1}}.tar")
    assert list(stimuli.sample_ids()) == ["0/cat", "0/sub.d/dog0", "1/cat", "1/sub.d/dog1"]
    shard(tmp_path / "2.tar", [("cat.txt", b"one"), ("dog.txt", b"two"), ("cat.txt", b"three")])
    with pytest.raises(BadInput, match="every key once in a shard"):
        open_stimuli(f"webdataset:{tmp_path}/2.tar")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_hidden_names_in_every_form_of_tar(tmp_path, form):
    long = "/".join(["deep" * 20] * (1 if form == tarfile.USTAR_FORMAT else 3)) + "/naïve" * (form != 0)
    members = [(f"./{long}.txt", b"one"), ("sub/.hidden.txt", b"no"), ("._x.txt", b"no"), ("noending", b"no")]
    shard(tmp_path / "a.tar", members, form)
    stimuli = open_stimuli(f"webdataset:{tmp_path}/a.tar")
    assert list(stimuli.sample_ids()) == [long]
    assert stimuli.get("text", 0) == "one"


def test_tars_that_cannot_be_read_are_refused(shards):
    path = shards / "set-000.tar"
    whole = path.read_bytes()
    path.write_bytes(gzip.compress(whole))
    with pytest.raises(BadInput, match=r"a tar that is not compressed; got .*gunzip it"):
        open_stimuli(f"webdataset:{path}")
    for broken in (whole[:700], b"no tar" * 300, b""):
        path.write_bytes(broken)
        with pytest.raises(BadInput, match="a whole tar file"):
            open_stimuli(f"webdataset:{path}")
    shard(path, [("a.json", b"{}")])
    with pytest.raises(BadInput, match="got files that end in json"):
        open_stimuli(f"webdataset:{path}")
    for pattern in (f"{shards}/no-*.tar", f"{shards}/set-{{000..002}}.tar"):
        with pytest.raises(BadInput, match="which is none"):
            open_stimuli(f"webdataset:{pattern}")
    with pytest.raises(BadInput, match=r"end the pattern in \*.tar"):
        open_stimuli(f"webdataset:{shards}")


def test_braces_as_in_a_shell():
    assert list(expanded("a{08..10}{x,y}.tar")) == [f"a{k}{x}.tar" for k in ("08", "09", "10") for x in "xy"]
    assert list(expanded("plain.tar")) == ["plain.tar"]
    with pytest.raises(BadInput, match=r"a range of numbers that rises; got \{3..1\}"):
        list(expanded("{3..1}"))
    with pytest.raises(BadInput, match="braces are closed"):
        list(expanded("a{1..3"))
