"""Parquet and Arrow files, datasets as the real package writes them, and columns of CSV, TSV and JSONL."""

import json
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from consilience.connectors.stimuli import open_stimuli, rows
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import StimulusSet


def png(shade):
    sink = BytesIO()
    Image.new("RGB", (6, 5), (shade, 0, 0)).save(sink, "PNG")
    return sink.getvalue()


def wav(frequency, rate=8000):
    import soundfile

    sink = BytesIO()
    soundfile.write(sink, np.sin(np.arange(400) * frequency / rate).astype(np.float32), rate, format="WAV")
    return sink.getvalue()


def shades(stimuli):
    return [stimuli.get("image", k).getpixel((0, 0))[0] for k in range(len(stimuli.sample_ids()))]


@pytest.fixture
def paired():
    """Ten pictures, sounds and captions; pictures as datasets have them, sounds as plain bytes."""
    return pa.table(
        {
            "id": [f"p{k}" for k in range(10)],
            "image": [{"bytes": png(20 * k), "path": f"{k}.png"} for k in range(10)],
            "sound": [wav(100 * k + 100) for k in range(10)],
            "caption": [f"shade {k}" for k in range(9)] + [" "],
            "size": range(10),
        }
    )


def written(table, path, form):
    if form == "parquet":
        pq.write_table(table, path, row_group_size=3)
        return
    new = {"arrow file": pa.ipc.new_file, "arrow stream": pa.ipc.new_stream}[form]
    with new(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


@pytest.mark.parametrize("form", ["parquet", "arrow file", "arrow stream"])
def test_columns_of_a_file_are_views_of_the_same_samples(tmp_path, paired, form):
    path = tmp_path / f"set.{form.split()[0]}"
    written(paired, path, form)
    stimuli = open_stimuli(f"parquet:{path}#image,caption,sound")
    assert isinstance(stimuli, StimulusSet)
    assert stimuli.name == "set#image,caption,sound"
    assert list(stimuli.views()) == ["image", "text", "speech"]
    assert list(stimuli.sample_ids()) == [f"p{k}" for k in range(10)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda k: stimuli.get("image", k).getpixel((0, 0))[0], range(10)))
    assert found == [20 * k for k in range(10)]
    assert stimuli.get("text", 7) == "shade 7"
    with pytest.raises(ValueError, match="the text is empty"):
        stimuli.get("text", 9)
    samples, rate = stimuli.get("speech", 3)
    assert (samples.shape, rate) == ((400,), 8000)
    again = pickle.loads(pickle.dumps(stimuli))
    assert shades(again) == found
    assert again.fingerprint == stimuli.fingerprint != open_stimuli(f"parquet:{path}#image").fingerprint
    assert list(open_stimuli(f"parquet:{path}").views()) == ["image", "speech", "text"]


def test_a_row_group_is_read_once_for_its_rows_and_no_other_is(tmp_path, paired, monkeypatch):
    written(paired, tmp_path / "set.parquet", "parquet")
    stimuli = open_stimuli(f"parquet:{tmp_path}/set.parquet#image")
    read = []
    piece = rows.ParquetRows._piece

    def counted(self, path, place, column):
        read.append((place, column))
        return piece(self, path, place, column)

    monkeypatch.setattr(rows.ParquetRows, "_piece", counted)
    assert [stimuli.get("image", k).getpixel((0, 0))[0] for k in (3, 4, 5, 3)] == [60, 80, 100, 60]
    assert read == [(1, "image")]


def test_rows_without_ids_are_numbered_and_bad_ids_refused(tmp_path, paired):
    path = tmp_path / "set.parquet"
    pq.write_table(paired.drop_columns(["id"]), path)
    assert list(open_stimuli(f"parquet:{path}#caption").sample_ids()) == [str(k) for k in range(10)]
    numbered = paired.set_column(0, "sample_id", pa.array(range(5, 15)))
    pq.write_table(numbered, path)
    assert open_stimuli(f"parquet:{path}#caption").sample_ids()[0] == "5"
    pq.write_table(paired.set_column(0, "id", pa.array(["a", "b"] * 5)), path)
    with pytest.raises(BadInput, match=r"every id once in id of set; got '[ab]' again, and 1 more"):
        open_stimuli(f"parquet:{path}#caption")
    pq.write_table(paired.set_column(0, "id", pa.array(["a", None] * 5)), path)
    with pytest.raises(BadInput, match="an id in every row"):
        open_stimuli(f"parquet:{path}#caption")


