"""What a zoo costs on a cluster, against figures by hand."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from consilience.engine.simulation import Cluster
from consilience.pipelines.cli import app
from consilience.pipelines.scale import Rates, zoo


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
    assert "50 samples/s through the model" in done.output
    assert "On 64 nodes x 8 GPUs" in done.output
    assert "Most of the time goes to extraction, by loading" in done.output
