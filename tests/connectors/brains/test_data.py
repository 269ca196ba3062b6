"""Subjects, sets of them, trials, and files of a user's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from scipy.spatial.distance import squareform

import consilience as cs
from consilience.connectors.brains import (
    Excluded,
    Region,
    Subject,
    as_rdm,
    block_means,
    of_subjects,
    of_trials,
    open_brains,
    read_rdm,
    to_volumes,
)
from consilience.connectors.brains.cleaning import usable
from consilience.engine.errors import BadInput

RNG = np.random.default_rng(0)
IDS = ["a", "b", "c", "d", "e"]


def rdm(n: int = 5) -> np.ndarray:
    return squareform(RNG.uniform(1, 2, n * (n - 1) // 2))


def test_shapes_that_do_not_fit_are_refused() -> None:
    x = RNG.normal(size=(5, 3))
    with pytest.raises(BadInput, match=r"region 'V1' of s of shape \(5, units\).*got shape \(4, 3\)"):
        Subject("s", IDS, {"V1": Region(x[:4])})
    with pytest.raises(BadInput, match=r"region 'IT' of s of shape \(5, 5\)"):
        Subject("s", IDS, {"IT": Region(np.zeros((4, 5)), "rdm")})
    with pytest.raises(BadInput, match=r"two or more repeats of s, or no names of any; got one"):
        Subject("s", IDS, {"V1": Region(x)}, repeats=("r1",))
    with pytest.raises(BadInput, match=r"2 repeats in region 'V1' of s, as they are named; got 3"):
        Subject("s", IDS, {"V1": Region(np.zeros((5, 3, 2)))}, repeats=("r1", "r2"))
    with pytest.raises(
        BadInput, match=r"nuisance space 'motion' of s of shape \(5, columns\); got shape \(6, 2\)"
    ):
        Subject("s", IDS, {"V1": Region(x)}, nuisance={"motion": np.zeros((6, 2))})
    with pytest.raises(BadInput, match=r"5 groups for s, one a row; got 1"):
        Subject("s", IDS, {"V1": Region(x)}, groups=["run1"])
    with pytest.raises(BadInput, match=r"every sample id of s once; got 'a', 'b' several times.*of_trials"):
        Subject("s", ["a", "b", "a", "b", "c"], {"V1": Region(x)})


def test_a_subject_of_whom_nothing_varies_is_left_out_by_name(tmp_path: Path) -> None:
    x = RNG.normal(size=(5, 3))
    dead = Subject("s2", IDS, {"V1": Region(np.ones((5, 3))), "IT": Region(1 - np.eye(5), "rdm")})
    data = of_subjects("mine", [Subject("s1", IDS, {"V1": Region(x)}), dead])
    written = data.write(cs.FeatureStore(tmp_path))
    assert list(written.tables) == ["mine.s1"]
    (lost,) = written.excluded
    assert str(lost) == (
        "s2: 1 subject, with all 2 regions: the same value in every row or "
        "the same dissimilarity between every two stimuli"
    )
    with pytest.raises(BadInput, match=r"responses that vary in mine; got s2"):
        of_subjects("mine", [dead]).write(cs.FeatureStore(tmp_path))
    broken = Subject("s3", IDS, {"V1": Region(x), "IT": Region(np.full((5, 5), np.nan), "rdm")})
    assert list(usable(broken).regions) == ["V1"]
    assert usable(broken).excluded == (Excluded("s3", "region (IT)", "not finite (NaN or infinity)"),)


def test_what_was_left_out_of_a_subject_stands_in_its_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    x = RNG.normal(size=(5, 3))
    x[:, 1] = 4
    groups = ["run1", "run1", "run2", "run2", "run2"]
    subject = Subject("s1", IDS, {"V1": Region(x)}, groups=groups, nuisance={"rate": x[:, :1]})
    data = of_subjects("mine", [subject], licence="CC0", citation="Me 2020")
    tables = data.write(cs.FeatureStore(tmp_path)).tables
    meta = tables["mine.s1"].meta
    assert meta["excluded"] == [
        {"subject": "s1", "what": "units of V1", "reason": "the same value in every row", "count": 1}
    ]
    assert (meta["licence"], meta["citation"], meta["groups"], meta["subject"]) == (
        "CC0",
        "Me 2020",
        groups,
        "s1",
    )
    assert tables["mine.s1"].layers["V1"].dim == 2
    assert np.array_equal(tables["mine.s1@nuisance"].take("rate", np.arange(5)), x[:, :1])
    assert "mine: left out s1: 1 units of V1: the same value in every row" in caplog.text
    assert data.write(cs.FeatureStore(tmp_path)).tables["mine.s1"].digest == tables["mine.s1"].digest


def test_missing_stimuli_are_refused_or_counted(tmp_path: Path) -> None:
    x = RNG.normal(size=(5, 3))
    subjects = [Subject("s1", IDS, {"V1": Region(x)}), Subject("s2", IDS[:3], {"V1": Region(x[:3])})]
    with pytest.raises(
        BadInput, match=r"all stimuli in every subject; got s2 without 2 of 5 stimuli \('d', 'e'\)"
    ):
        of_subjects("mine", subjects)
    found = of_subjects("mine", subjects, missing="report").subject("s2").excluded
    assert [str(x) for x in found] == ["s2: 2 of 5 stimuli ('d', 'e'): not recorded"]
    written = of_subjects("mine", subjects, missing="report").write(cs.FeatureStore(tmp_path))
    assert written.excluded == found, "counted once"
    with pytest.raises(BadInput, match=r"did you mean 'report'"):
        of_subjects("mine", subjects, missing="reports")
    with pytest.raises(BadInput, match=r"every subject of mine once"):
        of_subjects("mine", [subjects[0], subjects[0]])


def test_a_fingerprint_moves_with_ids_names_and_values() -> None:
    x = RNG.normal(size=(5, 3))

    def print_of(name: str, ids: list[str], values: np.ndarray) -> str:
        return of_subjects("m", [Subject(name, ids, {"V1": Region(values)})]).fingerprint

    prints = {
        print_of("s", IDS, x),
        print_of("t", IDS, x),
        print_of("s", IDS[::-1], x),
        print_of("s", IDS, x + 1),
    }
    assert len(prints) == 4
    assert print_of("s", IDS, x.copy()) in prints
    others: list[dict[str, Any]] = [
        {"nuisance": {"rate": x[:, :1]}},
        {"nuisance": {"rate": x[:, 1:2]}},
        {"groups": ["r1", "r1", "r2", "r2", "r2"]},
        {"reference": True},
    ]
    more = [Subject("s", IDS, {"V1": Region(x)}, **given) for given in others]
    more += [Subject("s", IDS, {"V1": Region(x, coordinates=np.full((3, 3), k))}) for k in (0.0, 1.0)]
    assert len(prints | {of_subjects("m", [subject]).fingerprint for subject in more}) == 10


def test_trials_become_repeats_named_by_their_runs() -> None:
    x = RNG.normal(size=(6, 2))
    subject = of_trials("s", ["a", "b", "c", "c", "a", "b"], {"V1": x}, runs=[1, 1, 1, 2, 2, 2])
    assert (subject.sample_ids, subject.repeats) == (["a", "b", "c"], ("1", "2"))
    assert np.array_equal(subject.regions["V1"].values, x[[[0, 4], [1, 5], [2, 3]]])
    assert np.allclose(subject.regions["V1"].mean().values[0], (x[0] + x[4]) / 2)
    back = subject.trials()
    assert back.sample_ids == ["a@1", "b@1", "c@1", "a@2", "b@2", "c@2"]
    assert back.groups == ["1", "1", "1", "2", "2", "2"]
    assert np.array_equal(back.regions["V1"].values, x[[0, 1, 2, 4, 5, 3]])
    assert of_trials("s", ["a", "a", "b", "b"], {"V1": x[:4]}, runs=[1, 1, 1, 2]).repeats == (
        "repeat1",
        "repeat2",
    )
    once = of_trials("s", ["b", "a"], {"V1": x[:2]})
    assert (once.repeats, once.regions["V1"].values.shape) == ((), (2, 2))
    with pytest.raises(BadInput, match=r"responses with repeats in s; got no repeats"):
        once.trials()


def test_repeats_that_differ_in_number_are_refused_or_counted() -> None:
    x = RNG.normal(size=(5, 2))
    shown = ["a", "b", "a", "b", "a"]
    with pytest.raises(BadInput, match=r"the same number of times in s; got 'a' 3 times, 'b' 2") as error:
        of_trials("s", shown, {"V1": x})
    assert 'uneven="drop" to keep the first 2' in error.value.fix
    subject = of_trials("s", shown, {"V1": x}, uneven="drop")
    assert np.array_equal(subject.regions["V1"].values, x[[[0, 2], [1, 3]]])
    assert [str(e) for e in subject.excluded] == [
        "s: 1 of 5 trials: more than the 2 of the stimulus with the fewest"
    ]
    with pytest.raises(
        BadInput, match=r"region 'V1' of s of shape \(4, units\), one row a trial; got shape \(5, 2\)"
    ):
        of_trials("s", shown[:4], {"V1": x})
    with pytest.raises(BadInput, match=r"the run of each of 5 trials of s; got 4 runs. Fix: give one run a"):
        of_trials("s", shown, {"V1": x}, runs=[1, 1, 2, 2], uneven="drop")
    with pytest.raises(BadInput, match=r"did you mean 'drop'"):
        of_trials("s", shown, {"V1": x}, uneven="drops")


def test_means_of_blocks_follow_the_delay_and_stay_within_their_run() -> None:
    values = np.arange(8.0)[:, None]
    shown = ["rest", "a", "a", "b", "a", "a", "rest", "b"]
    runs = [1, 1, 1, 1, 2, 2, 2, 2]
    what, which, means = block_means(values, shown, runs)
    assert (what, which) == (["a", "b", "a", "b"], ["1", "1", "2", "2"])
    assert means[:, 0].tolist() == [1.5, 3, 4.5, 7]
    with pytest.raises(BadInput, match=r"1 volumes later too; got b in run 1, which does not"):
        block_means(values, shown, runs, delay=1)
    later = ["rest", "a", "a", "rest", "b", "rest", "rest"]
    assert block_means(values[:7], later, [1] * 7, delay=1)[2].tolist() == [[2.5], [5]]
    with pytest.raises(BadInput, match=r"7 volumes, 8 labels and 8 runs"):
        block_means(values[:7], shown, runs)


@pytest.mark.parametrize("form", ["square", "condensed", "row"])
def test_matrices_from_every_kind_of_file(tmp_path: Path, form: str) -> None:
    matrix = rdm()
    held = {"square": matrix, "condensed": squareform(matrix), "row": squareform(matrix)[None]}[form]
    np.save(tmp_path / "a.npy", held)
    np.savez(tmp_path / "a.npz", rdm=held, other=matrix[:2])
    savemat(tmp_path / "a.mat", {"rdm": held})
    np.savetxt(tmp_path / "a.csv", np.atleast_2d(held), delimiter=",")
    for name, key in (("a.npy", None), ("a.npz", "rdm"), ("a.mat", None), ("a.csv", None)):
        region = read_rdm(tmp_path / name, key)
        assert (region.kind, region.repeats) == ("rdm", 1)
        assert np.allclose(region.values, matrix)
    with pytest.raises(BadInput, match=r"one variable in a.npz, or its name as key; got rdm, other"):
        read_rdm(tmp_path / "a.npz")
    with pytest.raises(BadInput, match=r"a known variable of a.npz .*did you mean 'rdm'"):
        read_rdm(tmp_path / "a.npz", "rdms")
    with pytest.raises(BadInput, match=r"a file of an RDM \(.npy, .npz, .mat, .csv\)"):
        read_rdm(tmp_path / "a.txt")


def test_several_matrices_are_repeats() -> None:
    stack = np.stack([rdm(), rdm(), rdm()])
    condensed = np.stack([squareform(x) for x in stack])
    for values in (stack, condensed):
        region = as_rdm(values, "x")
        assert (region.n, region.repeats) == (5, 3)
        assert np.array_equal(region.values, stack)
        assert np.allclose(region.mean().values, stack.mean(axis=0))
        assert np.array_equal(region.repeat(1).values, stack[1])


def test_what_is_no_rdm_is_refused() -> None:
    matrix = rdm()
    with pytest.raises(BadInput, match=r"an RDM in x: .*got shape \(7,\)"):
        as_rdm(np.ones(7), "x")
    with pytest.raises(BadInput, match=r"zeros on the diagonal of x; got values up to 1"):
        as_rdm(np.corrcoef(RNG.normal(size=(5, 9))), "x")
    matrix[0, 1] += 0.5
    with pytest.raises(BadInput, match=r"a symmetric matrix in x; got .* differ by 0.5"):
        as_rdm(matrix, "x")
    with pytest.raises(BadInput, match=r"real dissimilarities in x; got dtype <U1"):
        as_rdm(np.array([["a", "b"]]), "x")


def test_folders_of_arrays_and_matrices(tmp_path: Path) -> None:
    x, matrix = RNG.normal(size=(6, 3)), rdm(3)
    mine = tmp_path / "mine"
    mine.mkdir()
    np.savez(mine / "s1.npz", sample_id=np.array(list("abcabc")), V1=x)
    np.savez(mine / "s2.npz", sample_id=np.array(list("abcabc")), V1=x + RNG.normal(size=x.shape))
    data = open_brains(f"arrays:{mine}")
    assert (data.name, list(data.names)) == ("mine", ["s1", "s2"])
    tables = data.write(cs.FeatureStore(tmp_path / "store")).tables
    assert list(tables) == [
        "mine.s1",
        "mine.s1@repeat1",
        "mine.s1@repeat2",
        "mine.s2",
        "mine.s2@repeat1",
        "mine.s2@repeat2",
    ]
    assert np.allclose(tables["mine.s1"].take("V1", np.arange(3)), (x[:3] + x[3:]) / 2)
    np.savez(mine / "s3.npz", V1=x)
    with pytest.raises(BadInput, match=r"'sample_id' in .*s3.npz; got V1"):
        open_brains(f"arrays:{mine}").subject("s3")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    np.save(theirs / "BE.npy", np.stack([matrix, rdm(3)]))
    before = open_brains(f"rdms:{theirs}")
    assert list(before.subject("BE").sample_ids) == ["1", "2", "3"]
    (theirs / "sample_ids.txt").write_text("x\ny\nz\n")
    subject = open_brains(f"rdms:{theirs}").subject("BE")
    assert (list(subject.sample_ids), subject.repeats) == (["x", "y", "z"], ("repeat1", "repeat2"))
    assert np.array_equal(subject.repeat(0).regions["rdm"].values, matrix)
    assert open_brains(f"rdms:{theirs}").fingerprint != before.fingerprint
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"a folder with files .npz; got .*empty, which has none"):
        open_brains(f"arrays:{tmp_path}/empty")


def test_features_on_volumes_are_linear_and_lie_where_the_response_lies() -> None:
    from nilearn.glm.first_level import compute_regressor

    features, onsets = RNG.normal(size=(6, 3)), [0.5, 3, 9.2, 9.9, 17, 30]
    found = to_volumes(features, onsets, volumes=25, tr=1.5, first=2.0)
    ones = [to_volumes(np.ones((1, 1)), [onset], volumes=25, tr=1.5, first=2.0)[:, 0] for onset in onsets]
    assert np.allclose(found, np.stack(ones, axis=1) @ features, atol=1e-8)
    alone, _ = compute_regressor(([9.2], [0], [1]), "spm", 2.0 + 1.5 * np.arange(25))
    assert np.corrcoef(ones[2], alone[:, 0])[0, 1] > 0.99
    binned = to_volumes(features, onsets, volumes=25, tr=1.5, first=2.0, hrf=None)
    assert np.allclose(binned[0], features[1])  # the first stimulus came before the first volume
    assert np.allclose(binned[4], features[2])
    assert np.allclose(binned[5], features[3])
    assert np.count_nonzero(binned.any(axis=1)) == 5


def test_stimuli_off_the_clock_are_refused() -> None:
    x = np.ones((2, 1))
    with pytest.raises(
        BadInput, match=r"before the scan ends at 20 s.*got 1 of 2 after it, the last at 3000 s"
    ):
        to_volumes(x, [1, 3000], volumes=10, tr=2.0)
    with pytest.raises(BadInput, match=r"got NaN, or a duration below 0"):
        to_volumes(x, [1, 2], volumes=10, tr=2.0, durations=[1, -1])
    with pytest.raises(BadInput, match=r"shape \(2, 1\), 3 onsets and 3 durations"):
        to_volumes(x, [1, 2, 3], volumes=10, tr=2.0)
