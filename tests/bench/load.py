"""One round of load by wrk: keep-alive connections, each sends as soon as it is answered."""

import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from bench.processes import Running, pinned

CONNECTIONS: Final = 64

_SCRIPT: Final = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
%(headers)s
local number = %(first)d
%(request)s
wrong = 0
%(check)s
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary, latency)
  local mistaken = 0
  for _, thread in ipairs(threads) do mistaken = mistaken + thread:get("wrong") end
  local errors = summary.errors
  io.write(string.format(
    '\\nRESULT {"calls":%%d,"seconds":%%.6f,"bytes":%%d,"failed":%%d,"wrong":%%d}\\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, mistaken))
end
"""
_firsts: Final = itertools.count(1, 5_000_000)
_FIXED: Final = "wrk.body = [==[%s]==]"
_NUMBERED: Final = """
function request()
  number = number + 1
  return wrk.format(nil, nil, nil, string.format([==[%s]==], number))
end
"""
_CHECK: Final = """
local expected = [==[%s]==]
function response(status, headers, body)
  if status ~= 200 or body ~= expected then wrong = wrong + 1 end
end
"""


class Ask(NamedTuple):
    """What is sent, and what must come back.

    Attributes:
        body: The request; ``%d`` in it counts up.
        expected: The answer's body, empty where it is not the same each time.
        token: A bearer token, or nothing.
        calls: JSON-RPC calls in one request.
    """

    body: str
    expected: str
    token: str = ""
    calls: int = 1


class Round(NamedTuple):
    """What one round brought.

    Attributes:
        rate: Calls a second.
        cpu: Microseconds of the server's CPU time a call.
        calls: How many were answered.
        wrong: Answers that were errors or not the expected bytes.
    """

    rate: float
    cpu: float
    calls: int
    wrong: int


def available() -> bool:
    """Tell whether wrk is installed."""
    return shutil.which("wrk") is not None


def drive(
    server: Running,
    ask: Ask,
    *,
    seconds: float,
    core: int | None,
    folder: Path,
    connections: int = CONNECTIONS,
    check: bool = False,
) -> Round:
    """Run one round against *server*; with *check*, each answer is compared byte for byte.

    Comparing costs wrk as much again as the call itself: checked rounds prove, others measure.
    Both count every status that is not 200 and every broken connection.
    """
    script = folder / "round.lua"
    script.write_text(_script(ask, check=check), encoding="utf-8")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout=10s"]
    before = server.cpu_seconds()
    ran = subprocess.run(
        pinned(core, [*command, f"-s{script}", server.url]),
        capture_output=True,
        text=True,
        check=True,
    )
    used = server.cpu_seconds() - before
    found = json.loads(ran.stdout.partition("RESULT ")[2])
    calls = found["calls"] * ask.calls
    return Round(
        rate=calls / found["seconds"],
        cpu=used / max(calls, 1) * 1e6,
        calls=calls,
        wrong=found["failed"] + found["wrong"],
    )


def _script(ask: Ask, *, check: bool) -> str:
    numbered = "%d" in ask.body
    return _SCRIPT % {
        "first": next(_firsts),
        "headers": f'wrk.headers["Authorization"] = "Bearer {ask.token}"' if ask.token else "",
        "request": (_NUMBERED if numbered else _FIXED) % ask.body,
        "check": _CHECK % ask.expected if check and ask.expected else "",
    }
