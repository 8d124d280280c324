"""Who runs: the gateway and its peers, each with what it takes to start it."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.processes import Running
from ports import free_port

SERVERS: Final = Path(__file__).parent / "servers"
PYTHON: Final = sys.executable

_NGINX: Final = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx-{port}.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/b;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s; client_body_buffer_size 64k;
  proxy_cache_path {folder}/cache-{port} keys_zone=kept:10m;
  upstream verusd {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  {more}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://verusd; proxy_http_version 1.1; proxy_set_header Connection "";
      {cache}
    }}
  }}
}}
"""
_CACHE: Final = (
    "proxy_cache kept; proxy_cache_methods POST; proxy_cache_valid 200 1h;"
    " proxy_cache_key $request_body;"
)
_OPEN_FILES: Final = "open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s;"

_HAPROXY: Final = """
global
  nbthread 1
  maxconn 1000
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 2s
  http-reuse always
listen verusd
  bind 127.0.0.1:{port}
  server verusd 127.0.0.1:{upstream}
"""
_CADDY: Final = """
{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  reverse_proxy 127.0.0.1:{upstream}
}}
"""
_VARNISH: Final = """
vcl 4.1;
import std;
import bodyaccess;
backend verusd {{ .host = "127.0.0.1"; .port = "{upstream}"; }}
sub vcl_recv {{ std.cache_req_body(64KB); return (hash); }}
sub vcl_hash {{ bodyaccess.hash_req_body(); return (lookup); }}
sub vcl_backend_fetch {{ set bereq.method = "POST"; }}
sub vcl_backend_response {{ set beresp.ttl = 1h; return (deliver); }}
"""
_GATEWAY: Final = """
[verus]
rpc_url = "http://127.0.0.1:{upstream}"
rpc_user = "bench"
rpc_password = "a password made up for the benchmark"
max_concurrency = 64
max_queue = 4096
[server]
port = {port}
{server}
[auth]
anonymous_scopes = ["public", "read"]
{auth}
[rate_limit]
max_concurrent = 100_000
[rate_limit.anonymous]
rate = 1e9
burst = 1_000_000_000
concurrent = 4096
[rate_limit.default]
rate = 1e9
burst = 1_000_000_000
concurrent = 4096
[logging]
level = "warning"
"""


class Setting(NamedTuple):
    """What a contestant is told.

    Attributes:
        folder: Where it may write.
        port: Where it listens.
        upstream: The port of the fixed-answer daemon.
        method: The method whose answer the canned servers give.
    """

    folder: Path
    port: int
    upstream: int
    method: str


class Contestant(NamedTuple):
    """One server of the benchmark.

    Attributes:
        name: As the table says it.
        needs: The program without which it cannot run, empty for Python's own.
        command: From its setting to the command that starts it.
        more: Further environment variables.
    """

    name: str
    needs: str
    command: Callable[[Setting], list[str]]
    more: tuple[tuple[str, str], ...] = ()

    @property
    def missing(self) -> bool:
        """Tell whether this machine lacks what it needs."""
        return bool(self.needs) and find(self.needs) is None


def find(program: str) -> str | None:
    """Return the path of *program*, installed beside this Python or anywhere."""
    return shutil.which(program, path=Path(PYTHON).parent) or shutil.which(program)


def _script(name: str) -> Callable[[Setting], list[str]]:
    return lambda told: [PYTHON, str(SERVERS / name), str(told.port), told.method]


def _session_proxy(told: Setting) -> list[str]:
    upstream = f"http://127.0.0.1:{told.upstream}/"
    return [PYTHON, str(SERVERS / "session_proxy.py"), str(told.port), upstream]


def _nginx(cache: str = "", more: str = "") -> Callable[[Setting], list[str]]:
    def command(told: Setting) -> list[str]:
        text = _NGINX.format(
            folder=told.folder, port=told.port, upstream=told.upstream, cache=cache, more=more
        )
        return ["nginx", "-c", str(_written(told, "nginx.conf", text))]

    return command


def _haproxy(told: Setting) -> list[str]:
    text = _HAPROXY.format(port=told.port, upstream=told.upstream)
    return ["haproxy", "-db", "-f", str(_written(told, "haproxy.cfg", text))]


def _caddy(told: Setting) -> list[str]:
    text = _CADDY.format(port=told.port, upstream=told.upstream)
    file = _written(told, "Caddyfile", text)
    return [find("caddy") or "caddy", "run", "--adapter", "caddyfile", "--config", str(file)]


