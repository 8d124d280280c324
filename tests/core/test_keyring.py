"""The token service's keys: kept private, rotated with overlap, thrown away when stolen."""

import stat
from pathlib import Path

import msgspec
import pytest

from verus_gateway.errors import StartupError
from verus_gateway.issuer import files, keyring
from verus_gateway.issuer.keyring import Keyring
from verus_gateway.testing import FakeClock

NOW = 1_800_000_000.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make keys."""
    keyring.create(tmp_path / "keys", "ES256")
    return tmp_path / "keys"


def names(ring: Keyring) -> list[str]:
    return [key.kid for key in ring.all()]


def test_keys_are_made_once_and_for_their_user_alone(folder: Path) -> None:
    before = (folder / keyring.FILE).read_bytes()

    assert not keyring.create(folder, "ES256")
    assert (folder / keyring.FILE).read_bytes() == before
    assert stat.S_IMODE((folder / keyring.FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_rotation_lets_the_next_key_sign_and_keeps_the_old_one_for_a_while(
    folder: Path,
) -> None:
    clock = FakeClock(NOW)
    ring = Keyring(folder, clock)
    old, coming = ring.active.kid, next(kid for kid in names(ring) if kid != ring.active.kid)

    kid = keyring.rotate(folder, "EdDSA", 3600, clock())
    await ring.refresh()

    assert kid == coming == ring.active.kid
    assert {old, coming} < set(names(ring))
    assert len(names(ring)) == 3
    assert ring.epoch == 1
    clock.advance(3600)
    assert old not in names(ring)
    assert ring.find(old) is None
    assert ring.find(coming) is not None


async def test_a_key_that_has_ended_is_thrown_away_by_the_rotation_after(folder: Path) -> None:
    first = Keyring(folder).active.kid
    keyring.rotate(folder, "ES256", 10, NOW)
    keyring.rotate(folder, "ES256", 10, NOW + 5)
    assert first in (folder / keyring.FILE).read_text()

    keyring.rotate(folder, "ES256", 10, NOW + 20)

    assert first not in (folder / keyring.FILE).read_text()


async def test_stolen_keys_are_all_replaced(folder: Path) -> None:
    ring = Keyring(folder)
    before = set(names(ring))

    kid = keyring.replace(folder, "ES256")
    await ring.refresh()

    assert ring.active.kid == kid
    assert not before & set(names(ring))


async def test_keys_that_cannot_be_read_again_stay_as_they_are(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ring = Keyring(folder)
    before = names(ring)

    files.replace(folder / keyring.FILE, b"nonsense")
    await ring.refresh()
    await ring.refresh()

    assert names(ring) == before
    assert [record.getMessage() for record in caplog.records] == ["the keys stay as they are"]
    assert repr(ring) == f"<Keyring {ring.active.kid} and 1 others>"


def test_without_keys_nothing_starts(tmp_path: Path) -> None:
    for does in (Keyring, lambda folder: keyring.rotate(folder, "ES256", 1, NOW)):
        with pytest.raises(StartupError, match="there are no keys"):
            does(tmp_path)


def test_keys_that_others_may_read_are_refused(folder: Path) -> None:
    (folder / keyring.FILE).chmod(0o640)

    with pytest.raises(StartupError, match="others may read or change it"):
        Keyring(folder)


def test_a_file_of_keys_that_was_changed_is_refused(folder: Path) -> None:
    stored = msgspec.json.decode((folder / keyring.FILE).read_bytes())
    active = stored["keys"][0]
    for changed, complaint in (
        ({"keys": []}, "one key is active and one is next"),
        ({"keys": [active, active]}, "one key is active and one is next"),
        (
            {"keys": [{**active, "jwk": {**active["jwk"], "kid": "x"}}, stored["keys"][1]]},
            "holds a key that was changed",
        ),
        ({}, "is no file of keys"),
    ):
        files.replace(folder / keyring.FILE, msgspec.json.encode(changed))
        with pytest.raises(StartupError, match=complaint):
            Keyring(folder)
