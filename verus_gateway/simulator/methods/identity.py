"""Commands that look identities up: as they are, as they were, and by who may change them."""

from collections.abc import Callable
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.commands import (
    INVALID_ADDRESS_OR_KEY,
    INVALID_PARAMETER,
    Command,
    Node,
    RpcError,
    given,
    integer,
    members,
    truth,
)
from verus_gateway.simulator.identities import Identity, Multimap, Version, current, history
from verus_gateway.simulator.methods.forms import (
    friendly,
    iaddress,
    identity_members,
    identity_named,
)
from verus_gateway.simulator.methods.vdxf import key_named
from verus_gateway.simulator.proof import prove
from verus_gateway.simulator.univalue import Json, Number

NEVER_ENDS: Final = 2**31 - 1


def versions(node: Node, asked: Json) -> list[Version]:
    """Return all versions of the identity that a text stands for.

    Raises:
        RpcError: -8 where the text names none, -5 where it does not exist.
    """
    found = history(node.chain.ledger, identity_named(node, asked))
    if not found:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Identity not found")
    return found


def getidentity(node: Node, params: list[Json]) -> Json:
    """Describe an identity as it is, or as it was at a height."""
    height = _height(params, 1)
    found = [each for each in versions(node, params[0]) if each.coin.height <= height]
    if not found:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Identity not found")
    version = found[-1]
    name = friendly(node.chain.parameters, version.identity)
    shape: dict[str, Json] = {"friendlyname": name} | _head(node, version)
    shape["identity"] = identity_members(version.identity)
    shape |= _tail(version)
    return shape | (_proof(node, version) if given(params, 2) and truth(params[2]) else {})


def getidentityhistory(node: Node, params: list[Json]) -> Json:
    """List every version of an identity between two heights."""
    low, high = _range(params, 1)
    known = versions(node, params[0])
    shape = _head(node, known[-1]) | _tail(known[-1])
    proofs = given(params, 3) and truth(params[3])
    shape["history"] = [
        {
            "identity": identity_members(version.identity),
            "blockhash": node.chain.at(version.coin.height).hash,
            "height": version.coin.height,
            "output": {"txid": version.coin.txid, "voutnum": version.coin.n},
        }
        | (_proof(node, version) if proofs else {})
        for version in known
        if low <= version.coin.height <= high
    ]
    return shape


def getidentitycontent(node: Node, params: list[Json]) -> Json:
    """Describe an identity with all content it published between two heights."""
    low, high = _range(params, 1)
    known = versions(node, params[0])
    within = [each.identity for each in known if low <= each.coin.height <= high]
    shape = _head(node, known[-1])
    shape |= {"fromheight": low, "toheight": min(high, node.chain.height)} | _tail(known[-1])
    wanted = iaddress(key_named(node, params[5])) if given(params, 5) and params[5] else None
    identity = identity_members(known[-1].identity)
    identity["contentmultimap"] = {
        key: values for key, values in _gathered(within).items() if wanted is None or key == wanted
    }
    return shape | {"identity": identity}


