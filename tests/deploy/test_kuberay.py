"""The manifests as kubectl renders them, against the schemas of Kubernetes and KubeRay; and the CronJob's script."""

import json
import os
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from deploying import CRON, DEPLOY, ROOT, done, loaded, tool
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

KUBERAY = DEPLOY / "kuberay"
VALUES = loaded(KUBERAY / "common" / "values.yaml")["data"]
KUBERNETES = "1.34"
Manifests = dict[tuple[str, str], dict[str, Any]]


def kubectl() -> str:
    """Its path; no package of the environment brings it."""
    if found := shutil.which("kubectl"):
        return found
    pytest.skip("no kubectl on the PATH, which renders the manifests")


def rendered(folder: Path) -> Manifests:
    text = done(kubectl(), "kustomize", folder)
    return {(x["kind"], x["metadata"]["name"]): x for x in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def manifests() -> dict[str, Manifests]:
    """Those of each folder."""
    return {name: rendered(KUBERAY / name) for name in ("cluster", "job", "schedule")}


def check(manifest: dict[str, Any]) -> None:
    """Raises where an API server would refuse it: fields of other names or types, pods' own included."""
    if manifest["apiVersion"] != "ray.io/v1":
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        return
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local-strict"
    core = Resource.from_contents(json.loads((folder / "_definitions.json").read_text()), DRAFT202012)
    schema = json.loads((Path(__file__).parent / "ray.io_v1.json").read_text())
    schema["$ref"] = f"#/$defs/{manifest['kind']}"
    registry: Registry[Any] = Registry().with_resource("/api/_definitions.json", core)
    jsonschema.Draft202012Validator(schema, registry=registry).validate(manifest)


def test_every_manifest_is_valid(manifests: dict[str, Manifests]) -> None:
    kinds = {name: sorted(kind for kind, _ in found) for name, found in manifests.items()}
    assert kinds == {
        "cluster": ["ConfigMap", "PersistentVolumeClaim", "RayCluster"],
        "job": ["ConfigMap", "PersistentVolumeClaim", "RayJob"],
        "schedule": [
            "ConfigMap", "CronJob", "PersistentVolumeClaim", "RayJob", "Role", "RoleBinding", "ServiceAccount",
        ],
    }  # fmt: skip
    for found in manifests.values():
        for manifest in found.values():
            check(manifest)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.entrypont", "consilience run study.yaml"),
        ("spec.rayClusterSpec.workerGroupSpecs.0.maxReplicas", "8"),
        ("spec.rayClusterSpec.headGroupSpec.rayStartParams.num-cpus", 2),
        ("spec.rayClusterSpec.headGroupSpec.template.spec.containers.0.imagePullPolice", "Always"),
        ("spec.shutdownAfterJobFinishes", False),
    ],
)
def test_what_is_wrong_in_a_ray_job_is_found(manifests: dict[str, Manifests], path: str, value: Any) -> None:
    job = json.loads(json.dumps(manifests["job"]["RayJob", "consilience-run"]))
    *parents, last = path.split(".")
    place = job
    for name in parents:
        place = place[int(name) if name.isdigit() else name]
    place[last] = value
    with pytest.raises(jsonschema.ValidationError):
        check(job)


def test_every_value_arrives(manifests: dict[str, Manifests]) -> None:
    schedule = manifests["schedule"]
    cluster = schedule["RayJob", "consilience-reevaluate"]["spec"]["rayClusterSpec"]
    assert cluster == manifests["cluster"]["RayCluster", "consilience"]["spec"]
    assert cluster == manifests["job"]["RayJob", "consilience-run"]["spec"]["rayClusterSpec"]
    head, (group,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    (worker,) = group["template"]["spec"]["containers"]
    claim = schedule["PersistentVolumeClaim", "consilience"]["spec"]
    cron = schedule["CronJob", "consilience-reevaluate"]["spec"]
    arrived = {
        "image": worker["image"], "rayVersion": cluster["rayVersion"], "minWorkers": str(group["minReplicas"]),
        "maxWorkers": str(group["maxReplicas"]), "workerCpu": worker["resources"]["requests"]["cpu"],
        "workerMemory": worker["resources"]["limits"]["memory"],
        "workerGpus": worker["resources"]["limits"]["nvidia.com/gpu"],
        "storageSize": claim["resources"]["requests"]["storage"], "storageClass": claim["storageClassName"],
        "schedule": cron["schedule"], "timeZone": cron["timeZone"],
        "secret": worker["envFrom"][0]["secretRef"]["name"],
    }  # fmt: skip
    assert arrived == VALUES
    assert head["template"]["spec"]["containers"][0]["image"] == VALUES["image"]
    assert "from values" not in json.dumps([list(x.values()) for x in manifests.values()])
    assert CRON.fullmatch(VALUES["schedule"])


def test_the_versions_are_those_that_are_installed_together() -> None:
    (ray,) = re.findall(r"^ray==(.*)$", (ROOT / "constraints.txt").read_text(), re.M)
    assert VALUES["rayVersion"] == ray


def test_the_study_is_one(manifests: dict[str, Manifests], tmp_path: Path) -> None:
    from consilience.pipelines.studyfiles.study import load_study

    (tmp_path / "study.yaml").write_text(manifests["job"]["ConfigMap", "study"]["data"]["study.yaml"])
    study = load_study(tmp_path / "study.yaml")
    assert study.placed == {"executor": "ray", "address": "auto"}


def test_the_cron_job_creates_a_ray_job(manifests: dict[str, Manifests], tmp_path: Path) -> None:
    """Its script, with a kubectl that answers for the API server; what it does by itself, the real one does."""
    found = manifests["schedule"]
    template = found["RayJob", "consilience-reevaluate"]
    stored = template | {"status": {"jobDeploymentStatus": "Suspended"}}
    stored["metadata"] = {**template["metadata"], "uid": "1", "resourceVersion": "2", "namespace": "default"}
    (tmp_path / "stored.json").write_text(json.dumps(stored))
    (tmp_path / "kubectl").write_text(
        '#!/bin/bash\ncase "$1" in\n'
        '  get) [[ "$2 $3" == "rayjob consilience-reevaluate" ]] && cat stored.json ;;\n'
        "  create) cat > created.json ;;\n"
        f'  *) exec {kubectl()} "$@" ;;\nesac\n'
    )
    (tmp_path / "kubectl").chmod(0o755)
    cron = found["CronJob", "consilience-reevaluate"]["spec"]
    (container,) = cron["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done(*container["command"], *container["args"], cwd=tmp_path, env=environment)
    created = json.loads((tmp_path / "created.json").read_text())
    assert created["metadata"] == {"generateName": "consilience-reevaluate-"}
    assert created["spec"] == {k: v for k, v in template["spec"].items() if k != "suspend"}
    assert created["spec"]["entrypoint"] == "consilience reevaluate /study/study.yaml"
    check(created)
    assert done(tool("shellcheck"), "--shell=bash", "-", input=container["args"][0]) == ""
    # It can do no more than that.
    (rule,) = found["Role", "consilience-scheduler"]["rules"]
    assert rule == {"apiGroups": ["ray.io"], "resources": ["rayjobs"], "verbs": ["get", "create"]}
    (tmp_path / "stored.json").unlink()
    failed = subprocess.run(
        [*container["command"], *container["args"]], cwd=tmp_path, env=environment, capture_output=True
    )
    assert failed.returncode != 0, "a job that did nothing would look like a good one"
