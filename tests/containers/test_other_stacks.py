"""The small stacks: a gateway and its daemon on this machine, for work, for tests."""

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
