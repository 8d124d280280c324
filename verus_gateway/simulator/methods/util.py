"""Commands that need no chain."""

from hashlib import sha256
from typing import Final

from verus_gateway.simulator import base58, bech32, curve
from verus_gateway.simulator.commands import Command, Family, Node, text
from verus_gateway.simulator.methods.building import MULTISIG
from verus_gateway.simulator.methods.mining import ESTIMATES
from verus_gateway.simulator.scripts import owner, pay
from verus_gateway.simulator.univalue import Json

SEGMENTS: Final = 64
SECRET: Final = 188
"""Version byte of a secret key."""
_DIVERSIFIER: Final = 11


def validateaddress(_node: Node, params: list[Json]) -> Json:
    """Say whether a text is a transparent address, and what script pays it."""
    address = text(params[0])
    try:
        script = pay(address)
    except ValueError:
        return {"isvalid": False}
    version, payload = base58.decode(address)
    return {
        "isvalid": True,
        "address": address,
        "scriptPubKey": script.hex(),
        "segid": payload[0] % SEGMENTS,
        "ismine": False,
        "issharedownership": False,
        "iswatchonly": False,
        "isscript": version == base58.SCRIPT_HASH,
    }


def z_validateaddress(_node: Node, params: list[Json]) -> Json:
    """Say whether a text is a Sapling address, and what it is made of."""
    address = text(params[0])
    try:
        payload = bech32.decode(address)
    except ValueError:
        return {"isvalid": False}
    return {
        "isvalid": True,
        "address": address,
        "type": "sapling",
        "diversifier": payload[:_DIVERSIFIER].hex(),
        "diversifiedtransmissionkey": payload[_DIVERSIFIER:][::-1].hex(),
        "ismine": False,
    }


def convertpassphrase(_node: Node, params: list[Json]) -> Json:
    """Return the keys that a passphrase of the old wallets stands for."""
    passphrase = text(params[0])
    bits = bytearray(sha256(passphrase.encode()).digest())
    bits[0] &= 248
    bits[31] = bits[31] & 127 | 64
    secret = bytes(bits)
    key = curve.public_key(secret)
    return {
        "walletpassphrase": passphrase,
        "address": owner(key),
        "pubkey": key.hex(),
        "privkey": secret.hex(),
        "wif": base58.encode(SECRET, secret + b"\1"),
    }


PASSPHRASE: Final = Command(
    name="convertpassphrase",
    usage='"walletpassphrase"',
    does="Converts a passphrase of Verus Desktop, Mobile or Agama to a private key.",
    takes=(('"walletpassphrase"', "(string, required) the passphrase"),),
    least=1,
    most=1,
    example='"walletpassphrase"',
    run=convertpassphrase,
)

FAMILY: Final = Family(
    "util",
    (
        MULTISIG,
        *ESTIMATES,
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
        Command(
            name="z_validateaddress",
            usage='"zaddr"',
            does="Returns information about the given shielded address.",
            takes=(('"zaddr"', "(string, required) the address to check"),),
            least=1,
            most=1,
            example='"zaddr"',
            run=z_validateaddress,
        ),
    ),
)
