"""Whether a Redis may evict what must not be lost: revocations, sessions, salts.

INFO tells the policy to whoever may ask; CONFIG would tell passwords too. A server that does not
let us ask is taken to be as it should: nobody is refused service for it.
"""

import asyncio
import logging
from typing import Final

from verus_gateway.config import CacheConfig
from verus_gateway.shared.client import FAILURES, Client, client
from verus_gateway.shared.link import Link
from verus_gateway.shared.places import state_place

log = logging.getLogger(__name__)

GOOD: Final = "noeviction"
PATIENCE: Final = 1.0
"""Seconds for the answer: nobody waits for it."""


async def policy_of(client: Client) -> str:
    """Return the ``maxmemory-policy`` of a Redis, "" where it does not tell."""
    try:
        [told] = await asyncio.wait_for(client.run([("INFO", "memory")]), PATIENCE)
    except (*FAILURES, TimeoutError):
        return ""
    return str(told.get("maxmemory_policy", "")) if isinstance(told, dict) else ""


async def doubt_of(cache: CacheConfig) -> str:
    """Return why what must last may be lost, "" where nothing is known to be wrong."""
    place = state_place(cache)
    asking = client(place, seconds=PATIENCE)
    try:
        return doubt(await policy_of(asking), str(place))
    finally:
        await asking.close()


def doubt(policy: str, place: str) -> str:
    """Return what is wrong with *policy* where state is kept, "" where nothing is known to be."""
    if policy in {"", GOOD}:
        return ""
    return (
        f"redis for state ({place}) may evict revocations and sessions: "
        f"its maxmemory-policy is {policy}, not {GOOD}"
    )


class Eviction:
    """Looks at the policy each time the link comes up; who asks is told what was seen last.

    Args:
        link: To the Redis that holds state.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turned = asyncio.Event()
        self.policy = ""
        link.listen(self._turned.set)

    def __repr__(self) -> str:
        return f"<Eviction at {self._link.place}, {self.policy or 'unknown'}>"

    @property
    def doubt(self) -> str:
        """What is wrong with it, "" where nothing is known to be."""
        return doubt(self.policy, self._link.place)

    async def watch(self) -> None:
        """Look for ever; what is wrong stands in the log each time it is seen anew."""
        while True:
            await self._turned.wait()
            self._turned.clear()
            policy = await policy_of(self._link.client) if self._link.up else ""
            if policy:
                self._note(policy)

    def _note(self, policy: str) -> None:
        changed, self.policy = policy != self.policy, policy
        if changed and self.doubt:
            log.warning(
                "redis may evict state", extra={"place": self._link.place, "policy": policy}
            )
