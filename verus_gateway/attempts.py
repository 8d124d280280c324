"""Attempts to sign in: how many may be made, per account and address, in a quarter of an hour.

Each attempt takes a place before anything is compared, so that attempts made at the same
moment, on one instance or on several, are counted as well. Places come back with time, or
when an attempt succeeds.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

from verus_gateway.shelf import Shelf

WINDOW: Final = 900.0
"""Seconds for which an attempt is remembered."""
PER_ACCOUNT: Final = 5
"""Attempts at one account from one address."""
PER_ADDRESS: Final = 20
"""Attempts from one address, whatever the account: unknown names are counted as known ones."""


class Attempts:
    """Counts on a shelf.

    Args:
        shelf: Where the places are claimed.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def admit(self, account: str, address: str) -> bool:
        """Take a place for one attempt; tell whether there was one."""
        for places in _places(account, address):
            for place in places:
                if await self._shelf.claim(place, WINDOW):
                    break
            else:
                return False
        return True

    async def forgive(self, account: str, address: str) -> None:
        """Give back the places of an account that signed in from *address*."""
        for places in _places(account, address):
            for place in places:
                await self._shelf.drop(place)


def _places(account: str, address: str) -> Iterator[list[str]]:
    both = hashlib.sha256(f"{account}\0{address}".encode("utf-8", "surrogatepass")).hexdigest()
    yield [f"attempt:{both}:{number}" for number in range(PER_ACCOUNT)]
    yield [f"attempt:{address[:64]}:{number}" for number in range(PER_ADDRESS)]
