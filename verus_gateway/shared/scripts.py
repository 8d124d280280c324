"""The scripts that run inside Redis: each over one key, each known by its digest.

A server that does not know one yet (``NOSCRIPT``) is sent its text, once, by the `Link`.
"""

from collections.abc import Mapping
from hashlib import sha1
from types import MappingProxyType
from typing import Final

from verus_gateway.shared.client import Command

RELEASE: Final = """\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0"""
"""Give a lease back, unless it has ended and is another's."""

RENEW: Final = """\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0"""
"""Make a lease last, unless it has ended and is another's."""

PIN: Final = """\
local there = redis.call('GET', KEYS[1])
local epoch = there and tonumber(string.match(there, '^(%d+) '))
if epoch and epoch > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1"""
"""Let a message stand for who comes later, unless one of a later epoch stands there."""

SWAP: Final = """\
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1"""
"""Write a text in the place of another one, unless that no longer stands there."""


def _digest(text: str) -> str:
    return sha1(text.encode()).hexdigest()  # noqa: S324  how Redis names scripts, no secret


TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {_digest(text): text for text in (RELEASE, RENEW, PIN, SWAP)}
)
"""From a script's digest to its text."""


def call(text: str, name: str | bytes, *arguments: str | bytes | int) -> Command:
    """Return the command that runs a script over *name* where the server knows it."""
    return ("EVALSHA", _digest(text), 1, name, *arguments)


def in_full(command: Command) -> Command:
    """Return the same with the script's text, for a server that does not know it."""
    return ("EVAL", TEXTS[str(command[1])], *command[2:])
