"""The whole table: every variable against its definition, and what is refused."""

import json

import numpy as np
import pytest
import reference
import reference_alignment
import xarray as xr
from scipy import stats
from scipy.spatial.distance import pdist

import consilience as cs
from consilience.engine.ceiling import subject_ceilings

N = 24
SCORES = {
    "rsa": reference_alignment.rsa,
    "procrustes": reference.procrustes,
    "linreg:ridge=0.5": lambda x, y: reference.linreg_ridge(x, y, 0.5),
}
LAYERS = {"a": ("l0", "l1", "l2"), "b": ("l0", "l1"), "c": ("only",)}
ROWS = [(m, l) for m, layers in LAYERS.items() for l in layers]
QUICK = {"permutations": 19, "bootstraps": 100}


def data(seed: int = 0, subjects: int = 4) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
    """Early latents and late ones: V1 has the early, IT the late; models go from the early to the late."""
    rng = np.random.default_rng(seed)
    early, late = rng.normal(size=(2, N, 4))

    def seen(share: float, noise: float) -> np.ndarray:
        x = (1 - share) * early @ rng.normal(size=(4, 6)) + share * late @ rng.normal(size=(4, 6))
        return x + noise * rng.normal(size=(N, 6))

    models = {
        f"{m}/{l}": seen(k / max(len(layers) - 1, 1), 1 + "abc".index(m))
        for m, layers in LAYERS.items()
        for k, l in enumerate(layers)
    }
    brains = {f"s{k}": {"V1": seen(0.1, 1.0), "IT": seen(0.9, 1.0)} for k in range(subjects)}
    return models, brains


@pytest.fixture(scope="module")
def study() -> tuple[dict, dict, xr.Dataset]:
    models, brains = data()
    found = cs.align(models, brains, list(SCORES), hierarchy=["V1", "IT"], permutations=99, bootstraps=200)
    return models, brains, found


@pytest.mark.parametrize("k", range(len(SCORES)))
@pytest.mark.parametrize("region", ["V1", "IT"])
def test_scores_choice_and_means_are_those_of_their_definition(study, k, region):
    models, brains, found = study
    similar = str(found["direction"].values[k]) == "similarity"
    here = found.isel(metric=k).sel(region=region)
    score = list(SCORES.values())[k]
    want = np.array([[score(x, brain[region]) for brain in brains.values()] for x in models.values()])
    np.testing.assert_allclose(here["score"], want, atol=1e-7)
    lower, upper = subject_ceilings({s: x[region] for s, x in brains.items()}, list(SCORES)[k])
    np.testing.assert_allclose(here["lower_subject"], lower, atol=1e-9)
    np.testing.assert_allclose((here["lower"], here["upper"]), (lower.mean(), upper.mean()), atol=1e-9)
    helds = {}
    for m, layers in LAYERS.items():
        rows = [ROWS.index((m, l)) for l in layers]
        chosen, held = reference_alignment.held_out(want[rows], similar)
        helds[m] = held
        its = here.sel(model=m)
        assert its["chosen"].values.tolist() == [layers[c] for c in chosen]
        np.testing.assert_allclose(its["held_out"], held, atol=1e-7)
        interval = [float(its[name]) for name in ("mean", "low", "high")]
        np.testing.assert_allclose(interval, np.array(reference_alignment.t_interval(held)), atol=1e-6)
        depth = [1.0 if len(layers) == 1 else c / (len(layers) - 1) for c in chosen]
        assert float(its["best_depth"]) == pytest.approx(np.mean(depth))
        normal = held.mean() / lower.mean() if similar and lower.mean() > 0 else np.nan
        np.testing.assert_allclose(its["normalised"], normal, atol=1e-6)
    pairs = {(m, o): stats.ttest_rel(helds[m], helds[o]) for m in LAYERS for o in LAYERS if m < o}
    q = reference_alignment.holm({k: float(t.pvalue) for k, t in pairs.items()})
    for (m, o), t in pairs.items():
        sign = 1 if similar else -1
        its = here.sel(model=m, model_b=o)
        bounds = np.sort(sign * np.array(t.confidence_interval()))
        assert float(its["difference"]) == pytest.approx(sign * (helds[m] - helds[o]).mean(), abs=1e-7)
        np.testing.assert_allclose((its["difference_low"], its["difference_high"]), bounds, atol=1e-6)
        np.testing.assert_allclose((its["difference_p"], its["difference_q"]), (t.pvalue, q[m, o]), atol=1e-6)
        back = here.sel(model=o, model_b=m)
        assert float(back["difference"]) == -float(its["difference"])
        assert 0 < float(its["difference_p_stimuli"]) == float(back["difference_p_stimuli"]) <= 1
    over_stimuli = {(m, o): float(here["difference_p_stimuli"].sel(model=m, model_b=o)) for m, o in pairs}
    for (m, o), wanted in reference_alignment.holm(over_stimuli).items():
        for a, b in ((m, o), (o, m)):
            assert float(here["difference_q_stimuli"].sel(model=a, model_b=b)) == pytest.approx(wanted)
    assert np.isnan(np.diag(here["difference_p"])).all()


