"""Commands that register and change identities: an unsigned transaction, or a sent one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from verus_gateway.simulator import base58, names
from verus_gateway.simulator.commands import (
    INVALID_ADDRESS_OR_KEY,
    INVALID_PARAMETER,
    WALLET_ERROR,
    Command,
    Node,
    RpcError,
    Run,
    elements,
    given,
    hash_named,
    integer,
    members,
    satoshis,
    text,
    truth,
)
from verus_gateway.simulator.errands import spend
from verus_gateway.simulator.identities import LOCKED, REVOKED, Identity, Version, history
from verus_gateway.simulator.ledger import Coin
from verus_gateway.simulator.mempool import Refused
from verus_gateway.simulator.methods.forms import iaddress, identity_named
from verus_gateway.simulator.methods.identity import versions
from verus_gateway.simulator.methods.vdxf import key_named
from verus_gateway.simulator.transactions import Output
from verus_gateway.simulator.univalue import Json, Number

MOST_FEES: Final = 100_000
"""Satoshis that a coin must be above to pay for a transaction."""
_ANYBODY: Final = frozenset({"", "*", "R*", "i*"})


def registeridentity(node: Node, params: list[Json]) -> Json:
    """Register an identity whose name was reserved."""
    asked = members(params[0])
    hash_named(asked.get("txid"), "txid")
    reserved, wanted = asked.get("namereservation"), asked.get("identity")
    if not isinstance(reserved, dict) or not isinstance(wanted, dict):
        message = "Name reservation and identity must be objects"
        raise RpcError(INVALID_PARAMETER, message)
    name = text(wanted.get("name"))
    if text(reserved.get("name")).lower() != name.lower():
        message = "Identity name does not match the name reservation"
        raise RpcError(INVALID_PARAMETER, message)
    chain = node.chain.parameters.identity
    parent = chain if "parent" not in wanted else _id(node, wanted["parent"])
    own = names.child(name, parent)
    if history(node.chain.ledger, iaddress(own)):
        raise RpcError(INVALID_PARAMETER, f"Identity {name}@ already exists")
    bare = Identity(
        name=name, parent=parent, primaries=(), revocation=own, recovery=own, system=chain
    )
    identity = _merged(node, bare, wanted)
    if not identity.primaries:
        raise RpcError(INVALID_PARAMETER, "Invalid identity: no primary addresses")
    return _answer(node, params, None, identity, flag=1)


def updateidentity(node: Node, params: list[Json]) -> Json:
    """Change an identity; what the caller leaves out stays as it is."""
    wanted = members(params[0])
    version = _version(node, wanted)
    if version.identity.revoked:
        raise RpcError(INVALID_PARAMETER, "Identity is revoked and must be recovered first")
    return _answer(node, params, version, _merged(node, version.identity, wanted), flag=1)


def revokeidentity(node: Node, params: list[Json]) -> Json:
    """Revoke an identity."""
    version = versions(node, params[0])[-1]
    if version.identity.revoked:
        raise RpcError(INVALID_PARAMETER, "Identity is already revoked")
    revoked = replace(version.identity, flags=version.identity.flags | REVOKED)
    return _answer(node, params, version, revoked, flag=1)


def recoveridentity(node: Node, params: list[Json]) -> Json:
    """Recover a revoked identity."""
    wanted = members(params[0])
    version = _version(node, wanted)
    if not version.identity.revoked:
        raise RpcError(INVALID_PARAMETER, "Identity must be revoked in order to recover")
    recovered = replace(version.identity, flags=version.identity.flags & ~REVOKED)
    return _answer(node, params, version, _merged(node, recovered, wanted), flag=1)


def setidentitytimelock(node: Node, params: list[Json]) -> Json:
    """Lock an identity until a height, or until some blocks after it is unlocked."""
    version, asked = versions(node, params[0])[-1], members(params[1])
    at, delay = asked.get("unlockatblock"), asked.get("setunlockdelay")
    numbers = [value for value in (at, delay) if isinstance(value, Number)]
    if len(numbers) != 1:
        message = "Must specify either an absolute block height or a delay, but not both"
        raise RpcError(INVALID_PARAMETER, message)
    flags = version.identity.flags & ~LOCKED | (LOCKED if delay is not None else 0)
    locked = replace(version.identity, flags=flags, timelock=integer(numbers[0]))
    return _answer(node, params, version, locked, flag=2)


def _version(node: Node, wanted: Mapping[str, Json]) -> Version:
    name = text(wanted.get("name"))
    chain = node.chain.parameters.identity
    parent = chain if "parent" not in wanted else _id(node, wanted["parent"])
    address = iaddress(names.under(name, parent))
    found = history(node.chain.ledger, address)
    if not found:
        message = f"identity, {name} ({address}), not found "
        raise RpcError(INVALID_PARAMETER, message)
    return found[-1]


def _id(node: Node, asked: Json) -> bytes:
    named = asked if isinstance(asked, str) and asked.startswith("i") else f"{asked}@"
    return base58.decode(identity_named(node, named))[1]


def _merged(node: Node, identity: Identity, wanted: Mapping[str, Json]) -> Identity:
    changes: dict[str, Json] = {}
    if "primaryaddresses" in wanted:
        changes["primaries"] = tuple(map(_key_hash, elements(wanted["primaryaddresses"])))
    for name, field in (("minimumsignatures", "minimum"), ("timelock", "timelock")):
        if name in wanted:
            changes[field] = integer(wanted[name])
    for name, field in (
        ("revocationauthority", "revocation"),
        ("recoveryauthority", "recovery"),
    ):
        if name in wanted:
            changes[field] = base58.decode(identity_named(node, wanted[name]))[1]
    if "contentmap" in wanted:
        pairs = members(wanted["contentmap"]).items()
        changes["contents"] = tuple(
            sorted((_reversed(key, 20), _reversed(value, 32)) for key, value in pairs)
        )
    if "contentmultimap" in wanted:
        pairs = members(wanted["contentmultimap"]).items()
        changes["multimap"] = tuple(sorted((key_named(node, k), _values(v)) for k, v in pairs))
    return replace(identity, **changes)


def _key_hash(asked: Json) -> str:
    try:
        version = base58.decode(asked if isinstance(asked, str) else "")[0]
    except ValueError:
        version = -1
    if version != base58.KEY_HASH:
        raise RpcError(INVALID_PARAMETER, "Invalid identity: invalid primary address")
    return str(asked)


def _reversed(asked: Json, size: int) -> bytes:
    try:
        found = bytes.fromhex(asked if isinstance(asked, str) else "")
    except ValueError:
        found = b""
    if len(found) != size:
        raise RpcError(INVALID_PARAMETER, "Invalid identity: invalid content map")
    return found[::-1]


def _values(asked: Json) -> tuple[bytes, ...]:
    listed = asked if isinstance(asked, list) else [asked]
    try:
        return tuple(bytes.fromhex(text(each)) for each in listed)
    except ValueError:
        raise RpcError(INVALID_PARAMETER, "Invalid identity: invalid content multimap") from None


def _answer(
    node: Node, params: list[Json], version: Version | None, identity: Identity, *, flag: int
) -> Json:
    """Build the transaction; send it unless the parameter *flag* asks for its hex."""
    source = params[-1] if isinstance(params[-1], str) and len(params) > flag + 1 else ""
    for each in params[flag + 1 :]:
        if isinstance(each, Number):
            satoshis(each)
    purse = _purse(node, source, identity)
    inputs = [] if version is None else [version.coin]
    height = node.chain.height + 1
    transaction = spend(inputs, [Output(0, identity.script)], purse, height=height)
    if given(params, flag) and truth(params[flag]):
        return transaction.raw.hex()
    try:
        return node.chain.send(transaction, now=node.now())
    except Refused as refused:
        raise RpcError(refused.code, refused.message) from None


def _purse(node: Node, source: str, identity: Identity) -> Coin:
    chain = node.chain
    if source and source not in _ANYBODY and source not in chain.keys:
        message = f"No key for the source of funds {source}"
        raise RpcError(INVALID_ADDRESS_OR_KEY, message)
    payers = [source] if source in chain.keys else [*identity.primaries, *chain.people]
    for payer in payers:
        for coin in chain.ledger.coins(payer):
            free = coin.matured(chain.height + 1) and not chain.mempool.reserved(coin.outpoint)
            if coin.value > MOST_FEES and free:
                return coin
    raise RpcError(WALLET_ERROR, "Insufficient funds for identity registration or update")


_RETURN: Final = ("returntx", "(boolean, optional, default=false) return the transaction as hex")
_FEES: Final = (
    ("feeoffer", "(numeric, optional) the fee to be paid"),
    ("sourceoffunds", "(string, optional) who pays"),
)


def _command(name: str, what: str, token: str, run: Run) -> Command:
    named = name == "revokeidentity"
    asked = '"nameorID"' if named else '"jsonidentity"'
    flags = () if not token else ((token, "(boolean, optional) use a token, without effect here"),)
    return Command(
        name=name,
        usage=" ".join([asked, "(returntx)", *([f"({token})"] if token else []), "..."]),
        does=what,
        takes=((asked, "(required) the identity"), _RETURN, *flags, *_FEES),
        least=1,
        most=4 + len(flags),
        example='"name@"' if named else '{"name":"name"}',
        run=run,
    )


BUILDING: Final = (
    _command("registeridentity", "Registers an identity.", "", registeridentity),
    _command("updateidentity", "Updates an identity.", "tokenupdate", updateidentity),
    _command("revokeidentity", "Revokes an identity.", "tokenrevoke", revokeidentity),
    _command("recoveridentity", "Recovers an identity.", "tokenrecover", recoveridentity),
    Command(
        name="setidentitytimelock",
        usage='"id@" {"unlockatblock":height || "setunlockdelay":blocks} (returntx) ...',
        does="Locks an identity.",
        takes=(
            ('"id@"', "(string, required) the identity"),
            ("lock", "(object, required) until when"),
            _RETURN,
            *_FEES,
        ),
        least=2,
        most=5,
        example='"id@" {"setunlockdelay":20}',
        run=setidentitytimelock,
    ),
)
