import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from core.shared_doubles import Way, turn
from redis import exceptions as errors

from verus_gateway.shared.client import Command
from verus_gateway.shared.eviction import Eviction, doubt, policy_of


class Asked:
    """A link whose Redis tells its policy, and what looks at it."""

    def __init__(self) -> None:
        self.way = Way()
        self.policy: Any = "allkeys-lru"
        self.way.redis.answer = self._answer
        self.eviction = Eviction(self.way.link)
        self._watching = asyncio.create_task(self.eviction.watch())

    def _answer(self, command: Command) -> Any:
        if command[0] != "INFO":
            return True
        return {"maxmemory_policy": self.policy} if isinstance(self.policy, str) else self.policy

    async def again(self) -> None:
        """Break the link and have it come up again."""
        self.way.redis.broken = errors.ReadOnlyError("x")
        with pytest.raises(Exception, match="readonly"):
            await self.way.link.run(("GET", "a"))
        await turn()
        self.way.redis.broken = None
        self.way.pauses.end()
        await turn()

    async def end(self) -> None:
        self._watching.cancel()
        await asyncio.wait([self._watching])
        await self.way.end()


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    made = Asked()
    yield made
    await made.end()


@pytest.mark.parametrize("policy", ["", "noeviction"])
def test_a_policy_that_is_good_or_unknown_is_no_doubt(policy: str) -> None:
    assert doubt(policy, "redis://here") == ""


async def test_a_policy_that_evicts_is_told_once_with_its_place_and_stands_in_health(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    before = asked.eviction.doubt
    await asked.way.begin()
    told = asked.eviction.doubt
    await asked.again()

    assert before == ""
    assert "may evict revocations and sessions: its maxmemory-policy is allkeys-lru" in told
    lines = [vars(line) for line in caplog.records if line.message == "redis may evict state"]
    assert [line["policy"] for line in lines] == ["allkeys-lru"]


async def test_a_policy_that_was_mended_is_seen_when_the_link_comes_up_again(
    asked: Asked,
) -> None:
    await asked.way.begin()

    asked.policy = "noeviction"
    await asked.again()

    assert asked.eviction.doubt == ""
    assert repr(asked.eviction) == "<Eviction at , noeviction>"


@pytest.mark.parametrize("answer", [errors.NoPermissionError("x"), {}, "?"])
async def test_a_redis_that_does_not_tell_is_taken_to_be_as_it_should(
    asked: Asked, answer: object
) -> None:
    asked.way.redis.answer = lambda _: answer

    assert await policy_of(asked.way.redis) == ""


async def test_a_redis_that_is_away_tells_nothing(asked: Asked) -> None:
    asked.way.redis.broken = errors.ConnectionError("refused")

    assert await policy_of(asked.way.redis) == ""


async def test_what_was_seen_stays_while_nothing_is_told(asked: Asked) -> None:
    await asked.way.begin()

    asked.policy = errors.NoPermissionError("x")
    await asked.again()

    assert asked.eviction.policy == "allkeys-lru"
