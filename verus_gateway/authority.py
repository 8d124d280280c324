"""The issuer whose tokens are good, as far as it is known here: its keys, what it revoked.

Both come from where the configuration says and from nowhere else. The list of what was revoked
is signed like a token, of a type of its own, so that it needs no secret of its own and can
never be taken for a token.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeAlias

import msgspec

from verus_gateway import jwks, tokens
from verus_gateway.jwks import Key, SigningKey
from verus_gateway.revocations import MOST, Revocations
from verus_gateway.shelf import Clock
from verus_gateway.tokens import BadToken

log = logging.getLogger(__name__)

Fetch: TypeAlias = Callable[[], Awaitable[bytes]]
"""Gets the newest text. Raises `OSError` where it cannot be had."""

LIST_TYPE: Final = "revocations+jwt"
KEYS_EVERY: Final = 300.0
"""Seconds between two looks at the keys, while nobody shows an unknown one."""
KEYS_APART: Final = 10.0
"""Seconds between two looks at the keys, however many unknown ones are shown."""
OLDEST_LIST: Final = 120.0
"""Seconds since a list of revocations was signed, at most."""


class RevokedList(msgspec.Struct, frozen=True):
    """What was revoked and has not ended yet.

    Attributes:
        iss: Who says so.
        iat: When, in seconds since 1970.
        revoked: From a token's number to its end.
    """

    iss: str
    iat: float
    revoked: dict[str, float]


def signed_list(key: SigningKey, issuer: str, revocations: Revocations, now: float) -> bytes:
    """Return the list of what is revoked now, signed."""
    listed = RevokedList(issuer, now, dict(revocations.listed()))
    return tokens.signed(key, LIST_TYPE, msgspec.json.encode(listed)).encode()


class Authority:
    """Follows one issuer.

    Args:
        issuer: Its name.
        fetch_keys: Where its keys are.
        fetch_revoked: Where it lists what it revoked, None where that is shared otherwise.
        revocations: Where the list goes.
        wall: Seconds since 1970.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        issuer: str,
        fetch_keys: Fetch,
        fetch_revoked: Fetch | None,
        revocations: Revocations,
        *,
        wall: Clock = time.time,
        clock: Clock = monotonic,
    ) -> None:
        self._issuer = issuer
        self._fetch_keys = fetch_keys
        self._fetch_revoked = fetch_revoked
        self._revocations = revocations
        self._wall = wall
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._published = b""
        self._looked: float | None = None
        self._looking = asyncio.Lock()
        self._newest = 0.0
        self._faults: dict[str, str] = {}
        self.epoch = 0

    def __repr__(self) -> str:
        return f"<Authority {self._issuer}, {len(self._keys)} keys>"

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: str) -> Key | None:
        """Return the key of this name, None where there is none."""
        return self._keys.get(kid)

    async def refresh(self) -> None:
        """Look for new keys, unless that was done within `KEYS_APART` seconds. Never fails."""
        async with self._looking:
            now = self._clock()
            if self._looked is None or now - self._looked >= KEYS_APART:
                self._looked = now
                await self._look("keys", self._take_keys)

    async def update(self) -> None:
        """Look for what was revoked, and for new keys where that is due. Never fails."""
        if self._looked is None or self._clock() - self._looked >= KEYS_EVERY or not self._keys:
            await self.refresh()
        if self._fetch_revoked is not None:
            fetch = self._fetch_revoked
            await self._look("revocations", lambda: self._take_revoked(fetch))

    async def follow(self, seconds: float) -> None:
        """Look again every so many *seconds*, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.update()

    async def _look(self, what: str, take: Callable[[], Awaitable[None]]) -> None:
        try:
            await take()
            fault = ""
        except (OSError, ValueError) as error:
            fault = str(error) or type(error).__name__
        if fault and fault != self._faults.get(what, ""):
            log.warning("the issuer's %s cannot be had", what, extra={"cause": fault})
        elif not fault and self._faults.get(what):
            log.info("the issuer's %s are there again", what)
        self._faults[what] = fault

    async def _take_keys(self) -> None:
        text = await self._fetch_keys()
        if text == self._published:
            return
        self._keys, self._published = jwks.read_set(text), text
        self.epoch += 1

    async def _take_revoked(self, fetch: Fetch) -> None:
        text = (await fetch()).decode("ascii").strip()
        try:
            payload = tokens.opened(text, frozenset({LIST_TYPE}), self.find)
        except BadToken as bad:
            raise ValueError(f"a list that is not good: {bad.flaw}") from None
        listed = msgspec.json.decode(payload, type=RevokedList)
        if listed.iss != self._issuer:
            raise ValueError("a list of another issuer")
        if listed.iat < max(self._newest, self._wall() - OLDEST_LIST):
            raise ValueError("a list that is too old")
        self._newest = listed.iat
        for jti, ends in list(listed.revoked.items())[:MOST]:
            self._revocations.learn(jti, ends)
