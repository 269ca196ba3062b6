"""The workflow, against GitHub's schema of workflows; its steps by shellcheck."""

from deploying import CRON, DEPLOY, done, loaded, tool

WORKFLOW = DEPLOY / "github" / "reevaluate.yml"


def test_it_is_a_workflow() -> None:
    for schema in ("vendor.github-workflows", "custom.github-workflows-require-timeout"):
        assert "ok" in done(tool("check-jsonschema"), "--builtin-schema", schema, WORKFLOW)


def test_its_steps_are_shell_and_end_with_the_command() -> None:
    workflow = loaded(WORKFLOW)
    (schedule,) = workflow[True]["schedule"]  # YAML 1.1 reads the key `on` as true
    assert CRON.fullmatch(schedule["cron"])
    assert workflow["permissions"] == {"contents": "read"}
    steps = [x["run"] for x in workflow["jobs"]["reevaluate"]["steps"] if "run" in x]
    for step in steps:
        assert done(tool("shellcheck"), "--shell=bash", "-", input=step) == ""
    assert steps[-1] == "consilience reevaluate study.yaml"
