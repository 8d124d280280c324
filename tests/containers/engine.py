"""A container engine of our own: Debian's dockerd, in namespaces and cgroups of its own.

It runs twice over one data folder. To *build* it has the machine's network but no bridge and no
packet filter, so nothing outside is changed. To *run* it has a network namespace of its own:
bridges, published ports and all are in there, and there is no way out of it.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

Phase = Literal["build", "run"]

CACHE: Final = Path(
    os.environ.get("VERUS_GATEWAY_CACHE", Path.home() / ".cache" / "verus-gateway-tests")
)
SUITE: Final = "trixie"
PACKAGES: Final = "ca-certificates,python3,python3-venv"
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
DOCKER: Final = "/usr/bin/docker"
DOCKERD: Final = "/usr/sbin/dockerd"
START_SECONDS: Final = 20.0


def missing() -> str | None:
    """Return why no engine can be started here, None where one can."""
    if os.geteuid() != 0:
        return "a container engine needs root"
    for program in (
        DOCKERD,
        DOCKER,
        "/usr/bin/containerd",
        "/usr/sbin/debootstrap",
        "/usr/bin/unshare",
    ):
        if not Path(program).exists():
            return f"{program} is not installed (see .ci/system-packages)"
    tried = subprocess.run(
        ["/usr/bin/unshare", "-m", "-n", "true"], capture_output=True, text=True, check=False
    )
    return f"no namespaces may be made: {tried.stderr.strip()}" if tried.returncode else None


class Engine:
    """One dockerd, started and stopped by us and by nobody else.

    Args:
        compose: Path of the ``docker-compose`` program.
    """

    def __init__(self, compose: str) -> None:
        self.compose_program = compose
        self._process: subprocess.Popen[bytes] | None = None
        self._log = CACHE / "dockerd.log"
        CACHE.mkdir(parents=True, exist_ok=True)
        self._runtime = Path(tempfile.mkdtemp(prefix="vg-engine-"))  # a socket's path is short
        self.socket = self._runtime / "d.sock"
        self._cgroup = f"{_own_cgroup()}/verus-gateway-tests-{os.getpid()}"

    @contextlib.contextmanager
    def running(self, phase: Phase) -> Iterator[None]:
        """Run the engine for one phase; at the end nothing of it is left but its data folder."""
        with (CACHE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._start(phase)
            try:
                yield
            finally:
                self._stop()

    def _start(self, phase: Phase) -> None:
        separate = ["-m", "-n"] if phase == "run" else ["-m"]
        network = (
            ["--bip", "172.30.0.1/24"]
            if phase == "run"
            else ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
        )
        words = [
            *("unshare", *separate, "--propagation", "private"),
            *("sh", "-c", 'ip link set lo up 2>/dev/null; exec "$@"', "_", DOCKERD),
            *("--data-root", str(CACHE / "engine"), "--exec-root", str(self._runtime / "exec")),
            *("--host", f"unix://{self.socket}", "--pidfile", str(self._runtime / "d.pid")),
            *("--cgroup-parent", self._cgroup, "--exec-opt", "native.cgroupdriver=cgroupfs"),
            *("--default-ulimit", "nofile=20000:20000", "--oom-score-adjust", "0", *network),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)  # noqa: S603  our own
        ends = time.monotonic() + START_SECONDS
        while self.docker("info", check=False).returncode:
            if time.monotonic() > ends or self._process.poll() is not None:
                self._stop()
                raise EngineError(f"dockerd does not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.1)

    def _stop(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self._process = None
        _remove_cgroups(self._cgroup)

    def close(self) -> None:
        """Remove what was made for the time of running."""
        self._stop()
        shutil.rmtree(self._runtime, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """What programs need to talk to this engine and to no other."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        # Debian's own client first: another one on the path may lack what builds.
        path = f"/usr/bin:/usr/sbin:{os.environ['PATH']}"
        return {
            **kept,
            "PATH": path,
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_BUILDKIT": "1",
        }

    def docker(
        self, *words: str, check: bool = True, seconds: float = 600
    ) -> "subprocess.CompletedProcess[str]":
        """Run the docker client."""
        return self._run([DOCKER, *words], check=check, seconds=seconds)

    def compose(
        self,
        files: Sequence[Path],
        *words: str,
        more: Mapping[str, str] | None = None,
        check: bool = True,
        seconds: float = 300,
    ) -> "subprocess.CompletedProcess[str]":
        """Run Compose on *files*; *more* is added to its environment."""
        named = [word for file in files for word in ("-f", str(file))]
        return self._run(
            [self.compose_program, *named, *words], check=check, seconds=seconds, more=more
        )

    def inside(
        self, *words: str, check: bool = True, seconds: float = 60
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program in the engine's network: where published ports are."""
        assert self._process is not None, "the engine is not running"
        enter = ["nsenter", "-t", str(self._process.pid), "-n"]
        return self._run([*enter, *words], check=check, seconds=seconds)

    def background(self, *words: str) -> "subprocess.Popen[str]":
        """Start a program in the engine's network and do not wait for it."""
        assert self._process is not None, "the engine is not running"
        enter = ["nsenter", "-t", str(self._process.pid), "-n"]
        return subprocess.Popen(  # noqa: S603  words of our own tests
            [*enter, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def _run(
        self,
        words: Sequence[str],
        *,
        check: bool,
        seconds: float,
        more: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        ended = subprocess.run(  # noqa: S603  words of our own tests
            words,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={**self.environment, **(more or {})},
        )
        if check and ended.returncode:
            said = (ended.stdout[-3000:] + ended.stderr[-3000:]).strip()
            raise EngineError(f"{' '.join(words)}: exit {ended.returncode}\n{said}")
        return ended

    def import_base(self, tag: str) -> None:
        """Have a Debian of our own making under *tag*, once for the data folder."""
        if not self.docker("image", "inspect", tag, check=False).returncode:
            return
        tree = debian()
        words = [DOCKER, "import", *_environment_of_builds(), "-", tag]
        pack = ["/usr/bin/tar", "-C", str(tree), "-c", "."]
        packed = subprocess.Popen(pack, stdout=subprocess.PIPE)  # noqa: S603  our own tree
        with packed:
            subprocess.run(  # noqa: S603  our own words
                words, stdin=packed.stdout, check=True, capture_output=True, env=self.environment
            )


class EngineError(Exception):
    """The engine, or what was run on it, did not do what it should."""


def debian() -> Path:
    """Return a minimal Debian, made once for this machine and kept outside of the project."""
    tree = CACHE / SUITE
    if not (tree / "usr/bin/python3").exists():
        shutil.rmtree(tree, ignore_errors=True)
        subprocess.run(  # noqa: S603  our own words
            ["/usr/sbin/debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, tree],
            check=True,
            capture_output=True,
            timeout=600,
        )
    shutil.copy(CERTIFICATES, tree / "etc/ssl/certs/ca-certificates.crt")
    return tree


def _environment_of_builds() -> list[str]:
    # Where packages come through a proxy with its own certificate, builds must trust it. That is
    # a matter of this machine: it stands in the stand-in, never in the project's Dockerfiles.
    names = ("PIP_CERT", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return [word for name in names for word in ("--change", f"ENV {name}={CERTIFICATES}")]


def _own_cgroup() -> str:
    for line in Path("/proc/self/cgroup").read_text("ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in {"memory", ""}:
            return path.rstrip("/")
    return ""


def _remove_cgroups(group: str) -> None:
    for hierarchy in Path("/sys/fs/cgroup").iterdir():
        top = hierarchy / group.lstrip("/")
        if not top.is_dir():
            continue
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):  # a container's last breath; it goes with its own
                Path(folder).rmdir()
