"""The command line, called as a user calls it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from called import Call

from consilience.engine.errors import BadInput
from consilience.engine.features import FeatureStore
from consilience.engine.scores import open_scores
from consilience.pipelines import cli
from consilience.pipelines.demo import study_file, study_text

ROOT = Path(__file__).parents[2]
IDS = [f"s{i:02d}" for i in range(40)]
STUDY = "name: t\nstimuli: toys\nmodels: [a, b]\nmetrics: [cka]\ngroups: 8\ntracking: null\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a store of two tables and a study."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 6))
    for name in "ab":
        y = x @ rng.normal(size=(6, 8)) + rng.normal(size=(40, 8))
        FeatureStore("features").write(name, "toys", IDS, {"l0": y, "l1": y + rng.normal(size=y.shape)})
    Path("study.yaml").write_text(STUDY)
    return tmp_path


def test_run_then_report(call: Call, folder: Path) -> None:
    code, out, _ = call("run", "study.yaml")
    assert code == 0
    assert "two models agree best" in out
    report = folder / "out" / "report.html"
    page = report.read_text()
    report.unlink()
    code, out, _ = call("report", "out")
    assert code == 0
    assert report.read_text() == page
    assert call("report", "out/scores.nc", "--output", "other.html")[0] == 0
    assert Path("other.html").read_text() == page


def test_a_report_drawn_anew_keeps_the_layer_profile(call: Call, folder: Path) -> None:
    Path("study.yaml").write_text(STUDY.replace("[cka]", "[cka, magnitude]"))
    assert call("run", "study.yaml")[0] == 0
    page = Path("out/report.html").read_text()
    assert 'id="traits"' in page
    Path("out/report.html").unlink()
    assert call("report", "out")[0] == 0
    assert Path("out/report.html").read_text() == page


def test_plan_writes_nothing(call: Call, folder: Path) -> None:
    code, out, _ = call("plan", "study.yaml")
    assert code == 0
    assert "peak memory" in out
    assert sorted(x.name for x in folder.iterdir()) == ["features", "study.yaml"]


def test_more_rejects_than_allowed_is_exit_code_3(call: Call, folder: Path) -> None:
    x = np.random.default_rng(1).normal(size=(40, 5))
    x[:4, 2] = np.nan
    with pytest.warns(UserWarning, match="4 of 40 rows"):
        FeatureStore("features").write("a", "toys", IDS, {"l0": x})
    code, out, _ = call("run", "study.yaml")
    assert code == 3
    assert "a: 4 samples rejected, the first s00" in out
    assert (folder / "out" / "report.html").is_file(), "the results are there all the same"
    assert call("run", "study.yaml")[0] == 3, "and the same again, when nothing is computed"
    Path("study.yaml").write_text(STUDY + "reject_limit: 0.1\n")
    assert call("run", "study.yaml")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "nothing.yaml"], "nothing.yaml, which does not exist"),
        (["run", "bad.yaml"], "bad.yaml, line 5, key budgt"),
        (["list", "metric"], "did you mean 'metrics'?"),
        (["report", "nowhere.nc"], "which does not exist"),
        (["compare", "features/none", "--metric", "cka"], "the folder of a feature table"),
        (["compare", "features/a/toys", "--metric", "ckaa"], "did you mean 'cka'?"),
        (["audit", "features/a/toys", "features/b/toys:l0"], "name one, as in features/a/toys:l0"),
        (["audit", "features/a/toys:l9", "features/b/toys:l0"], "a known layer of a (l0, l1)"),
        (["audit", "features/c/toys:l0", "features/b/toys:l0"], "features/c/toys:l0"),
        (["audit", "none.npy", "features/b/toys:l0"], "none.npy, which is not there"),
        (["audit", "features/a/toys:l0", "features/b/toys:l0", "--metric", "ckaa"], "did you mean 'cka'?"),
        (["compare", "features/a/toys", "--metric", "cka", "--preprocess", "clp"], "did you mean 'clip'?"),
        (["compare", "features/a/toys", "--metric", "magnitude"], "call consilience.profile("),
        (["import", "none.npz", "--model", "m", "--stimuli", "s"], "none.npz"),
        (["extract", "minilmm", "openmoji"], "did you mean 'minilm'?"),
        (["extract", "minilm", "openmoji", "--pool", "flat"], "use another pool, such as 'mean'"),
        (["extract", "minilm", "openmoji", "--project", "384"], "`project` from 1 to 383"),
    ],
)
def test_bad_input_is_said_without_a_traceback(
    call: Call, folder: Path, arguments: list[str], says: str
) -> None:
    Path("bad.yaml").write_text(STUDY.replace("groups", "budgt"))
    code, _, err = call(*arguments)
    assert code == 2
    assert says in err
    assert "Fix: " in err
    assert "Traceback" not in err


def test_wrong_usage_is_bad_input_too(call: Call) -> None:
    assert call("run")[0] == 2
    assert call("dmeo")[0] == 2


def test_a_bug_keeps_its_traceback_and_is_exit_code_1(folder: Path) -> None:
    code = """
