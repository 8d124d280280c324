"""Who is calling, and what they may call."""

from collections.abc import Iterable
from dataclasses import dataclass

from verus_gateway.errors import LoginRequired, ScopeMissing


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls.

    Attributes:
        subject: Who it is, None for a caller without a token.
        scopes: What the caller may do.
    """

    subject: str | None
    scopes: frozenset[str]

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
