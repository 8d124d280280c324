"""Ports for programs that cannot be told to take any free one.

They lie below those that a kernel gives out by itself: between the moment in which one is found
free and the moment in which a program listens there, no connection of another test takes it.
"""

import random
import socket
from contextlib import ExitStack
from typing import Final

ALLOTTED: Final = range(10_000, 22_000)
"""Linux gives out 32768 and above, and a node of a Redis cluster listens 10,000 higher as well."""
TRIES: Final = 100


def free_port(*above: int) -> int:
    """Return a port on which nobody listens, nor on those that lie so much *above* it."""
    for _ in range(TRIES):
        port = random.SystemRandom().choice(ALLOTTED)
        try:
            with ExitStack() as stack:
                for each in (0, *above):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + each))
        except OSError:
            continue
        return port
    raise AssertionError("no port is free")
