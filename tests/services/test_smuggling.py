"""Requests in requests, byte for byte, through a real Caddy: both agree where each one ends."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from services.caddy_server import DOMAIN, Front, fronting
from stack import Stack, StartStack

INNER = b'{"id":"smuggled","method":"getdifficulty"}'
OUTER = b'{"id":1,"method":"getblockcount"}'
HEAD = b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\n" % DOMAIN.encode()
SMUGGLED = HEAD + b"Content-Length: %d\r\n\r\n" % len(INNER) + INNER


def request(*lines: bytes, body: bytes = OUTER) -> bytes:
    """Return a request whose framing headers are *lines*."""
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    """Return a body in chunks, ended."""
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: %d" % len(OUTER)
CL_TE = b"0\r\n\r\n" + SMUGGLED
TE_CL = chunked(SMUGGLED)

ATTACKS = {
    "CL.TE": request(b"Content-Length: %d" % len(CL_TE), CHUNKED, body=CL_TE),
    "TE.CL": request(CHUNKED, b"Content-Length: 4", body=TE_CL),
    "TE.TE, one of them unknown": request(CHUNKED, b"Transfer-Encoding: x", body=CL_TE),
    "TE.TE, twice": request(CHUNKED, CHUNKED, body=CL_TE),
    "a list of codings": request(b"Transfer-Encoding: gzip, chunked", body=CL_TE),
    "a coding with a tab": request(b"Transfer-Encoding:\tchunked", LENGTH, body=CL_TE),
    "a coding with a vertical tab": request(b"Transfer-Encoding: \x0bchunked", LENGTH, body=CL_TE),
    "a coding with a space before its colon": request(
        b"Transfer-Encoding : chunked", LENGTH, body=CL_TE
    ),
    "a folded coding": request(b"Transfer-Encoding:\r\n chunked", LENGTH, body=CL_TE),
    "a coding after a bare line feed": request(b"X: y\nTransfer-Encoding: chunked", LENGTH, body=CL_TE),
    "a coding in quotes": request(b'Transfer-Encoding: "chunked"', LENGTH, body=CL_TE),
    "a coding of HTTP/1.0": request(CHUNKED, LENGTH, body=CL_TE).replace(b"1.1", b"1.0", 1),
    "two lengths": request(b"Content-Length: 0", LENGTH, body=SMUGGLED),
    "two lengths in one": request(b"Content-Length: 0, %d" % len(SMUGGLED), body=SMUGGLED),
    "a negative length": request(b"Content-Length: -1", body=SMUGGLED),
    "a signed length": request(b"Content-Length: +%d" % len(OUTER), body=OUTER + SMUGGLED),
    "a length with an underscore": request(b"Content-Length: 3_3", body=OUTER + SMUGGLED),
    "a length in hexadecimal": request(b"Content-Length: 0x21", body=OUTER + SMUGGLED),
    "a length in another script": request("Content-Length: ٣٣".encode(), body=OUTER + SMUGGLED),
    "a length beyond 64 bits": request(b"Content-Length: 18446744073709551649", body=OUTER + SMUGGLED),
    "no length": request(body=SMUGGLED),
    "a length with a NUL before its colon": request(b"Content-Length\0: 0", body=SMUGGLED),
    "a chunk beyond 64 bits": request(CHUNKED, body=b"10000000000000021\r\n" + OUTER + CL_TE),
    "a negative chunk": request(CHUNKED, body=b"-1\r\n" + OUTER + CL_TE),
    "a chunk with 0x": request(CHUNKED, body=b"0x21\r\n" + OUTER + b"\r\n" + CL_TE),
    "a chunk with an underscore": request(CHUNKED, body=b"2_1\r\n" + OUTER + b"\r\n" + CL_TE),
    "a chunk that ends in a bare line feed": request(CHUNKED, body=b"21\n" + OUTER + b"\n" + CL_TE),
    "a chunk longer than it says": request(CHUNKED, body=b"1\r\n" + OUTER + b"\r\n" + CL_TE),
    "an extension with a bare line feed": request(
        CHUNKED, body=b"21;a\n21\r\n" + OUTER + b"\r\n" + CL_TE
    ),
    "an extension without end": request(
        CHUNKED, body=b"21;" + b"a" * 40_000 + b"\r\n" + OUTER + b"\r\n" + CL_TE
    ),
    "trailers without end": request(
        CHUNKED, body=b"21\r\n" + OUTER + b"\r\n0\r\n" + b"X: y\r\n" * 9_000 + b"\r\n"
    ),
    "bare line feeds throughout": request(LENGTH).replace(b"\r\n", b"\n") + SMUGGLED,
    "a connection header that names the length": request(
        LENGTH, b"Connection: Content-Length, keep-alive"
    ),
    "an expectation": request(LENGTH, b"Expect: 100-continue"),
    "a change of protocols": request(LENGTH, b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings"),
    "a method override": request(LENGTH, b"X-HTTP-Method-Override: GET"),
    "an absolute target elsewhere": request(LENGTH).replace(b"POST /", b"POST http://evil.example/"),
    "another host in the absolute target": request(LENGTH).replace(
        b"POST /", b"POST https://%b@evil.example/" % DOMAIN.encode()
    ),
    "two hosts": request(LENGTH, b"Host: evil.example"),
    "a host with a path": request(LENGTH).replace(b"Host: ", b"Host: evil.example/"),
    "a GET with a body": request(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED).replace(
        b"POST", b"GET"
    ),
}  # fmt: skip
"""Each is followed by one clean request on the same connection."""

THREE, TWO = [400, 200, 200], [200, 200]
STRAIGHT = {
    # The codings that are told end in "chunked": an empty body, and then requests of their own.
    "a list of codings": THREE,
    "no length": THREE,
    "an extension without end": [200, 200, 200],
    "a connection header that names the length": TWO,
    "an expectation": TWO,
    "a change of protocols": [200],
    "a method override": TWO,
    "an absolute target elsewhere": TWO,
    "another host in the absolute target": TWO,
    "a host with a path": TWO,
}
"""Answers of the gateway alone; to all others it says 400 once, and ends the connection."""
THROUGH_CADDY = {
    # Where chunks and a length are told, Caddy goes by the chunks and says so to the gateway.
    "CL.TE": THREE,
    "TE.CL": [400, 200],
    "TE.TE, one of them unknown": [501],
    "TE.TE, twice": [501],
    "a list of codings": [501],
    "a coding in quotes": [501],
    "a coding with a tab": THREE,
    "a folded coding": THREE,
    "a coding after a bare line feed": THREE,
    "no length": THREE,
    "a chunk beyond 64 bits": [503],
    "a negative chunk": [503],
    "a chunk with 0x": [503],
    "a chunk with an underscore": [503],
    "a chunk that ends in a bare line feed": [503],
    "a chunk longer than it says": [503, 400],
    "an extension with a bare line feed": [503],
    "an extension without end": [503],
    "trailers without end": [503, 400],
    "bare line feeds throughout": [200, 200, 200],
    "a connection header that names the length": TWO,
    "an expectation": TWO,
    "a change of protocols": TWO,
    "a method override": TWO,
    "an absolute target elsewhere": TWO,
    "another host in the absolute target": TWO,
    "a GET with a body": [405, 400],
}
"""Caddy reads more leniently, writes each request anew, and refuses a body that it cannot read."""

CLEAN = request(LENGTH, b"Connection: close")
"""It ends its connection, so that nobody waits for more."""


@dataclass(frozen=True)
class Answer:
    """A response: its status, and all that follows."""

    status: int
    text: bytes

    @property
    def handled(self) -> bool:
        """Whether the gateway handled a request for it: not Caddy's, and no refusal of its bytes."""
        return b"X-Request-I" in self.text and b"this is no HTTP/1.1 request" not in self.text


