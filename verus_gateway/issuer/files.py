"""Files that hold secrets: private, replaced as a whole, changed by one process at a time."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verus_gateway.errors import StartupError


def read(path: Path) -> bytes:
    """Return what is in a private file, nothing where there is none.

    Raises:
        StartupError: somebody else may read or change it.
    """
    if not path.exists():
        return b""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartupError(f"{path}: others may read or change it (chmod 600)")
    return path.read_bytes()


def replace(path: Path, data: bytes) -> None:
    """Write *data* in the place of what was there: readers see the one or the other."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    fresh.replace(path)


def append(path: Path, line: str) -> None:
    """Add a line that survives a crash."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(handle)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process that changes files in *folder*; makes the folder where it is missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Watch:
    """Tells whether a file is another one than when it was last looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None

    def changed(self) -> bool:
        """Look, and tell whether the file was replaced or changed."""
        try:
            found = self._path.stat()
            now = (found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            now = (0, 0)
        before, self._seen = self._seen, now
        return before != now
