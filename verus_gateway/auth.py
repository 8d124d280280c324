"""Who is calling, and what they may call."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from multidict import MultiMapping

from verus_gateway.errors import InvalidRequest, InvalidToken, LoginRequired, ScopeMissing

Headers: TypeAlias = MultiMapping[str]
Recall: TypeAlias = "Callable[[], Caller | None]"

ANONYMOUS: Final = "anonymous"
"""The rate class of callers without credentials."""
AUTHORIZATION: Final = "Authorization"
BEARER: Final = re.compile(r"bearer(?:[ \t]|$)", re.IGNORECASE)
"""The scheme with what ends it: a blank, or the header where no token follows."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls.

    Attributes:
        subject: Who it is, None for a caller without credentials.
        scopes: What the caller may do.
        rate_class: Which limits are the caller's.
    """

    subject: str | None
    scopes: frozenset[str]
    rate_class: str = ANONYMOUS

    def require(self, scope: str) -> None:
        """Let the caller pass who holds *scope*.

        Raises:
            LoginRequired: no token came, and one could help.
            ScopeMissing: the token does not grant it.
        """
        if scope in self.scopes:
            return
        if self.subject is None:
            raise LoginRequired(f"a token with the scope {scope!r} is needed")
        raise ScopeMissing(f"the token does not grant {scope!r}", data={"scope": scope})


def anonymous(scopes: Iterable[str]) -> Caller:
    """Return the caller without a token, who may do what the operator allows everybody."""
    return Caller(None, frozenset(scopes))


class Recogniser(Protocol):
    """One kind of credentials: whether a request shows them, and whose they are."""

    def shown(self, headers: Headers) -> bool:
        """Tell whether the request shows credentials of this kind, good or bad."""
        ...

    def memory_for(self, headers: Headers) -> Recall:
        """Return what tells who it is if that is known already, without I/O; None where it is not."""
        ...

    async def identify(self, headers: Headers, body: bytes) -> Caller:
        """Return who it is.

        Args:
            headers: Of the request.
            body: Of the request, byte for byte.

        Raises:
            InvalidToken: the credentials are not good; nothing says why.
        """
        ...


class Authenticator:
    """Answers who is calling.

    `recognise` costs a look-up and answers strangers and credentials that were seen before;
    where it returns None, `identify` has to be awaited.

    Args:
        stranger: The caller who shows nothing.
        kinds: The kinds of credentials that are taken. A request shows one of them at most.
    """

    def __init__(self, stranger: Caller, kinds: Sequence[Recogniser]) -> None:
        self._heirs: list[Callable[[], None]] = []
        self.adopt(stranger, kinds)

    def adopt(self, stranger: Caller, kinds: Sequence[Recogniser]) -> None:
        """Go by these from now on; what `memory_for` returned before counts no more."""
        self.stranger = stranger
        self._kinds = tuple(kinds)
        for heir in self._heirs:
            heir()

    def on_change(self, heir: Callable[[], None]) -> None:
        """Call *heir*, who keeps what `memory_for` returned, when that counts no more."""
        self._heirs.append(heir)

    def recognise(self, headers: Headers) -> Caller | None:
        """Return who is calling where that needs no work, else None."""
        return self.memory_for(headers)()

    def memory_for(self, headers: Headers) -> Recall:
        """Return what recognises whoever sends just these headers, to be asked each time.

        It holds until others are recognised; `on_change` tells of that.
        """
        shown = [kind for kind in self._kinds if kind.shown(headers)]
        if not shown:
            return self._recall_stranger
        return shown[0].memory_for(headers) if len(shown) == 1 else nobody

    def _recall_stranger(self) -> Caller:
        return self.stranger

    async def identify(self, headers: Headers, body: bytes) -> Caller:
        """Return who is calling.

        Raises:
            InvalidRequest: credentials of two kinds: which are meant is not for us to guess.
            InvalidToken: the credentials are not good.
        """
        shown = [kind for kind in self._kinds if kind.shown(headers)]
        if not shown:
            return self.stranger
        if len(shown) > 1:
            raise InvalidRequest("a request shows one kind of credentials")
        return await shown[0].identify(headers, body)


def nobody() -> None:
    """Recall no one."""


class NoTokens:
    """Bearer tokens where no issuer is trusted: none of them is good."""

    def shown(self, headers: Headers) -> bool:
        """Tell whether the request shows a bearer token."""
        return shows_bearer(headers)

    def memory_for(self, _: Headers) -> Recall:
        """Return what knows nobody."""
        return nobody

    async def identify(self, _: Headers, __: bytes) -> Caller:
        """Refuse the token.

        Raises:
            InvalidToken: always.
        """
        raise InvalidToken


def shows_bearer(headers: Headers) -> bool:
    """Tell whether the request shows a bearer token (RFC 6750 section 2.1).

    Other schemes are nobody's business here: the family's clients send verusd's own user name
    and password (Basic) wherever they are pointed to, and count as strangers. The scheme
    without a token is a bearer whose token got lost, and no stranger; so is a second header.
    """
    return any(BEARER.match(shown) for shown in headers.getall(AUTHORIZATION, ()))
