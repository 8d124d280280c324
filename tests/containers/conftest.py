"""The images and the engine that the stacks run on; see `make test-containers`."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from containers.engine import Engine, missing
from containers.images import HERE, ROOT, STANDINS, Images

COMPOSE = ROOT / "compose"
DOMAIN = "gateway.test"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Return an engine that is not running yet; skip, and say why, where there can be none."""
    reason = missing()
    if reason is not None:
        if os.environ.get("CONTAINERS") == "required":
            pytest.fail(f"no container engine: {reason}")
        pytest.skip(f"NO CONTAINER ENGINE, NOTHING WAS PROVED: {reason}")
    made = Engine(str(Path(sys.executable).with_name("docker-compose")))
    yield made
    made.close()


@pytest.fixture(scope="session")
def images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Return every image, built."""
    made = Images(engine, tmp_path_factory.mktemp("images"))
    with engine.running("build"):
        made.build_all()
    return made


@pytest.fixture(scope="session")
def running(engine: Engine, images: Images) -> Iterator[Engine]:
    """Return the engine, running, with no way out of its network."""
    del images
    with engine.running("run"):
        forget(engine)
        yield engine
        forget(engine)


def forget(engine: Engine) -> None:
    """Remove what a run that was cut off may have left in the engine's data folder."""
    left = engine.docker("ps", "--all", "--quiet").stdout.split()
    if left:
        engine.docker("rm", "--force", "--volumes", *left)
    engine.docker("network", "prune", "--force")
    engine.docker("volume", "prune", "--force")
    engine.docker("image", "prune", "--force")
    engine.docker("builder", "prune", "--force", "--keep-storage", "4GB")


class Stack:
    """A Compose project on the engine.

    Args:
        engine: Where it runs.
        files: Its Compose files.
        environment: What ``.env`` would say.
        project: Its name.
    """

    def __init__(
        self, engine: Engine, files: list[Path], environment: Mapping[str, str], project: str
    ) -> None:
        self.engine = engine
        self.files = files
        self.environment = {**environment, "COMPOSE_PROJECT_NAME": project}
        self.project = project

    def compose(self, *words: str, check: bool = True, seconds: float = 300) -> str:
        """Run Compose on it and return what it says."""
        ended = self.engine.compose(
            self.files, *words, more=self.environment, check=check, seconds=seconds
        )
        return ended.stdout + ended.stderr

    def up(self, *words: str) -> None:
        """Start it and wait until everything is healthy."""
        self.compose("up", "-d", "--wait", "--no-build", "--pull", "never", *words)

    def down(self) -> None:
        """End it and forget what it kept."""
        self.compose("down", "--volumes", "--timeout", "20", check=False)

    def containers(self, service: str = "") -> list[str]:
        """Return the ids of its containers, of one service or all, running or not."""
        return self.compose("ps", "--all", "--quiet", *([service] if service else [])).split()

    def inspect(self, container: str) -> dict[str, Any]:
        """Return what the engine knows of a container."""
        said = self.engine.docker("inspect", container).stdout
        found: list[dict[str, Any]] = msgspec.json.decode(said)
        return found[0]

    def execute(self, service: str, *words: str, check: bool = True) -> str:
        """Run a program in a service's container."""
        ended = self.engine.compose(
            self.files, "exec", "-T", service, *words, more=self.environment, check=check
        )
        return ended.stdout + ended.stderr


def curl(engine: Engine, url: str, *words: str) -> str:
    """Return what curl prints for *url*, asked from the engine's network."""
    return engine.inside(
        *("curl", "--silent", "--show-error", "--max-time", "20", "--insecure"),
        *("--resolve", f"{DOMAIN}:443:127.0.0.1", "--resolve", f"{DOMAIN}:80:127.0.0.1"),
        *(*words, url),
        check=False,
    ).stdout


def until(what: str, condition: Callable[[], bool], seconds: float = 60) -> float:
    """Wait for something and return how long it took; fail where it does not come."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            pytest.fail(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)
    return time.monotonic() - began


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what auto-config makes, and the images that stand in."""
    folder = tmp_path_factory.mktemp("operator")
    words: list[str | Path] = [
        *("--domain", DOMAIN, "--tls", "internal", "--non-interactive"),
        *("--secrets-dir", folder / "secrets", "--config-dir", folder / "config"),
        *("--env-file", folder / ".env"),
    ]
    subprocess.run(  # noqa: S603  our own script
        [sys.executable, COMPOSE / "scripts/auto-config.py", *words],
        check=True,
        capture_output=True,
    )
    folder.chmod(0o755)
    for each in folder.parents:
        if each.is_relative_to(tmp_path_factory.getbasetemp().parent):
            each.chmod(0o755)
    lines = (folder / ".env").read_text("utf-8").splitlines()
    made = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    standins = {name.split("-")[0].upper() + "_IMAGE": f"standin/{name}:test" for name in STANDINS}
    del standins["CADDY_IMAGE"]
    return {
        **made,
        **standins,
        "VERUSD_NOFILE": "16384",
        "GATEWAY_NOFILE": "16384",
        "ENV_FILE": str(folder / ".env"),
    }


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Return the files of the whole stack with the simulator as its daemon."""
    return [
        COMPOSE / "docker-compose.yml",
        COMPOSE / "docker-compose.monitoring.yml",
        HERE / "simulator.yml",
    ]
