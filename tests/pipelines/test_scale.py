"""What a zoo costs on a cluster, against figures by hand."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from consilience.engine.extraction.runlog import RunLog
from consilience.engine.features import FeatureStore
from consilience.engine.simulation import Cluster
from consilience.pipelines.cli import app
from consilience.pipelines.rates import Rates, measured
from consilience.pipelines.scale import zoo


def test_a_zoo_by_hand() -> None:
    cluster, rates = Cluster(2, 4, store=1e12, spread=0.0), Rates(load=0.0, dispatch=0.0, read=1e9)
    found = zoo(3, 2, 100, 1_000_000, ["cka"], cluster, rates)
    assert found.extraction.bytes == pytest.approx(3 * 1_000_000 * 2 * 100 * 4, rel=0.02)
    assert found.extraction.seconds == pytest.approx(3 * 1_000_000 / 1000 / 8, rel=0.15)
    assert found.extraction.bottleneck == "forward"
    (step,) = found.plans[0].steps
    assert step.name == "moments"
    assert step.flops == 2 * 1_000_000 * 21 * 100**2
    assert found.hours[1] == pytest.approx(step.seconds / 2 / 3600)
    assert found.dominant == "extraction, by forward"


def test_the_page_says_what_a_large_zoo_costs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8")
    found = zoo(100, 12, 768, 10_000_000, ["cka"], Cluster(64, 8), Rates())
    (step,) = found.plans[0].steps
    extraction, moments = found.hours
    flops = f"{step.flops:.1e}".replace("e+", "e")
    assert f"| extraction | {extraction:.1f} | {found.extraction.bytes / 1e12:.1f} TB written |" in page
    assert f"| CKA by moments | {moments:.1f} | {step.bytes / 1e15:.1f} PB read | {flops} |" in page
    assert "- **Extraction**: the store is busy 52 %" in page
    assert (found.extraction.bottleneck, found.dominant) == ("store", "comparison, by moments")


def test_twice_the_nodes_take_half_the_time_until_something_shared_is_full() -> None:
    rates = Rates(load=0.0)
    hours = [
        zoo(2, 12, 768, 2_000_000, ["cka"], Cluster(nodes, 8, spread=0.0), rates).hours
        for nodes in (1, 2, 64)
    ]
    assert hours[0][0] / hours[1][0] == pytest.approx(2, rel=0.1)
    assert hours[0][0] / hours[2][0] < 45, "the store takes no more"
    assert hours[0][1] / hours[2][1] == pytest.approx(64)


def test_what_does_not_fit_is_read_again_and_again() -> None:
    little, much = (
        zoo(4, 4, 500, 100_000, ["cka"], Cluster(1, 8, memory=memory), Rates()).plans[0].steps[0].bytes
        for memory in (4e9, 400e9)
    )
    assert much == 100_000 * 16 * 500 * 4
    assert little > 2 * much


def test_the_plan_of_a_study_on_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stacks import register_zoo

    register_zoo(monkeypatch, 5000)
    (tmp_path / "study.yaml").write_text(
        "name: far\nstimuli: points\nmodels: ['stack:1', 'stack:2']\nmetrics: [cka]\n", encoding="utf-8"
    )
    done = CliRunner().invoke(
        app, ["plan", str(tmp_path / "study.yaml"), "--nodes", "64", "--gpus", "8", "--rate", "50"]
    )
    assert done.exit_code == 0, done.output
    assert "Logged" not in done.output
    assert "50 samples/s through the model" in done.output
    assert "On 64 nodes x 8 GPUs" in done.output
    assert "Most of the time goes to extraction, by loading" in done.output


def test_the_plan_of_a_study_goes_by_the_log_of_an_earlier_extraction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stacks import register_zoo

    register_zoo(monkeypatch, 5000)
    (tmp_path / "study.yaml").write_text(
        "name: far\nstimuli: points\nmodels: ['stack:1', 'stack:2']\nmetrics: [cka]\n", encoding="utf-8"
    )
    about = {"model": "stack-01", "stimuli": "other", "samples": 300, "samples_before": 0, "shards": 3,
             "shards_before": 0, "replicas": 1}  # fmt: skip
    log = RunLog(tmp_path / "features" / "stack-01" / "other" / "0a1b", about)
    place = {"node": "n", "pid": 1, "attempt": 1}
    log.add("loaded", **place, began=3.0, ended=7.0, wait=2.0, seconds=4.0)
    for shard, seconds in enumerate((2.0, 3.0, 2.2)):
        spent = {"wait": 0.25, "load": 0.5, "forward": seconds - 0.7, "write": 0.2, "seconds": seconds}
        log.add(
            "written", **place, **spent, shard=shard, rows=100, bytes=10**6, rejects=0, began=7.0, ended=9.0
        )
    log.close("running")  # killed
    done = CliRunner().invoke(app, ["plan", str(tmp_path / "study.yaml"), "--nodes", "2", "--gpus", "1"])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert (
        "Logged of stack-01: 50 samples/s through the model, 5.0 MB/s written, 6 s to start and load; 250 ms"
        in said
    )
    assert "Logged of stack-02" not in said
    found = measured(FeatureStore(tmp_path / "features"), "stack-01", Rates())
    assert found is not None
    work = found.work("stack-01", 1000, 10, rows=100)
    assert (work.shards, work.cost.compute) == (10, pytest.approx(2.0))
    assert measured(FeatureStore(tmp_path / "features"), "stack-02", Rates()) is None
