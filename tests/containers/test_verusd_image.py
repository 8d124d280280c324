"""The image of verusd, with a release that has the shape of a real one and does nothing."""

from pathlib import Path

import msgspec
from containers.conftest import until
from containers.engine import Engine
from containers.images import ROOT, Images

PASSWORD = "a-password-made-for-this-test"


def test_a_release_with_another_hash_builds_no_image(images: Images) -> None:
    assert "is not the release that was pinned" in images.refused


def test_an_image_says_what_it_is_and_what_it_holds(running: Engine) -> None:
    template = "{{json .Config.Labels}}"
    said = running.docker("image", "inspect", "--format", template, "verus-gateway:latest").stdout
    labels = msgspec.json.decode(said)
    listed = msgspec.json.decode((ROOT / "dist/verus-gateway-test.cdx.json").read_bytes())
    installed = running.docker(
        *("run", "--rm", "--entrypoint", "python", "verus-gateway:latest", "-c"),
        "import importlib.metadata as m; print(*(d.metadata['Name'].lower() for d in m.distributions()))",
    ).stdout.split()

    assert labels["org.opencontainers.image.version"] == "test"
    assert len(labels["org.opencontainers.image.revision"]) == 12
    names = {each["name"].lower().replace("_", "-") for each in listed["components"]}
    ours = {name for name in installed if name.startswith("verus-")}
    assert {"verus-gateway", "verus-chain"} <= ours
    assert {name.replace("_", "-") for name in installed} - ours <= names
    assert not {"pip", "flit-core"} & set(installed), "nothing there installs packages"


def test_verusd_runs_in_the_foreground_without_root_and_ends_when_told(
    running: Engine, tmp_path: Path
) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    (tmp_path / "verusd-password").write_text(PASSWORD)
    (tmp_path / "verusd.conf").write_text("server=1\ndisablewallet=1\n")
    fill = "for n in sapling-spend sapling-output sprout-groth16; do echo x >$HOME/.zcash-params/$n.params; done"
    volumes = (
        *("-v", "vg-test-data:/var/lib/verus/.komodo"),
        *("-v", "vg-test-params:/var/lib/verus/.zcash-params"),
        *("-v", f"{tmp_path}/verusd-password:/run/secrets/verusd-password:ro"),
        *("-v", f"{tmp_path}/verusd.conf:/etc/verus/verusd.conf:ro"),
    )
    hard = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--init")
    running.docker(
        *("run", "--rm", *hard, *volumes, "--entrypoint", "bash", "verus-daemon:latest", "-c", fill)
    )

    id = running.docker("run", "-d", *hard, *volumes, "verus-daemon:latest").stdout.strip()
    try:
        until("it started", lambda: "verusd -printtoconsole" in running.docker("logs", id).stdout)
        conf = running.docker("exec", id, "cat", "/var/lib/verus/.komodo/VRSC/VRSC.conf").stdout
        health = running.docker("exec", id, "verus-health").stdout
        who = running.docker("exec", id, "id", "-u").stdout
        running.docker("stop", "--time", "20", id)
        ended = running.docker("inspect", "--format", "{{.State.ExitCode}}", id).stdout.strip()
    finally:
        running.docker("rm", "--force", "--volumes", id, check=False)
        running.docker("volume", "rm", "vg-test-data", "vg-test-params", check=False)

    assert f"rpcpassword={PASSWORD}" in conf
    assert "in step at 200, 8 peers" in health
    assert who == "10002\n"
    assert ended == "143", "by the signal, at once, not killed"
