from pathlib import Path

from verus_gateway.issuer import ledger
from verus_gateway.issuer.ledger import Ledger
from verus_gateway.revocations import Revocations
from verus_gateway.shelf import MemoryShelf
from verus_gateway.testing import FakeClock


def test_what_was_revoked_outlives_a_restart_until_it_ends(tmp_path: Path) -> None:
    clock = FakeClock(1000)
    kept = Ledger(tmp_path)
    kept.write("long", 2000.5)
    kept.write("short", 1100)
    with (tmp_path / ledger.FILE).open("a") as file:
        file.write("cut off\nno-end \n\n 5\nhalf 12")
    clock.now = 1500

    revocations = Revocations(MemoryShelf(), clock)
    kept.restore(revocations)

    assert dict(revocations.listed()) == {"long": 2001}
    assert (tmp_path / ledger.FILE).read_text() == "long 2001\n"
    assert (tmp_path / ledger.FILE).stat().st_mode & 0o777 == 0o600
