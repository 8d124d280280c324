"""Every image that the stacks need, built on the engine: ours from the Dockerfiles, others stood in."""

import hashlib
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from shutil import copy
from typing import Final

from containers.engine import Engine, EngineError

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
BASE: Final = "localhost/debian:trixie"
SIGNER: Final = "Verus Coin Foundation Releases@"
VERSION: Final = "v0.0.0-test"
STANDINS: Final = ("redis", "prometheus", "alertmanager", "blackbox-exporter", "caddy")

VERUSD: Final = """#!/bin/sh
echo "verusd $*"
exec sleep infinity
"""
VERUS: Final = """#!/bin/sh
cat <<TEXT
{
  "blocks": 200,
  "longestchain": 200,
  "tiptime": $(date +%s),
  "connections": 8
}
TEXT
"""


class Images:
    """Builds images, and remembers how."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self.refused = ""
        """What was said where the release of verusd had another hash than the pinned one."""

    def build_all(self) -> None:
        """Build every image; what did not change since the last time is taken from there."""
        self._engine.import_base(BASE)
        context = self._folder / "standins"
        context.mkdir()
        copy(HERE / "standins" / "Dockerfile", context)
        copy(Path(sys.executable).with_name("caddy"), context)
        for name in STANDINS:
            self._build(f"standin/{name}:test", context, "--target", name, f"DEBIAN_IMAGE={BASE}")
        with self.release() as (url, digest):
            verus = {
                "DEBIAN_IMAGE": BASE, "VERUS_VERSION": VERSION, "VERUS_RELEASES": url,
                "CREATED": "never",
            }  # fmt: skip
            self.script(
                "gateway", "dev", "verus", "caddy",
                PYTHON_IMAGE=BASE, CADDY_BASE="standin/caddy:test", VERSION="test",
                VERUS_SHA256_AMD64=digest, **verus,
            )  # fmt: skip
            try:
                self.script("verus", VERUS_SHA256_AMD64="0" * 64, **verus)
            except EngineError as error:
                self.refused = str(error)

    def script(self, *services: str, **more: str) -> str:
        """Run docker-build.sh as an operator would."""
        ended = subprocess.run(  # noqa: S603  our own script
            [ROOT / "compose/scripts/docker-build.sh", *services],
            env={**self._engine.environment, "BUILD_NETWORK": "host", **more},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if ended.returncode:
            raise EngineError(ended.stdout + ended.stderr[-3000:])
        return ended.stdout

    def _build(self, tag: str, context: Path, *words: str) -> None:
        *flags, argument = words
        self._engine.docker(
            "build",
            "--quiet",
            "--network",
            "host",
            "-t",
            tag,
            *flags,
            "--build-arg",
            argument,
            str(context),
        )

    @contextmanager
    def release(self) -> Iterator[tuple[str, str]]:
        """Serve a release of verusd as the project's own look: address and SHA-256."""
        folder = self._folder / "releases"
        asset = folder / VERSION / f"Verus-CLI-Linux-{VERSION}-x86_64.tgz"
        asset.parent.mkdir(parents=True, exist_ok=True)
        inner = _packed({"verus-cli/verusd": VERUSD, "verus-cli/verus": VERUS})
        name = f"Verus-CLI-Linux-{VERSION}-x86_64.tar.gz"
        note = {"signer": SIGNER, "hash": hashlib.sha256(inner).hexdigest(), "signature": "none"}
        asset.write_bytes(_packed({name: inner, f"{name}.signature.txt": json.dumps(note)}))
        with _serving(folder) as url:
            yield url, hashlib.sha256(asset.read_bytes()).hexdigest()


def _packed(files: dict[str, str | bytes]) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, BytesIO(data))
    return buffer.getvalue()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