def _gathered(within: list[Identity]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for identity in within:
        multimap: Multimap = identity.multimap
        for key, values in multimap:
            kept = found.setdefault(iaddress(key), [])
            kept += [value.hex() for value in values if value.hex() not in kept]
    return found


def _head(node: Node, version: Version) -> dict[str, Json]:
    return {
        "fullyqualifiedname": friendly(node.chain.parameters, version.identity),
        "status": "revoked" if version.identity.revoked else "active",
        "canspendfor": False,
        "cansignfor": False,
    }


def _tail(version: Version) -> dict[str, Json]:
    coin = version.coin
    return {"blockheight": coin.height, "txid": coin.txid, "vout": coin.n}


def _proof(node: Node, version: Version) -> dict[str, Json]:
    block = node.chain.at(version.coin.height)
    txids = [each.txid for each in block.transactions]
    return {"proof": (block.header + prove(txids, frozenset({version.coin.txid}))).hex()}


def _height(params: list[Json], at: int) -> int:
    height = integer(params[at]) if given(params, at) else 0
    return height if height > 0 else NEVER_ENDS


def _range(params: list[Json], at: int) -> tuple[int, int]:
    low = integer(params[at]) if given(params, at) else 0
    return max(low, 0), _height(params, at + 1)


def _with(role: Callable[[Identity, str], bool], member: str, node: Node, asked: Json) -> Json:
    query = members(asked)
    wanted = _asked_for(node, query.get(member), member)
    low, high = (
        integer(query[name]) if isinstance(query.get(name), Number) else otherwise
        for name, otherwise in (("fromheight", 0), ("toheight", 0))
    )
    high = high if high > 0 else NEVER_ENDS
    found: list[Version] = []
    for newest in current(node.chain.ledger):
        all_of_it = history(node.chain.ledger, newest.identity.address)
        kept = [newest] if truth(query.get("unspent")) else all_of_it
        matching = [v for v in kept if low <= v.coin.height <= high and role(v.identity, wanted)]
        found += matching[-1:]
    return [
        identity_members(version.identity)
        | {"txout": {"txid": version.coin.txid, "voutnum": version.coin.n}}
        for version in found
    ]


def _asked_for(node: Node, value: Json, member: str) -> str:
    if member == "identityid":
        return identity_named(node, value)
    try:
        base58.decode(value if isinstance(value, str) else "")
    except ValueError:
        raise RpcError(INVALID_PARAMETER, f"Invalid address: {value}") from None
    return str(value)


def getidentitieswithaddress(node: Node, params: list[Json]) -> Json:
    """List the identities that an address may sign for."""
    return _with(lambda each, wanted: wanted in each.primaries, "address", node, params[0])


def getidentitieswithrevocation(node: Node, params: list[Json]) -> Json:
    """List the identities that another may revoke."""
    return _with(
        lambda each, wanted: iaddress(each.revocation) == wanted, "identityid", node, params[0]
    )


def getidentitieswithrecovery(node: Node, params: list[Json]) -> Json:
    """List the identities that another may recover."""
    return _with(
        lambda each, wanted: iaddress(each.recovery) == wanted, "identityid", node, params[0]
    )


def getidentitytrust(_node: Node, _params: list[Json]) -> Json:
    """Tell what the node's owner thinks of identities: nothing."""
    return {"setratings": {}, "identitytrustmode": 0}


_NAMED: Final = ('"name@ || iid"', "(string, required) name, or i-address, of the identity")
_HEIGHTS: Final = (
    ("heightstart", "(numeric, optional, default=0) the first height"),
    ("heightend", "(numeric, optional, default=0) the last height, 0 for the tip"),
    ("txproofs", "(boolean, optional, default=false) whether to prove each"),
    ("txproofheight", "(numeric, optional) without effect here"),
)

LOOKUPS: Final = (
    Command(
        name="getidentity",
        usage='"name@ || iid" (height) (txproof) (txproofheight)',
        does="Returns an identity.",
        takes=(
            _NAMED,
            ("height", "(numeric, optional) the height it is to be as of"),
            ("txproof", "(boolean, optional, default=false) whether to prove it"),
            ("txproofheight", "(numeric, optional) without effect here"),
        ),
        least=1,
        most=4,
        example='"name@"',
        run=getidentity,
    ),
    Command(
        name="getidentityhistory",
        usage='"name@ || iid" (heightstart) (heightend) (txproofs) (txproofheight)',
        does="Returns all versions of an identity.",
        takes=(_NAMED, *_HEIGHTS),
        least=1,
        most=5,
        example='"name@"',
        run=getidentityhistory,
    ),
    Command(
        name="getidentitycontent",
        usage=(
            '"name@ || iid" (heightstart) (heightend) (txproofs) (txproofheight) '
            "(vdxfkey) (keepdeleted)"
        ),
        does="Returns an identity with all its content.",
        takes=(
            _NAMED,
            *_HEIGHTS,
            ("vdxfkey", "(string, optional) the only key wanted"),
            ("keepdeleted", "(boolean, optional) nothing is ever deleted here"),
        ),
        least=1,
        most=7,
        example='"name@"',
        run=getidentitycontent,
    ),
    *(
        Command(
            name=f"getidentitieswith{role}",
            usage=(f'{{"{member}":"id", "fromheight":height, "toheight":height, "unspent":false}}'),
            does=f"Returns all identities with a given {role}.",
            takes=(("query", "(object, required) whom, and between which heights"),),
            least=1,
            most=1,
            example=f'{{"{member}":"id"}}',
            run=run,
        )
        for role, member, run in (
            ("address", "address", getidentitieswithaddress),
            ("recovery", "identityid", getidentitieswithrecovery),
            ("revocation", "identityid", getidentitieswithrevocation),
        )
    ),
    Command(
        name="getidentitytrust",
        usage='["id",...]',
        does="Returns the trust ratings of identities.",
        takes=(("ids", "(array, optional) the identities"),),
        most=1,
        example='["id"]',
        run=getidentitytrust,
    ),
)
