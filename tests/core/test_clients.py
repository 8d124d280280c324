"""Clients of the token service: their secrets are shown once and never kept."""

import stat
from pathlib import Path
from typing import Any

import pytest

from verus_gateway.errors import StartupError
from verus_gateway.issuer import clients, files, secret
from verus_gateway.issuer.clients import FileClients


def test_a_clients_secret_is_returned_once_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    shown = clients.add(tmp_path, "alice", ["read", "public", "read"], lifetime=120)

    file = tmp_path / clients.FILE
    (alice,) = clients.listed(tmp_path)
    assert shown not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret.fits(shown, alice.secret)
    assert not secret.fits(shown + "x", alice.secret)
    assert not secret.fits("x" * 1000, alice.secret)
    assert (alice.scopes, alice.lifetime, alice.rate_class) == (("read", "public"), 120, "default")
    assert len(shown) >= 43


def test_a_running_service_sees_what_was_changed(tmp_path: Path) -> None:
    found = FileClients(tmp_path)
    assert found.find("alice") is None

    first = clients.add(tmp_path, "alice", ["read"])
    assert found.find("alice") is not None
    second = clients.rotate(tmp_path, "alice")
    rotated = found.find("alice")
    clients.disable(tmp_path, "alice")
    disabled = found.find("alice")

    assert rotated is not None
    assert disabled is not None
    assert secret.fits(second, rotated.secret)
    assert not secret.fits(first, rotated.secret)
    assert disabled.disabled
    assert repr(found) == f"<FileClients 1 in {tmp_path / clients.FILE}>"


def test_a_broken_file_changes_nothing_for_a_running_service(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clients.add(tmp_path, "alice", ["read"])
    found = FileClients(tmp_path)

    whole = (tmp_path / clients.FILE).read_bytes()
    files.replace(tmp_path / clients.FILE, whole.replace(b"scrypt:14", b"scrypt:99"))

    assert found.find("alice") is not None
    assert [record.getMessage() for record in caplog.records] == ["the clients stay as they are"]
    with pytest.raises(StartupError, match=r"clients\.json: is a hash with costs out of range"):
        FileClients(tmp_path)
    files.replace(tmp_path / clients.FILE, b"{")
    with pytest.raises(StartupError, match=r"clients\.json: "):
        FileClients(tmp_path)


def test_a_name_is_given_once(tmp_path: Path) -> None:
    clients.add(tmp_path, "alice", ["read"])

    with pytest.raises(StartupError, match="client alice: is there already"):
        clients.add(tmp_path, "alice", ["read"])


@pytest.mark.parametrize("change", [clients.disable, clients.rotate])
def test_who_is_not_there_cannot_be_changed(tmp_path: Path, change: Any) -> None:
    with pytest.raises(StartupError, match="client bob: there is none of this name"):
        change(tmp_path, "bob")


def test_every_fault_of_a_new_client_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError) as caught:
        clients.add(tmp_path, "a b", ['"'], lifetime=1, rate_class="Gold")

    assert caught.value.faults == (
        "a client's name is letters, digits, dots, - and _, at most 64",
        "client a b: scopes are words, at least one",
        "client a b: a lifetime is 60 to 86400 seconds",
        "client a b: a rate class is small letters, digits, - and _",
    )


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    clients.add(tmp_path, "alice", ["read"])
    (tmp_path / clients.FILE).chmod(0o644)

    with pytest.raises(StartupError, match="others may read or change it"):
        clients.listed(tmp_path)
