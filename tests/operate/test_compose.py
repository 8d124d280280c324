"""Each service of each stack keeps the hardening list; what is secret has no default."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from operate.compose_files import COMPOSE, ROOT, SET, STACKS, asked, read

PRODUCTION = ("production", "monitored")
OUTWARD = {
    "public": {"caddy"},
    "p2p": {"verus-daemon", "verus-params"},
    "notify": {"alertmanager"},
    "console": {"grafana"},
}
"""Networks that lead outside, and who may be on them."""
WORLDWIDE = {"caddy", "verus-daemon"}
DRAIN_SECONDS = 30
ONE_SHOT = {"verus-params"}


def all_services() -> Iterator[Any]:
    for stack in STACKS:
        for name, service in read(stack)["services"].items():
            yield pytest.param(stack, name, service, id=f"{stack}-{name}")


SERVICES = list(all_services())


def seconds(duration: str) -> float:
    parts = re.findall(r"([\d.]+)(h|m|s)", duration)
    return sum(float(n) * {"h": 3600, "m": 60, "s": 1}[unit] for n, unit in parts)


@pytest.mark.parametrize(("stack", "name", "service"), SERVICES)
def test_a_service_keeps_the_hardening_list(stack: str, name: str, service: dict[str, Any]) -> None:
    once = name in ONE_SHOT or stack == "test"

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert int(service["mem_limit"]) > 0
    assert 0 < service["pids_limit"] <= 4096
    assert service["restart"] == ("no" if once else "unless-stopped")
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["init"] is True
    assert "stop_grace_period" in service
    assert once or service["healthcheck"]["test"]
    assert not service.keys() & {"privileged", "container_name", "pid", "ipc", "network_mode"}
    for mount in service.get("volumes", []):
        assert "docker.sock" not in mount["source"]
        assert mount["type"] == "volume" or mount.get("read_only") or stack in {"dev", "test"}
    for each in service.get("tmpfs", []):
        assert "size=" in each, "a folder in memory has a size"


@pytest.mark.parametrize(("stack", "name", "service"), SERVICES)
def test_only_caddy_and_the_daemons_peers_come_in(
    stack: str, name: str, service: dict[str, Any]
) -> None:
    for port in service.get("ports", []):
        inside = port.get("host_ip") == "127.0.0.1"
        assert inside or (stack in PRODUCTION and name in WORLDWIDE)
        assert inside or port["target"] not in {27486, 18843}, "RPC stays inside"


@pytest.mark.parametrize(("stack", "name", "service"), SERVICES)
def test_no_secret_stands_in_the_files(stack: str, name: str, service: dict[str, Any]) -> None:
    for key, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|TOKEN|KEY", key):
            assert key.endswith("_FILE"), f"{key} of {stack}'s {name}"
            assert str(value).startswith("/run/secrets/")
    words = " ".join(map(str, [*(service.get("command") or []), service.get("healthcheck")]))
    assert not re.search(r"requirepass|--pass|rpcpassword|-a ", words)


@pytest.mark.parametrize("stack", PRODUCTION)
def test_every_public_image_is_pinned_by_tag_and_digest(stack: str) -> None:
    for name, service in read(stack)["services"].items():
        assert "build" in service or re.fullmatch(
            r"[a-z/_-]+:[\w.-]+@sha256:[0-9a-f]{64}", service["image"]
        ), name
    for file in COMPOSE.glob("Dockerfile*"):
        for argument in re.findall(
            r"^ARG (?:\w+_IMAGE|CADDY_BASE)=(.+)$", file.read_text(), re.MULTILINE
        ):
            assert re.fullmatch(r"[a-z/]+:[\w.-]+@sha256:[0-9a-f]{64}", argument), file


@pytest.mark.parametrize("stack", PRODUCTION)
def test_a_network_is_inner_or_leads_outside_for_a_reason(stack: str) -> None:
    config = read(stack)

    for name, network in config["networks"].items():
        on_it = {s for s, service in config["services"].items() if name in service["networks"]}
        assert on_it, f"nobody is on {name}"
        assert network.get("internal") is True or on_it == OUTWARD[name] & set(config["services"])
    gateway = set(config["services"]["verus-rpc-server"]["networks"])
    assert {"edge", "back", "daemon"} <= gateway
    assert not gateway & OUTWARD.keys(), "the gateway has no way out"


@pytest.mark.parametrize("stack", PRODUCTION)
def test_nothing_waits_for_what_may_be_absent(stack: str) -> None:
    config = read(stack)

    for each in config["services"].values():
        assert all("condition" in on for on in each.get("depends_on", {}).values())
    assert "verus-daemon" not in config["services"]["verus-rpc-server"]["depends_on"]
    assert not any(
        on["required"] for on in config["services"]["verus-rpc-server"]["depends_on"].values()
    )


def test_who_has_much_to_finish_is_given_the_time() -> None:
    services = read("production")["services"]

    assert seconds(services["verus-rpc-server"]["stop_grace_period"]) > DRAIN_SECONDS
    assert seconds(services["caddy"]["stop_grace_period"]) > DRAIN_SECONDS
    assert seconds(services["verus-daemon"]["stop_grace_period"]) >= 120
    assert "cpus" not in services["verus-daemon"]


@pytest.mark.parametrize("stack", PRODUCTION)
@pytest.mark.parametrize("name", SET)
def test_what_is_not_set_stops_the_start_and_says_what_to_run(stack: str, name: str) -> None:
    rest = {key: value for key, value in SET.items() if key != name}

    answer = asked(STACKS[stack], "config", "-q", environment=rest)

    assert answer.returncode != 0
    assert f"{name} is missing a value: run first - python3 compose/scripts/auto-config.py" in (
        answer.stderr
    )


def test_verusd_stays_in_the_foreground_without_a_wallet_on_an_inner_port() -> None:
    lines = (ROOT / "configs/verusd/verusd.conf").read_text().splitlines()
    options = [line.partition("=") for line in lines if line and not line.startswith("#")]
    names = {name for name, _, _ in options}

    assert not names & {"daemon", "testnet", "rpcuser", "rpcpassword", "bootstrap"}
    assert ("disablewallet", "=", "1") in options
    assert {"rpcbind", "rpcallowip"} <= names, "rpcbind alone is ignored"
    allowed = [value for name, _, value in options if name == "rpcallowip"]
    assert all(value.startswith(("127.", "10.", "172.16.", "192.168.")) for value in allowed)


def test_what_must_not_be_lost_is_kept_apart_from_what_may() -> None:
    folder = ROOT / "configs" / "redis"
    state, cache = ((folder / name).read_text() for name in ("state.conf", "cache.conf"))

    assert "maxmemory-policy noeviction" in state
    assert "appendonly yes" in state
    assert "maxmemory-policy allkeys-lru" in cache
    assert "appendonly no" in cache
    services = read("production")["services"]
    for name, conf in (("redis", state), ("redis-cache", cache)):
        room = int(re.findall(r"^maxmemory (\d+)mb", conf, re.MULTILINE)[0]) * 2**20
        assert room <= 0.85 * int(services[name]["mem_limit"]), "copy-on-write needs room"


def test_every_file_that_is_mounted_is_there() -> None:
    for stack in PRODUCTION:
        for service in read(stack)["services"].values():
            for mount in service.get("volumes", []):
                source = Path(mount["source"])
                assert not source.is_relative_to(ROOT) or source.exists(), source
