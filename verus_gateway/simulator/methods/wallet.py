"""Commands about keys; what nobody outside should reach is here for tests of whether one did."""

from typing import Final

from verus_gateway.simulator.commands import (
    INVALID_ADDRESS_OR_KEY,
    Command,
    Family,
    Node,
    RpcError,
    text,
)
from verus_gateway.simulator.methods.util import PASSPHRASE
from verus_gateway.simulator.scripts import pay
from verus_gateway.simulator.univalue import Json


def dumpprivkey(_node: Node, params: list[Json]) -> Json:
    """Answer with something that is no key."""
    address = text(params[0])
    try:
        pay(address)
    except ValueError:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Invalid transparent address") from None
    return f"simulated, not a key, for {address}"


FAMILY: Final = Family(
    "wallet",
    (
        PASSPHRASE,
        Command(
            name="dumpprivkey",
            usage='"t-addr"',
            does="Reveals the private key of an address. The simulated daemon has no keys.",
            takes=(('"t-addr"', "(string, required) the address"),),
            least=1,
            most=1,
            example='"address"',
            run=dumpprivkey,
        ),
    ),
)
