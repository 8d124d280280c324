"""A changed configuration, taken into force while calls are under way."""

import logging
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import msgspec

from verus_gateway.config import Config
from verus_gateway.errors import ConfigError

log: Final = logging.getLogger(__name__)

Table = TypeVar("Table", bound=msgspec.Struct)


class Adopting(Protocol):
    """What goes by the configuration."""

    def adopt(self, wanted: Config) -> list[str]:
        """Go by *wanted* from now on; return the tables that wait for the next start."""
        ...


class Reload:
    """Reads the configuration again when it is called; what SIGHUP is turned into.

    A file with a fault changes nothing: the log says what is wrong with it, and what was in force
    stays so.

    Args:
        gateway: What goes by the configuration.
        read: Reads and checks the file.
        others: Has the other workers of this instance do the same.

    Attributes:
        taken: How often a file was taken into force.
        refused: How often one had a fault.
    """

    def __init__(
        self,
        gateway: Adopting,
        read: Callable[[], Config],
        others: Callable[[], None] = lambda: None,
    ) -> None:
        self._gateway = gateway
        self._read = read
        self._others = others
        self.taken = 0
        self.refused = 0

    def __call__(self) -> None:
        """Take the file into force where it has no fault; what is wrong stands in the log."""
        try:
            self.take()
        except ConfigError:
            return  # told already

    def take_everywhere(self) -> list[str]:
        """Do as `take`, and have the other workers do it too."""
        waiting = self.take()
        self._others()
        return waiting

    def take(self) -> list[str]:
        """Take into force what may change in motion.

        Returns:
            The tables of which something waits for the next start.

        Raises:
            ConfigError: the file has faults; nothing has changed.
        """
        try:
            wanted = self._read()
            waiting = self._gateway.adopt(wanted)
        except ConfigError as error:
            self.refused += 1
            log.error("configuration refused", extra={"faults": "; ".join(error.faults)})  # noqa: TRY400  no traceback: the fault is the file's
            raise
        logging.getLogger().setLevel(wanted.logging.level.upper())
        self.taken += 1
        log.info("configuration in force", extra={"next_start": ", ".join(waiting)})
        return waiting


def waiting(running: Config, wanted: Config) -> list[str]:
    """Return the tables of *wanted* of which something counts from the next start only.

    Args:
        running: What the process was started with.
        wanted: What it goes by now, as far as it may in motion.
    """
    moved = msgspec.structs.replace(
        wanted,
        logging=_like(wanted.logging, running.logging, "level"),
        auth=_like(wanted.auth, running.auth, "anonymous_scopes", "apps", "app_window"),
        rate_limit=_like(
            wanted.rate_limit, running.rate_limit, "enabled", "anonymous", "default", "classes"
        ),
    )
    return [
        name for name in Config.__struct_fields__ if getattr(moved, name) != getattr(running, name)
    ]


def _like(table: Table, other: Table, *keys: str) -> Table:
    """Return *table* with what *other* says at *keys*."""
    return msgspec.structs.replace(table, **{key: getattr(other, key) for key in keys})
