"""The gateway in front of a simulated verusd, and what to type to see it work."""

import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from aiohttp import encode_basic_auth

from verus_gateway import app, logs, passwords
from verus_gateway.config import (
    AdminConfig,
    AuthConfig,
    BreakerConfig,
    Config,
    Secret,
    SecurityConfig,
    ServerConfig,
    TokenServiceConfig,
    VerusConfig,
)
from verus_gateway.issuer import clients
from verus_gateway.serve import serve, warn_of

START_SECONDS: Final = 10.0
USER: Final = "verus"
CLIENT: Final = "demo"
CLIENT_SCOPES: Final = ("public", "read", "broadcast", "wallet-build", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the demo listens and how fast its chain grows.

    Attributes:
        port: Of the gateway.
        token_port: Of the token service.
        simulator_port: Of the simulated verusd; its control port is the next one.
        block_time: Seconds between blocks.
    """

    port: int = 8080
    token_port: int = 8081
    simulator_port: int = 27486
    block_time: float = 10.0


def run(plan: Plan, run_loop: Callable[[Coroutine[Any, Any, None]], None]) -> int:
    """Run both until Ctrl-C and return the exit status."""
    password, entry = secrets.token_urlsafe(24), secrets.token_urlsafe(12)
    with tempfile.TemporaryDirectory(prefix="verus-demo-") as folder:
        file = Path(folder, "password")
        file.touch(mode=0o600)
        file.write_text(password, "utf-8")
        simulator = _start_simulator(plan, file)
        try:
            _wait_for(simulator, plan.simulator_port, password)
            tokens = Path(folder, "tokens")
            secret = clients.add(tokens, CLIENT, CLIENT_SCOPES)
            gateway = app.load(_config(plan, password, entry, tokens))
            with logs.writing("info", "text"):
                warn_of(gateway.config.security.mode)
                run_loop(
                    serve(
                        app.application(gateway),
                        gateway.config.server,
                        lambda url: print(_welcome(plan, url, entry, secret), flush=True),
                        beside=app.beside(gateway),
                    )
                )
        finally:
            simulator.terminate()
            simulator.wait(START_SECONDS)
    print("The demo has ended.")
    return 0


def _start_simulator(plan: Plan, password_file: Path) -> "subprocess.Popen[bytes]":
    command = [
        *(sys.executable, "-m", "verus_gateway", "simulate"),
        *("--port", str(plan.simulator_port)),
        *("--control-port", str(plan.simulator_port + 1)),
        *("--block-time", str(plan.block_time)),
        *("--user", USER, "--password-file", str(password_file)),
    ]
    # A session of its own: Ctrl-C reaches the gateway alone, which then ends the simulator.
    return subprocess.Popen(  # noqa: S603  our own interpreter and module
        command, stdout=subprocess.DEVNULL, start_new_session=True
    )


def _wait_for(simulator: "subprocess.Popen[bytes]", port: int, password: str) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and simulator.poll() is None:
        if _answers(port, password):
            return
        time.sleep(0.05)
    raise OSError("the simulated verusd did not start")


def _answers(port: int, password: str) -> bool:
    """Tell whether our own simulator answers there: another one has another password."""
    authorization = encode_basic_auth(USER, password)
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=1.0)) as connection:
            body = b'{"id":1,"method":"getblockcount"}'
            connection.request("POST", "/", body, {"Authorization": authorization})
            return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False


def _config(plan: Plan, password: str, entry: str, tokens: Path) -> Config:
    hash = passwords.hashed(entry, secrets.token_bytes(passwords.SALT))
    return Config(
        verus=VerusConfig(
            rpc_url=f"http://127.0.0.1:{plan.simulator_port}",
            rpc_user=USER,
            rpc_password=Secret(password),
            circuit_breaker=BreakerConfig(recovery_timeout_seconds=10.0),
        ),
        server=ServerConfig(port=plan.port),
        security=SecurityConfig(mode="development", cors_origins=("*",)),
        auth=AuthConfig(anonymous_scopes=("public", "read", "broadcast")),
        admin=AdminConfig(password_hash=Secret(str(hash))),
        token_service=TokenServiceConfig(
            embedded=True,
            port=plan.token_port,
            issuer=_issuer(plan),
            folder=str(tokens),
            generate_keys=True,
        ),
    )


def _issuer(plan: Plan) -> str:
    return f"http://127.0.0.1:{plan.token_port}"


def _access(plan: Plan, url: str, secret: str) -> str:
    call = '{"jsonrpc":"2.0","id":1,"method":"getpeerinfo"}'
    post = f"curl -s {url} -H 'content-type: application/json' -d '{call}'"
    client, issuer = f"-u {CLIENT}:{secret}", _issuer(plan)
    cut = 's/.*"access_token":"\\([^"]*\\)".*/\\1/p'
    return f"""Be refused without a token, get one (its secret ends with the demo), and call with it:
  {post}
  TOKEN=$(curl -s {client} -d grant_type=client_credentials {issuer}/oauth/token | sed -n '{cut}')
  {post} -H "authorization: Bearer $TOKEN"

Take the token back, and be refused with it:
  curl -s {client} -d token="$TOKEN" {issuer}/oauth/revoke
  {post} -H "authorization: Bearer $TOKEN"
"""


def _welcome(plan: Plan, url: str, entry: str, secret: str) -> str:
    control = f"http://127.0.0.1:{plan.simulator_port + 1}"
    call = '{"jsonrpc":"2.0","id":1,"method":"getinfo","params":[]}'
    return f"""
Verus Gateway is up, in front of a simulated verusd.

  JSON-RPC   {url}/
  health     {url}/health
  metrics    {url}/metrics
  admin      {url}/admin, sign in as admin with the password {entry}
  tokens     {_issuer(plan)}/oauth/token
  verusd     http://127.0.0.1:{plan.simulator_port}/ (simulated), faults on {control}/

Call it:
  curl -s {url} -H 'content-type: application/json' -d '{call}'

Take the daemon away, look at the answers, and bring it back:
  curl -s -X POST {control}/fault/refuse
  curl -s {url}/health
  curl -s -X DELETE {control}/faults

{_access(plan, url, secret)}
A line for each block and each change of the breaker follows. Ctrl-C ends the demo.
"""
