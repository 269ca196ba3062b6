"""RDMs as input, and as layers of feature tables."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.distance import pdist, squareform

import consilience as cs
from consilience.engine.features.parts import part_name
from consilience.engine.features.representations import representations


@pytest.fixture
def condensed() -> np.ndarray:
    return pdist(np.random.default_rng(0).normal(size=(12, 4)), "sqeuclidean")


def test_square_and_condensed_are_the_same(condensed):
    a, b = cs.RDM(condensed), cs.RDM(squareform(condensed))
    assert np.array_equal(a.values, b.values)
    assert len(a) == 12
    assert repr(a) == "<RDM of 12 samples>"
    assert cs.RDM(condensed.astype(np.float32)).values.dtype == np.float32
    assert cs.RDM(np.arange(6)).values.dtype == np.float64


def test_rounding_is_averaged_out(condensed):
    values = squareform(condensed)
    values[0, 1] *= 1 + 1e-7
    values[3, 3] = 1e-8
    rdm = cs.RDM(values)
    assert np.array_equal(rdm.values, rdm.values.T)
    assert not rdm.values.diagonal().any()
    assert values[3, 3] == 1e-8  # the user's array is left alone


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d[:5], r"shape \(n, n\), or condensed .*; got shape \(5, 12\)"),
        (lambda d: d[None], r"got shape \(1, 12, 12\)"),
        (lambda d: np.arange(7.0), "7 entries. Fix: 4 samples have 6, 5 have 10"),
        (lambda d: d + np.eye(12), "diagonal of 0; got 1 on it"),
        (lambda d: d + np.triu(np.ones((12, 12)), 1), r"a symmetric RDM; got .* from sample 0 to [0-9]+, .* back"),
        (lambda d: np.where(d == d.max(), np.nan, d), "a finite RDM; got NaN or infinity in 2 entries"),
        (lambda d: d.astype(str), "real numbers; got dtype"),
    ],
)  # fmt: skip
def test_what_is_no_rdm_is_refused(condensed, change, text):
    with pytest.raises(cs.BadInput, match=text):
        cs.RDM(change(squareform(condensed)))


def test_sample_ids_are_checked(condensed):
    with pytest.raises(cs.BadInput, match="12 sample ids, one a row of the RDM; got 3"):
        cs.RDM(condensed, ["a", "b", "c"])
    with pytest.raises(cs.BadInput, match="every sample id once"):
        cs.RDM(condensed, ["a"] * 12)


def test_rdms_of_different_samples_are_joined(condensed):
    d = squareform(condensed)
    names = np.array([f"s{i}" for i in range(12)])
    order = np.random.default_rng(1).permutation(12)[:9]
    full, part = cs.RDM(d, names), cs.RDM(d[np.ix_(order, order)], names[order])
    scores = cs.compare({"a": full}, {"b": part}, ["rsa", "cka"], se=False, null=False)
    np.testing.assert_allclose(scores["score"], 1)
    assert scores["n"].values.max() == 9
    assert json.loads(scores.attrs["join"])["dropped"] == {"a": 3}


@pytest.mark.parametrize("many_parts", [False, True])
def test_a_table_gives_back_the_rdm_and_compares_as_it(tmp_path, monkeypatch, condensed, many_parts):
    if many_parts:
        monkeypatch.setattr("consilience.engine.features.arrays.PART_BYTES", 200)
    d, x = squareform(condensed).astype(np.float32), np.random.default_rng(2).normal(size=(12, 3))
    ids = [f"s{i}" for i in range(12)]
    store = cs.FeatureStore(tmp_path)
    written = store.write(
        "monkey", "pictures", ids, {"IT": condensed.astype(np.float32), "V1": x}, kinds={"IT": "rdm"}
    )
    table = pickle.loads(pickle.dumps(store.open("monkey", "pictures")))
    assert len(table.parts("IT")) == (6 if many_parts else 1)
    assert table.manifest["layers"]["IT"]["kind"] == "rdm"
    assert "kind" not in table.manifest["layers"]["V1"]
    assert {name: (info.dim, info.kind) for name, info in table.layers.items()} == {
        "IT": (12, "rdm"), "V1": (3, "features"),
    }  # fmt: skip
    with pa.memory_map(str(table.path / part_name(0))) as file:
        schema = pa.ipc.open_file(file).schema
    assert schema.field("IT").metadata == {b"kind": b"rdm"}
    assert schema.field("V1").metadata is None
    assert np.array_equal(np.concatenate(table.parts("IT")), d)
    assert "<td>rdm</td>" in table._repr_html_()

    order = np.random.default_rng(3).permutation(12)[:10]
    other = cs.FeatureStore(tmp_path).write("model", "pictures", [ids[i] for i in order], {"x": x[order]})
    plain = x[order]
    in_memory = cs.compare(
        {"monkey/IT": cs.RDM(d[np.ix_(order, order)])}, {"m": plain}, ["rsa", "cka", "mutual_knn:k=2"]
    )
    from_disk = cs.compare([other], [table], ["rsa", "cka", "mutual_knn:k=2"])
    for name in ("score", "null_mean"):
        want, got = in_memory[name].values[:, 0, 0], from_disk[name].sel(a="model/x", b="monkey/IT").values
        np.testing.assert_allclose(got, want, atol=1e-6)

    assert (
        store.write("monkey", "pictures", ids, {"IT": cs.RDM(condensed.astype(np.float32)), "V1": x}).digest
        == written.digest
    )
    assert store.write("monkey", "pictures", ids, {"IT": d, "V1": x}).digest != written.digest


def test_a_layer_is_taken_out_of_its_table(tmp_path, condensed):
    ids = [f"s{i}" for i in range(12)]
    table = cs.FeatureStore(tmp_path).write(
        "m", "s", ids, {"IT": cs.RDM(condensed), "V1": np.ones((12, 2)) * [[1, 2]]}
    )
    rdm = table.rdm("IT")
    assert np.array_equal(rdm.values, squareform(condensed))
    assert list(rdm.sample_ids) == ids
    with pytest.raises(cs.BadInput, match="a layer of kind 'rdm'; got 'V1', of features"):
        table.rdm("V1")


def test_rows_and_columns_follow_the_join(tmp_path, condensed):
    d, ids = squareform(condensed), [f"s{i}" for i in range(12)]
    table = cs.FeatureStore(tmp_path).write("m", "s", ids, {"IT": cs.RDM(condensed, ids)})
    (r,) = representations([table])
    rows = np.array([5, 2, 11, 0])
    cut = r.joined(rows)
    assert cut.rdm
    assert (cut.n, cut.d) == (4, 1)
    np.testing.assert_array_equal(cut.entries(np.arange(4), np.arange(4)), d[np.ix_(rows, rows)])
    np.testing.assert_array_equal(
        cut.entries(np.array([1, 3]), np.array([[0, 1, 2], [3, 2, 1]])),
        [[d[2, 5], 0, d[2, 11]], [0, d[0, 11], d[0, 2]]],
    )


def test_what_does_not_fit_a_table_is_refused(tmp_path, condensed):
    store, ids, x = cs.FeatureStore(tmp_path), [f"s{i}" for i in range(12)], np.ones((12, 3))
    with pytest.raises(cs.BadInput, match="11 rows in layer 'IT', one a sample id"):
        store.write("m", "s", ids[1:], {"IT": cs.RDM(condensed)})
    with pytest.raises(cs.BadInput, match="the RDM 'IT' under the sample ids of the table"):
        store.write("m", "s", ids, {"IT": cs.RDM(condensed, ids[::-1])})
    with pytest.raises(cs.BadInput, match="did you mean 'IT'"):
        store.write("m", "s", ids, {"IT": condensed}, kinds={"ITT": "rdm"})
    with pytest.raises(cs.BadInput, match="a known kind of layer 'IT'"):
        store.write("m", "s", ids, {"IT": squareform(condensed)}, kinds={"IT": "dissimilarities"})
    x[4, 1] = np.nan
    with pytest.raises(
        cs.BadInput, match="12 samples, as many as the RDM 'IT' has columns; got 11, 1 rejected"
    ):
        store.write("m", "s", ids, {"IT": cs.RDM(condensed), "V1": x})
    assert not store.names()
