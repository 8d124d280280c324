"""The pages of the documentation, and what stands in their fences."""

import os
import re
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {
    str(file.relative_to(ROOT)): file.read_text("utf-8")
    for file in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PASSWORD = "4f1d6c8a90b27e35d1c4"
ENVIRONMENT = {**os.environ, "VERUS_RPC_PASSWORD": PASSWORD}


NOT_RUN = {
    "make demo": "runs until Ctrl-C; a test runs the demo itself",
    "make test": "is what runs this",
    "make setup": "is what installed this",
    "make bench": "takes minutes; a test holds its arithmetic and its client",
    'make bench ARGS="--only hit miss --rounds 5"': "takes minutes",
    "make bench ARGS=\"--only hit --peer 'mine=my-server --port {port} "
    "--daemon http://127.0.0.1:{upstream}'\"": "needs a server of the reader's own",
    "export VERUS_RPC_PASSWORD=...": "a shell's own; run() sets the variable",
    ".venv/bin/verus-gateway serve --config configs/gateway.toml": "runs until a signal",
    "python3 -m venv /opt/verus-gateway": "writes outside of the checkout",
    "/opt/verus-gateway/bin/pip install --require-hashes -r requirements.lock": "downloads",
    "/opt/verus-gateway/bin/pip install 'verus-gateway[tracing]'": "downloads",
    "/opt/verus-gateway/bin/pip install --no-deps --no-build-isolation . ./plugins/address "
    "./plugins/chain ./plugins/currency ./plugins/identity ./plugins/node "
    "./plugins/transaction": "installs",
    "install -d -m 0750 /etc/verus-gateway": "needs root",
    "install -m 0600 /dev/null /etc/verus-gateway/verusd-password": "needs root",
    "sed -n 's/^rpcpassword=//p' ~/.komodo/VRSC/VRSC.conf > /etc/verus-gateway/verusd-password": (
        "needs a verusd"
    ),
    "/opt/verus-gateway/bin/verus-gateway check --config /etc/verus-gateway/gateway.toml": (
        "needs root; a test checks the same content"
    ),
    "/opt/verus-gateway/bin/verus-gateway serve --config /etc/verus-gateway/gateway.toml": (
        "runs until a signal"
    ),
    ".venv/bin/verus-gateway admin hash-password": "asks for a password; tests type one",
    "openssl rand -hex 24": "is not ours",
    "systemctl daemon-reload": "needs systemd",
    "systemctl enable --now verus-gateway": "needs systemd",
    "journalctl -u verus-gateway -f": "needs systemd",
    ".venv/bin/pip install --no-deps --no-build-isolation -e ../shop-example": (
        "changes what is installed"
    ),
    **dict.fromkeys(
        (
            "compose/scripts/docker-build.sh",
            "compose/scripts/docker-build.sh gateway",
            "compose/scripts/docker-security.sh",
            "docker compose -f compose/docker-compose.yml -f compose/docker-compose.monitoring.yml up -d",
            "docker compose -f compose/docker-compose.yml ps",
            "docker compose -f compose/docker-compose.yml exec token-service verus-gateway client add --config /etc/verus-gateway/tokens.toml --scopes public read wallet-build -- shop",
            "docker compose -f compose/docker-compose.yml up -d --no-recreate --scale verus-rpc-server=3",
            "docker compose -f compose/docker-compose.verus-test.yml up -d --wait",
            "docker compose -f compose/docker-compose.verus-test.yml stop verus-daemon-test",
            "docker compose -f compose/docker-compose.verus-test.yml down",
            "docker tag verus-gateway:latest verus-gateway:before",
            "docker compose -f compose/docker-compose.yml run --rm --no-deps verus-rpc-server check --config /etc/verus-gateway/gateway.toml",
            "docker compose -f compose/docker-compose.yml up -d --no-recreate --scale verus-rpc-server=4",
            "docker compose -f compose/docker-compose.yml up -d --scale verus-rpc-server=2",
            "GATEWAY_IMAGE=verus-gateway:before docker compose -f compose/docker-compose.yml up -d --scale verus-rpc-server=2",
            "docker compose -f compose/docker-compose.yml restart verus-daemon",
            "docker compose -f compose/docker-compose.yml exec token-service verus-gateway tokens rotate-key --config /etc/verus-gateway/tokens.toml",
            "docker compose -f compose/docker-compose.yml down",
            "docker compose -f compose/docker-compose.yml kill --signal HUP verus-rpc-server",
            "docker compose -f compose/docker-compose.yml logs --since 1m verus-rpc-server",
            "compose/scripts/backup.sh --passphrase-file ~/backup-passphrase",
            "compose/scripts/restore.sh --passphrase-file ~/backup-passphrase --list FILE.backup",
            "compose/scripts/restore.sh --passphrase-file ~/backup-passphrase FILE.backup",
        ),
        "needs a container engine; make test-containers does what it does",
    ),
    "python3 compose/scripts/auto-config.py --domain rpc.example.org --alert-webhook https://alerts.example.org/hook --non-interactive": "writes into the checkout; tests/operate runs it in folders of its own",
    "python3 compose/scripts/auto-config.py --check": "looks at what the line before wrote; tests/operate runs both",
    "python3 compose/scripts/auto-config.py --domain rpc.example.org --rotate verusd-password --non-interactive": "writes into the checkout; tests/operate rotates",
    "compose/scripts/verus-bootstrap.sh": "downloads 24 GB; its own tests run it on a small archive",
    "compose/scripts/verus-bootstrap.sh --verify": "needs a synced verusd",
    "openssl rand -hex 32 > ~/backup-passphrase": "is not ours",
    "curl https://rpc.example.org/health": "is an example's name",
    "ssh -L 3000:127.0.0.1:3000 -L 8090:127.0.0.1:8090 rpc.example.org": "is an example's name",
    "kubectl -n verus-gateway create secret generic verus-gateway --from-file=compose/secrets/verusd-password --from-file=compose/secrets/redis-password --from-file=compose/secrets/redis-secret --from-file=compose/secrets/admin-password-hash": "needs a cluster",
    "kubectl apply -f compose/kubernetes/gateway.yaml": "needs a cluster; tests/operate validates the file",
}


NOT_RUN |= dict.fromkeys(
    (
        "verus-gateway tokens --config /etc/verus-gateway/tokens.toml",
        "verus-gateway tokens rotate-key --config /etc/verus-gateway/tokens.toml",
        "verus-gateway tokens rotate-key --compromised --config /etc/verus-gateway/tokens.toml",
        (
            "verus-gateway client add alice --config /etc/verus-gateway/gateway.toml "
            "--scopes public read --rate-class gold"
        ),
        "verus-gateway client list --config /etc/verus-gateway/gateway.toml",
        "verus-gateway client rotate alice --config /etc/verus-gateway/gateway.toml",
        "verus-gateway client disable alice --config /etc/verus-gateway/gateway.toml",
    ),
    "needs root; tests/process/test_token_commands.py runs them with a file of its own",
)
NOT_RUN |= dict.fromkeys(
    (
        (
            "curl -s -u alice:SECRET -d grant_type=client_credentials -d scope=read "
            "https://tokens.example.com/oauth/token"
        ),
        "curl -s -u alice:SECRET -d token=TOKEN https://tokens.example.com/oauth/revoke",
    ),
    "needs a service; tests/process/test_demo.py runs the same against the demo",
)


def blocks(language: str, page: str = "") -> list[str]:
    """Return the fenced blocks in one language, of a page or of all."""
    return [
        body
        for name, text in PAGES.items()
        if page in {"", name}
        for found, body in FENCE.findall(text)
        if found == language
    ]


def commands(page: str = "") -> list[str]:
    """Return each shell command of a page, or of all, in order; lines that go on are joined."""
    lines = "".join(blocks("sh", page)).replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def run(*command: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run a command, without a shell, in *folder*."""
    return subprocess.run(  # noqa: S603  the words stand in this file or in our own pages
        command,
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def first(command: str) -> str:
    """Return the program that a command runs."""
    return shlex.split(command)[0]


def terminates(command: str) -> bool:
    """Tell whether a command is the program's own and ends by itself."""
    words = shlex.split(command)
    ends = len(words) > 1 and words[1] in {"--help", "--version", "check", "methods", "new-plugin"}
    return words[0].endswith("verus-gateway") and ends and command not in NOT_RUN


PROGRAM = sorted({command for command in commands() if terminates(command)})
TUTORIAL = [
    command
    for command in commands("docs/plugins/index.md")
    if first(command) in {"cp", "mv", "sed", ".venv/bin/python"}
]
CURLS = [command for command in commands() if first(command) in {"curl", "sleep"}]
