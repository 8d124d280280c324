import io
import json
import logging
import threading
from typing import Any

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from verus_gateway.logs import LONGEST, WAITING, Formatter, writing

log = logging.getLogger("tests.logs")

DANGEROUS = {
    "line feed": "a\nlevel=error forged",
    "carriage return": "a\rforged",
    "escape": "a\x1b[31mred",
    "C1 control": "a\x9b31mred",
    "next line": "a\x85b",
    "line separator": "a\u2028b\u2029c",
    "delete": "a\x7fb",
    "bidi": "a\u202eb\u2066c",
    "null": "a\x00b",
    "quote": 'a" level="error',
}


def record(message: str, *arguments: Any, **extra: Any) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "x", "levelname": "INFO", "msg": message, "args": arguments, "created": 0.5}
    )
    vars(made).update(extra)
    return made


def test_a_json_line_is_one_object() -> None:
    line = Formatter("json").format(record("call %d ended", 7, method="getinfo", seconds=0.5))

    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "info",
        "event": "call 7 ended",
        "logger": "x",
        "method": "getinfo",
        "seconds": 0.5,
    }


def test_a_text_line_is_one_line() -> None:
    line = Formatter("text").format(record("call ended", method="getinfo", ok=True, age=None))

    assert line == '00:00:00.500 info    call ended method="getinfo" ok=true age=null'


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("said", DANGEROUS.values(), ids=DANGEROUS.keys())
def test_what_comes_from_outside_stays_text(style: Any, said: str) -> None:
    line = Formatter(style).format(record("got %s", said, who=said))

    assert line.isprintable()
    assert len(line.splitlines()) == 1
    if style == "json":
        read = json.loads(line)
        assert (read["event"], read["who"]) == (f"got {said}", said)
    else:
        assert json.loads(line.partition(" who=")[2]) == said


@pytest.mark.parametrize("style", ["json", "text"])
def test_bytes_that_are_no_text_do_not_lose_the_line(style: Any) -> None:
    line = Formatter(style).format(record("got %s", "a\udcffb", who="\ud800"))

    assert "udcff" in line
    line.encode()


def test_long_values_are_cut() -> None:
    line = Formatter("json").format(record("x" * 100_000, who="y" * 100_000))

    read = json.loads(line)
    assert (len(read["event"]), len(read["who"])) == (LONGEST, LONGEST)


def test_anything_can_be_logged() -> None:
    line = Formatter("json").format(record("x", what={"a": 1}, big=10**30, no=float("nan")))

    read = json.loads(line)
    assert (read["what"], read["big"], read["no"]) == ("{'a': 1}", 10**30, None)


def test_a_traceback_is_a_field() -> None:
    with pytest.raises(ValueError, match="forged") as caught:
        int("boom\nforged")
    made = record("failed", exc_info=(caught.type, caught.value, caught.tb))

    line = Formatter("json").format(made)

    assert "\n" not in line
    assert "ValueError: invalid literal" in json.loads(line)["traceback"]


# ---------------------------------------------------------------- writing


def test_lines_from_the_level_on_are_written() -> None:
    stream = io.StringIO()

    with writing("warning", "json", stream):
        log.info("not this")
        log.warning("this", extra={"chain": "VRSC"})

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["chain"]) for line in lines] == [("this", "VRSC")]


def test_afterwards_all_is_as_it_was() -> None:
    root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
    before = (root.level, list(root.handlers), list(server.filters))

    with writing("debug", "text", io.StringIO()):
        during = (root.level, len(root.handlers), len(server.filters))

    assert during == (logging.DEBUG, len(before[1]) + 1, len(before[2]) + 1)
    assert (root.level, list(root.handlers), list(server.filters)) == before


class SlowStream(io.StringIO):
    """A reader that takes nothing until the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.reading = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.reading.wait(10)
        return super().write(text)


def test_lines_that_nobody_reads_are_dropped_counted_and_no_obstacle_to_the_end() -> None:
    stream = SlowStream()
    reader_comes_back = threading.Timer(0.02, stream.reading.set)

    with writing("info", "text", stream) as handler:
        log.warning("held by the reader")
        stream.reached.wait(10)
        for _ in range(WAITING + 7):
            handler.handle(record("x"))
        reader_comes_back.start()

    lines = stream.getvalue().splitlines()
    assert handler.dropped == 7
    assert len(lines) == 1 + WAITING + 1
    assert lines[-1] == "7 log lines were dropped"


def test_bytes_that_are_no_http_are_not_logged() -> None:
    stream = io.StringIO()
    server = logging.getLogger("aiohttp.server")

    with writing("info", "json", stream):
        for error in (BadHttpMessage("Pause"), ValueError("a bug")):
            try:
                raise error
            except (BadHttpMessage, ValueError):
                server.exception("Error handling request")
        server.error("said without an exception")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert ["ValueError" in line.get("traceback", "") for line in lines] == [True, False]
