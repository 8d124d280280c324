"""Processes of the benchmark: pinned to a core, measured from outside, ended for sure."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

PATIENCE: Final = 15.0
"""Seconds in which a server must answer on its port."""


def pinned(core: int | None, command: Sequence[str]) -> list[str]:
    """Return *command* kept to one core, where there is ``taskset`` and a core to keep to."""
    if core is None or core >= (os.cpu_count() or 1) or shutil.which("taskset") is None:
        return list(command)
    return ["taskset", "-c", str(core), *command]


class Running:
    """A server process and its children.

    Args:
        command: What to run.
        port: Where it will listen.
        core: Where it may run, None for anywhere.
        folder: Its working directory; its output goes there.
        more: Further environment variables.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        *,
        core: int | None,
        folder: Path,
        more: Mapping[str, str],
    ) -> None:
        self.port = port
        self._log = (folder / f"{port}.log").open("wb")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            pinned(core, command),
            cwd=folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=os.environ | more,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        self.started_in = time.perf_counter() - began

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/"

    def cpu_seconds(self) -> float:
        """Return the CPU time that it and its children have used."""
        return sum(sum(each.cpu_times()[:2]) for each in self._family())

    def resident(self) -> int:
        """Return its resident memory in bytes."""
        return sum(int(each.memory_info().rss) for each in self._family())

    def descriptors(self) -> int:
        """Return how many file descriptors it has open."""
        return sum(each.num_fds() for each in self._family())

    def stop(self) -> None:
        """End it, by force if need be."""
        family = self._family()
        for each in family:
            _end(each)
        _, left = psutil.wait_procs(family, timeout=5)
        for each in left:
            each.kill()
        self._process.wait()
        self._log.close()

    def _family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.005)
        said = Path(self._log.name).read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"{self._process.args!r} does not listen:\n{said}")


def _end(process: psutil.Process) -> None:
    try:
        process.terminate()
    except psutil.NoSuchProcess:
        return
