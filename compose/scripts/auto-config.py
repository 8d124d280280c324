#!/usr/bin/env python3
"""Make everything that the Compose files need, once: secrets, compose/.env, configs/local/.

    python3 compose/scripts/auto-config.py --domain rpc.example.org

It asks for what no flag says, unless --non-interactive. It never overwrites: what is there stays;
--rotate NAME makes one secret anew. No secret is ever shown. --check looks and changes nothing.
Nothing but Python's own library is needed, 3.9 or later, on Linux, macOS or Windows.
"""

from __future__ import annotations  # for Python 3.9, which many servers have

import argparse
import base64
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

COMPOSE = Path(__file__).resolve().parents[1]
CONFIGS = COMPOSE.parent / "configs"
GIB = 2**30
NOWHERE = "http://127.0.0.1:9/nobody-is-told"


class Chain(NamedTuple):
    """A chain, its compiled-in ports, and what its verusd needs in GiB."""

    rpc: int
    p2p: int
    memory: int
    disk: int


CHAINS = {
    "VRSC": Chain(rpc=27486, p2p=27485, memory=16, disk=150),
    "VRSCTEST": Chain(rpc=18843, p2p=18842, memory=6, disk=40),
}
BESIDE = 4
"""GiB for everything beside verusd."""
CORES = 4
SHORTEST = 16


def random_secret() -> str:
    """Return 256 bits as text."""
    return secrets.token_urlsafe(32)


SECRETS: dict[str, Callable[[], str]] = {
    "verusd-password": random_secret,
    "redis-password": random_secret,
    "redis-secret": random_secret,
    "admin-password": random_secret,
    "grafana-admin-password": random_secret,
}
"""What is made up here. Others are told (the alert addresses) or follow from one of these."""


class Wrong(Exception):
    """What was asked for cannot be: one sentence for the user."""


