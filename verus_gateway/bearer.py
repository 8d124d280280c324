"""Bearer tokens: who shows one, and a bounded memory of those that were found good.

A token is verified once. From then on it costs a look-up by the header as it was written,
until it ends, is revoked, or the issuer's keys change.
"""

import logging
import time
from collections import Counter, OrderedDict
from functools import partial
from time import monotonic
from typing import Final, Protocol

from msgspec import Struct

from verus_gateway import tokens
from verus_gateway.auth import AUTHORIZATION, Caller, Headers, Recall, nobody, shows_bearer
from verus_gateway.errors import InvalidToken
from verus_gateway.jwks import Key
from verus_gateway.revocations import Revocations
from verus_gateway.shelf import Clock
from verus_gateway.tokens import BadToken, Claims, Rules

log = logging.getLogger(__name__)

MOST: Final = 10_000
"""Verified tokens remembered, at most; the least recently verified goes first."""
SCHEME: Final = "Bearer "
"""What comes before a token, in whatever case."""
LONGEST_KEPT: Final = 2_048
"""Characters of a header that is remembered; longer ones are verified each time."""


class Keys(Protocol):
    """The keys of the issuer.

    Attributes:
        epoch: Another number each time the keys change.
    """

    epoch: int

    def find(self, kid: str) -> Key | None:
        """Return the key of this name, None where there is none."""
        ...

    async def refresh(self) -> None:
        """Look for new keys, unless that was done a moment ago. Never fails."""
        ...


class _Kept(Struct, frozen=True, gc=False):
    caller: Caller
    jti: str
    epoch: int
    ends: float
    exp: float


class BearerTokens:
    """The recogniser of RFC 6750 tokens in the ``Authorization`` header.

    Args:
        keys: Of the issuer.
        rules: Whose tokens are good.
        revocations: What was taken back.
        wall: Seconds since 1970.
        clock: Seconds, monotonic: a wall clock set back must not make a token live longer.
        most: Verified tokens remembered.
    """

    def __init__(
        self,
        keys: Keys,
        rules: Rules,
        revocations: Revocations,
        *,
        wall: Clock = time.time,
        clock: Clock = monotonic,
        most: int = MOST,
    ) -> None:
        self._keys = keys
        self._rules = rules
        self._revocations = revocations
        self._wall = wall
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self.verified = 0
        self.flaws: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<BearerTokens of {self._rules.issuer}, {len(self._kept)} remembered>"

    def __len__(self) -> int:
        return len(self._kept)

    def shown(self, headers: Headers) -> bool:
        """Tell whether the request shows a bearer token."""
        return shows_bearer(headers)

    def memory_for(self, headers: Headers) -> Recall:
        """Return what tells whose token it is, if it was found good before and still is."""
        shown = headers.getall(AUTHORIZATION)
        return partial(self._recall, shown[0]) if len(shown) == 1 else nobody

    def _recall(self, shown: str) -> Caller | None:
        kept = self._kept.get(shown)
        if (
            kept is None
            or kept.ends <= self._clock()
            or kept.exp <= self._wall()
            or kept.epoch != self._keys.epoch
            or self._revocations.known(kept.jti)
        ):
            return None
        return kept.caller

    async def identify(self, headers: Headers, _: bytes) -> Caller:
        """Verify the token and return whose it is.

        Raises:
            InvalidToken: it is not good; the reason is counted and not told.
        """
        shown = headers.getall(AUTHORIZATION)
        try:
            claims = await self._claims(shown)
        except BadToken as bad:
            self._kept.pop(shown[0], None)
            self.flaws[bad.flaw] += 1
            log.debug("token refused", extra={"flaw": bad.flaw})
            raise InvalidToken from None
        self.verified += 1
        caller = Caller(claims.sub, claims.scopes, claims.rate_class)
        self._keep(shown[0], caller, claims)
        return caller

    async def _claims(self, shown: list[str]) -> Claims:
        if len(shown) > 1:
            raise BadToken("malformed")
        claims = await self._read(shown[0][len(SCHEME) :])
        if await self._revocations.revoked(claims.jti):
            raise BadToken("revoked")
        return claims

    async def _read(self, token: str) -> Claims:
        try:
            return tokens.read(token, self._keys.find, self._rules, self._wall())
        except BadToken as bad:
            if bad.flaw != "unknown_key":
                raise
        await self._keys.refresh()
        return tokens.read(token, self._keys.find, self._rules, self._wall())

    def _keep(self, shown: str, caller: Caller, claims: Claims) -> None:
        if len(shown) > LONGEST_KEPT:
            return
        ends = self._clock() + claims.exp - self._wall()
        kept = _Kept(caller, claims.jti, self._keys.epoch, ends, claims.exp)
        self._kept.pop(shown, None)
        self._kept[shown] = kept
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
