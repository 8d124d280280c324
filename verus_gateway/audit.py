"""The audit log: who did what, when, from where and why, in lines of their own logger.

The lines go where all lines go. Their logger is ``verus_gateway.audit``, so that they can be
told apart and kept longer. They hold no secret: no password, token, cookie or session.
"""

import logging
from typing import Final

log: Final = logging.getLogger(__name__)


def note(event: str, *, who: str, address: str | None, why: str = "", **more: str) -> None:
    """Write that something was done.

    Args:
        event: What, in two or three words.
        who: The subject of a token, or the account of a session.
        address: Where the request came from.
        why: The reason given.
        more: What else belongs to this event.
    """
    log.info(event, extra={"who": who, "address": address, "why": why, **more})


def refuse(event: str, *, who: str, address: str | None, why: str) -> None:
    """Write that something was refused, and why; the arguments are those of `note`."""
    log.warning(event, extra={"who": who, "address": address, "why": why})