class Plan(NamedTuple):
    """What is to be made."""

    domain: str
    chain: str
    memory: int
    email: str
    tls: str
    webhook: str
    watchdog: str
    secrets: Path
    configs: Path
    environment: Path
    rotate: Sequence[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done, 1 where --check found something, 2 for wrong usage."""
    given = parser().parse_args(argv)
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


def parser() -> argparse.ArgumentParser:
    """Return what may be said on the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = made.add_argument
    add("--domain", help="public name of the endpoint, or localhost")
    add("--chain", choices=sorted(CHAINS), help="which network (VRSC)")
    add("--memory", type=int, help="GiB that verusd may use")
    add("--email", default="", help="for the certificate authority (hostmaster@DOMAIN)")
    add(
        "--tls",
        choices=("acme", "internal"),
        help="whose certificates (acme; internal for localhost)",
    )
    add("--alert-webhook", default="", help="address that is told of alerts")
    add("--alert-watchdog", default="", help="dead man's switch that gets the Watchdog")
    add("--secrets-dir", type=Path, default=COMPOSE / "secrets", help="(compose/secrets)")
    add("--config-dir", type=Path, default=CONFIGS / "local", help="(configs/local)")
    add("--env-file", type=Path, default=COMPOSE / ".env", help="(compose/.env)")
    add("--rotate", action="append", default=[], metavar="NAME", help="make this secret anew")
    add("--non-interactive", action="store_true", help="ask nothing")
    add(
        "--check", action="store_true", help="look, change nothing, exit 1 where something is wrong"
    )
    return made


def planned(given: argparse.Namespace) -> Plan:
    """Return what the flags and the answers say.

    Raises:
        Wrong: a name that is none, a secret that is not made here.
    """
    ask = (lambda _question, default: default) if given.non_interactive else asked
    domain = given.domain or ask("Public name of the endpoint", "")
    if not re.fullmatch(
        r"localhost|(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", domain
    ):
        raise Wrong(f'"{domain}" is no domain name: give --domain rpc.example.org, or localhost')
    chain = given.chain or ask("Chain, VRSC or VRSCTEST", "VRSC")
    if chain not in CHAINS:
        raise Wrong(f'"{chain}" is not VRSC or VRSCTEST')
    memory = given.memory or int(ask("GiB of memory for verusd", str(CHAINS[chain].memory)))
    unknown = set(given.rotate) - set(SECRETS)
    if unknown:
        raise Wrong(f"--rotate knows {', '.join(SECRETS)}, not {', '.join(sorted(unknown))}")
    for address in (given.alert_webhook, given.alert_watchdog):
        if address and not re.fullmatch(r"https?://\S+", address):
            raise Wrong("an address of alerts begins with https:// or http://")
    return Plan(
        domain=domain,
        chain=chain,
        memory=memory,
        email=given.email or f"hostmaster@{domain}",
        tls=given.tls or ("internal" if domain == "localhost" else "acme"),
        webhook=given.alert_webhook,
        watchdog=given.alert_watchdog,
        secrets=given.secrets_dir.absolute(),
        configs=given.config_dir.absolute(),
        environment=given.env_file.absolute(),
        rotate=given.rotate,
    )


def asked(question: str, default: str) -> str:
    """Return what is typed, or the default."""
    shown = f" [{default}]" if default else ""
    return input(f"{question}{shown}: ").strip() or default


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
    write_hash(plan)
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


def write_hash(plan: Plan) -> None:
    """Write the hash of the operators' password, in the form of "verus-gateway admin"."""
    password = (plan.secrets / "admin-password").read_bytes()
    salt = secrets.token_bytes(16)
    key = hashlib.scrypt(password, salt=salt, n=2**15, r=8, p=3, maxmem=2**26, dklen=32)
    salt_text, key_text = (
        base64.urlsafe_b64encode(each).decode().rstrip("=") for each in (salt, key)
    )
    invent = partial(str, f"scrypt:15:8:3:{salt_text}:{key_text}")
    write_secret(plan.secrets / "admin-password-hash", invent, anew="admin-password" in plan.rotate)


def write_secret(file: Path, invent: Callable[[], str], *, anew: bool) -> None:
    """Write a secret that is not there, or anew.

    Only the folder keeps others out: Compose mounts the file as it is, and in a container another
    user than its owner must be able to read it.
    """
    if file.exists() and not anew:
        say(f"kept     {file}")
        return
    # In place: a container that has it mounted sees the change. Another file under its name would
    # be seen only by a container that is made anew.
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(invent(), encoding="utf-8")
    file.chmod(0o444)
    say(f"made     {file}")


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


def shortages(plan: Plan) -> list[str]:
    """Return in what this machine, or the plan, is below what is really needed."""
    needs = CHAINS[plan.chain]
    found: list[str] = []
    if plan.memory < needs.memory:
        found.append(
            f"verusd needs {needs.memory} GiB at the tip of {plan.chain}, not {plan.memory}"
        )
    memory = memory_of_machine()
    if memory is not None and memory < (plan.memory + BESIDE - 1) * GIB:
        found.append(
            f"this machine has {memory / GIB:.0f} GiB of memory; {plan.memory + BESIDE} are needed"
        )
    free = shutil.disk_usage(COMPOSE).free
    if free < needs.disk * GIB:
        found.append(
            f"{free / GIB:.0f} GiB of disk are free here; {needs.disk} are needed where Docker keeps volumes"
        )
    cores = os.cpu_count() or 1
    if cores < CORES:
        found.append(f"this machine has {cores} cores; {CORES} are needed while verusd syncs")
    return found


def memory_of_machine() -> int | None:
    """Return the bytes of memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


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


def secret_faults(file: Path) -> list[str]:
    """Return what is wrong with one secret."""
    if not file.is_file():
        return [f"{file} is missing: run auto-config.py again"]
    found: list[str] = []
    mode = stat.S_IMODE(file.stat().st_mode) if os.name == "posix" else 0o444
    text = file.read_text("utf-8").strip()
    if mode & 0o222 or not mode & 0o004:
        found.append(
            f"{file} is to be read by the containers and written by nobody: chmod 444 {file}"
        )
    if file.name in SECRETS and len(text) < SHORTEST:
        found.append(f"{file} is shorter than {SHORTEST} characters: --rotate {file.name}")
    if text == NOWHERE:
        flag = file.name.replace("-url", "")
        found.append(f"nobody is told of alerts: run again with --{flag} https://...")
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


def say(*lines: str) -> None:
    """Write lines to standard output."""
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
