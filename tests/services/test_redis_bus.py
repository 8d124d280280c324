"""The channel of notes, and what holds it, at their edges."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from core.shared_doubles import Way
from redis import exceptions as errors
from redis_servers import Servers, eventually, needs_redis

from verus_gateway.config import CacheConfig, Secret
from verus_gateway.redis_url import parse
from verus_gateway.shared.link import Link
from verus_gateway.shared.places import key_of, link_to, place_of
from verus_gateway.shared.redis_bus import SILENCE, WAITING, RedisBus
from verus_gateway.shared.shelf import RedisShelf
from verus_gateway.shared.store import Store
from verus_gateway.shelf import MemoryShelf
from verus_gateway.testing import FakeClock

pytestmark = needs_redis


@pytest.fixture
async def link(redis: Servers) -> Link:
    return link_to("notes", parse(redis.one().url), 0.25)


async def test_a_channel_without_notes_stays_open(link: Link) -> None:
    bus = RedisBus(link, prefix="vg")
    heard: list[bytes] = []
    watching = asyncio.create_task(link.watch())
    await link.tried.wait()

    async with bus.carrying(heard.append, lambda: None):
        await eventually(lambda: bus.up)
        await asyncio.sleep(1)  # longer than one wait for a note
        still = (bus.up, repr(bus))
        bus.send(b"note")
        await eventually(lambda: heard == [b"note"])
    watching.cancel()
    await asyncio.wait([watching])
    await link.client.close()

    assert still == (True, "<RedisBus vg:notes, up>")


async def test_notes_that_do_not_fit_push_out_the_oldest_and_are_counted() -> None:
    way = Way()
    await way.begin()
    bus = RedisBus(way.link, prefix="vg")

    for _ in range(WAITING + 2):
        bus.send(b"")

    assert bus.dropped == 2
    await way.end()


async def test_a_debt_that_cannot_be_paid_is_still_owed() -> None:
    way = Way()
    shelf = RedisShelf(way.link, prefix="vg", local=MemoryShelf())
    await shelf.put("a", b"1", 9)
    await way.begin()
    way.redis.broken = errors.ConnectionError("gone")

    assert not await shelf._settle_some()
    assert set(shelf._owed) == {"a"}
    await way.end()


def test_what_seals_answers_is_the_same_from_a_file_and_from_the_configuration(
    tmp_path: Path,
) -> None:
    file = tmp_path / "secret"
    file.write_text("a-secret-of-all-instances\n")

    named = key_of(CacheConfig(redis_secret_file=str(file)))

    assert named == key_of(CacheConfig(redis_secret=Secret("a-secret-of-all-instances")))
    assert key_of(CacheConfig()) == b""


async def test_a_store_shows_where_it_is_and_never_its_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hunter2hunter2\n")
    url = Secret("redis://gateway@127.0.0.1:1")

    store = Store(CacheConfig(redis_url=url, redis_password_file=str(file)))

    assert place_of(url, str(file)).password == "hunter2hunter2"
    assert repr(store) == "<Store in server 127.0.0.1:1, <Link answers, away: None>>"


class Silent:
    """A subscriber that hears nothing, while the time passes."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.asked = 0

    async def subscribe(self, channel: str) -> None:
        assert channel == "vg:notes"

    async def get_message(self, timeout: float) -> None:  # noqa: ASYNC109  as redis-py has it
        self.asked += 1
        self._clock.advance(timeout)


async def test_a_channel_that_hears_not_even_its_own_signs_of_life_is_given_up() -> None:
    clock = FakeClock()
    channel: Any = Silent(clock)
    bus = RedisBus(Way().link, prefix="vg", clock=clock)

    await bus._hear(channel, lambda _: None, lambda: None)

    assert (channel.asked, clock.now) == (4, SILENCE)
