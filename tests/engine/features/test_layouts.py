"""Features as thingsvision, Net2Brain and platonic-rep write them, imported as the arrays that they are."""

import pickle
from pathlib import Path
from typing import Any

import h5py
import malice
import numpy as np
import pytest
import torch

from consilience.engine.errors import BadInput
from consilience.engine.features import import_files

RNG = np.random.default_rng(0)
NAMES = [f"cats/{i:02d}.png" for i in range(9)]
FLAT = RNG.normal(size=(9, 5)).astype(np.float32)
MAPS = RNG.normal(size=(9, 2, 3, 3)).astype(np.float32)


def thingsvision(folder: Path, ending: str, features: np.ndarray) -> Path:
    """As its `save_features` and its extraction leave a folder."""
    folder.mkdir()
    (folder / "file_names.txt").write_text("\n".join(NAMES) + "\n")
    if ending == "npy":
        np.save(folder / "features.npy", features)
    elif ending == "txt":
        np.savetxt(folder / "features.txt", features)
    elif ending == "pt":
        torch.save(torch.from_numpy(features), folder / "features.pt")
    else:
        with h5py.File(folder / "features.hdf5", "w") as file:
            file.create_dataset("features", data=features)
    return folder


@pytest.mark.parametrize(
    ("ending", "features"),
    [(e, x) for e in ("npy", "txt", "pt", "hdf5") for x in (FLAT, MAPS) if (e, x.ndim) != ("txt", 4)],
)  # it refuses to write maps as text
def test_thingsvision(tmp_path: Path, ending: str, features: np.ndarray) -> None:
    table = import_files([thingsvision(tmp_path / "f", ending, features)], "net", "cats", tmp_path / "store")
    assert list(table.sample_ids) == NAMES
    np.testing.assert_allclose(table.take("features", np.arange(9)), features.reshape(9, -1), rtol=1e-6)


@pytest.mark.parametrize("ending", ["npy", "hdf5"])
def test_thingsvision_in_pieces(tmp_path: Path, ending: str) -> None:
    folder = thingsvision(tmp_path / "f", ending, MAPS)
    pieces = {f"features_{i:02d}": MAPS[a:b] for i, (a, b) in enumerate([(0, 4), (4, 8), (8, 9)], 1)}
    (folder / f"features.{ending}").unlink()
    if ending == "npy":
        for name, values in pieces.items():
            np.save(folder / f"{name}.npy", values)
    else:
        with h5py.File(folder / "features.hdf5", "w") as file:
            for name, values in pieces.items():
                file.create_dataset(name, data=values)
    table = import_files([folder], "net", "cats", tmp_path / "store")
    np.testing.assert_array_equal(table.take("features", np.arange(9)), MAPS.reshape(9, -1))


@pytest.mark.parametrize("consolidated", [None, "consolidated_{}.npz", "{}_consolidated.npz"])
def test_net2brain(tmp_path: Path, consolidated: str | None) -> None:
    """One file a picture; and one a layer, as `consolidate_per_layer` makes of them."""
    folder, stems = tmp_path / "f", [Path(x).stem for x in NAMES]
    folder.mkdir()
    layers = {"features.0": MAPS[:, None], "classifier": FLAT[:, None]}
    if consolidated is None:
        for i, stem in enumerate(stems):
            np.savez(folder / f"{stem}.npz", **{layer: x[i] for layer, x in layers.items()})
    else:
        for layer, x in layers.items():
            np.savez_compressed(
                folder / consolidated.format(layer), **{stem: x[i] for i, stem in enumerate(stems)}
            )
    table = import_files([folder], "net", "cats", tmp_path / "store")
    assert list(table.sample_ids) == stems
    np.testing.assert_array_equal(table.take("features.0", np.arange(9)), MAPS.reshape(9, -1))
    np.testing.assert_array_equal(table.take("classifier", np.arange(9)), FLAT)


def test_platonic(tmp_path: Path) -> None:
    feats = torch.from_numpy(RNG.normal(size=(9, 3, 5)).astype(np.float32))
    about = {"num_params": 7, "mask": torch.ones(9, 4), "loss": torch.tensor(1.0), "bpb": torch.tensor(2.0)}
    torch.save({"feats": feats, **about}, tmp_path / "llm_pool-avg.pt")
    table = import_files([tmp_path / "llm_pool-avg.pt"], "llm", "wit", tmp_path / "store", ids=NAMES)
    assert list(table.layers) == ["layer.0", "layer.1", "layer.2"]
    np.testing.assert_array_equal(table.take("layer.1", np.arange(9)), feats[:, 1])
    with pytest.raises(BadInput, match="sample ids for"):
        import_files([tmp_path / "llm_pool-avg.pt"], "llm", "wit", tmp_path / "store")


def test_a_mapping_of_tensors(tmp_path: Path) -> None:
    torch.save(
        {"sample_id": NAMES, "a": torch.from_numpy(FLAT), "b": torch.from_numpy(MAPS)}, tmp_path / "x.pt"
    )
    table = import_files([tmp_path / "x.pt"], "net", "cats", tmp_path / "store")
    np.testing.assert_array_equal(table.take("b", np.arange(9)), MAPS.reshape(9, -1))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    torch.save({"feats": malice.Malice(mark)}, tmp_path / "x.pt")
    (tmp_path / "y.pt").write_bytes(pickle.dumps(malice.Malice(mark)))
    folder = tmp_path / "n2b"
    folder.mkdir()
    (folder / "00.npz").write_bytes(malice.npz(mark, fc=FLAT[:1]))
    for path in (tmp_path / "x.pt", tmp_path / "y.pt", folder):
        with pytest.raises(BadInput, match=r"a readable \.pt file|a folder of readable files"):
            import_files([path], "net", "cats", tmp_path / "store", ids=NAMES)
    assert not mark.exists()


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    def refused(path: Path, says: str) -> None:
        with pytest.raises(BadInput, match=says):
            import_files([path], "net", "cats", tmp_path / "store")

    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", r"a folder as thingsvision .* got .*none, with neither")
    folder = thingsvision(tmp_path / "f", "npy", FLAT)
    (folder / "file_names.txt").write_text("\n".join(NAMES[:4]))
    refused(folder, "4 rows in layer 'features'")
    np.savetxt(folder / "features.txt", FLAT)
    refused(folder, r"features in .*f once; got features.npy, features.txt")
    sizes = tmp_path / "sizes"
    sizes.mkdir()
    uneven: dict[str, Any] = {"a": MAPS[:1], "b": MAPS[:1, :, :2]}
    for name, values in uneven.items():
        np.savez(sizes / f"{name}.npz", conv=values)
    refused(sizes, r"layer 'conv' of one size for all stimuli; got \(1, 2, 3, 3\) of a, \(1, 2, 2, 3\) of b")
    np.savez(sizes / "b.npz", conv2=MAPS[:1])
    refused(sizes, r"the same layers in every file, b.npz too; got 'conv' in some")
    torch.save({"a": torch.ones(3, 2), "epoch": 3}, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", r"tensors alone in .*; got 'epoch', which is none")