@dataclass
class Site:
    """Caddy in front of a gateway, and the gateway."""

    front: Front
    stack: Stack

    def handled(self) -> int:
        """Return how many requests the gateway has answered."""
        return sum(self.stack.gateway.counts.responses.values())

    async def settled(self, answered: int) -> None:
        """Wait until the gateway has counted so many answers, or for long enough."""
        for _ in range(100):
            if self.handled() >= answered:
                break
            await asyncio.sleep(0.01)

    async def sent(self, data: bytes, *, tls: bool, quiet: float = 1.0) -> list[Answer]:
        """Send *data* to Caddy or straight to the gateway; return what came until it was quiet."""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        port = self.front.port if tls else int(self.stack.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port,
            ssl=trusting if tls else None,
            server_hostname=DOMAIN if tls else None,
        )
        text = b""
        try:
            writer.write(data)
            while piece := await asyncio.wait_for(reader.read(65_536), 5.0 if not text else quiet):
                text += piece
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass  # what came so far is the answer
        writer.close()
        found = re.findall(
            rb"HTTP/1\.[01] (\d{3}) (.*?)(?=HTTP/1\.[01] \d{3} |\Z)", text, re.DOTALL
        )
        return [Answer(int(status), rest) for status, rest in found]


@pytest.fixture
async def site(tmp_path: Path, start: StartStack) -> AsyncIterator[Site]:
    """Start a simulated verusd, a gateway, and Caddy in front of it."""
    stack = await start()
    port = int(stack.url.rpartition(":")[2])
    async with fronting(tmp_path, port, ["127.0.0.1"]) as front:
        yield Site(front, stack)


