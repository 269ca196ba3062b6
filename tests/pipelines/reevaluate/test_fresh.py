"""Everything computed afresh beside what is kept: the same comes out, or it is told that it does not."""

from pathlib import Path

import pytest
from nets import register_nets, save_net
from swept import Swept
from toys import toy_study, write_toys

from consilience.pipelines.reevaluate import run as running
from consilience.pipelines.reevaluate.run import reevaluate
from consilience.pipelines.runs.syncing import kept
from consilience.pipelines.zoo.run import run


def held(*folders: Path) -> dict[Path, bytes]:
    return {x: x.read_bytes() for folder in folders for x in folder.rglob("*") if x.is_file()}


@pytest.mark.usefixtures("ray_local")
def test_features_that_come_out_differently_are_found_and_the_kept_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swept: Swept
) -> None:
    register_nets(monkeypatch, 80)
    for seed, name in enumerate(("ant", "bee")):
        save_net(tmp_path / name, seed)
    models = ", ".join(f'"net:{tmp_path / name}"' for name in ("ant", "bee"))
    study = toy_study(tmp_path, models=f"[{models}]")
    study.write_text(study.read_text().replace("stimuli: toys", "stimuli: points"))
    run(study)
    assert swept.counts() == {"cka": 10}
    out = tmp_path / "out"
    before = held(tmp_path / "features", out / ".scores", out / ".runs")
    results = (out / "scores.nc").read_bytes()

    same = reevaluate(study, fresh=True)
    assert swept.counts() == {"cka": 10}, "all of it"
    assert (same.told["status"], same.alarm, same.told["brought"]) == ("no change", False, [])
    assert same.told["counts"]["same inputs"] == 6
    assert same.told["furthest"] <= 1e-9

    (tmp_path / "bee" / "jitter").write_text("0.05")
    assert reevaluate(study).told["status"] == "no change", "nothing that is looked at has changed"
    other = reevaluate(study, fresh=True)
    assert other.alarm
    told = other.told
    assert (told["status"], told["drift"], told["reproducible"]) == ("not reproducible", False, False)
    assert told["changes"] == []
    found = {(x["a"], x["b"]) for x in told["irreproducible"]}
    assert len(found) == 5, "all pairs with a layer of bee"
    assert all("bee" in a + b for a, b in found)
    assert told["summary"][1].startswith("Not reproducible: 5 scores of the same inputs are other numbers")

    assert held(tmp_path / "features", out / ".scores", out / ".runs") == before
    assert (out / "scores.nc").read_bytes() == results
    assert not (out / ".fresh").exists()


def test_one_that_was_cut_short_goes_on_and_another_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swept: Swept
) -> None:
    write_toys(tmp_path, "eye", "ear")
    study = toy_study(tmp_path)
    run(study)
    swept.counts()

    def cut(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cutting:
        cutting.setattr(running, "_evaluate", cut)
        with pytest.raises(KeyboardInterrupt):
            reevaluate(study, fresh=True)
    assert swept.counts() == {"cka": 10}
    assert len(list((tmp_path / "out" / ".fresh").iterdir())) == 1
    found = reevaluate(study, fresh=True)
    assert swept.counts() == {}
    assert found.told["counts"]["same inputs"] == 6
    assert found.told["brought"] == ["ear", "eye"]
    assert not (tmp_path / "out" / ".fresh").exists()
    reevaluate(study, fresh=True)
    assert swept.counts() == {"cka": 10}


def test_what_changed_is_tested_afresh_too_with_the_error_of_the_differences(tmp_path: Path) -> None:
    write_toys(tmp_path, "eye", "ear")
    study = toy_study(tmp_path)
    run(study)
    write_toys(tmp_path, "ear", share=0.2)
    fresh = reevaluate(study, fresh=True)
    assert len(kept(tmp_path / "out").entries()) == 1
    ordinary = reevaluate(study)
    assert fresh.told["status"] == ordinary.told["status"] == "drift"
    assert fresh.told["counts"] == ordinary.told["counts"]
    assert fresh.told["counts"]["paired"] == 5
    assert fresh.told["drifted"] == ordinary.told["drifted"]


def test_a_machine_that_never_ran_the_study_computes_it_afresh_against_mlflow(tmp_path: Path) -> None:
    write_toys(tmp_path, "eye", "ear")
    study = toy_study(tmp_path, tracking="sqlite:///runs.db")
    run(study)
    entry = kept(tmp_path / "out").entries()[0]
    assert entry.sent is not None
    study.write_text(study.read_text() + "output: elsewhere\n")
    found = reevaluate(study, fresh=True)
    assert found.told["baseline"]["run_id"] == entry.sent.run_id
    assert (found.told["status"], found.told["counts"]["same inputs"]) == ("no change", 6)
    assert 'id="history"' not in found.page.read_text(), "of no run here there is no history"
    assert not (tmp_path / "elsewhere" / "scores.nc").exists()