def test_what_a_column_cannot_be_is_refused(tmp_path, paired):
    path = tmp_path / "set.parquet"
    pq.write_table(paired.append_column("url", pa.array(["x"] * 10)), path)
    with pytest.raises(BadInput, match=r"caption and url, both text; there are .*as in #url"):
        open_stimuli(f"parquet:{path}")
    with pytest.raises(BadInput, match="did you mean 'caption'"):
        open_stimuli(f"parquet:{path}#captoin")
    with pytest.raises(BadInput, match="that can be shown"):
        open_stimuli(f"parquet:{path}#size")
    pq.write_table(paired.select(["size"]), path)
    with pytest.raises(BadInput, match="a column of pictures, sounds or texts in set; got none"):
        open_stimuli(f"parquet:{path}")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadInput, match=r"a Parquet file; got .*write or fetch it again"):
        open_stimuli(f"parquet:{path}")
    for wrong in ("no.parquet", "", "set.csv"):
        with pytest.raises(BadInput, match="datasets:FOLDER"):
            open_stimuli(f"parquet:{tmp_path}/{wrong}")
    with pytest.raises(BadInput, match="did you mean 'parquet:FILE'"):
        open_stimuli(f"parket:{path}")


def test_row_groups_that_do_not_fit_are_refused_before_they_are_read(tmp_path, paired, monkeypatch):
    pq.write_table(paired, tmp_path / "set.parquet")
    monkeypatch.setattr(rows, "MOST_BYTES", 100)
    with pytest.raises(BadInput, match=r"smaller row_group_size"):
        open_stimuli(f"parquet:{tmp_path}/set.parquet")


@pytest.fixture(scope="module")
def datasets():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import datasets

        return datasets


@pytest.fixture
def made(datasets, tmp_path):
    """A dataset of the real package, with pictures in two files and a split."""
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "caption": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["a", "b"]),
        }
    )
    given = {
        "image": [{"bytes": png(20 * k), "path": None} for k in range(10)],
        "caption": [f"shade {k}" for k in range(10)],
        "label": [k % 2 for k in range(10)],
    }
    return datasets.Dataset.from_dict(given, features=features)


def test_what_save_to_disk_writes_is_read_without_the_package(made, tmp_path):
    made.save_to_disk(tmp_path / "flat", num_shards=2)
    stimuli = open_stimuli(f"datasets:{tmp_path}/flat")
    assert list(stimuli.views()) == ["image", "text"]
    assert shades(stimuli) == [20 * k for k in range(10)]
    assert stimuli.get("text", 9) == "shade 9"
    assert list(stimuli.sample_ids()) == [str(k) for k in range(10)]
    assert list(open_stimuli(f"datasets:{tmp_path}/flat#image").views()) == ["image"]
    made.select([7, 2, 5]).save_to_disk(tmp_path / "chosen")
    assert shades(open_stimuli(f"datasets:{tmp_path}/chosen#image")) == [140, 40, 100]


def test_pictures_that_a_dataset_took_from_files_are_in_it(datasets, tmp_path):
    (tmp_path / "one.png").write_bytes(png(9))
    features = datasets.Features({"image": datasets.Image()})
    datasets.Dataset.from_dict({"image": [str(tmp_path / "one.png")]}, features).save_to_disk(
        tmp_path / "set"
    )
    (tmp_path / "one.png").unlink()
    assert shades(open_stimuli(f"datasets:{tmp_path}/set")) == [9]


def test_a_split_of_a_dataset_is_named(datasets, made, tmp_path):
    datasets.DatasetDict({"train": made, "test": made.select(range(3))}).save_to_disk(tmp_path / "two")
    test = open_stimuli(f"datasets:{tmp_path}/two/test#image")
    assert (len(test.sample_ids()), test.name) == (3, "two-test#image")
    with pytest.raises(BadInput, match=r"one split of a dataset; got .*train, test"):
        open_stimuli(f"datasets:{tmp_path}/two#image")
    with pytest.raises(BadInput, match="did you mean 'test'"):
        open_stimuli(f"datasets:{tmp_path}/two/tset")
    datasets.DatasetDict({"train": made}).save_to_disk(tmp_path / "one")
    assert len(open_stimuli(f"datasets:{tmp_path}/one#image").sample_ids()) == 10


def test_parquet_files_of_a_dataset_are_one_set(made, tmp_path):
    (tmp_path / "hub" / "data").mkdir(parents=True)
    for k in range(2):
        part = made.shard(2, k, contiguous=True)
        part.to_parquet(tmp_path / "hub" / "data" / f"train-{k:05d}-of-00002.parquet")
    assert shades(open_stimuli(f"datasets:{tmp_path}/hub#image")) == [20 * k for k in range(10)]
    made.remove_columns("label").to_parquet(tmp_path / "hub" / "data" / "z.parquet")
    with pytest.raises(BadInput, match=r"in every file beside it; got others in z.parquet"):
        open_stimuli(f"datasets:{tmp_path}/hub#image")


