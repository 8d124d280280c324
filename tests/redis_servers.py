"""Real Redis servers on free loopback ports, in folders of their own, ended with the test."""

import asyncio
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from ports import free_port

SERVER = shutil.which("redis-check-rdb") or ""
"""The server itself, under the name by which Debian installs it without its service."""
CLI = shutil.which("redis-cli") or ""
BUS = 10_000
"""By how much the port on which the nodes of a cluster talk lies above a node's own."""

needs_redis = pytest.mark.skipif(
    not (SERVER and CLI), reason="redis-tools is not installed (see .ci/system-packages)"
)


class Server:
    """One redis-server.

    Args:
        folder: Its own, for its socket and files.
        options: Further words of its command line; they replace what stands before.
        port: Where it listens, a free port by default.
    """

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        self.folder = folder
        self.port = port or free_port(BUS)
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  Debian's program, our words
                ["redis-server", *self.words()],  # noqa: S607  only the name it is called by
                executable=SERVER,
                stdout=log,
                stderr=log,
            )
        until(self.answers)
        return self

    def words(self) -> list[str]:
        """Return its command line."""
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return [*words, "--save", "", "--appendonly", "no", "--daemonize", "no", *self.options]

    def answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as peer:
                peer.sendall(b"PING\r\n")
                return peer.recv(1) in b"+-"
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def command(self, *words: str) -> str:
        """Return what ``redis-cli`` says."""
        made = subprocess.run(  # noqa: S603  Debian's program, our words
            [CLI, "-h", "127.0.0.1", "-p", str(self.port), *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        return made.stdout.strip()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


class Servers:
    """What one test has started."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._number = 0

    def one(self, *options: str, port: int = 0) -> Server:
        """Start a server."""
        return self._add(Server(self._next(), *options, port=port)).start()

    def trio(self) -> "tuple[Server, Server, list[Server]]":
        """Start a master, its replica, and three Sentinels that watch them."""
        master = self.one()
        replica = self.one("--replicaof", "127.0.0.1", str(master.port))
        until(lambda: "master_link_status:up" in replica.command("info", "replication"))
        sentinels = [self._sentinel(master) for _ in range(3)]
        until(lambda: all(_sees(sentinel) for sentinel in sentinels))
        return master, replica, sentinels

    def cluster(self) -> list[Server]:
        """Start a cluster: three masters first, then a replica for each."""
        nodes = [
            self.one(
                *("--cluster-enabled", "yes", "--cluster-node-timeout", "1000"),
                *("--repl-diskless-sync-delay", "0"),
            )
            for _ in range(6)
        ]
        addresses = [f"127.0.0.1:{node.port}" for node in nodes]
        nodes[0].command(
            "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"
        )
        until(lambda: all("cluster_state:ok" in n.command("cluster", "info") for n in nodes), 20)
        # A master that is killed before its replica has caught up never fails over.
        until(lambda: sum(_caught_up(node) for node in nodes) == 3, 20)
        return nodes

    def _sentinel(self, master: Server) -> Server:
        folder = self._next()
        folder.mkdir(parents=True)
        file = folder / "sentinel.conf"
        port = free_port()
        file.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor main 127.0.0.1 {master.port} 2\n"
            "sentinel down-after-milliseconds main 800\n"
            "sentinel failover-timeout main 3000\n"
        )
        return self._add(_Sentinel(folder, port=port)).start()

    def _next(self) -> Path:
        self._number += 1
        return self._folder / str(self._number)

    def _add(self, server: Server) -> Server:
        self._stack.callback(server.kill)
        return server


class _Sentinel(Server):
    def words(self) -> list[str]:
        return [str(self.folder / "sentinel.conf"), "--sentinel"]


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Start servers as asked for; end them all with the block."""
    with ExitStack() as stack:
        yield Servers(folder, stack)


def _sees(sentinel: Server) -> bool:
    said = sentinel.command("sentinel", "master", "main").split("\n")
    facts = dict(zip(said[::2], said[1::2], strict=False))
    return facts.get("num-slaves") == "1" and facts.get("num-other-sentinels") == "2"


def _caught_up(node: Server) -> bool:
    return "master_link_status:up" in node.command("info", "replication")


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for a server's doing, and fail where it does not come."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


async def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for the gateway's doing, and fail where it does not come."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        await asyncio.sleep(0.005)