@pytest.mark.parametrize("tls", [True, False], ids=["through Caddy", "straight"])
async def test_every_request_that_the_gateway_answers_is_one_that_its_sender_gets_answered(
    site: Site, *, tls: bool
) -> None:
    for name, attack in ATTACKS.items():
        before = site.handled()

        answers = [each for each in await site.sent(attack + CLEAN, tls=tls) if each.status != 100]

        ours = [each for each in answers if each.handled]
        await site.settled(before + len(ours))
        assert site.handled() - before == len(ours), (name, answers)
        expected = (THROUGH_CADDY if tls else STRAIGHT).get(name, [400])
        assert [each.status for each in answers] == expected, (name, answers)


@pytest.mark.parametrize("bad", ["a chunk without a size", "too large", "unfinished"])
async def test_a_body_that_a_stranger_breaks_off_silences_no_gateway(site: Site, bad: str) -> None:
    broken = {
        "a chunk without a size": request(CHUNKED, body=b"zz\r\n" + OUTER),
        "too large": request(CHUNKED, body=chunked(*[b" " * 60_000] * 20)),
        "unfinished": request(b"Content-Length: 50", body=b"{"),
    }[bad]

    await site.sent(broken, tls=True)
    started = asyncio.get_running_loop().time()
    answers = await site.sent(CLEAN, tls=True)

    assert [each.status for each in answers] == [200]
    assert asyncio.get_running_loop().time() - started < 2.0, (
        "it waited for the gateway to be let in"
    )


async def test_requests_in_a_row_get_their_own_answers_in_order_through_caddy(site: Site) -> None:
    calls = [OUTER.replace(b'"id":1', b'"id":%d' % number) for number in range(8)]
    row = b"".join(request(LENGTH, body=each) for each in calls)

    answers = await site.sent(row, tls=True)

    assert [each.status for each in answers] == [200] * 8
    ids = [found for each in answers for found in re.findall(rb'"id":(\d)', each.text)]
    assert ids == [b"%d" % number for number in range(8)]


async def test_a_poisoned_row_gives_nobody_elses_answer(site: Site) -> None:
    poison = request(b"Content-Length: %d" % len(CL_TE), CHUNKED, body=CL_TE)
    others = [site.sent(request(LENGTH, b"Connection: close"), tls=True) for _ in range(20)]

    poisoned, *answers = await asyncio.gather(site.sent(poison * 5, tls=True), *others)

    assert {each.status for each in poisoned} <= {200, 400}
    assert [[each.status for each in one] for one in answers] == [[200]] * 20
    assert all(b'"id":1}' in each.text for one in answers for each in one)