def test_errors_are_those_of_compare(study):
    models, brains, found = study
    recordings = {f"{s}/{r}": x for s, its in brains.items() for r, x in its.items()}
    table = cs.compare({**models, **recordings}, metrics="rsa", null=False)
    for subject in brains:
        for region in ("V1", "IT"):
            want = table["se"].sel(a=list(models), b=f"{subject}/{region}")
            np.testing.assert_allclose(found["se"].sel(subject=subject, region=region)[0], want[0], atol=1e-9)
    assert (found["se"] > 0).all()
    assert found["groups"].values.tolist() == [20, 10, 10]  # fewer where many pairs are decomposed


def test_the_turing_test_is_that_of_held_out_scores(study):
    _, brains, found = study
    here = found.isel(metric=0).sel(region="IT")
    want = cs.turing_test(np.zeros((N, 1)) + np.arange(N)[:, None], {s: x["IT"] for s, x in brains.items()})
    np.testing.assert_allclose(here["brain_brain"], want["brain_brain"], atol=1e-9)
    gap = here["held_out"].mean("subject") - here["brain_brain"].mean()
    np.testing.assert_allclose(here["gap"], gap, atol=1e-9)
    assert ((here["gap_low"] < here["gap"]) & (here["gap"] < here["gap_high"])).all()
    assert all(str(v).startswith(("passes: ", "undecided: ", "fails: ")) for v in here["verdict"].values)
    distance = found.sel(metric=[m for m in found["metric"].values if "procrustes" in m], region="IT").isel(
        metric=0
    )
    gap = distance["brain_brain"].mean() - distance["held_out"].mean("subject")
    np.testing.assert_allclose(distance["gap"], gap, atol=1e-9)


@pytest.mark.parametrize("k", range(len(SCORES)))
def test_of_one_layer_all_numbers_are_those_of_the_turing_test(study, k):
    models, brains, found = study
    its = {s: x["V1"] for s, x in brains.items()}
    want = cs.turing_test(models["c/only"], its, list(SCORES)[k], bootstraps=200).isel(model=0)
    got = found.isel(metric=k).sel(region="V1", model="c")
    np.testing.assert_allclose(got["held_out"], want["model_brain"], atol=1e-9)
    names = {
        "gap": "gap",
        "gap_low": "gap_low",
        "gap_high": "gap_high",
        "gap_p": "p_below",
        "gap_p_brain": "p_brain",
    }
    for name, of in names.items():
        np.testing.assert_allclose(got[name], want[of], atol=1e-9, err_msg=name)
    assert str(got["verdict"].values) == str(want["verdict"].values)


def test_later_regions_are_matched_by_later_layers(study):
    _, _, found = study
    here = found.isel(metric=0)
    assert float(here["order_tau"].sel(model="a")) == 1
    assert (
        float(here["order_p"].sel(model="a")) < 0.2
    )  # four subjects, two regions: 1/16 is the least there is
    assert float(here["order_tau"].sel(model="c")) == 0  # one layer has no order
    assert float(here["order_p"].sel(model="c")) == 1
    assert float(here["best_depth"].sel(model="a", region="IT")) > float(
        here["best_depth"].sel(model="a", region="V1")
    )


def test_universality_is_the_rank_correlation_of_both_agreements(study):
    found = study[2]
    for k in range(len(SCORES)):
        here = found.isel(metric=k)
        brains = here["score"].mean("subject")
        np.testing.assert_allclose(here["brain_agreement"], brains, atol=1e-12)
        for region in ("V1", "IT"):
            want = stats.spearmanr(here["agreement"], brains.sel(region=region)).statistic
            np.testing.assert_allclose(here["universality"].sel(region=region), want, atol=1e-9)
    assert np.isnan(found["universality_low"]).all()
    assert "no interval of universality from fewer than 4 models" in found.attrs["notes"]


