"""VerusIDs: look-ups, signatures, and updates that the caller will sign."""

from collections.abc import Callable

from verus_gateway.plugin import (
    ADDRESS,
    AMOUNT,
    BOOLEAN,
    FOREVER,
    HASH,
    HEIGHT,
    HEX,
    IDENTITY,
    INTEGER,
    OBJECT,
    READ,
    TEXT,
    TIP,
    WALLET_BUILD,
    Params,
    Stale,
    array,
    either,
    integer,
    members,
    method,
    optional,
    required,
    text,
)

SIGNATURE = text("a signature in base64", pattern="[A-Za-z0-9+/=]*", longest=65_536)
PROOF_HEIGHT = integer("a block height, or -1", low=-1, high=2**31 - 1)
RANGE = {"fromheight": HEIGHT, "toheight": HEIGHT, "unspent": BOOLEAN}
BY_ID = members({"identityid": IDENTITY}, RANGE)
SOURCE = optional("sourceoffunds", ADDRESS)
FEE = optional("feeoffer", AMOUNT)


def returns_tx(position: int) -> Callable[[Params], bool]:
    """Accept a call only if its *returntx* flag is set, so that no wallet here pays."""
    return lambda params: len(params) > position and params[position] is True


def signs_nothing(params: Params) -> bool:
    """Accept only data to be hashed: an address would ask the daemon's wallet to sign."""
    return "address" not in params[0]


METHODS = (
    method(
        "getidentity",
        required("identity", IDENTITY),
        optional("height", PROOF_HEIGHT),
        optional("txproof", BOOLEAN),
        optional("txproofheight", PROOF_HEIGHT),
        summary="An identity as it is, or as it was at a height.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(3600),
        cost=2,
    ),
    method(
        "getidentitycontent",
        required("identity", IDENTITY),
        optional("heightstart", PROOF_HEIGHT),
        optional("heightend", PROOF_HEIGHT),
        optional("txproofs", BOOLEAN),
        optional("txproofheight", PROOF_HEIGHT),
        optional("vdxfkey", TEXT),
        optional("keepdeleted", BOOLEAN),
        summary="The content that an identity has published.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(3600),
        cost=5,
    ),
    method(
        "getidentityhistory",
        required("identity", IDENTITY),
        optional("heightstart", PROOF_HEIGHT),
        optional("heightend", PROOF_HEIGHT),
        optional("txproofs", BOOLEAN),
        optional("txproofheight", PROOF_HEIGHT),
        summary="Every version of an identity.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(3600),
        cost=5,
    ),
    method(
        "getidentitieswithaddress",
        required("query", members({"address": ADDRESS}, RANGE)),
        summary="Identities that an address may spend for.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getidentitieswithrecovery",
        required("query", BY_ID),
        summary="Identities that another may recover.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getidentitieswithrevocation",
        required("query", BY_ID),
        summary="Identities that another may revoke.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getidentitytrust",
        optional("identities", array(IDENTITY, most=100)),
        summary="The node's trust in identities.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
    ),
    method(
        "getvdxfid",
        required("uri", text("a VDXF name", longest=1024)),
        optional(
            "bound",
            members({}, {"vdxfkey": TEXT, "uint256": HASH, "indexnum": INTEGER}),
        ),
        summary="The key that a VDXF name stands for.",
        scope=READ,
        ttl=FOREVER,
        fallback=Stale(FOREVER),
    ),
    method(
        "hashdata",
        required("data", HEX),
        optional("hashtype", text(longest=64)),
        optional("personal", text(longest=64)),
        summary="The hash of data.",
        scope=READ,
        ttl=FOREVER,
        fallback=Stale(FOREVER),
    ),
    method(
        "signdata",
        required("data", OBJECT),
        accepts=signs_nothing,
        summary="The hash of data or of a Merkle mountain range; signs nothing here.",
        scope=READ,
        retry=True,
        cost=2,
    ),
    method(
        "verifyhash",
        required("signer", ADDRESS),
        required("signature", SIGNATURE),
        required("hash", either(HASH, HEX)),
        optional("checklatest", BOOLEAN),
        summary="Whether a signature of a hash is good.",
        scope=READ,
        ttl=TIP,  # an identity's keys move with the chain
        fallback=None,
        cost=2,
    ),
    method(
        "verifymessage",
        required("signer", ADDRESS),
        required("signature", SIGNATURE),
        required("message", TEXT),
        optional("checklatest", BOOLEAN),
        summary="Whether a signature of a message is good.",
        scope=READ,
        ttl=TIP,  # an identity's keys move with the chain
        fallback=None,
        cost=2,
    ),
    method(
        "verifysignature",
        required("query", OBJECT),
        summary="Whether a signature of data is good.",
        scope=READ,
        ttl=TIP,  # an identity's keys move with the chain
        fallback=None,
        cost=2,
    ),
    method(
        "registeridentity",
        required("registration", OBJECT),
        required("returntx", BOOLEAN),
        FEE,
        SOURCE,
        accepts=returns_tx(1),
        summary="An unsigned transaction that registers an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
    method(
        "updateidentity",
        required("identity", OBJECT),
        required("returntx", BOOLEAN),
        optional("tokenupdate", BOOLEAN),
        FEE,
        SOURCE,
        accepts=returns_tx(1),
        summary="An unsigned transaction that updates an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
    method(
        "revokeidentity",
        required("identity", IDENTITY),
        required("returntx", BOOLEAN),
        optional("tokenrevoke", BOOLEAN),
        FEE,
        SOURCE,
        accepts=returns_tx(1),
        summary="An unsigned transaction that revokes an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
    method(
        "recoveridentity",
        required("identity", OBJECT),
        required("returntx", BOOLEAN),
        optional("tokenrecover", BOOLEAN),
        FEE,
        SOURCE,
        accepts=returns_tx(1),
        summary="An unsigned transaction that recovers an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
    method(
        "setidentitytimelock",
        required("identity", IDENTITY),
        required("lock", members({}, {"unlockatblock": HEIGHT, "setunlockdelay": HEIGHT})),
        required("returntx", BOOLEAN),
        FEE,
        SOURCE,
        accepts=returns_tx(2),
        summary="An unsigned transaction that locks an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
)
