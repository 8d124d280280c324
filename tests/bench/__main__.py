"""``make bench``: the gateway beside its peers, as ratios of one run.

Calls a second depend on what else the machine does; the server's CPU time a call depends on
it far less, so the ratios are of that. Rounds are interleaved, figures are medians.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from bench import contestants, life, load, report
from bench.cases import Bench, Measured, cases, measure
from bench.contestants import Contestant, gateway, peer
from bench.targets import verdicts

from verus_gateway import jwks, tokens
from verus_gateway.tokens import Claims

ISSUER = "https://tokens.bench"
PARTS = ("life", "growth", "workers", "open loop")


def main() -> int:
    """Measure what was asked for; 1 where an answer was wrong."""
    asked = _arguments()
    if not load.available():
        print("wrk is missing: apt-get install wrk", file=sys.stderr)
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        cores = os.cpu_count() or 1
        bench = Bench(
            asked.rounds, asked.seconds, 0 if cores > 1 else None, 1 if cores > 1 else None, folder
        )
        measured: list[Measured] = []
        for case in cases(_trusting(folder), _token(folder), asked.peer):
            if asked.only is None or case.name in asked.only:
                measured.extend(measure(case, bench, _progress))
        found = _life(bench, asked.only, measured)
    judged = list(verdicts(measured, found))
    print(report.table(measured), end="\n\n")
    print(report.judged(judged), end="\n\n")
    report.write(asked.out, measured, found, judged, _machine())
    wrong = sum(each.wrong for each in measured)
    print(f"{wrong} wrong answers; {time.monotonic() - began:.0f} s; results in {asked.out}")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each contestant")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds of a round")
    parser.add_argument("--only", nargs="+", help="names of cases, or of: " + ", ".join(PARTS))
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        type=peer,
        help="another contestant; {port}, {upstream} and {folder} in its command are filled in",
    )
    parser.add_argument("--out", type=Path, default=Path(".bench"), help="where results go")
    return parser.parse_args()


def _life(bench: Bench, only: list[str] | None, measured: list[Measured]) -> dict[str, Any]:
    rates = {each.contestant: each.rate for each in measured if each.case == "hit"}
    parts: dict[str, Callable[[], Any]] = {
        "life": lambda: life.starts(bench, _progress),
        "growth": lambda: life.growth(bench, _progress),
        "workers": lambda: life.workers(bench, _progress),
        "open loop": lambda: life.latencies(bench, rates, _progress),
    }
    return {name: part() for name, part in parts.items() if only is None or name in only}


def _trusting(folder: Path) -> Contestant:
    file = folder / "jwks.json"
    auth = f'issuer = "{ISSUER}"\njwks_file = "{file}"'
    return Contestant("gateway with token", "", gateway(auth=auth))


def _token(folder: Path) -> str:
    key = jwks.make("ES256")
    (folder / "jwks.json").write_bytes(jwks.published([key]))
    now = time.time()
    claims = Claims(
        iss=ISSUER,
        sub="bench",
        aud="verus-gateway",
        client_id="bench",
        exp=now + 3000,
        iat=now,
        jti="bench",
        scope="public read",
    )
    return tokens.mint(key, claims)


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "aiohttp": aiohttp.__version__,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "missing": [
            each.name
            for each in vars(contestants).values()
            if isinstance(each, Contestant) and each.missing
        ],
    }


def _progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
