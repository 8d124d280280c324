#!/usr/bin/env python3
"""Make everything that the Compose files need, once: secrets, compose/.env, configs/local/.

    python3 compose/scripts/auto-config.py --domain rpc.example.org

It asks for what no flag says, unless --non-interactive. It never overwrites: what is there stays;
--rotate NAME makes one secret anew. No secret is ever shown. --check looks and changes nothing.
Nothing but Python's own library is needed, 3.9 or later, on Linux, macOS or Windows.
"""

from __future__ import annotations  # for Python 3.9, which many servers have

import argparse
import hashlib
import os
import stat
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from autoconfig.plan import CHAINS, CONFIGS, Plan, parser, planned
from autoconfig.said import Wrong, say
from autoconfig.secretfiles import NOWHERE, SECRETS, secret_faults, write_hash, write_secret
from autoconfig.shortages import shortages


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done, 1 where --check found something, 2 for wrong usage."""
    given = parser(__doc__).parse_args(argv)
    try:
        if given.check:
            return check(given)
        plan = planned(given)
        for line in shortages(plan):
            say(f"warning: {line}")
        make(plan)
    except Wrong as wrong:
        sys.stderr.write(f"auto-config: {wrong}\n")
        return 2
    say("Next:", *following(plan))
    return 0


def make(plan: Plan) -> None:
    """Write what is missing; say of each file whether it was made or stays."""
    plan.secrets.mkdir(parents=True, exist_ok=True)
    plan.secrets.chmod(0o700)
    for name, invent in SECRETS.items():
        write_secret(plan.secrets / name, invent, anew=name in plan.rotate)
    password = (plan.secrets / "redis-password").read_text("utf-8")
    rules = (CONFIGS / "redis" / "users.acl").read_text("utf-8")
    sealed = rules.replace("PASSWORD_SHA256", hashlib.sha256(password.encode()).hexdigest())
    write_secret(
        plan.secrets / "redis-users.acl", lambda: sealed, anew="redis-password" in plan.rotate
    )
    write_hash(plan.secrets, anew="admin-password" in plan.rotate)
    for name, address in (("webhook", plan.webhook), ("watchdog", plan.watchdog)):
        file = plan.secrets / f"alert-{name}-url"
        write_secret(file, partial(str, address or NOWHERE), anew=bool(address))
        if file.read_text("utf-8") == NOWHERE:
            say(f"warning: nobody is told of alerts: run again with --alert-{name} https://...")
    plan.configs.mkdir(parents=True, exist_ok=True)
    write(plan.configs / "gateway.toml", gateway(plan))
    tokens = (CONFIGS / "stack" / "tokens.toml").read_text("utf-8")
    write(plan.configs / "tokens.toml", tokens.replace("rpc.example.org", plan.domain))
    write(plan.configs / "endpoint.json", endpoint(plan))
    write(plan.environment, environment(plan))


def write(file: Path, text: str) -> None:
    """Write a file without secrets that is not there."""
    if file.exists():
        say(f"kept     {file}")
        return
    file.write_text(text, encoding="utf-8")
    say(f"made     {file}")


def gateway(plan: Plan) -> str:
    """Return the gateway's configuration for this chain and this name."""
    text = (CONFIGS / "stack" / "gateway.toml").read_text("utf-8")
    text = text.replace('chain = "VRSC"', f'chain = "{plan.chain}"')
    text = text.replace("verus-daemon:27486", f"verus-daemon:{CHAINS[plan.chain].rpc}")
    return text.replace("https://rpc.example.org", f"https://{plan.domain}")


def endpoint(plan: Plan) -> str:
    """Return what Prometheus looks at as a caller would."""
    module = "json_rpc" if plan.tls == "acme" else "json_rpc_internal"
    return (
        f'[{{"targets": ["https://{plan.domain}:8443/"], '
        f'"labels": {{"__param_module": "{module}", "chain": "{plan.chain}"}}}}]\n'
    )


def environment(plan: Plan) -> str:
    """Return compose/.env: nothing in it is secret."""
    return (
        "# Written by auto-config.py; change it as you like. Secrets are in SECRETS_DIR, not here.\n"
        f"DOMAIN={plan.domain}\n"
        f"ACME_EMAIL={plan.email}\n"
        f"TLS={plan.tls}\n"
        f"CHAIN={plan.chain}\n"
        f"P2P_PORT={CHAINS[plan.chain].p2p}\n"
        f"VERUSD_MEMORY={plan.memory}g\n"
        f"SECRETS_DIR={plan.secrets}\n"
        f"CONFIG_DIR={plan.configs}\n"
    )


def check(given: argparse.Namespace) -> int:
    """Say what is missing or open to others; return 1 where there is something."""
    found = list(faults(given.secrets_dir, given.config_dir, given.env_file))
    for fault in found:
        say(f"wrong: {fault}")
    if not found:
        say("good")
    return 1 if found else 0


def faults(folder: Path, configs: Path, environment_file: Path) -> list[str]:
    """Return one sentence for each thing that is not as make() leaves it."""
    found: list[str] = []
    if not folder.is_dir():
        return [f"{folder} is missing: run auto-config.py --domain YOUR.DOMAIN"]
    if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        found.append(f"{folder} is open to others: chmod 700 {folder}")
    names = (
        *SECRETS,
        "admin-password-hash",
        "redis-users.acl",
        "alert-webhook-url",
        "alert-watchdog-url",
    )
    for name in names:
        found += secret_faults(folder / name)
    names = ("gateway.toml", "tokens.toml", "endpoint.json")
    written = (environment_file, *(configs / name for name in names))
    found += [
        f"{file} is missing: run auto-config.py again" for file in written if not file.is_file()
    ]
    return found


def following(plan: Plan) -> list[str]:
    """Return what to run next."""
    compose = "docker compose -f compose/docker-compose.yml"
    return [
        f"  {sys.executable} compose/scripts/auto-config.py --check",
        "  compose/scripts/docker-build.sh",
        "  compose/scripts/verus-bootstrap.sh        # optional: hours instead of days",
        f"  {compose} -f compose/docker-compose.monitoring.yml up -d",
        f"  curl https://{plan.domain}/health",
    ]


if __name__ == "__main__":
    sys.exit(main())