def test_agreement_is_scored_on_the_half_that_did_not_choose():
    models, brains = data()
    metric = "cka:estimator=unbiased"
    found = cs.align(models, brains, metric, **QUICK)
    names = [f"{m}/{l}" for m, l in ROWS]
    both = cs.compare(
        {**models, **{f"{s}/{r}": x for s, b in brains.items() for r, x in b.items()}}, metrics=metric
    )
    both = both.isel(metric=0)
    for row, (m, _) in enumerate(ROWS):
        values = []
        for other in LAYERS:
            if other != m:
                those = [n for n in names if n.startswith(other)]
                best = both["score_select"].sel(a=names[row], b=those).values.argmax()
                values.append(float(both["score_holdout"].sel(a=names[row], b=those[best])))
        assert float(found["agreement"][0, row]) == pytest.approx(np.mean(values), abs=1e-9)


def test_the_choice_for_a_subject_is_blind_to_it():
    models, brains = data()
    before = cs.align(models, brains, "rsa", **QUICK)
    rng = np.random.default_rng(5)
    changed = {**brains, "s1": {r: rng.normal(size=x.shape) for r, x in brains["s1"].items()}}
    after = cs.align(models, changed, "rsa", **QUICK)
    assert (before["chosen"].sel(subject="s1") == after["chosen"].sel(subject="s1")).all()
    assert (before["held_out"].sel(subject="s1") != after["held_out"].sel(subject="s1")).all()


def test_a_subject_may_lack_a_region():
    models, brains = data()
    whole = cs.align(models, {s: {"V1": x["V1"]} for s, x in brains.items() if s != "s2"}, "rsa", **QUICK)
    del brains["s2"]["V1"]
    found = cs.align(models, brains, "rsa", hierarchy=["V1", "IT"], **QUICK)
    own = found.sel(region="V1")
    for name in ("score", "held_out", "lower_subject"):
        assert own[name].sel(subject="s2").isnull().all()
    assert (own["chosen"].sel(subject="s2") == "").all()
    for name in ("mean", "low", "lower", "difference_p", "gap", "difference_p_stimuli", "p"):
        np.testing.assert_allclose(own[name], whole[name].sel(region="V1"), atol=1e-9, err_msg=name)
    assert found.sel(region="IT", subject="s2")["score"].notnull().all()
    assert "V1: not recorded in s2" in json.loads(found.attrs["notes"])


def test_a_region_of_one_subject_has_scores_alone():
    models, brains = data()
    brains["s0"]["FFA"] = brains["s0"]["IT"]
    brains["s1"]["PPA"], brains["s2"]["PPA"] = brains["s1"]["IT"], brains["s2"]["IT"]
    found = cs.align(models, brains, "rsa", **QUICK)
    lone, two = found.sel(region="FFA"), found.sel(region="PPA")
    assert lone["score"].sel(subject="s0").notnull().all()
    assert lone["mean"].isnull().all()
    assert lone["lower"].isnull().all()
    assert two["mean"].notnull().all()
    assert two["gap"].isnull().all()
    assert (two["verdict"] == "").all()
    notes = json.loads(found.attrs["notes"])
    assert "FFA: of one subject no layer is chosen, and there is no ceiling" in notes
    assert "PPA: no Turing test of fewer than 3 subjects" in notes


def test_rdms_and_tables_take_part(tmp_path):
    models, brains = data()
    want = cs.align(models, brains, "rsa", **QUICK)
    store, ids = cs.FeatureStore(tmp_path), [f"i{k}" for k in range(N)]
    order = np.random.default_rng(1).permutation(N)
    tables = [
        store.write(m, "pictures", ids, {l: models[f"{m}/{l}"] for l in layers})
        for m, layers in LAYERS.items()
    ]
    recordings = [
        store.write(s, "pictures", np.array(ids)[order], {r: x[order] for r, x in its.items()})
        for s, its in brains.items()
    ]
    as_rdms = {s: {r: cs.RDM(pdist(x, "correlation")) for r, x in its.items()} for s, its in brains.items()}
    for got in (
        cs.align(tables, recordings, "rsa", **QUICK),
        cs.align(tables, {t.model: t for t in recordings}, "rsa", **QUICK),
        cs.align(models, as_rdms, "rsa", **QUICK),
    ):
        assert (got["chosen"] == want["chosen"]).all()
        for name in ("score", "lower", "upper", "mean", "difference", "gap", "universality", "p", "chance"):
            np.testing.assert_allclose(got[name], want[name], atol=1e-7, err_msg=name)