from consilience.pipelines import cli
from consilience.pipelines.zoo import run

run.run = lambda *a, **k: 1 / 0
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "study.yaml"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_import_list_and_compare(call: Call, folder: Path) -> None:
    np.savez("mine.npz", sample_id=np.array(IDS), l0=np.random.default_rng(3).normal(size=(40, 7)))
    code, out, _ = call("import", "mine.npz", "--model", "mine", "--stimuli", "toys")
    assert code == 0
    assert "mine on toys" in out
    assert "kriegeskorte92" in call("list", "brains")[1]
    listed = call("list", "tables")[1]
    assert re.findall(r"^(\w+) ", listed, re.M) == ["a", "b", "mine"]
    code, out, _ = call("compare", "features/mine/toys", "features/a/toys", "--metric", "cka", "--groups", 8)
    assert code == 0
    scores = open_scores("out/scores.nc")
    assert list(scores["a"].values) == ["mine/l0", "a/l0", "a/l1"]
    assert json.loads(scores.attrs["join"])["rows"] == 40
    assert Path("out/report.html").is_file()
    chain = ("--preprocess", "clip", "--preprocess", "pca:components=3")
    code, out, _ = call(
        "compare", "features/a/toys", "--metric", "cka", "--groups", 8, *chain, "--output", "pre"
    )
    assert code == 0
    told = json.loads(open_scores("pre/scores.nc").attrs["preprocess"])
    assert [x["step"] for x in told["a/l0"]] == ["clip:quantile=mean,share=0.95", "pca:components=3"]


def test_verify_lists_damaged_parts_and_takes_them_out(call: Call, folder: Path) -> None:
    store = FeatureStore(folder / "features")
    code, out, _ = call("verify")
    assert (code, out) == (0, "Every part is as it was written.\n")
    table = store.open("a", "toys")
    part = table.path / "part-00000.arrow"
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    for place in ("features", table.path):
        code, out, err = call("verify", place)
        assert code == 2
        assert str(part) in out.replace("\n", "")
        assert "1 damaged. Fix: run it again with --repair" in err
        assert part.is_file()
    code, out, _ = call("verify", "features", "--repair")
    assert code == 0
    assert "run the command that made the tables" in out.replace("\n", " ")
    assert not part.exists()
    assert store.names() == [("b", "toys")]
    code, _, err = call("verify", folder / "nothing")
    assert code == 2
    assert "which holds none" in err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--executor", "dask"], "expected a known executor"),
        (
            ["--executor", "threads", "--address", "host:8786"],
            "expected no address with the executor 'threads'",
        ),
        (
            ["--executor", "ray", "--address", "127.0.0.1:1"],
            "expected a Ray cluster at 127.0.0.1:1; got no answer",
        ),
    ],
)
def test_an_executor_that_is_none_is_bad_input(
    call: Call, folder: Path, options: list[str], told: str
) -> None:
    tables = [folder / "features" / name / "toys" for name in "ab"]
    for command in (["run", "study.yaml"], ["compare", *tables, "--metric", "cka"]):
        code, _, said = call(*command, *options)
        assert code == cli.BAD_INPUT
        assert told in said
    assert not (folder / "out" / "scores.nc").exists()


def test_the_command_line_comes_before_the_study(call: Call, folder: Path) -> None:
    Path("study.yaml").write_text(STUDY + "executor: ray\naddress: nobody:1\n")
    code, out, _ = call("run", "study.yaml", "--executor", "threads")
    assert code == 0
    assert "two models agree best" in out


def test_audit_says_what_it_found_and_leaves_a_page(call: Call, folder: Path) -> None:
    code, out, _ = call(
        "audit", "features/a/toys:l0", "features/b/toys:l1", "--metric", "cka", "--output", "pages/audit.html"
    )
    assert code == 0
    assert re.search(r"^- \S.*\.$", out, re.M)
    assert "Report: pages/audit.html" in out
    page = Path("pages/audit.html").read_text()
    assert "a/l0 with b/l1" in page
    assert "cka:estimator=unbiased,kernel=linear" in page
    assert "cka:estimator=biased" in page, "the parts beside the agreement have metrics of their own"


def test_audit_of_files_and_of_tables_with_one_layer(call: Call, folder: Path) -> None:
    x = np.random.default_rng(4).normal(size=(40, 6))
    FeatureStore("a:b").write("one", "toys", IDS, {"blocks.1:out": x})
    np.save("x.npy", x.astype(np.float32))
    np.save("y.npy", x)
    for a, b in (("x.npy", "y.npy"), ("a:b/one/toys", "a:b/one/toys:blocks.1:out")):
        code, out, _ = call("audit", a, b, "--seed", 1)
        assert code == 0
        assert "By every metric X and Y are identical" in out
    assert "one/blocks.1:out with one/blocks.1:out" in Path("audit.html").read_text()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("metrics", "cka"), ("preprocessing", "pca"), ("models", "minilm"), ("stimuli", "openmoji")],
)
def test_list_names_what_is_registered(call: Call, kind: str, name: str) -> None:
    code, out, _ = call("list", kind)
    assert code == 0
    assert re.search(rf"^{name} +\S", out, re.M)


