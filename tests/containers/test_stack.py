"""The whole stack, on a real engine, as an operator has it."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from containers.conftest import COMPOSE, DOMAIN, Stack, curl, until
from containers.engine import Engine
from containers.images import HERE, ROOT

CALL = '{"jsonrpc":"2.0","id":7,"method":"%s","params":[]}'


@pytest.fixture(scope="module")
def stack(running: Engine, files: list[Path], environment: dict[str, str]) -> Iterator[Stack]:
    made = Stack(running, files, environment, "verus-gateway")
    try:
        made.up("--scale", "grafana=0", "--scale", "verus-rpc-server=1")
        yield made
    finally:
        sys.stdout.write(made.compose("logs", "--no-color", "--tail", "15", check=False))
        made.down()


def call(stack: Stack, method: str, *words: str) -> str:
    return curl(
        stack.engine, f"https://{DOMAIN}/", "-d", CALL % method,
        "-H", "content-type: application/json", *words,
    )  # fmt: skip


def health(stack: Stack) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(curl(stack.engine, f"https://{DOMAIN}/health"))
    return found


def load(stack: Stack, seconds: float, rate: float) -> "subprocess.Popen[str]":
    return stack.engine.background(
        sys.executable, str(HERE / "load.py"), DOMAIN, "127.0.0.1", str(seconds), str(rate)
    )


def counted(process: "subprocess.Popen[str]") -> dict[str, int]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    counts: dict[str, int] = msgspec.json.decode(out)
    return counts


def test_everything_becomes_healthy(stack: Stack) -> None:
    states = {
        stack.inspect(each)["Config"]["Labels"]["com.docker.compose.service"]: stack.inspect(each)[
            "State"
        ]
        for each in stack.containers()
    }

    once = states.pop("verus-params")
    assert (once["Status"], once["ExitCode"]) == ("exited", 0)
    assert {name: state["Health"]["Status"] for name, state in states.items()} == dict.fromkeys(
        states, "healthy"
    )
    assert {"verus-rpc-server", "verus-daemon", "redis", "redis-cache", "caddy"} <= states.keys()


def test_a_call_goes_through_caddy_with_a_certificate_that_its_authority_signed(
    stack: Stack, tmp_path: Path
) -> None:
    authority = tmp_path / "root.crt"
    authority.write_text(
        stack.execute("caddy", "cat", "/data/caddy/pki/authorities/local/root.crt"), "utf-8"
    )

    answer = stack.engine.inside(
        *("curl", "--silent", "--show-error", "--cacert", str(authority)),
        *("--resolve", f"{DOMAIN}:443:127.0.0.1", "-d", CALL % "getblockcount"),
        *("-H", "content-type: application/json", f"https://{DOMAIN}/"),
    ).stdout

    assert re.fullmatch(r'\{"jsonrpc":"2.0","result":\d+,"id":7\}\n?', answer), answer


def test_what_is_for_those_inside_is_not_served_outside(stack: Stack) -> None:
    for path in ("/metrics", "/admin", "/admin/circuit-breaker/status", "/internal/blocknotify"):
        status = curl(
            stack.engine, f"https://{DOMAIN}{path}", "-o", "/dev/null", "-w", "%{http_code}"
        )
        assert status == "404", path
    plain = curl(
        stack.engine, f"http://{DOMAIN}/", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"
    )
    assert plain == f"308 https://{DOMAIN}/"


def test_the_hardening_list_holds_for_what_runs(stack: Stack, environment: dict[str, str]) -> None:
    ended = subprocess.run(  # noqa: S603  our own script
        [COMPOSE / "scripts/docker-security.sh", stack.project],
        env={**stack.engine.environment, "SECRETS_DIR": environment["SECRETS_DIR"]},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout
    assert "ok   verus-rpc-server" in ended.stdout


def test_a_container_cannot_write_its_root_and_is_nobody_of_note(stack: Stack) -> None:
    for service in ("verus-rpc-server", "caddy", "redis", "prometheus"):
        assert "Read-only" in stack.execute(service, "touch", "/etc/written", check=False)
        assert "uid=0" not in stack.execute(service, "id")
        capabilities = stack.execute(service, "cat", "/proc/self/status")
        assert (
            re.findall(r"^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s*0+$", capabilities, re.MULTILINE).__len__()
            == 5
        )
        assert re.search(r"^NoNewPrivs:\s*1$", capabilities, re.MULTILINE)


@pytest.fixture
def world(stack: Stack) -> Iterator[str]:
    """Have a web server outside: in a network of its own, behind the engine's. Return its URL."""
    serve = [sys.executable, "-m", "http.server", "8000", "--directory", "/dev/shm"]  # noqa: S108
    far = stack.engine.background(
        "unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "_", *serve
    )
    try:
        until("it serves", lambda: "State:" in Path(f"/proc/{far.pid}/status").read_text("ascii"))
        wires = (
            f"ip link add vg0 type veth peer name vg1 netns {far.pid}",
            "ip addr add 192.0.2.254/24 dev vg0",
            "ip link set vg0 up",
            f"nsenter -t {far.pid} -n ip addr add 192.0.2.1/24 dev vg1",
            f"nsenter -t {far.pid} -n ip link set vg1 up",
        )
        time.sleep(1)
        for wire in wires:
            stack.engine.inside(*wire.split())
        yield "http://192.0.2.1:8000/"
    finally:
        far.terminate()
        far.communicate(timeout=10)


