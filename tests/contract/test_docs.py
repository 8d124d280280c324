"""The documentation says what is so: pages, keys, links, commands and code are tried out."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.request import urlopen

import msgspec
import pytest
from contract.doc_pages import (
    CURLS,
    DOCS,
    FENCE,
    NOT_RUN,
    PAGES,
    PASSWORD,
    PROGRAM,
    ROOT,
    TUTORIAL,
    blocks,
    commands,
    first,
    run,
)
from ports import free_port

from verus_gateway import config, errors, registry
from verus_gateway.config import AuthConfig, Config, Secret, VerusConfig
from verus_gateway.gateway import Gateway

EXAMPLE = ROOT / "plugins" / "example"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Copy what the commands of the pages touch."""
    for name in ("configs", "plugins/example"):
        shutil.copytree(ROOT / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


def test_generated_pages_are_current() -> None:
    checked = run(sys.executable, "docs/generate.py", "--check")

    assert (checked.returncode, checked.stdout) == (0, "")


def test_a_generated_page_that_was_edited_is_named(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    page = tmp_path / "docs" / "reference" / "metrics.md"
    page.write_text(page.read_text("utf-8") + "by hand\n", "utf-8")

    checked = run(sys.executable, "docs/generate.py", "--check", "--docs", str(tmp_path / "docs"))

    assert checked.returncode == 1
    assert checked.stdout.splitlines() == [f"{page} is stale: run docs/generate.py"]


def test_every_key_is_documented_and_stands_in_the_example_with_its_default() -> None:
    page = PAGES["docs/reference/configuration.md"]
    example = (ROOT / "configs" / "gateway.toml").read_text("utf-8")

    for table, key, default, meaning in config.reference():
        value = f"`{default}`" if default else ""
        assert re.search(
            rf"^\| `{key}` \| .+ \| {re.escape(value)} \| {re.escape(meaning)} \|$",
            page,
            re.MULTILINE,
        )
        assert re.search(rf"^(# )?(\[([a-z_]+\.)?{key}\.|{key} = )", example, re.MULTILINE), (
            f"{table}.{key}"
        )


def test_the_example_configuration_holds_the_defaults() -> None:
    example = config.load(ROOT / "configs" / "gateway.toml", {"VERUS_RPC_PASSWORD": PASSWORD})

    verus = msgspec.structs.replace(
        example.verus, rpc_user="", rpc_password=VerusConfig().rpc_password
    )
    assert example.verus.rpc_password.reveal() == PASSWORD
    assert msgspec.structs.replace(example, verus=verus, security=Config().security) == Config()


def test_every_installed_method_is_documented() -> None:
    page = PAGES["docs/reference/methods.md"]

    for row in registry.load(registry.installed()):
        assert f"| `{row.method.usage()}` | {row.method.summary} | {row.method.scope} |" in page


def test_every_metric_is_documented() -> None:
    settings = Config(verus=VerusConfig(rpc_user="user", rpc_password=Secret(PASSWORD)))
    rendered = Gateway(settings, registry.load(registry.installed())).metrics.render().decode()

    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", rendered, re.MULTILINE):
        assert f"| `{name}` | {kind} |" in PAGES["docs/reference/metrics.md"]


def test_every_error_code_and_reason_is_explained() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [kind for kind in kinds if issubclass(kind, errors.RpcError) and "code" in vars(kind)]

    for kind in ours:
        assert str(kind.code) in PAGES["docs/clients.md"]
        assert f"| {kind.code} | {kind.status} |" in PAGES["docs/reference/errors.md"]
    for reason in get_args(errors.Reason):
        assert f"| `{reason}` |" in PAGES["docs/operating.md"]
        assert f"`{reason}`" in PAGES["docs/clients.md"]


def test_every_command_of_the_program_is_documented() -> None:
    shown = run(sys.executable, "-m", "verus_gateway", "--help").stdout

    names = re.findall(r"^    ([a-z-]+)(?: |$)", shown, re.MULTILINE)
    assert {"serve", "check", "methods", "simulate"} <= set(names)
    for name in names:
        assert f"| `verus-gateway {name}" in PAGES["docs/operating.md"]


def test_every_link_into_the_repository_resolves() -> None:
    for page, text in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
            if not target.startswith("https://"):
                file = (ROOT / page).parent / target.partition("#")[0]
                assert not target.partition("#")[0] or file.is_file(), f"{page}: {target}"


def test_every_image_is_shown_on_a_page() -> None:
    pages = "".join(PAGES.values())

    assert [image.name for image in (DOCS / "images").iterdir() if image.name not in pages] == []


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    # Not --quiet: it hides the warnings from --strict as well.
    built = run(
        *(sys.executable, "-m", "mkdocs", "build", "--strict"),
        *("-f", ".mkdocs.yml", "--site-dir", str(tmp_path)),
    )

    assert built.returncode == 0, built.stderr
    html = "".join(file.read_text("utf-8") for file in tmp_path.rglob("*.html"))
    assert re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//', html) == []
    assert list(tmp_path.rglob("*.py")) == []


def test_every_shell_command_is_run_here_or_listed_with_a_reason() -> None:
    run_here = {*PROGRAM, *TUTORIAL, *CURLS}

    assert [each for each in commands() if each not in run_here and each not in NOT_RUN] == []
    assert NOT_RUN.keys() - set(commands()) == set()


@pytest.mark.parametrize("command", PROGRAM)
def test_a_command_that_ends_ends_well(command: str, clone: Path) -> None:
    ended = run(sys.executable, "-m", "verus_gateway", *shlex.split(command)[1:], folder=clone)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


@pytest.mark.parametrize("block", blocks("toml", "docs/quickstart.md"))
def test_the_configuration_for_a_real_verusd_is_good(block: str, tmp_path: Path) -> None:
    secret, file = tmp_path / "verusd-password", tmp_path / "gateway.toml"
    secret.touch(0o600)
    secret.write_text(PASSWORD)
    file.write_text(block.replace("/etc/verus-gateway/verusd-password", str(secret)))

    loaded = config.load(file, {})

    assert loaded.auth == AuthConfig(anonymous_scopes=("public", "read", "broadcast"))


@pytest.mark.parametrize("block", blocks("toml", "docs/access.md"))
def test_the_configurations_for_tokens_are_good(block: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.touch(0o600)
    daemon = f'[verus]\nrpc_user = "u"\nrpc_password = "{PASSWORD}"\n'
    file.write_text(daemon + block)

    loaded = config.load(file, {})

    assert "https://tokens.example.com" in {loaded.auth.issuer, loaded.token_service.issuer}


@pytest.mark.parametrize("block", blocks("python"))
def test_every_python_block_compiles(block: str) -> None:
    compile(block, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_tutorial_shows_the_example_plugin_as_it_is() -> None:
    source = (EXAMPLE / "acme_example" / "__init__.py").read_text("utf-8")

    assert source in blocks("python", "docs/plugins/index.md")
    assert (EXAMPLE / "pyproject.toml").read_text("utf-8") in blocks(
        "toml", "docs/plugins/index.md"
    )


async def test_a_plugin_copied_as_the_tutorial_says_passes_its_tests(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in TUTORIAL:
        words = shlex.split(command.replace(".venv/bin/python", sys.executable))
        ended = run(*words, folder=clone)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    copied = clone.parent / "shop-example"
    monkeypatch.syspath_prepend(str(copied))
    names: dict[str, Any] = {}

    exec(blocks("python", "docs/plugins/index.md")[-1], names)  # noqa: S102  the page's own test
    tests = [each for name, each in names.items() if name.startswith("test_")]
    assert len(tests) == 1
    await tests[0]()

    sys.modules.pop("shop_example")
    described = (copied / "pyproject.toml").read_text("utf-8")
    assert 'shop = "shop_example:METHODS"' in described
    assert "workspace" not in described


def test_every_curl_does_against_the_demo_what_its_page_says(demo: tuple[int, int]) -> None:
    readme, clients, plugins = (
        [curl(each, demo) for each in commands(page) if first(each) == "curl"]
        for page in ("README.md", "docs/clients.md", "docs/plugins/index.md")
    )
    quick = [
        curl(each, demo)
        for each in commands("docs/quickstart.md")
        if first(each) in {"curl", "sleep"}
    ]

    assert '"VRSCversion":' in readme[0]
    assert '"height":5,' in clients[0]
    assert clients[1].startswith('{"openrpc"')
    assert '"settled":true' in plugins[0]
    fresh, _, _, stale, refused, degraded, _, _, healthy, again = quick
    assert "X-Verus-Degraded:" not in fresh + again
    assert "X-Verus-Degraded: stale" in stale
    assert '"degraded":{"source":"stale","age":' in stale
    assert '"code":-32000' in refused
    assert degraded.startswith('{"status":"degraded"')
    assert healthy.startswith('{"status":"healthy"')


def curl(command: str, ports: tuple[int, int]) -> str:
    """Run one line against the demo's ports; a sleep waits for what it is there to wait for."""
    gateway, control = ports
    if command.startswith("sleep"):
        return wait(gateway)
    moved = command.replace(":8080", f":{gateway}").replace(":27487", f":{control}")
    ended = run(*shlex.split(moved))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def wait(port: int) -> str:
    """Return the health once it is another one than now, at most for the time a reader waits."""
    health = [status(port)]
    while len(set(health)) == 1 and len(health) < 160:
        time.sleep(0.1)
        health.append(status(port))
    return health[-1]


def status(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
        return str(msgspec.json.decode(answer.read())["status"])


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Run the demo and return the ports of the gateway and of the control port."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    gateway, token_service, simulator = free_port(), free_port(), free_port(1)
    tokens = ("--token-port", str(token_service))
    ports = (
        *tokens,
        "--port",
        str(gateway),
        "--simulator-port",
        str(simulator),
        "--block-time",
        "0",
    )
    told = tmp_path / "demo.txt"
    with told.open("w") as errors:
        process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-m", "verus_gateway", "demo", *ports],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with process:
        assert process.stdout is not None
        up = any("Ctrl-C ends the demo" in line for line in process.stdout)
        assert up, told.read_text("utf-8")
        yield gateway, simulator + 1
        process.terminate()