def test_a_long_list_says_what_a_metric_takes_and_gives(call: Call) -> None:
    lines = call("list", "metrics", "--long")[1].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("svcca "))
    about = lines[start + 1 : lines.index("", start)]
    assert about[0] == "- Parameters: variance 0.99 (from 1e-06 to 1)"
    assert any("symmetric; range 0..1" in line for line in about)
    assert any(line.startswith("- Source: Raghu") for line in about)


def test_doctor_says_what_is_there(call: Call, folder: Path) -> None:
    code, out, _ = call("doctor")
    assert code == 0
    for what in ("python", "torch", "memory", "model minilm", "GFLOP/s"):
        assert what in out
    assert "GFLOP/s" not in call("doctor", "--no-speed")[1]


def test_doctor_says_which_brain_data_sets_are_cached(
    call: Call, folder: Path, data_sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> dict[str, str]:
        lines = [x for x in call("doctor", "--no-speed")[1].splitlines() if x.startswith("brains ")]
        return {x.split()[1]: x[34:].strip() for x in lines}

    found = told()
    assert list(found) == ["alice", "haxby", "haxby_slice", "kriegeskorte92"]
    assert found["alice"] == found["haxby_slice"] == found["kriegeskorte92"] == "cached"
    assert found["haxby"].startswith("not cached")
    monkeypatch.setenv("CONSILIENCE_CACHE", str(folder / "empty"))
    assert all(x.startswith("not cached") for x in told().values())


def test_brain_shows_the_plan_of_a_shipped_study_and_refuses_what_it_does_not_know(
    call: Call, folder: Path, data_sets: Path
) -> None:
    code, out, _ = call("brain", "alice", "--plan")
    assert code == 0
    assert "Plan of alice" in out
    assert "Left out: s33" in out
    assert (folder / "consilience-alice/study.yaml").is_file()
    assert not (folder / "consilience-alice/run.json").exists()
    code, _, err = call("brain", "alic")
    assert code == cli.BAD_INPUT
    assert "did you mean 'alice'" in err


def test_doctor_names_what_is_missing_and_the_line_that_adds_it(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from consilience.pipelines import doctor

    monkeypatch.setattr(doctor, "_PACKAGES", ("no-such-package",))
    out = call("doctor", "--no-speed")[1]
    assert re.search(r"no-such-package +missing\n +pip install .*no-such-package", out)


def test_the_demo_study_is_written_once_and_then_left_to_its_user(tmp_path: Path) -> None:
    path, edited = study_file(tmp_path / "new")
    assert (path.read_text(), edited) == (study_text(), False)
    path.write_text(study_text() + "# mine\n")
    assert study_file(tmp_path / "new") == (path, True)
    assert path.read_text().endswith("# mine\n")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="--output"):
        study_file(tmp_path / "file")


def test_the_demo_study_asks_for_what_the_readme_says(tmp_path: Path) -> None:
    from consilience.pipelines.studyfiles.study import load_study

    study = load_study(study_file(tmp_path)[0])
    assert [x.name for x in study.models] == [
        "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "efficientnet-lite0-random", "minilm",
        "smollm2", "whisper-tiny.en-3s", "resemblyzer",
    ]  # fmt: skip
    assert [(x.name, x.layers.every) for x in study.metrics] == [
        ("cka", 1), ("cka", 1), ("mutual_knn", 1), ("rsa", 1), ("svcca", 4), ("procrustes", 4),
    ]  # fmt: skip
    assert study.path(study.output) == tmp_path


@pytest.mark.parametrize("command", [x.name for x in cli.app.registered_commands])
def test_every_command_has_help(call: Call, command: str) -> None:
    code, said, _ = call(command, "--help")
    assert (code, f" {command} [OPTIONS]" in said.split("\n\n")[0]) == (0, True)


def test_the_readme_lists_every_command_and_its_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "README.md").read_text()
    listed = set(re.findall(r"^\| `consilience (\w+)", text, re.M))
    assert listed == {x.name or x.callback.__name__ for x in cli.app.registered_commands if x.callback}
    first, *others = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len([x for x in first.splitlines() if x]) <= 10
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(first, "README.md", "exec"), names)
    assert "mutual_knn" in capsys.readouterr().out
    for code, told in zip(others, ("layer_a", "unique_r2"), strict=True):
        exec(compile(code, "README.md", "exec"), names)
        assert told in capsys.readouterr().out
