"""The cluster file, against the schema that Ray itself reads it with."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import ray
from deploying import DEPLOY, ROOT, done, loaded, tool

CLUSTER = loaded(DEPLOY / "ray" / "cluster.yaml")


def checked(config: dict[str, object]) -> dict[str, object]:
    """As `ray up` does: the defaults of the provider filled in, then the schema."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    full: dict[str, object] = prepare_config(copy.deepcopy(config))
    validate_config(full)
    return full


def test_ray_takes_it() -> None:
    full = checked(CLUSTER)
    assert full["provider"]["region"] == "eu-west-1"  # type: ignore[index]
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(CLUSTER, schema)


def test_ray_refuses_what_is_wrong_in_it() -> None:
    with pytest.raises(jsonschema.ValidationError):
        checked(CLUSTER | {"max_workers": "eight"})


def test_the_commands_are_shell() -> None:
    commands = CLUSTER["head_start_ray_commands"] + CLUSTER["worker_start_ray_commands"]
    # RAY_HEAD_IP is Ray's own, and one word.
    quiet = "--exclude=SC2086,SC2154"
    assert done(tool("shellcheck"), "--shell=bash", quiet, "-", input="\n".join(commands)) == ""


def test_the_image_is_the_one_that_is_built() -> None:
    dockerfile = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
    assert f"-t {CLUSTER['docker']['image']} " in dockerfile
