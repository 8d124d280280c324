"""What one token service has and knows: keys, grants, revocations, counts, its description."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from verus_gateway import jwks
from verus_gateway.authority import signed_list
from verus_gateway.config import TokenServiceConfig
from verus_gateway.issuer import keyring
from verus_gateway.issuer.clients import Clients, FileClients
from verus_gateway.issuer.grants import GRANT, METHODS, Grants, Said, Terms
from verus_gateway.issuer.keyring import Keyring
from verus_gateway.issuer.ledger import Ledger
from verus_gateway.revocations import Revocations
from verus_gateway.shelf import Clock

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at keys and clients; at most as old is a list of revocations."""


class Mint:
    """Everything behind the routes of the token service.

    Args:
        config: The ``[token_service]`` table.
        revocations: What was taken back; what the folder remembers is told to it.
        clients: Who may get tokens; those of the folder, where nothing else is said.
        clock: Seconds since 1970.

    Raises:
        StartupError: the folder holds no keys, or others may read it.
    """

    def __init__(
        self,
        config: TokenServiceConfig,
        revocations: Revocations,
        clients: Clients | None = None,
        clock: Clock = time.time,
    ) -> None:
        folder = Path(config.folder)
        if config.generate_keys:
            keyring.create(folder, config.algorithm)
        self.issuer = config.issuer
        self.audience = config.audience
        self.keys = Keyring(folder, clock)
        self.revocations = revocations
        self._clients: Clients = FileClients(folder) if clients is None else clients
        self._ledger = Ledger(folder)
        self._ledger.restore(revocations)
        self._clock = clock
        self._list: tuple[float, bytes] = (0.0, b"")
        terms = Terms(
            issuer=config.issuer,
            audience=config.audience,
            lifetime=config.token_lifetime,
            longest=config.max_token_lifetime,
        )
        self.grants = Grants(terms, self.keys, self._clients, revocations, clock=clock)
        self.metadata = _metadata(config.issuer)
        self.issued = self.revoked_here = self.refused = self.throttled = 0

    def __repr__(self) -> str:
        return f"<Mint {self.issuer}, {self.keys!r}, {self._clients!r}>"

    async def take_note(self, said: Said) -> None:
        """Count and keep what an answer brings about, before it is sent."""
        self.issued += said.issued is not None
        if said.revoked is not None:
            jti, ends = said.revoked.jti, said.revoked.exp
            await asyncio.to_thread(self._ledger.write, jti, ends)
            await self.revocations.revoke(jti, ends)
            self._list = (0.0, b"")
            self.revoked_here += 1

    @property
    def ready(self) -> bool:
        """Whether clients can be told from strangers."""
        return self._clients.known

    def known(self, client: str) -> str:
        """Return the name for the log: whoever mistypes may write a secret into its place."""
        return client if self._clients.find(client) else "unknown"

    def published(self) -> bytes:
        """Return the public keys as a set."""
        return jwks.published(self.keys.all())

    def revoked(self) -> bytes:
        """Return the signed list of what is revoked."""
        now = self._clock()
        made, text = self._list
        if not 0 <= now - made < LOOK_EVERY:
            text = signed_list(self.keys.active, self.issuer, self.revocations, now)
            self._list = (now, text)
        return text

    def details(self) -> dict[str, Any]:
        """Return what health tells."""
        return {
            "issuer": self.issuer,
            "keys": len(self.keys.all()),
            "clients": len(self._clients),
            "revoked": len(self.revocations),
        }

    def readings(self) -> dict[str, tuple[str, Callable[[], float]]]:
        """Return what is read at scrape time: name, help and how to read it."""
        return {
            "issuer_tokens_issued_total": ("Tokens given to clients", lambda: self.issued),
            "issuer_tokens_revoked_total": ("Tokens taken back", lambda: self.revoked_here),
            "issuer_refusals_total": ("Requests of clients refused", lambda: self.refused),
            "issuer_throttled_total": ("Requests turned away unheard", lambda: self.throttled),
            "issuer_clients": ("Clients known", lambda: len(self._clients)),
            "issuer_keys": ("Keys published", lambda: len(self.keys.all())),
        }

    async def look(self) -> None:
        """Look for changed keys and clients."""
        await self.keys.refresh()
        await self._clients.look()

    async def follow(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()


def _metadata(issuer: str) -> dict[str, Any]:
    base = issuer.rstrip("/")
    return {
        "issuer": issuer,
        "token_endpoint": f"{base}/oauth/token",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "introspection_endpoint": f"{base}/oauth/introspect",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "grant_types_supported": [GRANT],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_methods_supported": list(METHODS),
    }
