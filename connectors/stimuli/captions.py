"""Pictures with captions, as COCO and Flickr30k are published."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256 as sha
from pathlib import Path
from typing import Any

from consilience.connectors.files import sha256
from consilience.connectors.stimuli.decoding import picture, text
from consilience.connectors.stimuli.fragments import divided, titled
from consilience.connectors.stimuli.registry import register
from consilience.engine.errors import BadInput, unknown


@dataclass(frozen=True)
class Captioned:
    """A picture's id, where it is below the pictures' folder, its captions, and its split (Karpathy's, or none)."""

    id: str
    path: str
    captions: tuple[str, ...]
    split: str = ""


@register(
    "captions:FILE",
    "pictures and their captions (COCO's captions_*.json, Karpathy's dataset_*.json): #text:2, #text:all, #test",
)
class Captions:
    """The pictures of `FILE` and their captions, under the same ids: a study shows the pictures to its vision models,
    and the captions to its language models.

    After `#` may stand, with commas between: ``image`` or ``text``, for one view only (texts need no pictures);
    ``text:2``, the second caption in place of the first (a picture that has fewer is rejected), or ``text:all``, all of
    them as one text; and a split of Karpathy's (``test``). ``text:2`` alone is a view alone: ``image,text:2`` are both.

    A picture is one sample, whatever the number of its captions: five rows of one picture are not five samples, and
    would make every error bar too small. Where the mean of the captions' features is wanted, each caption is a table
    of its own (``#text:1`` to ``#text:5``), and their mean is written as one (docs/your-own.md).

    Pictures are looked for beside the file and one folder above, in folders of their names in COCO, Karpathy's splits
    and Flickr30k, ``images`` among them. Sample ids are the pictures' (``cocoid`` where there is one; else the file
    name for Karpathy's).
    """

    licence = "not stated"
    citation = "not stated"

    def __init__(self, argument: str | Path):
        place, part = divided(argument)
        self._path = Path(place).expanduser().absolute()
        found = _read(self._path)
        wants = _wanted(part, {x.split for x in found} - {""})
        self._views, self._which = wants.views, wants.which
        self._samples = [x for x in found if wants.split in ("", x.split)]
        self.name = titled(self._path.stem, part)
        self._ids = [x.id for x in self._samples]
        if len(set(self._ids)) < len(self._ids):
            raise BadInput(
                f"every picture once in {self._path.name}", "an id that comes twice", "remove one of them"
            )
        self._folder = _folder(self._path, self._samples[0].path) if "image" in self._views else None

    @cached_property
    def fingerprint(self) -> str:
        """Over what is shown: captions by their text, pictures by their contents."""
        shown = "\n".join(f"{x.id}\t{x.captions if 'text' in self._views else ''}" for x in self._samples)
        folder = self._folder
        there = [folder / x.path for x in self._samples if (folder / x.path).is_file()] if folder else []
        return sha(
            f"{self._views} {self._which} {shown} {sha256(there) if there else ''}".encode()
        ).hexdigest()

    def views(self) -> Sequence[str]:
        return self._views

    def sample_ids(self) -> Sequence[str]:
        return self._ids

    def get(self, view: str, index: int) -> Any:
        sample = self._samples[index]
        if view == "image":
            assert self._folder is not None
            return picture(self._folder / sample.path)
        if self._which == 0:
            return text(" ".join(x.strip() for x in sample.captions))
        if len(sample.captions) < self._which:
            raise ValueError(
                f"the picture has {len(sample.captions)} captions, and number {self._which} is asked for"
            )
        return text(sample.captions[self._which - 1])


@dataclass(frozen=True)
class _Wanted:
    views: tuple[str, ...]
    which: int  # of the captions, from 1; 0 for all
    split: str


def _wanted(part: str, splits: set[str]) -> _Wanted:
    views, which, split = [], 1, ""
    for word in (x.strip() for x in part.split(",") if x.strip()):
        stem, colon, number = word.partition(":")
        if word in splits:
            split = word
        elif word == "image" or (stem == "text" and (not colon or number == "all" or number.isdigit())):
            views.append(stem)
            which = 0 if number == "all" else int(number or 1)
            if number == "0":
                raise BadInput("a caption counted from 1", "0", "text:1 is the first")
        else:
            raise unknown(
                "part of captions", word, ["image", "text", "text:1", "text:2", "text:all", *splits]
            )
    return _Wanted(tuple(dict.fromkeys(views)) or ("image", "text"), which, split)


def _read(path: Path) -> list[Captioned]:
    if not path.is_file():
        raise BadInput("a JSON file of captions", f"{path}, which is not a file", "check the path")
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        images = whole["images"]
        found = _coco(whole) if "annotations" in whole else [_karpathy(x) for x in images]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            "captions as COCO (images, annotations) or Karpathy (images with sentences) have them",
            f"{path}: {type(error).__name__}: {error}",
            "write them in one of these forms, or as a table: parquet:FILE#image,caption",
        ) from error
    if not any(x.captions for x in found):
        raise BadInput("at least one picture with a caption", f"{path}, which has none", "check the file")
    return found


def _coco(whole: dict[str, Any]) -> list[Captioned]:
    captions: dict[Any, list[str]] = {}
    for one in sorted(whole["annotations"], key=lambda x: x.get("id", 0)):
        captions.setdefault(one["image_id"], []).append(one["caption"])
    return [
        Captioned(str(x["id"]), x["file_name"], tuple(captions.get(x["id"], ())))
        for x in sorted(whole["images"], key=lambda x: x["id"])
    ]


def _karpathy(image: dict[str, Any]) -> Captioned:
    key = image.get("cocoid", image["filename"])
    path = f"{image['filepath']}/{image['filename']}" if image.get("filepath") else image["filename"]
    return Captioned(str(key), path, tuple(x["raw"] for x in image["sentences"]), image.get("split", ""))


def _folder(file: Path, first: str) -> Path:
    """The folder below which the first of the pictures is."""
    stem = file.stem.removeprefix("captions_").removeprefix("dataset_")
    names = ("", stem, "images", f"images/{stem}", f"{stem}-images", f"{stem}_images")
    places = [root / name for root in (file.parent, file.parent.parent) for name in names]
    for place in places:
        if (place / first).is_file():
            return place
    raise BadInput(
        f"the pictures of {file.name} beside it or one folder above, in {', '.join(x for x in names if x)}",
        f"no {first} there",
        "move or link their folder there, or take the texts alone: #text",
    )
