"""The express lane answers as the ordinary way does, byte for byte and count for count."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from core.issuing import ISSUER, KEY, bearer
from stack import UNLIMITED, Stack, StartStack, until
from web.doors import Door, counted, plain

from verus_gateway import jwks
from verus_gateway.auth import Caller, Headers, Recall, anonymous, nobody
from verus_gateway.config import (
    AnonymousClass,
    AuthConfig,
    CacheConfig,
    RateClass,
    RateLimitConfig,
    SecurityConfig,
    ServerConfig,
)
from verus_gateway.errors import InvalidToken, Refused, RpcError
from verus_gateway.plugin import FOREVER, PUBLIC, Constant, Daemon, DaemonError, Json, method
from verus_gateway.web.answers import SMALL
from verus_gateway.web.express import LANE, PROVED, open_lane
from verus_gateway.web.heads import LONGEST, MOST, owed
from verus_gateway.web.repeats import LONGEST as LONGEST_REQUEST
from verus_gateway.web.repeats import Repeats

CALL: Final = b'{"jsonrpc":"2.0","id":1,"method":"getblockcount","params":[]}'
JSON: Final = "Content-Type: application/json"
BODIES: Final = [
    CALL,
    b'{"jsonrpc":"2.0","method":"getblockhash","params":[3],"id":"a"}',
    b'{"method":"getblockcount","id":null}',
    b'{"method":"getblockcount","params":[],"id":1.50}',
    b'{"jsonrpc":"2.0","method":"getblockcount","params":[]}',
    b'{"jsonrpc":"2.0","id":1,"method":"getblock","params":["1"]}',
    b'{"jsonrpc":"2.0","id":1,"method":"getblock","params":[{}]}',
    b'{"jsonrpc":"2.0","id":1,"method":"stop","params":[]}',
    b'{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}',
    b'{"jsonrpc":"2.0","id":1,"method":7}',
    b'{"jsonrpc":"2.0","id":1,"id":1,"method":"getblockcount"}',
    b'{"jsonrpc":"2.0","id":1,"method":"getblockcount"',
    b"[" + CALL + b"," + CALL.replace(b":1,", b":2,") + b"]",
    b"[" + CALL + b',{"jsonrpc":"2.0","method":"getblockcount"},7]',
    b'[{"jsonrpc":"2.0","method":"getblockcount"}]',
    b'{"jsonrpc":"2.0","id":1,"method":"acme.live"}',
    b'{"jsonrpc":"2.0","id":1,"method":"acme.live","params":[],"x":{"id":2}}',
    b'{"jsonrpc":"2.0","method":"acme.live"}',
    b'{"id":"old","method":"acme.live","params":[]}',
    b'{"jsonrpc":"2.0","id":1,"method":"acme.live","params":["surplus"]}',
    b'{"jsonrpc":"2.0","id":1,"method":"acme.write"}',
    b'{"jsonrpc":"2.0","id":1,"method":"acme.no"}',
    b'{"jsonrpc":"2.0","id":1,"method":"acme.away"}',
    b'{"jsonrpc":"2.0","method":"acme.away"}',
    b'{"jsonrpc":"2.0","id":1,"method":"acme.constant"}',
    b'{"jsonrpc":"2.0","id":1,"method":"acme.long"}',
    b'{"jsonrpc":"2.0","id":1,"method":"acme.gives_up"}',
    b'[{"jsonrpc":"2.0","id":1,"method":"acme.live"},' + CALL + b"]",
    b'[{"jsonrpc":"2.0","id":1,"method":"acme.long"},' + CALL + b"]",
    b'[{"jsonrpc":"2.0","id":1,"method":"acme.away"},{"id":2,"method":"acme.constant"},7]',
    b'[{"jsonrpc":"2.0","method":"acme.live"},{"jsonrpc":"2.0","method":"acme.write"}]',
    b"[" + b",".join([CALL] * 6) + b"]",
    b"[]",
    b"[" + CALL,
    b" " + CALL,
    b"",
    b"\xff\xfe",
]


async def live(_: Daemon) -> Json:
    """Answer after a while."""
    await asyncio.sleep(0.001)
    return "live"


async def long(_: Daemon) -> Json:
    """Answer with more than fits into one write."""
    return "x" * SMALL


async def no(_: Daemon) -> Json:
    """Say what verusd says of what it does not find."""
    raise DaemonError("no such thing", code=-5)


async def away(_: Daemon) -> Json:
    """Be away."""
    raise Refused("made up")


async def gives_up(_: Daemon) -> Json:
    """End as nobody should."""
    raise asyncio.CancelledError


ROWS: Final = (
    method("acme.live", summary="x", scope=PUBLIC, retry=True, handler=live),
    method("acme.write", summary="x", scope=PUBLIC, handler=live),
    method("acme.long", summary="x", scope=PUBLIC, ttl=FOREVER, handler=long),
    method("acme.no", summary="x", scope=PUBLIC, ttl=FOREVER, handler=no),
    method("acme.away", summary="x", scope=PUBLIC, retry=True, handler=away),
    method("acme.constant", summary="x", scope=PUBLIC, ttl=5, fallback=Constant([]), handler=away),
    method("acme.gives_up", summary="x", scope=PUBLIC, ttl=5, handler=gives_up),
)


def post(body: bytes, *lines: str, path: str = "/", length: str = "") -> bytes:
    """Return a request; *lines* are its headers beside Host and Content-Length."""
    head = [f"POST {path} HTTP/1.1", "Host: gateway", *lines]
    head.append(length or f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


GOOD: Final = post(CALL, JSON)
HEADS: Final = [
    post(CALL, JSON, "X-Request-ID: my-own.1"),
    post(CALL, JSON, "X-Request-ID: not sane"),
    post(CALL, JSON, "Connection: keep-alive"),
    post(CALL, JSON, "Connection: close"),
    post(CALL, JSON, "Connection: Upgrade", "Upgrade: websocket"),
    post(CALL, JSON, "Expect: 100-continue"),
    post(CALL, JSON, "Expect: magic"),
    post(CALL, JSON, "Content-Encoding: gzip"),
    post(CALL, JSON, "Origin: https://page.example"),
    post(CALL, JSON, "Origin: https://other.example"),
    post(CALL, JSON, "X-Forwarded-For: 198.51.100.1"),
    post(CALL, JSON, "Authorization: Basic dTpw"),
    post(CALL, JSON, "Authorization: Bearer nonsense"),
    post(CALL, JSON, "X: " + "y" * LONGEST),
    post(CALL, JSON, path="/chain/VRSC"),
    post(CALL, JSON, path="/chain/NONE"),
    post(CALL, JSON, path="/?a=b"),
    post(CALL, JSON, path="/%2e/"),
    post(CALL, JSON, path="//"),
    post(CALL, "content-type: APPLICATION/JSON; charset=utf-8"),
    post(CALL, "Content-Type: text/plain"),
    post(CALL, "Content-Type: text/html"),
    post(CALL),
    post(CALL, JSON, length="Content-Length: 999999999"),
    post(CALL, JSON, length="Content-Length: 99999999999999999999"),
    post(CALL, JSON, length=f"Content-Length: +{len(CALL)}"),
    post(CALL, JSON, length=f"Content-Length: {len(CALL)}\r\nContent-Length: {len(CALL)}"),
    post(CALL, JSON, length=f"content-length:  {len(CALL)} "),
    post(b"%x\r\n%b\r\n0\r\n\r\n" % (len(CALL), CALL), JSON, length="Transfer-Encoding: chunked"),
    post(CALL, JSON, length=f"Content-Length: {len(CALL)}\r\nTransfer-Encoding: chunked"),
    post(CALL, JSON, " folded: x"),
    post(CALL, JSON, "A: b\nB: c"),
    post(CALL, JSON, "A: \x01"),
    post(CALL, JSON, "Bad Name: x"),
    GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    GOOD.replace(b"HTTP/1.1", b"HTTP/1.2"),
    GOOD.replace(b"POST", b"PUT"),
    GOOD.replace(b"\r\n", b"\n"),
    b"\r\n" + GOOD,
    b"GET /health/live HTTP/1.1\r\nHost: gateway\r\n\r\n",
    b"OPTIONS / HTTP/1.1\r\nHost: gateway\r\nOrigin: https://page.example\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    b"\x16\x03\x01",
]
CORPUS: Final = [post(body, JSON) for body in BODIES] + HEADS

SLOW: Final = RateLimitConfig(
    anonymous=AnonymousClass(rate=0.001, burst=100_000),
    default=RateClass(rate=0.001, burst=100_000),
)

Compare = Callable[..., Awaitable[None]]


class Doors:
    """Two gateways that differ in the lane only."""

    def __init__(self, ordinary: Stack, express: Stack) -> None:
        self.ordinary = ordinary
        self.express = express

    async def compare(self, *segments: bytes, hurry: bool = False) -> None:
        """Send the same segments through both and hold what came back and was counted together."""
        said = []
        for stack in (self.ordinary, self.express):
            door = Door(stack)
            said.append(
                [*plain(await door.say(*segments, hurry=hurry)), b"closed %d" % door.wire.closed]
            )
            await door.hang_up()
        assert said[0] == said[1], segments
        assert counted(self.ordinary) == counted(self.express), segments


@pytest.fixture
async def doors(start: StartStack, tmp_path: Path) -> Doors:
    """Start both gateways, with limits that come back too slowly to matter."""
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks.published([KEY]))
    stacks = [
        await start(
            server=ServerConfig(
                express_lane=open, max_batch=5, trusted_proxies=("203.0.113.0/24",)
            ),
            rates=SLOW,
            auth=AuthConfig(issuer=ISSUER, jwks_file=str(file), anonymous_scopes=("public",)),
            security=SecurityConfig(mode="development", cors_origins=("https://page.example",)),
            offered=ROWS,
        )
        for open in (False, True)
    ]
    return Doors(*stacks)


async def test_what_is_known_leaves_by_the_lane(doors: Doors) -> None:
    await doors.compare(*[GOOD] * 6)

    assert doors.express.gateway.counts.by_lane == 4
    assert doors.ordinary.gateway.counts.by_lane == 0


async def test_both_ways_say_and_count_the_same_of_every_request(doors: Doors) -> None:
    for request in CORPUS:
        for _ in range(2):
            await doors.compare(request, request, request, request, GOOD)

    assert doors.express.gateway.counts.by_lane > len(CORPUS)


async def test_a_request_may_be_split_anywhere(doors: Doors) -> None:
    await doors.compare(*[GOOD] * 5)
    for at in range(1, len(GOOD)):
        await doors.compare(GOOD, GOOD[:at], GOOD[at:], GOOD)


async def test_requests_may_share_segments(doors: Doors) -> None:
    await doors.compare(*[GOOD] * 5)
    health = b"GET /health/live HTTP/1.1\r\nHost: gateway\r\n\r\n"
    for segments in (
        [GOOD + GOOD, GOOD],
        [GOOD + GOOD[:20], GOOD[20:], GOOD],
        [health + GOOD, GOOD],
        [GOOD + health, GOOD],
        [GOOD, GOOD + b"\r\n", GOOD],
        [GOOD, GOOD[:-1], GOOD[-1:] + GOOD, GOOD],
        [GOOD, GOOD[:-1], GOOD[-1:], GOOD],
        [health, GOOD, GOOD],
    ):
        await doors.compare(*segments)


async def test_a_request_that_hides_in_a_body_stays_a_body(doors: Doors) -> None:
    await doors.compare(*[GOOD] * 5)
    hiding = post(GOOD, JSON)
    at = len(hiding) - len(GOOD)

    await doors.compare(hiding, GOOD)
    await doors.compare(hiding[:at], hiding[at:], GOOD)
    await doors.compare(hiding[: at - 1], hiding[at - 1 : at], hiding[at:], GOOD)


async def test_a_request_that_begins_inside_of_another_is_no_request(doors: Doors) -> None:
    await doors.compare(*[GOOD] * 5)

    await doors.compare(GOOD, b"GET /health/live HTTP/1.1\r\nX: ", GOOD)


async def test_answers_keep_the_order_of_their_requests(doors: Doors) -> None:
    await doors.compare(*[GOOD] * 5)
    slow = post(b'{"jsonrpc":"2.0","id":"slow","method":"getblockhash","params":[7]}', JSON)

    await doors.compare(slow, GOOD, hurry=True)
    await doors.compare(GOOD, GOOD, hurry=True)


async def test_a_client_that_does_not_read_is_not_written_to_by_the_lane(doors: Doors) -> None:
    await doors.compare(*[GOOD] * 5)
    counts, before = doors.express.gateway.counts, doors.express.gateway.counts.by_lane
    door = Door(doors.express)
    await door.say(GOOD)

    door.protocol.pause_writing()
    await door.say(GOOD)
    door.protocol.resume_writing()
    said = await door.say(GOOD)
    await door.hang_up()

    assert said.count(b"HTTP/1.1 200 OK") == 3
    assert counts.by_lane - before == 2


async def test_a_connection_in_use_is_kept_and_an_idle_one_ends(start: StartStack) -> None:
    stack = await start()
    door = Door(stack)
    for _ in range(5):
        await door.say(GOOD)
    used: Any = door.protocol
    ends = used._next_keepalive_close_time

    used._next_keepalive_close_time = 0.0
    await door.say(GOOD)
    kept = used._next_keepalive_close_time
    used._process_keepalive()
    open_still = not door.wire.closed
    used._next_keepalive_close_time = 0.0
    used._process_keepalive()

    assert stack.gateway.counts.by_lane == 4
    assert kept >= ends
    assert open_still
    assert door.wire.closed


async def test_without_keepalive_there_is_no_lane(start: StartStack) -> None:
    stack = await start()
    server: Any = stack.runner.server
    server._kwargs["keepalive_timeout"] = 0
    door = Door(stack)

    for _ in range(5):
        await door.say(GOOD)

    assert stack.gateway.counts.by_lane == 0


def test_another_release_of_aiohttp_closes_the_lane(caplog: pytest.LogCaptureFixture) -> None:
    app = web.Application()

    assert not open_lane(app, "9.9.9")

    assert LANE not in app
    assert "express lane closed" in caplog.text


def test_the_lane_was_proved_with_the_aiohttp_that_is_locked() -> None:
    assert aiohttp.__version__ in PROVED


async def test_heads_are_bounded(start: StartStack) -> None:
    stack = await start()
    lane = stack.runner.app[LANE]
    door = Door(stack)

    request = post(CALL, JSON, "X: 0")
    await door.say(request, request, request)
    (first,) = lane._heads._known.values()
    hung = bool(first.blocks and first.tops)
    for number in range(1, MOST + 5):
        request = post(CALL, JSON, f"X: {number}")
        await door.say(request, request)
    after = repr(lane)

    assert after == f"<Lane with {MOST} heads>"
    assert hung
    assert (first.blocks, first.tops, first.singles) == ({}, {}, {})
    assert len(lane._heads._once) <= MOST


@pytest.mark.parametrize(
    ("data", "left"),
    [
        (GOOD, 0),
        (GOOD[:-1], 1),
        (GOOD + b"x", -1),
        (GOOD[:30], -1),
        (b"GET / HTTP/1.1\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 5),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", -1),
        (b"POST / HTTP/1.1\r\nUpgrade: x\r\n\r\n", -1),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", -1),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", -1),
        (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", -1),
        (b"POST / HTTP/1.1\r\nContent-Length: 9999999999999999\r\n\r\n", -1),
        (b"POST / HTTP/1.0\r\n\r\n", -1),
        (b"POST / HTTP/1.1\r\nA: b\n\r\n\r\n", -1),
    ],
)
def test_what_is_still_owed_is_told_of_plain_requests_only(data: bytes, left: int) -> None:
    assert owed(data) == left


async def test_a_batch_leaves_by_the_lane_whether_its_calls_are_known_or_not(
    doors: Doors,
) -> None:
    pair = b"[" + CALL + b"," + CALL.replace(b":1,", b":2,") + b"]"
    unknown = pair.replace(b"getblockcount", b"getdifficulty", 1)
    token = f"Authorization: {bearer(KEY, time.time(), scope='public')}"

    await doors.compare(*[post(pair, JSON)] * 5)
    before = doors.express.gateway.counts.by_lane
    await doors.compare(post(pair[:-1] + b"}", JSON), post(unknown, JSON), post(pair, JSON))
    await doors.compare(*[post(pair, JSON, token)] * 4)
    for stack in (doors.ordinary, doors.express):
        tokens: Any = stack.gateway.access.tokens
        tokens._kept.clear()
    await doors.compare(*[post(pair, JSON, token)] * 2)

    assert before == 3
    assert doors.express.gateway.counts.by_lane == before + 2 + 2 + 1


async def test_an_answer_too_large_for_one_write_leaves_by_the_lane_in_pieces(
    doors: Doors,
) -> None:
    request = post(b'{"jsonrpc":"2.0","id":1,"method":"acme.long"}', JSON)

    await doors.compare(*[request] * 4)

    assert doors.express.gateway.counts.by_lane == 2


async def test_long_answers_leave_by_the_lane_alone_and_in_batches(start: StartStack) -> None:
    async def long(_: Daemon) -> Json:
        return "x" * (SMALL // 3)

    row = method("acme.long", summary="x", scope=PUBLIC, ttl=FOREVER, handler=long)
    stacks = [
        await start(offered=(row,), server=ServerConfig(express_lane=open), rates=SLOW)
        for open in (False, True)
    ]
    doors = Doors(*stacks)
    call = b'{"jsonrpc":"2.0","id":1,"method":"acme.long"}'

    await doors.compare(*[post(call, JSON)] * 6)
    single = doors.express.gateway.counts.by_lane
    await doors.compare(*[post(b"[" + call + b"," + CALL + b"]", JSON)] * 6)
    batch = doors.express.gateway.counts.by_lane - single
    await doors.compare(*[post(b"[" + b",".join([call] * 4) + b"]", JSON)] * 6)

    assert (single, batch) == (4, 4)
    assert doors.express.gateway.counts.by_lane == single + batch + 4
    assert doors.express.gateway.counts.express_others == 4


async def test_a_request_is_known_as_a_whole_until_its_answer_changes(start: StartStack) -> None:
    asked_for_only = CacheConfig(refresh_calls=0)
    doors = Doors(
        *[
            await start(server=ServerConfig(express_lane=open), rates=SLOW, cache=asked_for_only)
            for open in (False, True)
        ]
    )
    other = post(CALL.replace(b":1,", b":77,"), JSON)
    pair = post(b"[" + CALL + b"," + BODIES[1] + b"]", JSON)
    for request in (GOOD, other, pair):
        await doors.compare(*[request] * 6)

    stacks = (doors.ordinary, doors.express)
    for stack in stacks:
        stack.simulator.mine()
    await until(
        lambda: all(
            stack.gateway.chain.tip.generation == stack.simulator.chain.tip.hash for stack in stacks
        )
    )
    before = doors.express.gateway.counts.by_lane
    for request in (GOOD, other, pair):
        await doors.compare(*[request] * 4)

    assert doors.express.gateway.counts.by_lane > before + 6


async def test_without_limits_the_lane_says_nothing_of_them(start: StartStack) -> None:
    doors = Doors(
        *[
            await start(server=ServerConfig(express_lane=open), rates=UNLIMITED)
            for open in (False, True)
        ]
    )

    await doors.compare(*[GOOD] * 6)

    assert doors.express.gateway.counts.by_lane == 4


def test_requests_are_remembered_from_their_second_time_on_within_their_room() -> None:
    repeats = Repeats(room=5_000, once=3)
    kept: Any = SimpleNamespace(weight=1_000)
    kept.kept = lambda: kept
    kept.shed = lambda: shed.append(1)
    shed: list[int] = []

    for number in range(8):
        repeats.note(b"%d" % number, kept)
        repeats.note(b"%d" % number, kept)
    repeats.note(b"x" * (LONGEST_REQUEST + 1), kept)
    repeats.note(b"x" * (LONGEST_REQUEST + 1), kept)

    assert [repeats.find(b"%d" % number) for number in (3, 4, 7)] == [None, kept, kept]
    assert (len(repeats), len(shed)) == (4, 4)
    repeats.note(b"7", kept)
    repeats.clear()
    repeats.drop(b"7")
    assert (len(repeats), repeats._size) == (0, 0)


async def test_a_head_is_never_learned_from_the_request_behind_it(doors: Doors) -> None:
    refused = post(CALL, JSON, "Expect: magic")  # answered before any handler sees it
    await doors.compare(*[GOOD] * 5)

    for _ in range(3):
        await doors.compare(refused + GOOD)
    await doors.compare(refused)


async def test_a_token_that_was_seen_is_known_in_the_lane_and_forgotten_in_both(
    doors: Doors,
) -> None:
    shown = bearer(KEY, time.time(), scope="public read")
    request = post(CALL, JSON, f"Authorization: {shown}")
    weak = post(BODIES[5], JSON, f"Authorization: {bearer(KEY, time.time(), scope='public')}")

    await doors.compare(*[request] * 6)
    before = doors.express.gateway.counts.by_lane
    await doors.compare(*[weak] * 6)
    for stack in (doors.ordinary, doors.express):
        tokens: Any = stack.gateway.access.tokens
        tokens._kept.clear()
    await doors.compare(*[request] * 3)

    assert before == 4
    assert doors.express.gateway.counts.by_lane == before + 4 + 2


class Unknown:
    """A kind of credentials that nobody has good ones of."""

    def shown(self, headers: Headers) -> bool:
        return "X-App-ID" in headers

    def memory_for(self, _: Headers) -> Recall:
        return nobody

    async def identify(self, _: Headers, __: bytes) -> Caller:
        raise InvalidToken


async def test_which_credentials_are_taken_may_change_for_known_heads(doors: Doors) -> None:
    request = post(CALL, JSON, "X-App-ID: shop")
    await doors.compare(*[request] * 5)
    before = doors.express.gateway.counts.by_lane

    for stack in (doors.ordinary, doors.express):
        stack.gateway.authenticator.adopt(stack.gateway.authenticator.stranger, [Unknown()])
    await doors.compare(*[request] * 2)

    assert doors.express.gateway.counts.responses[401] == 2
    assert doors.express.gateway.counts.by_lane == before


async def test_a_connection_holds_on_to_small_requests_only(doors: Doors) -> None:
    many = post(b"[" + b",".join([CALL] * 5) + b"]", JSON)
    door = Door(doors.express)

    await door.say(*[GOOD] * 6)
    small = door.protocol.repeat
    await door.say(*[many] * 6)
    held = door.protocol.repeat
    await door.hang_up()

    assert small is not None
    assert held is small


async def test_what_a_connection_asked_before_is_not_known_to_others_rules(doors: Doors) -> None:
    stack = doors.express
    door = Door(stack)
    await door.say(*[GOOD] * 6)
    before = stack.gateway.counts.by_lane

    stack.gateway.authenticator.adopt(anonymous(()), [])
    said = await door.say(GOOD, GOOD)
    await door.hang_up()

    assert before == 4
    assert said.count(b"HTTP/1.1 200 OK") == 6
    assert said.count(b"HTTP/1.1 401") == 2


async def test_who_is_over_the_limit_is_refused_by_both(start: StartStack) -> None:
    limits = RateLimitConfig(anonymous=AnonymousClass(rate=0.001, burst=7))
    doors = Doors(
        *[
            await start(rates=limits, server=ServerConfig(express_lane=open))
            for open in (False, True)
        ]
    )

    await doors.compare(*[GOOD] * 10)

    assert doors.express.gateway.counts.responses[429] == 3


async def go_away(doors: Doors) -> None:
    """Take verusd away from both gateways."""
    for stack in (doors.ordinary, doors.express):
        stack.simulator.fault("refuse")  # a look at the tip under way would confirm it again
        breaker = stack.gateway.chain.breaker
        while breaker.name != "open":
            with suppress(RpcError), breaker.guard():
                raise Refused("made up")
        assert breaker.name == "open"
    tips = [stack.gateway.chain.tip for stack in (doors.ordinary, doors.express)]
    await until(lambda: all(tip.away and tip.generation is None for tip in tips))


async def test_a_degraded_answer_is_marked_by_both(doors: Doors) -> None:
    await doors.compare(*[GOOD] * 5)
    await go_away(doors)

    before = doors.express.gateway.counts.by_lane

    await doors.compare(*[GOOD] * 3)

    assert doors.express.gateway.counts.responses[200] == 8
    assert doors.express.gateway.counts.by_lane == before + 3


async def test_a_long_answer_that_stands_in_is_marked_by_both(start: StartStack) -> None:
    row = method("acme.none", summary="x", scope=PUBLIC, retry=True, fallback=Constant([]))
    ordinary = await start(server=ServerConfig(express_lane=False), rates=SLOW, offered=(row,))
    doors = Doors(ordinary, await start(beside=ordinary.simulator, rates=SLOW, offered=(row,)))
    long = post(b'{"jsonrpc":"2.0","id":1,"method":"getblock","params":["20"]}', JSON)
    none = post(b'{"jsonrpc":"2.0","id":1,"method":"acme.none"}', JSON)
    await doors.compare(*[long] * 6)
    await doors.compare(*[none] * 6)
    before = doors.express.gateway.counts.by_lane

    await go_away(doors)
    await doors.compare(*[long] * 3)
    await doors.compare(*[none] * 4)

    assert doors.express.gateway.counts.by_lane == before + 7


async def test_calls_with_changing_ids_leave_by_the_lane_whatever_they_are(
    start: StartStack,
) -> None:
    async def one(_: Daemon) -> Json:
        return 1

    names = [f"acme.m{number}" for number in range(10, 30)]
    rows = [method(name, summary="x", scope=PUBLIC, ttl=FOREVER, handler=one) for name in names]
    doors = Doors(
        *[
            await start(offered=tuple(rows), server=ServerConfig(express_lane=open), rates=SLOW)
            for open in (False, True)
        ]
    )
    calls = [b'{"jsonrpc":"2.0","id":%%d,"method":"%b"}' % name.encode() for name in names]
    for call in calls:
        await doors.compare(*[post(call % 10, JSON)] * 3)
    before = doors.express.gateway.counts.by_lane

    for id in range(10, 13):
        await doors.compare(*[post(call % id, JSON) for call in calls])

    assert doors.express.gateway.counts.by_lane == before + 3 * len(calls)


async def test_a_draining_gateway_closes_by_both(doors: Doors) -> None:
    await doors.compare(*[GOOD] * 5)
    for stack in (doors.ordinary, doors.express):
        stack.gateway.drain.draining = True

    await doors.compare(GOOD, GOOD)


@pytest.mark.parametrize("seed", range(12))
async def test_damaged_bytes_in_any_pieces_are_the_same_to_both(doors: Doors, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  repeatable on purpose
    await doors.compare(*[GOOD] * 5)
    for _ in range(25):
        text = b"".join(damaged(chance, chance.choice(CORPUS)) for _ in range(chance.randint(1, 4)))
        cuts = sorted(chance.randrange(len(text) + 1) for _ in range(chance.randint(0, 4)))
        edges = zip([0, *cuts], [*cuts, len(text)], strict=True)
        await doors.compare(GOOD, *[text[a:b] for a, b in edges if a < b], GOOD)


def damaged(chance: random.Random, text: bytes) -> bytes:
    """Return *text*, most times with a byte changed, added or left out."""
    if chance.random() < 0.4 or not text:
        return text
    at = chance.randrange(len(text))
    noise = bytes([chance.choice(b'\r\n\t :0159aZ{}[]",\x00\xff')])
    return text[:at] + chance.choice([b"", noise, noise + text[at : at + 1]]) + text[at + 1 :]