def test_windows_of_time_are_regions():
    """The first layer has the early latents and the last the late ones, as have the first window and the last."""
    models, brains = data()
    epochs = {s: np.stack([b["V1"], (b["V1"] + b["IT"]) / 2, b["IT"]], axis=2) for s, b in brains.items()}
    windows = ["0-100 ms", "100-200 ms", "200-300 ms"]  # subject: stimulus x sensor x time
    regions = {s: {w: x[:, :, k] for k, w in enumerate(windows)} for s, x in epochs.items()}
    found = cs.align(models, regions, "rsa", hierarchy=windows, **QUICK)
    matrix = found["score"].isel(metric=0).mean("subject")
    assert matrix.dims == ("representation", "region")
    assert matrix["region"].values.tolist() == windows
    assert matrix.sel(representation=["a/l0", "a/l1", "a/l2"]).argmax("representation").values[
        [0, 2]
    ].tolist() == [0, 2]
    assert float(found["order_tau"].sel(model="a")[0]) > 0.5


def test_the_file_holds_all_of_it(study, tmp_path):
    found = study[2]
    found.to_netcdf(tmp_path / "alignment.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "alignment.nc", engine="h5netcdf") as again:
        xr.testing.assert_identical(again.load(), found)
    assert found.attrs["n"] == N
    assert json.loads(found.attrs["subjects"]) == ["s0", "s1", "s2", "s3"]
    assert found["model_of"].values.tolist() == [m for m, _ in ROWS]
    assert found["depth"].values.tolist() == [0, 0.5, 1, 0, 1, 1]
    assert found["stimuli_by"].values.tolist() == ["bootstrap", "jackknife", "jackknife"]
    assert "preprocess" in found.attrs


def test_the_seed_decides():
    models, brains = data()
    one, same, other = (cs.align(models, brains, "rsa", seed=s, **QUICK) for s in (0, 0, 1))
    for name in ("p", "difference_p_stimuli", "gap_low"):
        assert one[name].equals(same[name])
        assert not one["difference_p_stimuli"].equals(other["difference_p_stimuli"])


def test_options_reach_scores_and_ceilings_alike():
    models, brains = data()
    unit = [
        {k: x / np.linalg.norm(x, axis=1, keepdims=True) for k, x in models.items()},
        {
            s: {r: x / np.linalg.norm(x, axis=1, keepdims=True) for r, x in b.items()}
            for s, b in brains.items()
        },
    ]
    want = cs.align(*unit, "rsa:rdm=euclidean", **QUICK)
    got = cs.align(models, brains, "rsa:rdm=euclidean", preprocess=["l2"], **QUICK)
    for name in ("score", "lower", "upper", "p"):
        np.testing.assert_allclose(got[name], want[name], atol=1e-9, err_msg=name)
    labels = np.arange(N) % 3
    found = cs.align(models, brains, ["cka:by=label,estimator=unbiased", "rsa"], labels=labels, **QUICK)
    by = cs.align(models, brains, "cka:estimator=unbiased", by=labels, **QUICK)
    assert float(by["lower"].sel(region="IT")[0]) == float(found["lower"].sel(region="IT")[0])
    lower, _ = cs.noise_ceiling(
        {s: x["IT"] for s, x in brains.items()}, found["metric"].values[0], labels=labels
    )
    assert float(found["lower"].sel(region="IT")[0]) == pytest.approx(lower)


X = np.random.default_rng(0).normal(size=(N, 3))


@pytest.mark.parametrize(
    ("brains", "options", "text"),
    [
        ({"s0": {"IT": X}}, {}, "2 subjects or more; got 1"),
        ({"s0": X, "s1": X}, {}, "regions of the subject 's0'; got ndarray"),
        ({"s0": {}, "s1": {"IT": X}}, {}, "regions of the subject 's0'; got none"),
        ({"a": {"IT": X}, "s1": {"IT": X}}, {}, "models and subjects of different names; got 'a' as both"),
        ([X, X], {}, "brains as a list of feature tables, or as a mapping"),
        ({"s0": {"IT": X}, "s1": {"IT": X[:20]}}, {}, "arrays of the same length"),
        (None, {"hierarchy": ["V1", "LO"]}, "known region .*; got 'LO'"),
        (None, {"hierarchy": ["V1"]}, "a hierarchy of two regions or more, each once; got V1"),
        (None, {"budget": "20kB"}, "within the budget of 20.0 kB"),
        (None, {"permutations": 5}, "permutations of 19 or more"),
        (None, {"bootstraps": 5}, "bootstraps of 100 or more; got bootstraps=5"),
        (None, {"until_se": 0.1}, "options that an alignment takes; got until_se="),
        (None, {"metrics": "cka:foo=1"}, "foo"),
    ],
)  # fmt: skip
def test_bad_input(brains, options, text):
    with pytest.raises(cs.BadInput, match=text):
        cs.align(data()[0], brains or data()[1], **options)