def test_an_inner_network_has_no_way_out_and_caddy_has_one(stack: Stack, world: str) -> None:
    fetch = ("wget", "-q", "-T", "3", "-O", "/dev/null", world)
    until("the world is there", lambda: stack.execute("caddy", *fetch, check=False) == "", 20)

    for service in ("redis", "redis-cache", "prometheus", "blackbox-exporter"):
        assert stack.execute(service, *fetch, check=False) != "", service
    ask = f"import urllib.request; urllib.request.urlopen('{world}', timeout=3)"
    for service in ("verus-rpc-server",):
        assert "Error" in stack.execute(service, "python", "-c", ask, check=False)


def test_a_secret_can_be_read_where_it_is_needed_and_nowhere_else(
    stack: Stack, environment: dict[str, str]
) -> None:
    password = (Path(environment["SECRETS_DIR"]) / "verusd-password").read_text()

    assert stack.execute("verus-rpc-server", "cat", "/run/secrets/verusd-password") == password
    assert stack.execute("verus-daemon", "cat", "/run/secrets/verusd-password") == password
    for service in ("caddy", "redis", "prometheus"):
        assert password not in stack.execute(
            service, "sh", "-c", "cat /run/secrets/* 2>&1", check=False
        )
    for each in stack.containers():
        assert password not in msgspec.json.encode(stack.inspect(each)).decode()


def test_a_client_gets_a_token_and_a_breaker_is_seen_and_reset_with_it(stack: Stack) -> None:
    made = stack.execute(
        *("token-service", "verus-gateway", "client", "add"),
        *("--config", "/etc/verus-gateway/tokens.toml", "--scopes", "admin", "--", "operator"),
    )
    secret = re.findall(r"client_secret\s+(\S+)", made)[0]
    given = curl(
        *(stack.engine, f"https://{DOMAIN}/oauth/token", "-u", f"operator:{secret}"),
        *("-d", "grant_type=client_credentials&scope=admin"),
    )
    bearer = f"Authorization: Bearer {msgspec.json.decode(given)['access_token']}"
    operators = "http://127.0.0.1:8090/admin/circuit-breaker"

    def state() -> str:
        said = curl(stack.engine, f"{operators}/status", "-H", bearer)
        return str(msgspec.json.decode(said).get("state", said))

    until("its key is known and the breaker closed", lambda: state() == "closed", 30)
    stack.compose("stop", "verus-daemon")
    for _ in range(8):
        call(stack, "getmininginfo")
    until("the breaker is open", lambda: state() == "open", 30)
    stack.compose("start", "verus-daemon")
    reset = curl(
        *(stack.engine, f"{operators}/reset", "-H", bearer, "-X", "POST"),
        *("-H", "content-type: application/json", "-d", '{"reason":"verusd is back"}'),
    )
    assert '"closed"' in reset, reset
    until("calls pass", lambda: health(stack)["status"] == "healthy", 30)
    stranger = curl(stack.engine, f"{operators}/status", "-o", "/dev/null", "-w", "%{http_code}")
    assert stranger == "401"


def test_scaling_up_and_down_under_load_loses_nothing(stack: Stack) -> None:
    calling = load(stack, 40, 60)
    for number in (3, 5, 2):
        stack.up("--no-recreate", "--scale", "grafana=0", "--scale", f"verus-rpc-server={number}")
        time.sleep(2)

    counts = counted(calling)

    sys.stdout.write(f"scaled 1, 3, 5, 2 under load: {counts}\n")
    assert counts.pop("result") > 500
    assert counts == {}
    assert len(stack.containers("verus-rpc-server")) == 2


def test_prometheus_finds_every_instance(stack: Stack) -> None:
    def up() -> int:
        return int(query(stack, 'sum(up{job="verus-gateway"})') or 0)

    until("two instances are scraped", lambda: up() == 2, 60)


