"""The small stacks: a gateway and its daemon on this machine, for work, for tests."""

import subprocess
import sys

import msgspec
from containers.conftest import COMPOSE, Stack, curl, until
from containers.engine import Engine


def test_the_verus_test_stack_is_healthy_and_degraded_when_its_daemon_stops(
    running: Engine, environment: dict[str, str]
) -> None:
    stack = Stack(
        running, [COMPOSE / "docker-compose.verus-test.yml"], environment, "verus-gateway-test"
    )

    def health() -> str:
        said = curl(running, "http://127.0.0.1:8080/health")
        return str(msgspec.json.decode(said)["status"]) if said else "absent"

    try:
        stack.up()
        until("healthy", lambda: health() == "healthy", 30)
        stack.compose("stop", "verus-daemon-test")
        until("degraded", lambda: health() == "degraded", 30)
        stack.compose("start", "verus-daemon-test")
        until("healthy again", lambda: health() == "healthy", 60)
    finally:
        sys.stdout.write(stack.compose("logs", "--no-color", "--tail", "5", check=False))
        stack.down()


def test_the_stack_for_work_serves_the_mounted_source(
    running: Engine, environment: dict[str, str]
) -> None:
    stack = Stack(running, [COMPOSE / "docker-compose.dev.yml"], environment, "verus-gateway-dev")
    try:
        stack.up()
        body = '{"id":1,"method":"getblockcount","params":[]}'
        assert '"result":' in curl(running, "http://127.0.0.1:8080/", "-d", body)
        where = ("python", "-c", "import verus_gateway; print(verus_gateway.__file__)")
        assert stack.execute("verus-rpc-server", *where) == "/src/verus_gateway/__init__.py\n"
    finally:
        stack.down()


def test_the_tests_run_in_a_container_that_can_write_nothing(
    running: Engine, environment: dict[str, str]
) -> None:
    stack = Stack(
        running, [COMPOSE / "docker-compose.test.yml"], environment, "verus-gateway-tests"
    )
    try:
        said = stack.compose("run", "--rm", "-T", "tests", "tests/core/test_breaker.py")
    finally:
        stack.down()

    assert " passed" in said
    assert "failed" not in said


def test_a_container_that_is_not_hardened_is_named_with_each_reason(running: Engine) -> None:
    label = ("--label", "com.docker.compose.project=vg-soft")
    name = ("--label", "com.docker.compose.service=soft")
    id = running.docker(
        *("run", "-d", *label, *name, "--user", "0", "--network", "host", "-v", "/tmp:/host"),  # noqa: S108  its fault
        *("-e", "ADMIN_PASSWORD=x", "--entrypoint", "sleep", "verus-gateway:latest", "60"),
    ).stdout.strip()
    try:
        ended = subprocess.run(  # noqa: S603  our own script
            [COMPOSE / "scripts/docker-security.sh", "vg-soft"],
            env={**running.environment, "SECRETS_DIR": "/nowhere"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        running.docker("rm", "--force", id)

    assert ended.returncode == 1
    for reason in (
        "its root can be written", "it keeps capabilities", "it may gain privileges",
        "it runs as root", "its memory has no limit", "its processes have no limit",
        "NetworkMode is the machine's own", "it may write a folder of the machine",
        "its log has no limit", "ADMIN_PASSWORD stands in its environment",
    ):  # fmt: skip
        assert f"FAIL soft: {reason}" in ended.stdout, ended.stdout