def _varnish(told: Setting) -> list[str]:
    text = _VARNISH.format(upstream=told.upstream)
    file = _written(told, "bench.vcl", text)
    return [
        *("varnishd", "-F", "-j", "none", "-a", f"127.0.0.1:{told.port}", "-f", str(file)),
        *("-n", str(told.folder / f"varnish-{told.port}"), "-s", "malloc,64m"),
        *("-p", "thread_pools=1"),
    ]


def gateway(*, server: str = "", auth: str = "") -> Callable[[Setting], list[str]]:
    """Return how to start the gateway with more lines in two tables of its configuration file."""

    def command(told: Setting) -> list[str]:
        text = _GATEWAY.format(port=told.port, upstream=told.upstream, server=server, auth=auth)
        file = _written(told, "gateway.toml", text)
        return [PYTHON, "-m", "verus_gateway", "serve", "--config", str(file)]

    return command


def peer(text: str) -> Contestant:
    """Return the contestant that *text* says, ``NAME=COMMAND``.

    Args:
        text: In the command ``{port}`` stands for where to listen, ``{upstream}`` for the port of
            the fixed-answer daemon, ``{folder}`` for where it may write.

    Raises:
        ValueError: there is no name, no command, or another word in braces.
    """
    name, equals, command = text.partition("=")
    if not (name and equals and command.strip()):
        raise ValueError("a peer is NAME=COMMAND")

    def filled(port: object, upstream: object, folder: object) -> list[str]:
        try:
            return [
                word.format(port=port, upstream=upstream, folder=folder)
                for word in shlex.split(command)
            ]
        except (KeyError, IndexError) as error:
            raise ValueError(f"nothing is known to fill in for {error}") from None

    program, *_ = filled(0, 0, "")
    return Contestant(name, program, lambda told: filled(told.port, told.upstream, told.folder))


def _written(told: Setting, name: str, text: str) -> Path:
    file = told.folder / f"{told.port}-{name}"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


GATEWAY: Final = Contestant("gateway", "", gateway())
ORDINARY: Final = Contestant("gateway, lane closed", "", gateway(server="express_lane = false"))
BATCHES: Final = Contestant("gateway, in batches", "", gateway())
AWAY: Final = Contestant("gateway without daemon", "", gateway())
BARE: Final = Contestant("bare aiohttp", "", _script("bare.py"))
RAW: Final = Contestant("raw uvloop protocol", "", _script("raw.py"))
SESSION: Final = Contestant("ClientSession proxy", "", _session_proxy)
NGINX: Final = Contestant("nginx proxy_pass", "nginx", _nginx())
NGINX_CACHE: Final = Contestant("nginx proxy_cache", "nginx", _nginx(_CACHE))
NGINX_OPEN: Final = Contestant("nginx + open_file_cache", "nginx", _nginx(_CACHE, _OPEN_FILES))
HAPROXY: Final = Contestant("HAProxy", "haproxy", _haproxy)
CADDY: Final = Contestant("Caddy", "caddy", _caddy, (("GOMAXPROCS", "1"), ("HOME", "/nonexistent")))
VARNISH: Final = Contestant("Varnish", "varnishd", _varnish)
STUB: Final = Contestant("stub", "", _script("stub.py"))


@contextmanager
def started(
    contestants: list[Contestant], folder: Path, method: str, *, core: int | None, side: int | None
) -> Iterator[dict[str, Running]]:
    """Start the fixed-answer daemon and all contestants that this machine has.

    Args:
        contestants: Who runs.
        folder: Where they may write.
        method: What they are asked.
        core: Where they run, one at a time under load.
        side: Where the daemon runs, beside the client.

    Yields:
        From each one's name to its running server.
    """
    with ExitStack() as stack:

        def start(contestant: Contestant, upstream: int, core: int | None) -> Running:
            told = Setting(folder, free_port(), upstream, method)
            command = contestant.command(told)
            given = dict(contestant.more)
            paths = [str(SERVERS.parents[1]), *filter(None, [given.pop("PYTHONPATH", "")])]
            more = {"PYTHONPATH": os.pathsep.join(paths), **given}
            return stack.enter_context(
                Running(command, told.port, core=core, folder=folder, more=more)
            )

        stub = start(STUB, 0, side)
        running = {
            each.name: start(each, stub.port, core) for each in contestants if not each.missing
        }
        yield {**running, STUB.name: stub}
