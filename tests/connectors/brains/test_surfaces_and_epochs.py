"""Regions of the cortical surface, and of time."""

import sys
from pathlib import Path

import numpy as np
import pytest
from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage

import consilience as cs
from consilience.connectors.brains import (
    Subject,
    in_surface_atlas,
    of_epochs,
    of_subjects,
    on_surface,
    open_brains,
    read_epochs,
)
from consilience.connectors.brains.cleaning import usable
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import NotInstalled

RNG = np.random.default_rng(0)


def mesh(left: int = 5, right: int = 4) -> PolyMesh:
    def half(n: int, side: float) -> InMemoryMesh:
        places = np.column_stack([np.full(n, side), np.arange(n), np.zeros(n)]).astype(float)
        return InMemoryMesh(places, np.array([[0, 1, 2], [1, 2, 3]]))

    return PolyMesh(left=half(left, -1.0), right=half(right, 1.0))


def surface(left: np.ndarray, right: np.ndarray) -> SurfaceImage:
    return SurfaceImage(mesh(len(left), len(right)), {"left": left, "right": right})


def test_vertices_of_both_hemispheres_within_a_mask() -> None:
    left, right = RNG.normal(size=(5, 6)), RNG.normal(size=(4, 6))
    image = surface(left, right)
    whole = on_surface(image)
    assert np.allclose(whole.values, np.concatenate([left, right]).T)
    mask = surface(np.array([0, 1, 0, 0, 1], np.uint8), np.array([1, 0, 0, 0], np.uint8))
    region = on_surface(image, mask)
    assert np.allclose(region.values, np.stack([left[1], left[4], right[0]], axis=1))
    assert region.coordinates is not None
    assert region.coordinates.tolist() == [[-1, 1, 0], [-1, 4, 0], [1, 0, 0]]
    with pytest.raises(BadInput, match=r"a mask with at least one vertex"):
        on_surface(image, surface(np.zeros(5, np.uint8), np.zeros(4, np.uint8)))
    with pytest.raises(
        BadInput, match=r"got 6 vertices left, 4 vertices right, and 5 vertices left, 4 vertices right in"
    ):
        on_surface(image, surface(np.ones(6, np.uint8), np.ones(4, np.uint8)))


def test_labels_of_a_surface_atlas_and_what_cannot_be_used() -> None:
    left, right = RNG.normal(size=(5, 6)), RNG.normal(size=(4, 6))
    left[1, 2], right[3] = np.nan, 0
    atlas = surface(np.array([1, 1, 2, 0, 0]), np.array([2, 2, 1, 1]))
    regions = in_surface_atlas(surface(left, right), atlas, {1: "V1", 2: "V2", 3: "MT"})
    assert {name: r.values.shape[1] for name, r in regions.items()} == {"V1": 4, "V2": 3, "MT": 0}
    assert np.allclose(regions["V2"].values, np.stack([left[2], right[0], right[1]], axis=1))
    merged = in_surface_atlas(surface(left, right), atlas, {1: "early", 2: "early"})
    assert {name: r.values.shape[1] for name, r in merged.items()} == {"early": 7}
    assert [str(x) for x in usable(Subject("s", list("abcdef"), regions)).excluded] == [
        "s: 1 units of V1: not finite (NaN or infinity)",
        "s: 1 units of V1: the same value in every row",
        "s: 1 region (MT): no voxel of it is within the mask, or in the image",
    ]


def test_every_window_of_time_is_a_region() -> None:
    times = np.arange(-10, 30) / 100  # 100 Hz, -0.1 s to 0.29 s
    epochs = RNG.normal(size=(6, 3, 40))
    subject = of_epochs("s", epochs, ["a", "b", "c"] * 2, times, 0.1)
    assert list(subject.regions) == ["-100ms..0ms", "0ms..100ms", "100ms..200ms", "200ms..300ms"]
    region = subject.regions["0ms..100ms"]
    assert region.values.shape == (3, 2, 30)
    assert np.array_equal(region.values[1, 0], epochs[1, :, 10:20].reshape(-1))
    chosen = of_epochs("s", epochs, ["a", "b", "c"] * 2, times, [(0.05, 0.1), (0.0, 0.2)], mean=True)
    assert list(chosen.regions) == ["50ms..100ms", "0ms..200ms"]
    assert np.allclose(chosen.regions["0ms..200ms"].values[2, 1], epochs[5, :, 10:30].mean(axis=1))


