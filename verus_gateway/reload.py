"""A changed configuration, taken into force while calls are under way."""

import logging
from collections.abc import Callable
from typing import Final

from verus_gateway.app import Gateway
from verus_gateway.config import Config
from verus_gateway.errors import StartupError

log: Final = logging.getLogger(__name__)


class Reload:
    """Reads the configuration again when it is called; what SIGHUP is turned into.

    A file with a fault changes nothing: the log says what is wrong with it, and what was in force
    stays so.

    Args:
        gateway: What goes by the configuration.
        read: Reads and checks the file.
    """

    def __init__(self, gateway: Gateway, read: Callable[[], Config]) -> None:
        self._gateway = gateway
        self._read = read

    def __call__(self) -> None:
        """Take into force what may change in motion, and say what waits for the next start."""
        try:
            wanted = self._read()
        except StartupError as error:
            log.error("configuration refused", extra={"faults": "; ".join(error.faults)})  # noqa: TRY400  no traceback: the fault is the file's
            return
        waiting = self._gateway.adopt(wanted)
        logging.getLogger().setLevel(wanted.logging.level.upper())
        log.info("configuration in force", extra={"next_start": ", ".join(waiting)})
