"""Pictures and captions in the two forms in which they are published."""

import json

import pytest
from PIL import Image

from consilience.connectors.stimuli import open_stimuli
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import StimulusSet


def draw(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(names):
        Image.new("RGB", (8, 8), (40 * k, 0, 0)).save(folder / name)


@pytest.fixture
def coco(tmp_path):
    """Four pictures; neither they nor the annotations are in order, the third has one caption, the fourth none."""
    names = [f"{k:012d}.png" for k in (9, 25, 30, 31)]
    draw(tmp_path / "val2017", names)
    said = [(25, 3, "b one"), (9, 2, "a two"), (9, 1, "a one"), (25, 4, "b two "), (30, 5, "c one")]
    whole = {
        "info": {},
        "images": [{"id": int(x[:12]), "file_name": x} for x in reversed(names)],
        "annotations": [{"image_id": image, "id": key, "caption": text} for image, key, text in said],
    }
    path = tmp_path / "annotations" / "captions_val2017.json"
    path.parent.mkdir()
    path.write_text(json.dumps(whole))
    return path


@pytest.fixture
def flickr(tmp_path):
    names = ["36979.png", "65567.png", "81.png"]
    draw(tmp_path / "flickr30k-images", names)
    images = [
        {
            "filename": name, "imgid": k, "split": split,
            "sentences": [{"raw": f"{name} {j}", "tokens": [], "imgid": k} for j in range(5)],
        }
        for k, (name, split) in enumerate(zip(names, ("train", "test", "test")))
    ]  # fmt: skip
    path = tmp_path / "dataset_flickr30k.json"
    path.write_text(json.dumps({"images": images, "dataset": "flickr30k"}))
    return path


def test_pictures_and_captions_share_ids(coco):
    stimuli = open_stimuli(f"captions:{coco}")
    assert isinstance(stimuli, StimulusSet)
    assert list(stimuli.views()) == ["image", "text"]
    assert list(stimuli.sample_ids()) == ["9", "25", "30", "31"]
    assert [stimuli.get("image", k).getpixel((0, 0))[0] for k in range(4)] == [0, 40, 80, 120]
    assert [stimuli.get("text", k) for k in range(3)] == ["a one", "b one", "c one"]


def test_which_caption_is_shown(coco):
    second = open_stimuli(f"captions:{coco}#image,text:2")
    assert list(second.views()) == ["image", "text"]
    assert [second.get("text", k) for k in range(2)] == ["a two", "b two"]
    with pytest.raises(ValueError, match="has 1 captions, and number 2 is asked for"):
        second.get("text", 2)
    with pytest.raises(ValueError, match="has 0 captions"):
        open_stimuli(f"captions:{coco}").get("text", 3)
    whole = open_stimuli(f"captions:{coco}#text:all")
    with pytest.raises(ValueError, match="the text is empty"):
        whole.get("text", 3)
    assert (list(whole.views()), whole.get("text", 1)) == (["text"], "b one b two")
    names = [open_stimuli(f"captions:{coco}{x}") for x in ("", "#text", "#image", "#text:2", "#text:all")]
    assert len({x.fingerprint for x in names}) == len({x.name for x in names}) == 5


def test_karpathys_form_with_its_splits(flickr):
    stimuli = open_stimuli(f"captions:{flickr}#test")
    assert list(stimuli.sample_ids()) == ["65567.png", "81.png"]
    assert stimuli.get("image", 0).getpixel((0, 0))[0] == 40
    assert stimuli.get("text", 1) == "81.png 0"
    assert len(open_stimuli(f"captions:{flickr}").sample_ids()) == 3
    assert open_stimuli(f"captions:{flickr}#text:5,train").get("text", 0) == "36979.png 4"
    with pytest.raises(BadInput, match="did you mean 'train'"):
        open_stimuli(f"captions:{flickr}#trian")
    with pytest.raises(BadInput, match="text:1 is the first"):
        open_stimuli(f"captions:{flickr}#text:0")


def test_karpathys_coco_has_folders_and_cocos_ids(tmp_path):
    draw(tmp_path / "images" / "val2014", ["COCO_1.png"])
    image = {
        "filepath": "val2014",
        "filename": "COCO_1.png",
        "cocoid": 1,
        "split": "test",
        "sentences": [{"raw": "a"}],
    }
    path = tmp_path / "dataset_coco.json"
    path.write_text(json.dumps({"images": [image]}))
    stimuli = open_stimuli(f"captions:{path}")
    assert list(stimuli.sample_ids()) == ["1"]
    assert stimuli.get("image", 0).size == (8, 8)


def test_a_picture_that_is_missing_is_rejected_and_all_of_them_refused(coco):
    pictures = coco.parent.parent / "val2017"
    before = open_stimuli(f"captions:{coco}").fingerprint
    (pictures / f"{25:012d}.png").unlink()
    stimuli = open_stimuli(f"captions:{coco}")
    assert stimuli.fingerprint != before
    with pytest.raises(FileNotFoundError):
        stimuli.get("image", 1)
    pictures.rename(pictures.with_name("elsewhere"))
    with pytest.raises(BadInput, match=r"or one folder above, in val2017, images, .*texts alone: #text"):
        open_stimuli(f"captions:{coco}")
    assert open_stimuli(f"captions:{coco}#text").get("text", 0) == "a one"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "captions as COCO"),
        ("[]", "captions as COCO"),
        ('{"images": [{"id": 1}]}', "captions as COCO"),
        ('{"images": [], "annotations": []}', "at least one picture with a caption"),
        (
            json.dumps({"images": [{"filename": "a", "sentences": [{"raw": "x"}]}] * 2}),
            "every picture once",
        ),
    ],
)
def test_files_that_cannot_be_meant_are_refused(tmp_path, content, message):
    path = tmp_path / "captions.json"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        open_stimuli(f"captions:{path}#text")
    with pytest.raises(BadInput, match="which is not a file"):
        open_stimuli(f"captions:{tmp_path}/none.json")
