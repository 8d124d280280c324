"""How late the event loop runs, and who holds it when it stands still."""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from types import FrameType, MappingProxyType
from typing import Final, TypeAlias

from verus_gateway.tasks import begun, ended

log = logging.getLogger(__name__)

Clock: TypeAlias = Callable[[], float]
Sleep: TypeAlias = Callable[[float], Awaitable[None]]

BEAT: Final = 0.25
"""Seconds between two heartbeats."""


class Watchdog:
    """Measures the loop's lag from inside, and looks at it from a thread outside.

    Args:
        blocked_after: Seconds without a heartbeat after which the stack is logged, once.
        suspects: From a plugin's top-level module to its distribution, to name who holds the loop.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        *,
        blocked_after: float = 5.0,
        suspects: Mapping[str, str] = MappingProxyType({}),
        clock: Clock = monotonic,
    ) -> None:
        self._blocked_after = blocked_after
        self._suspects = suspects
        self._clock = clock
        self._beat_at = clock()
        self._thread_id = threading.get_ident()
        self._told = False
        self._worst = 0.0
        self.blocked = 0

    def take_lag(self) -> float:
        """Return the worst lag in seconds since this was last asked."""
        worst, self._worst = max(self._worst, self.lag), 0.0
        return worst

    @property
    def lag(self) -> float:
        """Seconds by which the next heartbeat is overdue now."""
        return max(0.0, self._clock() - self._beat_at - BEAT)

    def readings(self) -> dict[str, tuple[str, Callable[[], float]]]:
        """Return what is read at scrape time: name, help and how to read it."""
        return {
            "loop_lag_seconds": ("Worst lateness since last asked", self.take_lag),
            "loop_blocked_total": ("Times the event loop stood still", lambda: self.blocked),
        }

    async def beat(self, sleep: Sleep = asyncio.sleep) -> None:
        """Note a heartbeat for ever."""
        self._thread_id = threading.get_ident()
        while True:
            await sleep(BEAT)
            self._worst = max(self._worst, self.lag)
            self._beat_at = self._clock()
            if self._told:
                log.warning("event loop runs again", extra={"lag_seconds": round(self._worst, 3)})
                self._told = False

    def look(self) -> None:
        """Log the loop's stack if it stands still; called from another thread."""
        if self._told or self.lag < self._blocked_after:
            return
        self._told = True
        self.blocked += 1
        frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001  the documented way
        stack = "".join(traceback.format_stack(frame)) if frame else ""
        log.error(
            "event loop is blocked",
            extra={
                "lag_seconds": round(self.lag, 3),
                "plugin": self._suspect(frame),
                "stack": stack,
            },
        )

    def _suspect(self, frame: FrameType | None) -> str | None:
        """Return the distribution of the innermost plugin on the stack, None where none is."""
        while frame is not None:
            root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            if root in self._suspects:
                return self._suspects[root]
            frame = frame.f_back
        return None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Beat, and look from a thread, until the block ends."""
        stop = threading.Event()
        thread = threading.Thread(target=self.watch, args=(stop,), name="watchdog", daemon=True)
        task = begun(self.beat(), "heartbeat")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            await ended(task)
            await asyncio.to_thread(thread.join)

    def watch(self, stop: threading.Event) -> None:
        """Look once a second until *stop* is set; the body of the thread."""
        while not stop.wait(1.0):
            self.look()
