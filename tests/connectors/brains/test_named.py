"""The named data sets, on their published files."""

import logging
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import consilience as cs
from consilience.connectors.brains import open_brains, volumes_of_words
from consilience.connectors.datasets import alice as alice_files
from consilience.connectors.datasets import fetching, haxby, kriegeskorte92
from consilience.connectors.datasets.fetching import DataSet, NotFetched
from consilience.connectors.stimuli import open_stimuli
from consilience.connectors.stimuli.alice import Alice
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import StimulusSet

UPPER = np.triu_indices(92, 1)


def test_every_brain_has_a_line_and_an_unknown_one_is_answered_with_the_nearest() -> None:
    assert {"alice", "arrays:FOLDER", "haxby", "haxby_slice", "kriegeskorte92", "rdms:FOLDER"} <= set(
        cs.brains()
    )
    assert all(len(line) > 10 for line in cs.brains().values())
    with pytest.raises(BadInput, match=r"a known brain data set .*did you mean 'alice'"):
        open_brains("alise")


def test_kriegeskorte92_keeps_sessions_apart_and_references_aside(data_sets: Path) -> None:
    data = open_brains("kriegeskorte92")
    found = {s.name: s for s in data.read()}
    assert list(data.names) == ["BE", "KO", "SN", "TI"]
    assert [name for name, s in found.items() if s.reference] == ["monkey", "group"]
    for name in data.names:
        region = found[name].regions["IT"]
        assert (region.kind, region.values.shape) == ("rdm", (2, 92, 92))
        assert found[name].repeats == ("session1", "session2")
        assert (region.values == region.values.swapaxes(1, 2)).all()
        assert np.allclose(region.mean().values, (region.values[0] + region.values[1]) / 2)
    # The matrices of subjects and references are in one order: each of one session goes with the mean of the group.
    group = found["group"].regions["IT"].values[UPPER]
    for name in data.names:
        for matrix in found[name].regions["IT"].values:
            assert np.corrcoef(matrix[UPPER], group)[0, 1] > 0.4
    assert np.corrcoef(found["monkey"].regions["IT"].values[UPPER], group)[0, 1] == pytest.approx(
        0.49, abs=0.01
    )


def test_kriegeskorte92_shows_the_pictures_under_the_ids_of_the_matrices(data_sets: Path) -> None:
    pictures = open_stimuli("kriegeskorte92")
    assert isinstance(pictures, StimulusSet)
    ids = list(pictures.sample_ids())
    assert ids == list(open_brains("kriegeskorte92").subject("BE").sample_ids)
    assert (len(set(ids)), ids[0], ids[12]) == (92, "01-human-bodypart", "13-human-face")
    assert {i[3:] for i in ids[48:]} == {"natural-inanimate", "artificial-inanimate"}
    assert pictures.get("image", 91).size == (175, 175)
    # Faces lie closer to each other than to things in the temporal cortex of everybody.
    faces = np.array(["face" in i for i in ids])
    for subject in open_brains("kriegeskorte92").names:
        rdm = open_brains("kriegeskorte92").subject(subject).regions["IT"].mean().values
        within = rdm[np.ix_(faces, faces)][np.triu_indices(int(faces.sum()), 1)].mean()
        assert within < rdm[np.ix_(faces, ~faces)].mean()


