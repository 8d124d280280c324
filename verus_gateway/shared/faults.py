"""What an error of Redis means: to connect anew, to call the operator, or a miss."""

import asyncio
from typing import Final, Literal, TypeAlias

from redis import exceptions

Fault: TypeAlias = Literal[
    "refused",
    "timeout",
    "readonly",
    "loading",
    "masterdown",
    "moved",
    "clusterdown",
    "tryagain",
    "busy",
    "oom",
    "misconf",
    "noauth",
    "noperm",
    "wrongtype",
    "crowded",
    "other",
]
"""Why Redis gave no answer, or not the one that was asked for: labels, causes in logs and health.

`crowded` is our own: too many operations of this instance are under way.
"""

_CLASSES: Final[tuple[tuple[type[BaseException], Fault], ...]] = (
    # From the special to the general: the first that fits names it.
    (exceptions.AuthenticationError, "noauth"),
    (exceptions.AuthenticationWrongNumberOfArgsError, "noauth"),
    (exceptions.AuthorizationError, "noauth"),
    (exceptions.NoPermissionError, "noperm"),
    (exceptions.BusyLoadingError, "loading"),
    (exceptions.ReadOnlyError, "readonly"),
    (exceptions.MasterDownError, "masterdown"),
    (exceptions.ClusterDownError, "clusterdown"),
    (exceptions.SlotNotCoveredError, "clusterdown"),
    (exceptions.RedisClusterException, "clusterdown"),
    (exceptions.TryAgainError, "tryagain"),
    (exceptions.AskError, "moved"),
    (exceptions.OutOfMemoryError, "oom"),
    (exceptions.TimeoutError, "timeout"),
    (TimeoutError, "timeout"),
    (asyncio.IncompleteReadError, "refused"),
    (exceptions.ConnectionError, "refused"),
    (OSError, "refused"),
    (RuntimeError, "refused"),  # uvloop's, of a connection that is closed
)
_WORDS: Final[tuple[tuple[str, Fault], ...]] = (
    ("WRONGTYPE", "wrongtype"),
    ("BUSY", "busy"),
    ("MISCONF", "misconf"),
    ("NOREPLICAS", "misconf"),
    ("NOAUTH", "noauth"),
    ("WRONGPASS", "noauth"),
    ("READONLY", "readonly"),
)

AWAY: Final[frozenset[Fault]] = frozenset(
    {"refused", "timeout", "readonly", "loading", "masterdown", "moved", "busy", "clusterdown"}
)
"""Nothing can be had from this Redis now: connect anew, and ask nobody until that went well."""
MISCONFIGURED: Final[frozenset[Fault]] = frozenset({"noauth", "noperm"})
"""Only an operator can mend it: said loudly, tried again calmly."""


def fault_of(error: BaseException) -> Fault:
    """Return the word for *error*."""
    for kind, fault in _CLASSES:
        if isinstance(error, kind):
            return fault
    text = str(error)
    for word, fault in _WORDS:
        if text.startswith(word):
            return fault
    return "other"
