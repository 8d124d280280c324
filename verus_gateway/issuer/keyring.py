"""The keys that sign: one that does, one that will, and those that did.

The next key is published before it signs anything, so that every gateway knows it by then. A
retired key is published until the longest-lived token that it signed has ended.
"""

import logging
import time
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from verus_gateway import jwks
from verus_gateway.errors import StartupError
from verus_gateway.issuer import files
from verus_gateway.jwks import Algorithm, Key, SigningKey
from verus_gateway.shelf import Clock

log = logging.getLogger(__name__)

FILE: Final = "keys.json"


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    state: Literal["active", "next", "retired"]
    jwk: dict[str, Any]
    ends: float | None = None


class _File(msgspec.Struct, frozen=True):
    keys: list[_Stored]


class Keyring:
    """The keys of a folder, read again when their file changes.

    Args:
        folder: Where they are.
        clock: Seconds since 1970.

    Raises:
        StartupError: there are none, or others may read them.
    """

    def __init__(self, folder: Path, clock: Clock = time.time) -> None:
        self._path = folder / FILE
        self._clock = clock
        self._watch = files.Watch(self._path)
        self._watch.changed()
        self._active, self._keys = _read(self._path)
        self.epoch = 0

    def __repr__(self) -> str:
        return f"<Keyring {self._active.kid} and {len(self._keys) - 1} others>"

    @property
    def active(self) -> SigningKey:
        """The key that signs."""
        return self._active

    def find(self, kid: str) -> Key | None:
        """Return the key of this name, None where there is none or it has ended."""
        key, ends = self._keys.get(kid, (None, 0.0))
        return key if ends > self._clock() else None

    def all(self) -> list[Key]:
        """Return the keys that tokens may be signed by: the active one, the next, the retired."""
        now = self._clock()
        return [key for key, ends in self._keys.values() if ends > now]

    async def refresh(self) -> None:
        """Read the keys again if their file changed; keep them where it cannot be read."""
        if not self._watch.changed():
            return
        try:
            self._active, self._keys = _read(self._path)
        except (StartupError, OSError) as error:
            log.warning("the keys stay as they are", extra={"cause": str(error)})
            return
        self.epoch += 1
        log.info("keys read again", extra={"kid": self._active.kid})


def create(folder: Path, alg: Algorithm) -> bool:
    """Make a key that signs and one that will, where there are none; tell whether it was done."""
    with files.alone(folder):
        if files.read(folder / FILE):
            return False
        _write(folder, [_new("active", alg), _new("next", alg)])
    return True


def rotate(folder: Path, alg: Algorithm, overlap: float, now: float) -> str:
    """Let the next key sign from now on, and make another next one.

    Args:
        folder: Where the keys are.
        alg: Of the new key.
        overlap: Seconds for which the retired key is published.
        now: Seconds since 1970.

    Returns:
        The name of the key that signs now.

    Raises:
        StartupError: there are none.
    """
    with files.alone(folder):
        stored = {key.state: key for key in _stored(folder / FILE)}
        retired = [
            key
            for key in _stored(folder / FILE)
            if key.state == "retired" and (key.ends or 0.0) > now
        ]
        old = msgspec.structs.replace(stored["active"], state="retired", ends=now + overlap)
        new = msgspec.structs.replace(stored["next"], state="active")
        _write(folder, [new, _new("next", alg), old, *retired])
    return str(new.jwk["kid"])


def replace(folder: Path, alg: Algorithm) -> str:
    """Throw all keys away, as when they were stolen: every token ends. Return the new name."""
    with files.alone(folder):
        _stored(folder / FILE)
        new = _new("active", alg)
        _write(folder, [new, _new("next", alg)])
    return str(new.jwk["kid"])


def _new(state: Literal["active", "next"], alg: Algorithm) -> _Stored:
    return _Stored(state=state, jwk=jwks.make(alg).stored())


def _write(folder: Path, keys: list[_Stored]) -> None:
    files.replace(folder / FILE, msgspec.json.encode(_File(keys)))


def _stored(path: Path) -> list[_Stored]:
    text = files.read(path)
    if not text:
        raise StartupError(f"{path}: there are no keys; token_service.generate_keys makes some")
    try:
        keys = msgspec.json.decode(text, type=_File).keys
    except msgspec.DecodeError:
        raise StartupError(f"{path}: is no file of keys") from None
    states = [key.state for key in keys]
    if states.count("active") != 1 or states.count("next") != 1:
        raise StartupError(f"{path}: one key is active and one is next")
    return keys


def _read(path: Path) -> tuple[SigningKey, dict[str, tuple[Key, float]]]:
    active: SigningKey | None = None
    found: dict[str, tuple[Key, float]] = {}
    for stored in _stored(path):
        try:
            key = jwks.restored(stored.jwk)
        except ValueError:
            raise StartupError(f"{path}: holds a key that was changed") from None
        ends = float("inf") if stored.ends is None else stored.ends
        found[key.kid] = (key, ends)
        active = key if stored.state == "active" else active
    assert active is not None  # noqa: S101  _stored saw to it
    return active, found
