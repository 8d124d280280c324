"""An issuer for tests: a key, tokens by it, and who finds the key."""

from typing import Any

import msgspec

from verus_gateway import jwks, tokens
from verus_gateway.jwks import Key, SigningKey
from verus_gateway.tokens import Claims, Rules

NOW = 1_800_000_000.0
ISSUER = "https://tokens.example"
RULES = Rules(issuer=ISSUER, audience="verus-gateway", leeway=10, lifetime=3600)


def claims(now: float = NOW, **members: Any) -> Claims:
    """Return good claims, with other members."""
    good = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": "verus-gateway",
        "client_id": "alice",
        "exp": now + 600,
        "iat": now,
        "jti": "1",
        "scope": "public read",
        "rate_class": "gold",
    }
    return msgspec.convert({**good, **members}, Claims)


class Ring:
    """Keys that appear when they are looked for."""

    def __init__(self, *keys: SigningKey, hidden: tuple[SigningKey, ...] = ()) -> None:
        self.keys: dict[str, Key] = {key.kid: key for key in keys}
        self.hidden = hidden
        self.epoch = 0
        self.refreshed = 0

    def find(self, kid: str) -> Key | None:
        """Return the key of this name."""
        return self.keys.get(kid)

    async def refresh(self) -> None:
        """Find what was hidden."""
        self.refreshed += 1
        self.keys.update({key.kid: key for key in self.hidden})


def bearer(key: SigningKey, now: float = NOW, **members: Any) -> str:
    """Return the header's value for a good token with other members."""
    return f"Bearer {tokens.mint(key, claims(now, **members))}"


KEY = jwks.make("ES256")
