"""The command that derives ids of the Verus Data Exchange Format from names."""

from typing import Final

from verus_gateway.simulator import base58, names
from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    Command,
    Family,
    Node,
    RpcError,
    given,
    hash_named,
    integer,
    members,
    text,
)
from verus_gateway.simulator.stream import word
from verus_gateway.simulator.univalue import Json, Number

INDEX: Final = 137
"""Version byte of an index id, an x-address."""


def getvdxfid(node: Node, params: list[Json]) -> Json:
    """Return the id of a VDXF name, bound to further data where asked."""
    name = text(params[0])
    parent, key = _resolve(name, node.chain.parameters.identity)
    bounds = members(params[1]) if given(params, 1) else {}
    shape: dict[str, Json] = {}
    if isinstance(bounds.get("vdxfkey"), str):
        other = key_named(node, bounds["vdxfkey"])
        key = names.bound(key, other)
        shape["vdxfkey"] = base58.encode(base58.IDENTITY, other)
    if "uint256" in bounds:
        digits = hash_named(bounds["uint256"], "uint256")
        key = names.bound(key, bytes.fromhex(digits)[::-1])
        shape["uint256"] = digits
    if isinstance(bounds.get("indexnum"), Number):
        number = integer(bounds["indexnum"])
        if not shape:
            message = "Cannot specify hash or numeric index without additional vdxf key or hash"
            raise RpcError(INVALID_PARAMETER, message)
        key = names.bound(key, word(number & 0xFFFFFFFF))
        shape["indexnum"] = number
    role = "parentid" if name.endswith("@") else "namespace"
    qualified = {role: base58.encode(base58.IDENTITY, parent), "name": name.lower()}
    return {
        "vdxfid": base58.encode(base58.IDENTITY, key),
        "indexid": base58.encode(INDEX, key),
        "hash160result": key[::-1].hex(),
        "qualifiedname": qualified,
    } | ({"bounddata": shape} if shape else {})


def key_named(node: Node, asked: Json) -> bytes:
    """Return the 20 bytes of a VDXF key given by its id or its name.

    Raises:
        RpcError: -8 where it is neither.
    """
    name = text(asked)
    return _identity(name) or _resolve(name, node.chain.parameters.identity)[1]


def _resolve(name: str, chain: bytes) -> tuple[bytes, bytes]:
    if name.endswith("@"):
        bare, _, rest = name.removesuffix("@").partition(".")
        parent = names.under(rest, None) if rest else chain
        key = names.child(bare, parent) if bare else None
    else:
        space, separator, rest = name.partition(names.DATA_SEPARATOR)
        bare = rest if separator else name
        root = _identity(space) or names.under(space.removesuffix("."), None)
        parent = root if separator else names.child("vrsc", None)
        key = names.data_key(bare, parent) if bare and (space or not separator) else None
    if key is None:
        raise RpcError(INVALID_PARAMETER, f"Invalid VDXF key or ID: {name}")
    return parent, key


def _identity(address: str) -> bytes | None:
    try:
        version, payload = base58.decode(address)
    except ValueError:
        return None
    return payload if version == base58.IDENTITY else None


FAMILY: Final = Family(
    "vdxf",
    (
        Command(
            name="getvdxfid",
            usage='"vdxfuri" ( {"vdxfkey":"id", "uint256":"hex", "indexnum":n} )',
            does="Returns the id that a VDXF name stands for.",
            takes=(
                ('"vdxfuri"', "(string, required) the name, with or without namespace"),
                ("initialvalues", "(object, optional) what the id is bound to"),
            ),
            least=1,
            most=2,
            example='"vrsc::system.currency.export"',
            run=getvdxfid,
        ),
    ),
)