def test_folders_that_are_no_dataset_are_refused(made, tmp_path):
    with pytest.raises(BadInput, match="which is not a folder"):
        open_stimuli(f"datasets:{tmp_path}/none")
    with pytest.raises(BadInput, match=r"what save_to_disk writes .* with neither"):
        open_stimuli(f"datasets:{tmp_path}")
    made.save_to_disk(tmp_path / "set")
    state = json.loads((tmp_path / "set" / "state.json").read_text())
    (tmp_path / "set" / "state.json").write_text(json.dumps({**state, "_indices_files": [{"filename": "x"}]}))
    with pytest.raises(BadInput, match=r"flatten_indices"):
        open_stimuli(f"datasets:{tmp_path}/set")
    (tmp_path / "set" / "state.json").write_text("{")
    with pytest.raises(BadInput, match="a dataset's JSON"):
        open_stimuli(f"datasets:{tmp_path}/set")


def test_a_broken_arrow_file_is_refused(made, tmp_path):
    made.save_to_disk(tmp_path / "set")
    (path,) = (tmp_path / "set").glob("*.arrow")
    whole = path.read_bytes()
    for length in (0, 3, len(whole) - 200):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput, match="an Arrow IPC file"):
            open_stimuli(f"datasets:{tmp_path}/set#image")


LANGUAGES = [("a", "a dog", "ein Hund"), ("b", 'a "cat", here', ""), ("c", "two\nlines", "zwei Zeilen")]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_a_column_each_language_shares_ids(tmp_path, ending):
    path = tmp_path / f"pairs.{ending}"
    if ending == "jsonl":
        lines = [json.dumps(dict(zip(("id", "en", "de"), row))) for row in LANGUAGES]
        path.write_text("\n".join(lines), encoding="utf-8")
    elif ending == "csv":
        cells = [",".join('"' + x.replace('"', '""') + '"' for x in row) for row in LANGUAGES]
        path.write_text("\n".join(["id,en,de", *cells]), encoding="utf-8-sig")
    else:
        cells = ["\t".join(x.replace("\n", " ") for x in row) for row in LANGUAGES]
        path.write_text("\n".join(["id\ten\tde", *cells]), encoding="utf-8")
    english, german = (open_stimuli(f"text:{path}#{column}") for column in ("en", "de"))
    assert list(english.sample_ids()) == list(german.sample_ids()) == ["a", "b", "c"]
    assert (english.name, german.name) == ("pairs#en", "pairs#de")
    assert [english.get("text", 1), german.get("text", 0)] == ['a "cat", here', "ein Hund"]
    assert english.get("text", 2).split() == ["two", "lines"]
    with pytest.raises(ValueError, match="the text is empty"):
        german.get("text", 1)
    assert english.fingerprint != german.fingerprint
    assert english.fingerprint == open_stimuli(f"text:{path}#en").fingerprint
    with pytest.raises(BadInput, match=r"a known column of pairs.*\(de, en, id\); got 'french'"):
        open_stimuli(f"text:{path}#french")


def test_a_table_names_its_column_or_has_one(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("sentence\n007\n1e5\n")
    assert [open_stimuli(f"text:{path}").get("text", k) for k in range(2)] == ["007", "1e5"]
    assert list(open_stimuli(f"text:{path}").sample_ids()) == ["0", "1"]
    path.write_text("id,en,de\na,b,c\n")
    with pytest.raises(BadInput, match=r"one column of texts in one.csv; got en, de. Fix: .*text:one.csv#en"):
        open_stimuli(f"text:{path}")
    plain = tmp_path / "plain.txt"
    plain.write_text("a\nb\n")
    with pytest.raises(BadInput, match=r"a table \(.csv, .*leave out #en"):
        open_stimuli(f"text:{plain}#en")
    hashed = tmp_path / "no #1.txt"
    hashed.write_text("a\nb\n")
    assert len(open_stimuli(f"text:{hashed}").sample_ids()) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"id,en\na,b,c\n", "as many cells a row"),
        ("x.csv", b"id,en\na,caf\xe9\n", "in UTF-8"),
        ("x.csv", b"id,en\na,b\na,c\n", "every id once"),
        ("x.csv", b"id,en\n", "at least one row"),
        ("x.csv", b"", "as many cells a row"),
        ("x.jsonl", b'{"en": "a"}\n{"en": \n', "line 2"),
        ("x.jsonl", b'{"en": "a"}\n["b"]\n', "list in line 2"),
        ("x.jsonl", b'{"en": ["a"]}\n', "list as 'en' in line 1"),
    ],
)
def test_tables_that_cannot_be_meant_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=message):
        open_stimuli(f"text:{tmp_path}/{name}#en")