def test_alice_rejects_s33_by_name(data_sets: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written = open_brains("alice").write(cs.FeatureStore(tmp_path))
    subjects = {m for m in written.tables if "@" not in m}
    assert len(subjects) == 19
    assert "alice.s33" not in subjects
    assert [str(x) for x in written.excluded] == [
        "s33: 1 subject, with all 6 regions: the same value in every row"
    ]
    assert "alice: left out s33" in caplog.text
    with pytest.raises(
        BadInput, match=r"a subject of alice with responses that vary; got s33: .* leave this subject"
    ):
        open_brains("alice").subject("s33")
    with pytest.raises(BadInput, match=r"a known subject of alice .* got 's99'"):
        open_brains("alice").subject("s99")
    table, spaces = written.tables["alice.s18"], written.tables["alice.s18@nuisance"]
    assert (table.n, list(table.layers)) == (362, ["LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG"])
    assert list(table.sample_ids) == list(spaces.sample_ids)
    assert (table.sample_ids[0], table.sample_ids[-1]) == ("vol010", "vol371")
    assert {name: info.dim for name, info in spaces.layers.items()} == {
        "word_rate": 1, "sound_power": 1, "motion": 6,
    }  # fmt: skip
    assert (table.meta["licence"], table.meta["tr"], table.meta["first"]) == ("CC BY 4.0", 2.0, 20.0)
    assert "Brennan" in table.meta["citation"]


def test_words_of_alice_fall_on_the_volumes_as_those_who_recorded_them_say(data_sets: Path) -> None:
    words = open_stimuli("alice")
    assert isinstance(words, Alice)
    assert isinstance(words, StimulusSet)
    assert len(words.sample_ids()) == len(words.onsets) == 2127
    assert [words.get("text", i) for i in range(4)] == ["Alice", "was", "beginning", "to"]
    assert words.onsets[0] == pytest.approx(20.0589, abs=1e-4)
    assert all(start < end for start, end in zip(words.onsets, words.offsets))
    ones = np.ones((2127, 1))
    ids, rate = volumes_of_words(ones)
    published = alice_files.nuisance("s18")["word_rate"]
    assert ids == list(open_brains("alice").subject("s18").sample_ids)
    assert np.corrcoef(rate[:, 0], published[:, 0])[0, 1] > 0.98
    # A volume to the side it is clearly less.
    assert np.corrcoef(rate[1:, 0], published[:-1, 0])[0, 1] < 0.85
    _, counts = volumes_of_words(ones, hrf=None)
    assert counts.sum() == 2127
    assert counts[0] == sum(20 <= x < 22 for x in words.onsets)


def test_categories_are_decoded_from_the_haxby_slice_over_runs(data_sets: Path) -> None:
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
    from sklearn.svm import SVC

    subject = open_brains("haxby_slice").subject("sub001")
    assert subject.regions["slice"].values.shape == (8, 12, 530)
    assert subject.repeats == tuple(f"run{k:02d}" for k in range(1, 13))
    trials = subject.trials()
    assert len(trials.sample_ids) == 96
    x = trials.regions["slice"].values
    labels = [i.split("@")[0] for i in trials.sample_ids]
    right = cross_val_score(
        SVC(kernel="linear"), x, labels, groups=trials.groups, cv=LeaveOneGroupOut()
    ).mean()
    assert right > 0.6  # chance is 0.125
    wrong = np.random.default_rng(0).permutation(labels)
    assert (
        cross_val_score(SVC(kernel="linear"), x, wrong, groups=trials.groups, cv=LeaveOneGroupOut()).mean()
        < 0.3
    )


def test_dissimilarities_of_the_haxby_slice_are_reliable_over_runs(data_sets: Path) -> None:
    region = open_brains("haxby_slice").subject("sub001").regions["slice"]
    rdms = np.stack([1 - np.corrcoef(region.repeat(k).values) for k in range(region.repeats)])
    upper = np.triu_indices(8, 1)

    def reliability(matrices: np.ndarray) -> float:
        """The mean correlation of the matrices of two runs."""
        among = np.corrcoef(matrices[:, *upper])
        return float(among[np.triu_indices(12, 1)].mean())

    found = reliability(rdms)
    rng = np.random.default_rng(0)
    shuffled = [
        reliability(np.stack([rdm[np.ix_(order, order)] for rdm in rdms for order in [rng.permutation(8)]]))
        for _ in range(500)
    ]
    assert found > 0.12
    assert found > max(shuffled)


def test_repeats_of_the_haxby_slice_are_tables_and_arrays(data_sets: Path, tmp_path: Path) -> None:
    data = open_brains("haxby_slice")
    written = data.write(cs.FeatureStore(tmp_path))
    assert list(written.tables) == [
        "haxby_slice.sub001",
        *(f"haxby_slice.sub001@run{k:02d}" for k in range(1, 13)),
    ]
    values = data.subject("sub001").regions["slice"].values
    mean = written.tables["haxby_slice.sub001"]
    assert np.allclose(mean.take("slice", np.arange(8)), values.mean(axis=1), atol=1e-6)
    third = written.tables["haxby_slice.sub001@run03"]
    assert np.array_equal(third.take("slice", np.arange(8)), values[:, 2])
    assert len(mean.meta["coordinates"]["slice"]) == 530
    scores = cs.compare(
        {"a": values, "b": values[:, ::-1]}, metrics=["rsa:rdm=crossnobis"], null=False, se=False
    )
    assert float(scores["score"].sel(a="a", b="b").item()) == pytest.approx(1)
    rows = data.write(cs.FeatureStore(tmp_path), trials=True).tables
    assert list(rows) == ["haxby_slice.sub001"]
    assert rows["haxby_slice.sub001"].n == 96
    assert rows["haxby_slice.sub001"].meta["groups"][:9] == ["run01"] * 8 + ["run02"]


def test_kriegeskorte92_is_written_as_tables_of_rdms(data_sets: Path, tmp_path: Path) -> None:
    data = open_brains("kriegeskorte92")
    tables = data.write(cs.FeatureStore(tmp_path)).tables
    names = [f"kriegeskorte92.{s}" for s in data.names]
    assert set(tables) == {
        *names, *(f"{n}@session{k}" for n in names for k in (1, 2)), "kriegeskorte92.monkey", "kriegeskorte92.group",
    }  # fmt: skip
    subject = data.subject("KO").regions["IT"]
    rows = np.arange(92)
    assert np.allclose(tables["kriegeskorte92.KO"].take("IT", rows), subject.mean().values)
    assert np.array_equal(tables["kriegeskorte92.KO@session2"].take("IT", rows), subject.repeat(1).values)
    assert [name for name, table in tables.items() if table.meta["reference"]] == [
        "kriegeskorte92.monkey", "kriegeskorte92.group",
    ]  # fmt: skip
    pair = [tables["kriegeskorte92.monkey"], tables["kriegeskorte92.group"]]
    scores = cs.compare(pair, metrics=["rsa:compare=spearman"], null=False, se=False)
    found = float(scores["score"].sel(a="kriegeskorte92.monkey/IT", b="kriegeskorte92.group/IT").item())
    assert 0.3 < found < 0.6


def test_a_set_is_announced_before_its_first_file_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CONSILIENCE_CACHE", str(tmp_path))
    with socket.socket() as closed:  # a port that nobody listens on
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        data = DataSet("alice", url, "CC BY 4.0", "Brennan et al. 2016")
        with (
            caplog.at_level(logging.WARNING, fetching.__name__),
            pytest.raises(
                NotFetched,
                match=r"got no connection. Fix: connect to the network once, or put .*s18-rate.txt",
            ),
        ):
            data.path("alice_data_shared/s18-rate.txt")
    assert "Licence: CC BY 4.0. Cite: Brennan et al. 2016" in caplog.text


def test_files_come_over_the_network_once_and_are_held_to_their_checksum(
    data_sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    site = tmp_path / "site"
    (site / "alice_data_shared").mkdir(parents=True)
    name = "alice_data_shared/s18-rate.txt"
    (site / name).write_bytes(alice_files.DATA.path(name).read_bytes())
    (site / "alice_data_shared/s22-rate.txt").write_text("not what was published")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("CONSILIENCE_CACHE", str(tmp_path / "cache"))
        data = DataSet("alice", f"http://127.0.0.1:{server.server_port}/", "CC BY 4.0", "Brennan et al. 2016")
        assert data.path(name).read_bytes() == (site / name).read_bytes()
        with pytest.raises(BadInput, match=r"with sha256 .*; got another file"):
            data.path("alice_data_shared/s22-rate.txt")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert data.path(name).is_file()  # from the cache: nobody answers any more


@pytest.mark.parametrize("name", ["alice", "haxby_slice", "kriegeskorte92"])
def test_a_set_is_cached_once_all_of_it_was_read(
    data_sets: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked, path = set(), DataSet.path

    def noted(self: DataSet, file: str) -> Path:
        asked.add(file)
        return path(self, file)

    monkeypatch.setattr(DataSet, "path", noted)
    for kept in (alice_files.words, kriegeskorte92.pictures, kriegeskorte92._read):
        kept.cache_clear()
    data = open_brains(name)
    list(data.read())
    if data.stimuli:
        list(open_stimuli(data.stimuli).sample_ids())
    sets = {"alice": alice_files.DATA, "haxby_slice": haxby.DATA, "kriegeskorte92": kriegeskorte92.DATA}
    assert asked == set(sets[name].files), "a file that nothing reads is never fetched"
    assert data.cached()


def test_nothing_is_fetched_to_name_a_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSILIENCE_CACHE", str(tmp_path))
    for name in ("alice", "haxby", "haxby_slice", "kriegeskorte92"):
        data = open_brains(name)
        assert data.names
        assert len(data.fingerprint) == 64
        assert data.licence != "not stated"
        assert data.citation
    assert open_stimuli("alice").fingerprint == alice_files.DATA.fingerprint
    assert open_stimuli("kriegeskorte92").fingerprint == kriegeskorte92.DATA.fingerprint
    assert not list(tmp_path.iterdir())


def test_naming_a_set_loads_no_imaging_package() -> None:
    script = (
        "import sys\n"
        "from consilience.connectors.brains import brains, open_brains\n"
        "for name in brains():\n"
        "    ':' in name or open_brains(name).fingerprint\n"
        "print(sorted({'nilearn', 'nibabel', 'pooch', 'scipy', 'pandas', 'sklearn'} & set(sys.modules)))\n"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
