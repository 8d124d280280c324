"""Commands that need no chain."""

from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.commands import Command, Family, Node, text
from verus_gateway.simulator.transactions import pay
from verus_gateway.simulator.univalue import Json

SEGMENTS: Final = 64


def validateaddress(_node: Node, params: list[Json]) -> Json:
    """Say whether a text is an R-address, and what script pays it."""
    address = text(params[0])
    try:
        script = pay(address)
    except ValueError:
        return {"isvalid": False}
    return {
        "isvalid": True,
        "address": address,
        "scriptPubKey": script.hex(),
        "segid": base58.decode(address)[1][0] % SEGMENTS,
        "ismine": False,
        "issharedownership": False,
        "iswatchonly": False,
        "isscript": False,
    }


FAMILY: Final = Family(
    "util",
    (
        Command(
            name="validateaddress",
            usage='"address"',
            does="Returns information about the given transparent address.",
            takes=(('"address"', "(string, required) the address to check"),),
            least=1,
            most=1,
            example='"address"',
            run=validateaddress,
        ),
    ),
)
