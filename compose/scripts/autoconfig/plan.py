"""What is to be made: what the flags and the answers say."""

from __future__ import annotations  # for Python 3.9, which many servers have

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from autoconfig.said import Wrong
from autoconfig.secretfiles import SECRETS

COMPOSE = Path(__file__).resolve().parents[2]
CONFIGS = COMPOSE.parent / "configs"


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


def parser(about: str | None) -> argparse.ArgumentParser:
    """Return what may be said on the command line."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
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
