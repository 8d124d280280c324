import pytest
from core.shared_doubles import Way, turn
from redis import exceptions as errors

from verus_gateway.shared.link import Away
from verus_gateway.shared.shelf import OWED, RedisShelf
from verus_gateway.shelf import MemoryShelf


def shelf(way: Way) -> RedisShelf:
    return RedisShelf(
        way.link,
        prefix="vg",
        local=MemoryShelf(clock=way.clock),
        listed={"jti": lambda jti, ends: ("PUBLISH", "notes", f"{jti} ends at {ends:g}")},
        wall=way.clock,
    )


async def test_only_so_much_is_owed_and_the_oldest_is_forgotten() -> None:
    way = Way()
    made = shelf(way)

    for number in range(OWED + 2):
        await made.put(f"k{number}", b"", 9)

    assert made.forgotten == 2
    assert repr(made) == f"<RedisShelf <Link test, away: None>, {OWED} writes owed>"


async def test_what_is_owed_and_has_ended_meanwhile_is_deleted() -> None:
    way = Way()
    made = shelf(way)
    await made.put("jti:a", b"", 5)
    way.clock.advance(6)
    await way.begin()

    assert await made._settle_some()

    sent = [command[0] for command in way.redis.asked]
    assert sent == ["PING", "UNLINK", "ZREMRANGEBYSCORE"]
    await way.end()


async def test_all_are_told_of_what_is_listed_once_it_is_written() -> None:
    way = Way()
    made = shelf(way)
    await way.begin()
    way.redis.broken = errors.ConnectionError("away")
    await made.put("jti:a", b"", 5)
    assert not await made._settle_some()
    way.redis.broken = None
    way.redis.asked.clear()

    assert await made._settle_some()

    ends = f"{way.clock() + 5:g}"
    assert [command[0] for command in way.redis.asked[:2]] == ["SET", "ZREMRANGEBYSCORE"]
    assert way.redis.asked[2][0] == "ZADD"
    assert way.redis.asked[3] == ("PUBLISH", "notes", f"a ends at {ends}")
    await way.end()


async def test_what_changed_while_it_was_written_is_still_owed() -> None:
    way = Way()
    made = shelf(way)
    await made.put("a", b"1", 9)
    await way.begin()

    def changed(_: object) -> bool:
        made._owe("a", None)
        return True

    way.redis.answer = changed
    await made._settle_some()

    assert made._owed == {"a": None}
    await way.end()


@pytest.mark.parametrize(
    "answer", [errors.ResponseError("ERR no"), [b"a"], [b"a", b"no number"], 5]
)
async def test_a_list_that_is_none_is_taken_as_redis_being_away(answer: object) -> None:
    way = Way()
    made = shelf(way)
    await way.begin()
    way.redis.answer = lambda _: answer

    with pytest.raises(Away):
        await made.listed("jti")

    await way.end()


async def test_a_refusal_is_owed_and_memory_answers() -> None:
    way = Way()
    made = shelf(way)
    await way.begin()
    way.redis.answer = lambda _: errors.OutOfMemoryError("OOM")

    await made.put("session:a", b"x", 9)
    claimed = await made.claim("salt:a", 9)
    await turn()

    assert (await made.get("session:a"), claimed) == (b"x", True)
    assert set(made._owed) == {"session:a", "salt:a"}
    await way.end()
