"""`Reader`: one response in pieces of any size, read in one way or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from verus_gateway import reply as reading
from verus_gateway.errors import AnswerTooLarge, BadAnswer, RpcError
from verus_gateway.reply import KNOWN, MAX_HEAD, MAX_INTERIM, MAX_LINE, Reader, Reply

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

WHOLE = [
    (OK + b"Content-Length: 3\r\n\r\nabc", Reply(200, b"abc", keep=True)),
    (OK + b"content-length:3 \t\r\n\r\nabc", Reply(200, b"abc", keep=True)),
    (OK + b"Connection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", Reply(200, b"", keep=True)),
    (OK + b"Connection: close\r\nContent-Length: 1\r\n\r\na", Reply(200, b"a")),
    (b"HTTP/1.0 500 no\r\nContent-Length: 1\r\n\r\na", Reply(500, b"a")),
    (b"HTTP/1.1 401\r\nContent-Length: 0\r\n\r\n", Reply(401, b"", keep=True)),
    (b"HTTP/1.1 204 No Content\r\n\r\n", Reply(204, b"", keep=True)),
    (OK + b"Content-Encoding: identity\r\nContent-Length: 1\r\n\r\na", Reply(200, b"a", keep=True)),
    (
        CHUNKED + b"3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\n\r\n",
        Reply(200, b"abc0123456789", True),
    ),
    (CHUNKED + b"0\r\nExpires: never\r\n\r\n", Reply(200, b"", keep=True)),
    (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
        + OK
        + b"Content-Length: 1\r\n\r\na",
        Reply(200, b"a", keep=True),
    ),
]


def read(*pieces: bytes, limit: int = 100) -> Reply | None:
    reader = Reader(limit)
    for piece in pieces[:-1]:
        assert reader.feed(piece) is None
    return reader.feed(pieces[-1])


@pytest.mark.parametrize(("text", "reply"), WHOLE)
def test_a_response_is_the_same_wherever_it_is_split(text: bytes, reply: Reply) -> None:
    assert read(text) == reply
    for at in range(1, len(text)):
        assert read(text[:at], text[at:]) == reply
    assert read(*(bytes([byte]) for byte in text)) == reply


@pytest.mark.parametrize(("text", "reply"), WHOLE)
def test_bytes_after_the_end_cost_the_connection(text: bytes, reply: Reply) -> None:
    assert read(text + b"HTTP/1.1 200 OK\r\n") == replace(reply, keep=False)


@pytest.mark.parametrize(("text", "reply"), WHOLE)
def test_a_reader_reads_one_response_after_the_other(text: bytes, reply: Reply) -> None:
    reader = Reader(100)
    for before, _ in WHOLE:
        assert reader.feed(before) is not None
        assert not reader.begun

        assert reader.feed(text[:-1]) is None
        assert reader.feed(text[-1:]) == reply


def test_a_head_that_is_known_says_the_same_of_another_body_and_to_a_smaller_reader() -> None:
    head = OK + b"Content-Length: 3\r\nX: known\r\n\r\n"

    outcomes = [read(head + body) for body in (b"abc", b"def")]

    assert outcomes == [Reply(200, b"abc", keep=True), Reply(200, b"def", keep=True)]
    assert read(head + b"de", b"f") == outcomes[1]
    assert read(head + b"defg") == Reply(200, b"def")
    with pytest.raises(AnswerTooLarge):
        read(head + b"def", limit=2)


def test_heads_that_are_known_are_bounded() -> None:
    for number in range(2 * KNOWN):
        read(OK + b"Content-Length: 0\r\nX: %d\r\n\r\n" % number)

    assert 0 < len(reading._known) <= KNOWN


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    reader = Reader(10)

    assert reader.feed(OK + b"\r\nab") is None
    assert reader.feed(b"c") is None
    assert reader.end() == Reply(200, b"abc")


@pytest.mark.parametrize(
    "text", [b"", b"HTT", OK, OK + b"Content-Length: 3\r\n\r\nab", CHUNKED + b"3\r\nabc\r\n"]
)
def test_no_other_response_ends_with_the_connection(text: bytes) -> None:
    reader = Reader(10)
    reader.feed(text)

    assert reader.end() is None


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-x\r\n",
        b"not http at all\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/1.1 99 x\r\n\r\n",
        b"HTTP/1.1 600 x\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INTERIM + 1),
        OK + b"A: b\r\n c\r\n\r\n",
        OK + b"A : b\r\n\r\n",
        OK + b"A\r\n\r\n",
        OK + b"A: b\nB: c\r\n\r\n",
        OK + b"A: \0\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Content-Length: 1, 1\r\n\r\na",
        OK + b"Content-Length: +1\r\n\r\na",
        OK + b"Content-Length: -1\r\n\r\na",
        OK + b"Content-Length: 0x1\r\n\r\na",
        OK + b"Content-Length: \r\n\r\na",
        OK + b"Content-Length: 0000000000000001\r\n\r\na",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
        CHUNKED + b"x\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b" 1\r\n",
        CHUNKED + b"\r\n",
        CHUNKED + b"1\r\nab\r\n",
        CHUNKED + b"1" * (MAX_LINE + 1),
        CHUNKED + b"1;" + b"x" * MAX_LINE + b"\r\n",
        CHUNKED + b"0\r\n" + b"A: b\r\n" * MAX_HEAD,
        OK + b"A: " + b"x" * MAX_HEAD,
        OK + b"A: " + b"x" * MAX_HEAD + b"\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(BadAnswer):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        OK + b"Content-Length: 11\r\n\r\n",
        OK + b"Content-Length: 999999999999999\r\n\r\n",
        OK + b"\r\n" + b"x" * 11,
        CHUNKED + b"6\r\nabcdef\r\n5\r\n",
        CHUNKED + b"fffffffffffffff\r\n",
    ],
)
def test_a_body_over_the_limit_is_refused_before_it_is_read(text: bytes) -> None:
    with pytest.raises(AnswerTooLarge):
        read(text, limit=10)


def test_it_knows_whether_anything_came() -> None:
    reader = Reader(10)
    assert not reader.begun

    reader.feed(b"H")

    assert reader.begun


@given(st.binary(max_size=60), st.sampled_from([text for text, _ in WHOLE]), st.data())
def test_damaged_bytes_mean_the_same_in_one_piece_and_in_single_bytes(
    noise: bytes, text: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + noise + text[at + len(noise) // 2 :]

    assert _outcome([damaged]) == _outcome([bytes([byte]) for byte in damaged])


def _outcome(pieces: list[bytes]) -> tuple[object, ...]:
    reader = Reader(100)
    try:
        for piece in pieces:
            reply = reader.feed(piece)
            if reply is not None:
                return reply.status, reply.body
    except RpcError as error:
        return type(error), None
    return None, reader.end()
