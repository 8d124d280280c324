"""What `acme.settled` promises, against nothing but the plugin interface and its doubles."""

import pytest

from acme_example import METHODS
from verus_gateway.plugin import Constant, DaemonError, DaemonUnavailable, InvalidParams, Json
from verus_gateway.testing import FakeDaemon, find, run

SETTLED = find(METHODS, "acme.settled")
TXID = "ab" * 32


def seen(confirmations: int) -> FakeDaemon:
    """Return a daemon that knows the transaction, confirmed so often."""
    return FakeDaemon({"getrawtransaction": {"txid": TXID, "confirmations": confirmations}})


@pytest.mark.parametrize(
    ("confirmations", "missing", "settled"), [(0, 10, False), (9, 1, False), (10, 0, True)]
)
async def test_ten_confirmations_settle_a_transaction(
    confirmations: int, missing: int, settled: bool
) -> None:
    answer = await run(SETTLED, seen(confirmations), TXID)

    assert answer == {
        "txid": TXID,
        "confirmations": confirmations,
        "missing": missing,
        "settled": settled,
    }


async def test_the_caller_may_ask_for_another_depth() -> None:
    answer = await run(SETTLED, seen(3), TXID, 3)

    assert answer["settled"] is True


async def test_the_transaction_is_asked_for_decoded() -> None:
    daemon = seen(1)

    await run(SETTLED, daemon, TXID)

    assert daemon.asked == [("getrawtransaction", (TXID, 1))]


async def test_a_transaction_in_the_mempool_has_no_confirmations_yet() -> None:
    answer = await run(SETTLED, FakeDaemon({"getrawtransaction": {"txid": TXID}}), TXID)

    assert (answer["confirmations"], answer["settled"]) == (0, False)


async def test_hex_where_a_transaction_is_expected_is_no_transaction() -> None:
    with pytest.raises(InvalidParams, match="is no transaction"):
        await run(SETTLED, FakeDaemon({"getrawtransaction": "0400"}), TXID)


@pytest.mark.parametrize(
    "params", [[], ["xyz"], [TXID, 0], [TXID, 1001], [TXID, "3"], [TXID, 3, 4]]
)
async def test_other_parameters_never_reach_the_daemon(params: list[Json]) -> None:
    daemon = seen(1)

    with pytest.raises(InvalidParams):
        await run(SETTLED, daemon, *params)

    assert daemon.asked == []


async def test_verusds_own_error_is_passed_on() -> None:
    unknown = DaemonError("No information available about transaction", code=-5)

    with pytest.raises(DaemonError, match="No information available"):
        await run(SETTLED, FakeDaemon({"getrawtransaction": unknown}), TXID)


async def test_an_absent_daemon_is_left_to_the_fallback_of_the_row() -> None:
    with pytest.raises(DaemonUnavailable):
        await run(SETTLED, FakeDaemon(), TXID)

    assert SETTLED.fallback == Constant(None)