def test_the_instances_share_what_they_know_with_the_rights_that_redis_gives_them(
    stack: Stack,
) -> None:
    stack.up("--no-recreate", "--scale", "grafana=0", "--scale", "verus-rpc-server=2")
    until("both hear each other", lambda: query(stack, "min(verus_gateway_instances)") == "2", 60)

    assert query(stack, "min(verus_gateway_redis_up)") == "1"
    assert query(stack, 'sum(verus_gateway_redis_faults_total{cause=~"noperm|noauth"})') in {
        "",
        "0",
    }
    call(stack, "getblockcount")
    written = "sum(verus_gateway_redis_writes_total) > 0"
    until("an answer is shared", lambda: query(stack, written) != "", 40)
    refused = stack.execute("redis-cache", "redis-cli", "keys", "*", check=False)
    assert "NOAUTH" in refused, "without a password Redis says nothing"


def test_every_panel_of_every_dashboard_has_data(stack: Stack) -> None:
    """Those of faults may be empty where there was none: their metrics are counted up on demand."""
    may_be_empty = re.compile(
        r"-3200[234]|40[13]|unknown|refused|_errors_total|degraded|near_limit|redis_faults|flaw"
    )
    panels = {
        target["expr"]: panel["title"]
        for file in sorted((ROOT / "configs/grafana/dashboards").glob("*.json"))
        for panel in msgspec.json.decode(file.read_bytes())["panels"]
        for target in panel["targets"]
    }

    def empty() -> dict[str, str]:
        return {
            title: expression
            for expression, title in panels.items()
            if not may_be_empty.search(expression)
            and not query(
                stack, expression.replace("$__rate_interval", "1m").replace("$chain", ".*")
            )
        }

    calling = load(stack, 25, 30)
    until("every panel has data", lambda: not empty(), 90)
    counted(calling)


def query(stack: Stack, expression: str) -> str:
    said = stack.execute(
        "prometheus", "promtool", "query", "instant", "http://127.0.0.1:9090", expression
    )
    found = re.search(r"=> (\S+) @", said)
    return found.group(1) if found else ""


def test_a_gateway_that_is_killed_is_started_again(stack: Stack) -> None:
    victim = stack.containers("verus-rpc-server")[0]
    before = stack.inspect(victim)["RestartCount"]
    pid = stack.inspect(victim)["State"]["Pid"]

    subprocess.run(["kill", "-9", str(pid)], check=True)  # noqa: S603, S607  a process of our own

    until("it was restarted", lambda: stack.inspect(victim)["RestartCount"] > before, 30)
    until(
        "it is healthy",
        lambda: stack.inspect(victim)["State"]["Health"]["Status"] == "healthy",
        60,
    )


def test_a_gateway_that_is_asked_to_end_finishes_its_calls(stack: Stack) -> None:
    calling = load(stack, 14, 40)
    time.sleep(2)
    leaving = stack.containers("verus-rpc-server")[0]

    began = time.monotonic()
    stack.engine.docker("stop", "--time", "45", leaving)
    took = time.monotonic() - began
    counts = counted(calling)

    assert counts.pop("result") > 100
    assert counts == {}
    assert 4 < took < 40, "it drains for five seconds, and then ends by itself"
    assert stack.inspect(leaving)["State"]["ExitCode"] == 0
    stack.up("--no-recreate", "--scale", "grafana=0", "--scale", "verus-rpc-server=2")


def test_a_daemon_that_is_away_is_told_answered_for_and_alerted_and_comes_back(
    stack: Stack,
) -> None:
    until("healthy at first", lambda: health(stack)["status"] == "healthy")
    assert '"result":' in call(stack, "getblockcount")

    stack.compose("stop", "verus-daemon")
    until("degraded", lambda: health(stack)["status"] == "degraded", 30)
    until(
        "a marked answer",
        lambda: "x-verus-degraded: stale" in call(stack, "getblockcount", "-i").lower(),
        30,
    )

    def alerts() -> str:
        return stack.execute(
            "alertmanager", "amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert", "query"
        )

    took = until("DaemonDown fires in Alertmanager", lambda: "DaemonDown" in alerts(), 180)
    sys.stdout.write(f"DaemonDown in Alertmanager after {took:.0f} s\n")

    stack.compose("start", "verus-daemon")
    until("healthy again", lambda: health(stack)["status"] == "healthy", 90)
    until("the alert is over", lambda: "DaemonDown" not in alerts(), 120)
    # The other instance may hold its breaker open for a while yet.
    until("a fresh answer", lambda: "degraded" not in call(stack, "getblockcount"), 90)
