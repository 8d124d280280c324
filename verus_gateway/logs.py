"""Structured log lines: one JSON object or one text line each, never blocking the loop.

A line carries what `extra=` gives it and nothing of a call but its method's name and its
request id: no parameter, password or token. What comes from outside is JSON-quoted, so a
line break or an escape sequence in it stays text.
"""

import logging
import logging.handlers
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

import msgspec

LONGEST: Final = 8_192
"""Characters of one value in a line."""
WAITING: Final = 10_000
"""Lines that may wait for a slow reader; more are dropped and counted."""

_ESCAPES: Final = {
    code: f"\\u{code:04x}"
    for code in (*range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""What JSON leaves as it is and terminals or pagers obey: C1 controls, line ends, bidi marks."""

_PLAIN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName", "asctime"}


class Formatter(logging.Formatter):
    """Renders a record as JSON or as text."""

    def __init__(self, style: Literal["json", "text"]) -> None:
        super().__init__()
        self._json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its end."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {
            name: value if isinstance(value, int | float | None) else _whole(str(value)[:LONGEST])
            for name, value in vars(record).items()
            if name not in _PLAIN
        }
        if record.exc_info:
            fields["traceback"] = _whole(self.formatException(record.exc_info)[-LONGEST:])
        message = _whole(record.getMessage()[:LONGEST])
        if self._json:
            head = {"time": moment, "level": record.levelname.lower(), "event": message}
            return _text(head | {"logger": record.name} | fields)
        tail = "".join(f" {name}={_text(value)}" for name, value in fields.items())
        return f"{moment[11:23]} {record.levelname.lower():7} {_text(message)[1:-1]}{tail}"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode().translate(_ESCAPES)


def _whole(text: str) -> str:
    """Return *text* with what UTF-8 cannot carry (bytes of a header, say) escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


class _Handler(logging.handlers.QueueHandler):
    """Hands records to the writing thread; drops them, counted, when that falls behind."""

    def __init__(self, waiting: "queue.Queue[Any]") -> None:
        super().__init__(waiting)
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Hand the record over as it is: it is formatted in the same process."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put the record into the queue, or count it as dropped."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _Listener(logging.handlers.QueueListener):
    """Writes what waits; can be told to end also when the queue is full."""

    def __init__(self, waiting: "queue.Queue[Any]", output: logging.Handler) -> None:
        super().__init__(waiting, output)
        self._waiting = waiting

    def enqueue_sentinel(self) -> None:
        """Put the end (None) behind the last line, as soon as there is room."""
        self._waiting.put(None)


class _NoMalformedRequests(logging.Filter):
    """Keeps aiohttp from writing a traceback for each malformed request of a stranger."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop the record if it tells of bytes that are no HTTP."""
        error = record.exc_info[1] if record.exc_info else None
        return type(error).__module__ != "aiohttp.http_exceptions"


@contextmanager
def writing(
    level: str, style: Literal["json", "text"], stream: TextIO = sys.stderr
) -> Iterator[_Handler]:
    """Write the log to *stream* from a thread of its own, until the block ends."""
    waiting: queue.Queue[Any] = queue.Queue(WAITING)
    output = logging.StreamHandler(stream)
    output.setFormatter(Formatter(style))
    listener = _Listener(waiting, output)
    handler = _Handler(waiting)
    root, server, malformed = (
        logging.getLogger(),
        logging.getLogger("aiohttp.server"),
        (_NoMalformedRequests()),
    )
    before = root.level
    root.setLevel(level.upper())
    root.addHandler(handler)
    server.addFilter(malformed)
    listener.start()
    try:
        yield handler
    finally:
        server.removeFilter(malformed)
        root.removeHandler(handler)
        root.setLevel(before)
        listener.stop()
        if handler.dropped:
            stream.write(f"{handler.dropped} log lines were dropped\n")
