"""What may be set on a simulated verusd."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the simulated daemon looks, listens and behaves.

    Attributes:
        host: Address to listen on.
        port: Port for JSON-RPC; 0 takes any free one.
        control_port: Port of the control interface on 127.0.0.1; 0 any free one, None none.
        user: User name for basic authentication.
        password: Its password; empty only together with *cookie_file*.
        seed: What the chain follows from.
        block_time: Seconds between blocks; 0 makes blocks only on command.
        start_height: Height of the newest block at the start.
        chain: ``VRSC``, ``VRSCTEST``, or any name for a chain of its own.
        threads: Workers; each executes one request at a time.
        work_queue: Requests that may wait for a worker.
        latency: Seconds a command takes on its worker.
        warmup: Seconds after the start in which every call is answered with -28.
        cookie_file: Where to write ``__cookie__:hex`` when *password* is empty.
        faults: Faults that are on from the start, each ``NAME`` or ``NAME=VALUE``.

    Raises:
        ValueError: a value out of its range, or no way to sign in.
    """

    password: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 27486
    control_port: int | None = 27487
    user: str = "verus"
    seed: int = 1
    block_time: float = 60.0
    start_height: int = 1000
    chain: str = "VRSC"
    threads: int = 4
    work_queue: int = 16
    latency: float = 0.0
    warmup: float = 0.0
    cookie_file: Path | None = None
    faults: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        least: dict[str, float] = {
            "block_time": 0,
            "start_height": 0,
            "threads": 1,
            "work_queue": 1,
            "latency": 0,
            "warmup": 0,
        }
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} must be at least {bound}")
        for name in ("port", "control_port"):
            port = getattr(self, name)
            if port is not None and port not in range(1 << 16):
                raise ValueError(f"{name} must be from 0 to 65535")
        if not self.password and self.cookie_file is None:
            raise ValueError("a password or a cookie_file is needed")
        if ":" in self.user:
            raise ValueError("user must not contain a colon")
