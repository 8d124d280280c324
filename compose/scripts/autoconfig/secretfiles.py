"""The secrets: made once, never shown, open to the containers and to nobody else."""

from __future__ import annotations  # for Python 3.9, which many servers have

import base64
import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

from autoconfig.said import say

NOWHERE = "http://127.0.0.1:9/nobody-is-told"
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


def write_hash(folder: Path, *, anew: bool) -> None:
    """Write the hash of the operators' password, in the form of "verus-gateway admin"."""
    password = (folder / "admin-password").read_bytes()
    salt = secrets.token_bytes(16)
    key = hashlib.scrypt(password, salt=salt, n=2**15, r=8, p=3, maxmem=2**26, dklen=32)
    salt_text, key_text = (
        base64.urlsafe_b64encode(each).decode().rstrip("=") for each in (salt, key)
    )
    invent = partial(str, f"scrypt:15:8:3:{salt_text}:{key_text}")
    write_secret(folder / "admin-password-hash", invent, anew=anew)


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