def test_windows_and_shapes_that_cannot_be_meant_are_refused() -> None:
    times, epochs = np.arange(10) / 100, RNG.normal(size=(2, 3, 10))
    with pytest.raises(
        BadInput, match=r"\(trials, sensors, times\) = \(2, sensors, 10\); got shape \(2, 10, 3\)"
    ):
        of_epochs("s", epochs.swapaxes(1, 2), ["a", "b"], times, 0.05)
    with pytest.raises(
        BadInput, match=r"a window within 0 to 0.09 s; got 100000ms..200000ms, which has no sample"
    ):
        of_epochs("s", epochs, ["a", "b"], times, [(100, 200)])
    with pytest.raises(BadInput, match=r"times that rise"):
        of_epochs("s", epochs, ["a", "b"], times[::-1], 0.05)
    with pytest.raises(BadInput, match=r"windows longer than 0 s; got 0"):
        of_epochs("s", epochs, ["a", "b"], times, 0)


def test_fif_files_need_mne(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mne", None)  # as if it were not installed
    with pytest.raises(NotInstalled, match=r"pip install mne"):
        read_epochs(tmp_path / "s1-epo.fif")


def save_epochs(values: np.ndarray, shown: list[str], path: Path) -> None:
    """Epochs (trials, sensors, times) of 100 Hz that begin 20 ms before the onset, as mne keeps them."""
    import mne

    codes = {label: k for k, label in enumerate(sorted(set(shown)), 1)}
    events = np.array([[50 * t, 0, codes[label]] for t, label in enumerate(shown)])
    held = mne.EpochsArray(
        values,
        mne.create_info(values.shape[1], 100.0, "eeg"),
        events,
        tmin=-0.02,
        event_id=codes,
        verbose="error",
    )
    held.save(path, fmt="double", verbose="error")


def test_a_fif_file_is_read(tmp_path: Path) -> None:
    values = RNG.normal(size=(2, 3, 10))
    save_epochs(values, ["a", "b"], tmp_path / "s1-epo.fif")
    epochs, shown, times = read_epochs(tmp_path / "s1-epo.fif")
    assert np.allclose(epochs, values)
    assert (shown, times[0], len(times)) == (["a", "b"], -0.02, 10)
    with pytest.raises(BadInput, match=r"a file of epochs; got .*s2-epo.fif, which is not a file"):
        read_epochs(tmp_path / "s2-epo.fif")


def save_mixed(path: Path, kinds: list[str], bads: list[str], drop: list[int]) -> np.ndarray:
    """Epochs of channels of several kinds, some bad, of which some trials were dropped; returns all values."""
    import mne

    values = RNG.normal(size=(6, len(kinds), 10)) * 1e-6
    names = [f"{kind}{k}" for k, kind in enumerate(kinds)]
    info = mne.create_info(names, 100.0, kinds)
    info["bads"] = bads
    events = np.array([[50 * t, 0, 1 + t % 3] for t in range(6)])
    held = mne.EpochsArray(values, info, events, event_id={"a": 1, "b": 2, "c": 3}, verbose="error")
    held.drop(drop, reason="BLINK", verbose="error")
    held.save(path, fmt="double", verbose="error")
    return values


def test_channels_that_measure_no_brain_and_dropped_trials_are_counted(tmp_path: Path) -> None:
    # mne gives all of these as one array.
    kinds = ["eeg", "eeg", "eog", "eeg", "stim"]
    values = save_mixed(tmp_path / "s1_epo.fif", kinds, ["eeg1"], [4])
    epochs, shown, _ = read_epochs(tmp_path / "s1_epo.fif")
    assert shown == ["a", "b", "c", "a", "c"]
    np.testing.assert_allclose(epochs, values[[0, 1, 2, 3, 5]][:, [0, 3]], rtol=1e-6)
    data = open_brains("epochs:.", base=tmp_path, windows=0.05, uneven="drop")
    subject = data.subject("s1")
    assert [str(x) for x in subject.excluded] == [
        "s1: 1 sensors: marked as bad",
        "s1: 1 channels (eog): not eeg",
        "s1: 1 channels (stim): not eeg",
        "s1: 1 epochs: dropped before (BLINK)",
        "s1: 2 of 5 trials: more than the 1 of the stimulus with the fewest",
    ]
    assert subject.regions["0ms..50ms"].values.shape == (3, 2 * 5)
    with pytest.raises(BadInput, match=r"every stimulus the same number of times in s1; got 'a' 2 times"):
        open_brains("epochs:.", base=tmp_path, windows=0.05).subject("s1")
    save_mixed(tmp_path / "s1-epo.fif", kinds, [], [])
    with pytest.raises(BadInput, match=r"one file of s1; got s1-epo.fif and s1_epo.fif"):
        open_brains("epochs:.", base=tmp_path, windows=0.05)


def test_sensors_of_several_units_are_not_mixed(tmp_path: Path) -> None:
    values = save_mixed(tmp_path / "s1-epo.fif", ["mag", "grad", "grad", "eeg"], ["eeg3"], [])
    with pytest.raises(
        BadInput, match=r"sensors of one kind in s1-epo.fif, .*; got mag, grad, eeg. Fix: choose one, such as"
    ):
        read_epochs(tmp_path / "s1-epo.fif")
    np.testing.assert_allclose(read_epochs(tmp_path / "s1-epo.fif", "grad")[0], values[:, 1:3], rtol=1e-6)
    with pytest.raises(BadInput, match=r"a known kind of sensor in s1-epo.fif .*got 'ecog'"):
        read_epochs(tmp_path / "s1-epo.fif", "ecog")
    with pytest.raises(BadInput, match=r"eeg sensors that are not bad in s1-epo.fif; got bad ones alone"):
        read_epochs(tmp_path / "s1-epo.fif", "eeg")
    one = open_brains("epochs:.", base=tmp_path, windows=0.05, sensors="mag").subject("s1")
    assert one.regions["0ms..50ms"].values.shape == (3, 2, 5)


def test_sensors_that_are_nan_or_constant_are_counted() -> None:
    epochs, times = RNG.normal(size=(3, 4, 10)), np.arange(10) / 100
    epochs[1, 0, 2], epochs[:, 3] = np.nan, 0.5
    found = usable(of_epochs("s", epochs, ["a", "b", "c"], times, 0.05))
    assert [str(x) for x in found.excluded] == [
        "s: 1 units of 0ms..50ms: not finite (NaN or infinity)",
        "s: 5 units of 0ms..50ms: the same value in every row",
        "s: 5 units of 50ms..100ms: the same value in every row",
    ]


def test_a_layer_aligns_with_the_window_of_time_in_which_it_is_heard(tmp_path: Path) -> None:
    rng, ids = np.random.default_rng(1), [f"sound-{k:02d}" for k in range(30)]
    early, late = rng.normal(size=(2, 30, 6))
    store = cs.FeatureStore(tmp_path / "store")
    model = store.write("net", "sounds", ids, {"early": early, "late": late})
    subjects = []
    for name in ("s1", "s2", "s3"):
        # Each sound twice; what is early is heard in the first 50 ms, what is late in the next, by eight sensors.
        order = [*rng.permutation(30), *rng.permutation(30)]
        values = rng.normal(size=(60, 8, 12))
        for features, at in ((early, slice(2, 7)), (late, slice(7, 12))):
            values[:, :, at] += 2 * (features @ rng.normal(size=(6, 8)))[order][:, :, None]
        save_epochs(values, [ids[k] for k in order], tmp_path / f"{name}-epo.fif")
        epochs, shown, times = read_epochs(tmp_path / f"{name}-epo.fif")
        subjects.append(of_epochs(name, epochs, shown, times, [(0, 0.05), (0.05, 0.1)]))
    data = of_subjects("sounds", subjects)
    named = open_brains(f"epochs:{tmp_path}", windows=[[0, 0.05], [0.05, 0.1]])
    for subject in subjects:
        for window, region in named.subject(subject.name).regions.items():
            assert np.array_equal(region.values, subject.regions[window].values)
    assert open_brains(f"epochs:{tmp_path}", windows=0.05).fingerprint != named.fingerprint
    with pytest.raises(BadInput, match=r"`windows` of epochs:FOLDER as .*; got 'all'"):
        open_brains(f"epochs:{tmp_path}", windows="all")
    tables = data.write(store).tables
    brains = {name: tables[f"sounds.{name}"] for name in ("s1", "s2", "s3")}
    found = cs.align([model], brains, ["rsa"], permutations=99, bootstraps=100).isel(metric=0)
    for window, layer in (("0ms..50ms", "early"), ("50ms..100ms", "late")):
        one = found.sel(region=window, model="net")
        assert set(one["chosen"].values) == {layer}
        assert one["p"] == 0.01
        assert one["lower"] > one["mean"] / 2 > 0.1
