"""The clients of several token services, on a sheet that they share."""

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from verus_gateway.errors import StartupError
from verus_gateway.issuer.clients import Client, Register, read, written
from verus_gateway.sheet import NotRead, Sheet

log = logging.getLogger(__name__)

SHEET: Final = "clients"
"""The sheet's name."""
TRIES: Final = 10
"""Times a change is made anew because somebody else was faster."""

T = TypeVar("T")


class SharedClients:
    """Clients as the sheet had them when it was last looked at.

    Args:
        sheet: Where they stand.
    """

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._text: bytes | None = None
        self._clients: Register = {}
        self._fault = ""

    def __repr__(self) -> str:
        return f"<SharedClients {len(self)} on {self._sheet!r}>"

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def known(self) -> bool:
        """Whether the sheet was ever read."""
        return self._text is not None

    def find(self, id: str) -> Client | None:
        """Return the client of this name, None where there is none."""
        return self._clients.get(id)

    async def look(self) -> None:
        """Look at the sheet; where it cannot be read the clients stay as they are."""
        try:
            text = await self._sheet.read()
            if text != self._text:
                self._clients = read(text, "the clients in redis")
                self._text = text
        except (NotRead, StartupError) as error:
            self._complain(str(error))
        else:
            self._fault = ""

    def _complain(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            log.warning("the clients stay as they are", extra={"cause": fault})


async def changed(sheet: Sheet, change: Callable[[Register], tuple[Register, T]]) -> T:
    """Change the clients on *sheet*, and return what else *change* returns.

    Raises:
        StartupError: they cannot be read or written; nothing was changed, as far as is known.
    """
    try:
        for _ in range(TRIES):
            text = await sheet.read()
            after, told = change(read(text, "the clients in redis"))
            if await sheet.swap(text, written(after)):
                return told
    except NotRead as error:
        raise StartupError(f"the clients in redis: {error}") from None
    raise StartupError("the clients in redis: others change them all the time; try again")


async def shown(sheet: Sheet) -> Register:
    """Return the clients on *sheet*.

    Raises:
        StartupError: they cannot be read.
    """
    try:
        return read(await sheet.read(), "the clients in redis")
    except NotRead as error:
        raise StartupError(f"the clients in redis: {error}") from None
