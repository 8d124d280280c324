"""Identities and currencies as members of answers, and the names that stand for them."""

from collections.abc import Mapping
from typing import Final

from verus_gateway.simulator import base58, names
from verus_gateway.simulator.commands import INVALID_PARAMETER, Node, RpcError
from verus_gateway.simulator.currencies import Currency, currencies
from verus_gateway.simulator.identities import Identity
from verus_gateway.simulator.parameters import Parameters
from verus_gateway.simulator.univalue import Json, amount

_HEX: Final = "hex:"


def iaddress(payload: bytes) -> str:
    """Write 20 bytes as an i-address."""
    return base58.encode(base58.IDENTITY, payload)


def identity_members(identity: Identity) -> dict[str, Json]:
    """Describe an identity."""
    return {
        "version": identity.version,
        "flags": identity.flags,
        "primaryaddresses": list(identity.primaries),
        "minimumsignatures": identity.minimum,
        "name": identity.name,
        "identityaddress": identity.address,
        "parent": iaddress(identity.parent),
        "systemid": iaddress(identity.system),
        "contentmap": {key[::-1].hex(): value[::-1].hex() for key, value in identity.contents},
        "contentmultimap": {
            iaddress(key): [value.hex() for value in values] for key, values in identity.multimap
        },
        "revocationauthority": iaddress(identity.revocation),
        "recoveryauthority": iaddress(identity.recovery),
        "timelock": identity.timelock,
    }


def friendly(parameters: Parameters, identity: Identity) -> str:
    """Return the name of an identity with all its parents, and an @."""
    parents = [each.name for each in currencies(parameters) if each.id == identity.parent]
    return ".".join([identity.name, *parents, parameters.name]) + "@"


def identity_named(node: Node, asked: Json) -> str:
    """Return the i-address that a friendly name or an i-address stands for.

    Raises:
        RpcError: -8 where it is neither.
    """
    text = asked if isinstance(asked, str) else ""
    if text.endswith("@") and len(text) > 1:
        return iaddress(_resolved(node, text.removesuffix("@")))
    if _is_identity(text):
        return text
    message = f'Identity parameter must be valid friendly name or identity address: "{text}"'
    raise RpcError(INVALID_PARAMETER, message)


def currency_named(node: Node, asked: Json) -> str | None:
    """Return the i-address of the currency that a text stands for, or None."""
    text = asked if isinstance(asked, str) else ""
    if text.lower().startswith(_HEX):
        try:
            found = iaddress(bytes.fromhex(text[len(_HEX) :])[::-1])
        except ValueError:
            return None
    else:
        found = text if _is_identity(text) else iaddress(_resolved(node, text))
    parameters = node.chain.parameters
    known = {parameters.chainid, *(each.address for each in currencies(parameters))}
    return found if found in known else None


def currency_of(node: Node, address: str) -> Currency | None:
    """Return the definition of a currency, or None for the chain's own and unknown ones."""
    known = currencies(node.chain.parameters)
    return next((each for each in known if each.address == address), None)


def path_of(node: Node, address: str) -> str:
    """Return the name of a known currency with its parents."""
    found = currency_of(node, address)
    return node.chain.parameters.name if found is None else found.path


def amounts(values: Mapping[str, int]) -> dict[str, Json]:
    """Write satoshis by currency as amounts."""
    return {currency: amount(value) for currency, value in values.items()}


def _resolved(node: Node, name: str) -> bytes:
    parameters = node.chain.parameters
    last = name.rpartition(".")[2].lower()
    return names.under(name, None if last == parameters.name.lower() else parameters.identity)


def _is_identity(text: str) -> bool:
    try:
        return base58.decode(text)[0] == base58.IDENTITY
    except ValueError:
        return False
