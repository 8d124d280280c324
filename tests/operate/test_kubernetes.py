"""The manifests are what Kubernetes' own schemas say, and keep the hardening list."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from operate.compose_files import COMPOSE

from verus_gateway import config
from verus_gateway.errors import ConfigError

FILE = COMPOSE / "kubernetes/gateway.yaml"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all(FILE.read_text("utf-8")))
PODS = [
    (item["metadata"]["name"], item["spec"]["template"]["spec"])
    for item in OBJECTS
    if item["kind"] in {"Deployment", "StatefulSet"}
]


@pytest.mark.parametrize("version", ["1.31", "1.35"])
@pytest.mark.parametrize("item", OBJECTS, ids=lambda o: f"{o['kind']}-{o['metadata']['name']}")
def test_an_object_is_valid(item: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(item, version, strict=True)


def test_an_object_that_is_not_would_be_noticed() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"port": 1}},
            "1.31",
            strict=True,
        )


@pytest.mark.parametrize(("name", "pod"), PODS)
def test_a_pod_keeps_the_hardening_list(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True, name
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert {"livenessProbe", "readinessProbe"} <= container.keys()


def test_the_configurations_are_good(tmp_path: Path) -> None:
    data = next(item for item in OBJECTS if item["kind"] == "ConfigMap")["data"]
    for name, text in data.items():
        (tmp_path / name).write_text(text, "utf-8")

    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path / "gateway.toml", {})
    config.load_token_service(tmp_path / "tokens.toml", {})

    assert refused.value.faults, "its secrets are not here"
    assert all("/run/secrets/" in fault for fault in refused.value.faults), refused.value.faults


def test_a_pod_has_more_time_to_end_than_it_may_take() -> None:
    pods = dict(PODS)

    assert pods["verus-rpc-server"]["terminationGracePeriodSeconds"] > 10 + 30
