"""App signatures, as the official Verus client sends them.

Five headers and the exact body are bound together by a key that both sides know::

    X-Auth-Token = BLAKE2b-512(X-Timestamp, app key, body, X-App-ID, "2", salt), in hex

The texts are hashed as UTF-8, the salt as the 32 bytes that ``X-Salt`` spells in hex, and
``"2"`` is what ``X-VRPC-API-Version`` says. ``X-Timestamp`` is in milliseconds since 1970.
BLAKE2 is no construction that can be extended, so a plain hash that begins with a text of
the client's own still needs the key.
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, TypeAlias

from verus_gateway.auth import Caller, Headers, Recall, nobody
from verus_gateway.errors import InvalidToken
from verus_gateway.shelf import Shelf

Wall: TypeAlias = Callable[[], float]

APP_ID: Final = "X-App-ID"
TIMESTAMP: Final = "X-Timestamp"
SALT: Final = "X-Salt"
TOKEN: Final = "X-Auth-Token"  # noqa: S105  a header's name
VERSION: Final = "X-VRPC-API-Version"
SPOKEN: Final = "2"
"""The version of the signature that is understood."""

_TIME: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_SALT: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-fA-F]{128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class App:
    """A program that signs its requests.

    Attributes:
        id: Its name, as ``X-App-ID`` says.
        key: What it shares with us.
        scopes: What it may do.
        rate_class: Which limits are its own.
    """

    id: str
    key: str = field(repr=False)
    scopes: frozenset[str]
    rate_class: str


class Apps:
    """Recognises requests that an app has signed.

    Args:
        apps: Who may sign.
        salts: Where used salts are remembered; instances that share it refuse each other's.
        window: Seconds by which an app's clock may differ from ours.
        wall: Seconds since 1970.
    """

    def __init__(
        self, apps: Iterable[App], salts: Shelf, window: float, wall: Wall = time.time
    ) -> None:
        self._apps = {app.id: app for app in apps}
        self._salts = salts
        self._window = window
        self._wall = wall
        # Who names no app is compared with this one, and takes as long to refuse.
        self._nobody = App("", secrets.token_hex(), frozenset(), "")

    def __repr__(self) -> str:
        return f"<Apps {', '.join(sorted(self._apps))}>"

    def shown(self, headers: Headers) -> bool:
        """Tell whether the request shows a signature."""
        return TOKEN in headers or APP_ID in headers

    def memory_for(self, _: Headers) -> Recall:
        """Return what knows nobody: each request is signed for itself."""
        return nobody

    async def identify(self, headers: Headers, body: bytes) -> Caller:
        """Return the app that signed the request.

        Raises:
            InvalidToken: the signature is not good, its time is not now, or it came before.
        """
        app = self._apps.get(headers.get(APP_ID, ""), self._nobody)
        said, salt, token = (headers.get(name, "") for name in (TIMESTAMP, SALT, TOKEN))
        if headers.get(VERSION) != SPOKEN or not (
            _TIME.fullmatch(said) and _SALT.fullmatch(salt) and _HASH.fullmatch(token)
        ):
            raise InvalidToken
        expected = signature(said, app.key, body, app.id, bytes.fromhex(salt))
        if not hmac.compare_digest(expected, bytes.fromhex(token)) or app is self._nobody:
            raise InvalidToken
        late = self._wall() - int(said) / 1000
        if abs(late) > self._window:
            raise InvalidToken
        # Remembered until the timestamp is too old for the salt to be of use again.
        if not await self._salts.claim(f"salt:{app.id}:{salt.lower()}", self._window - late + 1):
            raise InvalidToken
        return Caller(f"app:{app.id}", app.scopes, app.rate_class)


def signature(timestamp: str, key: str, body: bytes, id: str, salt: bytes) -> bytes:
    """Return what a request is signed with.

    Args:
        timestamp: Milliseconds since 1970, as the header spells them.
        key: The app's.
        body: Byte for byte.
        id: The app's.
        salt: 32 bytes.
    """
    hashed = blake2b(digest_size=64)
    for part in (timestamp.encode(), key.encode(), body, id.encode(), SPOKEN.encode(), salt):
        hashed.update(part)
    return hashed.digest()
