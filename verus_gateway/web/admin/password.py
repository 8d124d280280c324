"""Sign-in with the password of the configuration."""

import asyncio
import hmac
from typing import Final

from verus_gateway.passwords import Hash

MOST_WAITING: Final = 8
"""Sign-ins that may wait for their comparison; more are told to come back."""


class TooBusy(Exception):
    """Too many sign-ins wait already."""


class PasswordDoor:
    """Compares a name and a password with the configured ones, one at a time.

    scrypt takes a quarter of a second of one core and 32 MiB: it runs in a thread, so that calls
    go on, and never twice at once, so that a flood of sign-ins takes no more than one core.

    Args:
        account: The name.
        hash: Of the password.
    """

    def __init__(self, account: str, hash: Hash) -> None:
        self.account = account
        self._hash = hash
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def opens(self, account: str, password: str) -> bool:
        """Tell whether both are right; a wrong name takes as long as a wrong password.

        Raises:
            TooBusy: too many wait.
        """
        if self._waiting >= MOST_WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            async with self._turn:
                fits = await asyncio.to_thread(self._hash.fits, password)
        finally:
            self._waiting -= 1
        named = hmac.compare_digest(account.encode("utf-8", "surrogatepass"), self.account.encode())
        return fits and named
