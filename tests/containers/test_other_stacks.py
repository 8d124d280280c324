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
