"""Profiles of representations: what the call takes, what it gives, what it refuses, and that blocks do not matter."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

import consilience as cs
from consilience.engine.metrics import metrics as listed
from consilience.engine.passes.moment_state import combine
from consilience.engine.passes.rows import means, row_sums
from consilience.engine.profile import Profile, every_metric
from consilience.engine.scores import open_scores, save

ALL = [*every_metric(), "intrinsic_dimension:method=mle,k=5"]


def data(n=60, seed=0, d=(5, 7)):
    rng = np.random.default_rng(seed)
    return {f"model/{w}": rng.normal(size=(n, w)) + 0.5 for w in d}


def test_a_profile():
    table = cs.profile(data())
    assert dict(table.sizes) == {"metric": 6, "a": 2}
    assert list(table.data_vars) == ["score", "se", "n"]
    assert all(v.dims == ("metric", "a") for v in table.data_vars.values())
    assert list(table["a"].values) == ["model/5", "model/7"]
    assert list(table["model_a"].values) == ["model", "model"]
    assert list(table["layer_a"].values) == ["5", "7"]
    assert list(table["metric"].values) == [
        "concentricity", "effective_rank", "intrinsic_dimension:method=two_nn", "magnitude", "participation_ratio",
        "uniformity",
    ]  # fmt: skip
    assert (table["groups"] == 20).all()
    errors = dict(zip(table["metric"].values, table["error"].values))
    assert errors.pop("intrinsic_dimension:method=two_nn") == "balanced half-samples"
    assert set(errors.values()) == {"jackknife"}
    assert np.isfinite(table["score"]).all()
    assert (table["se"] > 0).all()
    assert (table["n"] == 60).all()
    assert json.loads(table.attrs["metrics"])["effective_rank"]["source"] == "Roy and Vetterli 2007"
    assert json.loads(table.attrs["join"]) == {"rows": 60, "dropped": {}}
    assert json.loads(table.attrs["reasons"]) == json.loads(table.attrs["notes"]) == {}


def test_the_metrics_are_listed_with_the_others():
    known = listed()
    assert set(every_metric(labelled=True)) < set(known)
    assert known["uniformity"] == "Uniformity. Of one representation."
    assert [name for name in known if "one representation" in known[name]] == every_metric(labelled=True)


def test_one_score():
    x = data()["model/5"]
    table = cs.profile({"x": x}, ["participation_ratio"])
    assert cs.score("participation_ratio", x) == float(table["score"][0, 0])
    assert cs.score({"name": "intrinsic_dimension", "method": "mle", "k": 5}, x) == pytest.approx(
        float(cs.profile({"x": x}, ALL)["score"][-1, 0])
    )


def test_the_error_is_the_jackknife_over_the_groups():
    x = data(50)
    chosen = Profile(x, ["effective_rank", "uniformity", "concentricity"], groups=7)
    table, found = chosen.run(), []
    for g in range(7):
        keep = np.delete(chosen.groups.order, slice(*chosen.groups.edges[g : g + 2]))
        found.append(
            cs.profile({k: v[keep] for k, v in x.items()}, [r.id for r in chosen.requests], se=False)["score"]
        )
    spread = np.array(found) - np.mean(found, axis=0)
    np.testing.assert_allclose(table["se"], np.sqrt(6 / 7 * (spread**2).sum(axis=0)), rtol=1e-7)


def test_the_error_of_a_dimension_is_that_of_halves():
    from consilience.engine.inference.halves import half_sample_error, half_samples

    x = data(80)
    metrics = ["intrinsic_dimension", "intrinsic_dimension:method=mle,k=5"]
    chosen = Profile(x, metrics, groups=9)
    splits = half_samples(9)
    scores = []
    for mask in (*splits, *~splits):
        rows = chosen.groups.order[np.repeat(mask, chosen.groups.sizes)]
        scores.append(cs.profile({k: v[rows] for k, v in x.items()}, metrics, se=False)["score"].values)
    one, other = np.array(scores).reshape(2, len(splits), 2, 2)
    want = half_sample_error(one, other, splits @ chosen.groups.sizes / 80)
    np.testing.assert_allclose(chosen.run()["se"], want, rtol=1e-7)


def test_without_errors():
    table = cs.profile(data(), ALL, se=False)
    assert np.isnan(table["se"]).all()
    assert (table["groups"] == 0).all()
    assert set(table["error"].values) == {"none"}
    np.testing.assert_allclose(table["score"], cs.profile(data(), ALL)["score"], rtol=1e-12)


@pytest.mark.parametrize(
    ("rows", "threads", "batch"), [((3, 7), 1, 1), ((5, 20), 3, 2), ((16, 40), 2, 1), ((512, 1024), 3, 3)]
)
def test_blocks_batches_and_threads_do_not_change_the_scores(monkeypatch, rows, threads, batch):
    x = {f"m/{d}": v.astype(np.float32) for d, v in data(110, d=(4, 9, 17)).items()}
    want = cs.profile(x, ALL)
    profile = Profile(x, ALL, threads=threads)
    plan = profile.plan
    monkeypatch.setattr(
        profile, "plan", lambda: replace(plan(), tile_rows=rows[0], strip_rows=rows[1], batch=batch)
    )
    monkeypatch.setattr("consilience.engine.passes.rows.BLOCK_ROWS", rows[0])
    monkeypatch.setattr("consilience.engine.passes.moments.BLOCK_ROWS", rows[0])
    got = profile.run()
    for name in ("score", "se", "n"):
        np.testing.assert_allclose(got[name], want[name], rtol=1e-9, err_msg=name)


def test_covariances_that_do_not_fit_together_are_summed_in_turn():
    x = data(120, d=(4, 9, 17))
    metrics = ["participation_ratio", "effective_rank"]
    xr.testing.assert_allclose(
        cs.profile(x, metrics, budget="20kB")["se"], cs.profile(x, metrics)["se"], rtol=1e-12
    )


def test_sums_of_rows_of_every_group():
    profile = Profile(data(41), ["magnitude"], groups=5)
    x, groups = data(41)["model/7"].copy(), profile.groups
    state = row_sums(profile.representations, groups)
    mask = np.array([True, False, True, True, False])
    found = means(state, 1, groups, mask)
    rows = x[groups.order[np.repeat(mask, groups.sizes)]]
    lengths = np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(found.mean, rows.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(
        found.direction, (rows / lengths[:, None]).mean(axis=0), rtol=1e-12, atol=1e-15
    )
    assert found.typical == pytest.approx(lengths.mean())
    assert (found.n, found.directed) == (len(rows), len(rows))
    twice = combine([row_sums(profile.representations, groups), row_sums(profile.representations, groups)])
    np.testing.assert_allclose(twice[0, 0].rows, 2 * state[0, 0].rows)


def test_tables_are_joined_and_saved(tmp_path):
    x = data()
    ids = [f"s{i}" for i in range(60)]
    store = cs.FeatureStore(tmp_path)
    one = store.write("one", "set", ids, {"l0": x["model/5"], "l1": x["model/7"]})
    two = store.write("two", "set", ids[::-1][:50], {"l0": x["model/5"][::-1][:50]})
    table = cs.profile([one, two])
    assert list(table["a"].values) == ["one/l0", "one/l1", "two/l0"]
    assert json.loads(table.attrs["join"]) == {"rows": 50, "dropped": {"one": 10}}
    np.testing.assert_allclose(table["score"][:, 0], table["score"][:, 2], rtol=1e-12)
    save(table, tmp_path / "profile.nc")
    xr.testing.assert_identical(open_scores(tmp_path / "profile.nc"), table)


def test_progress_reaches_the_end_of_every_stage():
    seen: dict[str, list[tuple[float, float]]] = {}
    cs.profile(
        data(200), ALL, progress=lambda stage, done, total: seen.setdefault(stage, []).append((done, total))
    )
    assert set(seen) == {"covariances", "spectra", "row sums", "tiles", "neighbours"}
    for stage, steps in seen.items():
        assert steps[-1][0] == pytest.approx(steps[-1][1]), stage
        assert steps == sorted(steps)


def test_the_plan_holds_the_memory_to_the_budget():
    x = {f"m/{i}": np.zeros((3000, 256), np.float32) for i in range(12)}
    for v in x.values():
        v[0] = 1
    wide, tight = (Profile(x, budget=b).plan() for b in ("4GB", "250MB"))
    assert tight.batch < wide.batch == 12
    assert tight.steps[-1].memory <= 250e6 < wide.memory
    assert [s.name for s in wide.steps] == ["covariances and spectra", "row sums", "tiles"]
    assert [s.name for s in Profile(x, ["magnitude"]).plan().steps] == ["row sums"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown metric": ({"metrics": ["uniformty"]}, "did you mean 'uniformity'"),
    "metric of pairs": ({"metrics": ["cka"]}, r"which compares two. Fix: call consilience.compare\("),
    "no metric": ({"metrics": []}, "for instance 'participation_ratio'"),
    "k": ({"metrics": ["intrinsic_dimension:method=mle,k=60"]}, "use k <= 59"),
    "k of one": ({"metrics": ["intrinsic_dimension:method=mle,k=1"]}, "from 2"),
    "groups": ({"groups": 0}, "groups of 1 or more"),
    "budget": ({"budget": "100kB"}, "a profile within the budget of 100.0 kB"),
    "device": ({"device": "gpu"}, "a device that torch can use"),
    "executor": ({"executor": "thread"}, "did you mean 'threads'"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_options_refused(case):
    options, words = REFUSED[case]
    with pytest.raises(cs.BadInput, match=words):
        cs.profile(data(), **options)


def test_input_refused():
    with pytest.raises(cs.BadInput, match="features that vary in 'b'"):
        cs.profile({"a": data()["model/5"], "b": np.ones((60, 3))})
    with pytest.raises(cs.BadInput, match="at least 4 samples"):
        cs.profile(data(3))


def test_the_other_call_is_named():
    x = data()["model/5"]
    with pytest.raises(cs.BadInput, match=r"which is of one. Fix: call consilience.profile\("):
        cs.compare({"x": x}, metrics=["cka", "uniformity"])
    with pytest.raises(cs.BadInput, match=r"which compares two.*score\(metric, x, y\)"):
        cs.score("cka", x)
    with pytest.raises(cs.BadInput, match=r"which is of one.*score\(metric, x\)"):
        cs.score("uniformity", x, x)
