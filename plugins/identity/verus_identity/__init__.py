"""VerusIDs: look-ups, signatures, and updates that the caller will sign."""

import re
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
    MEMPOOL,
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
    spelled,
    text,
)
from verus_identity.objects import BOUND, DEFINITION, LOCK, REGISTRATION, SIGNED, UNSIGNED

# The examples exist on the simulated chain, so that whoever reads them can run them.
EXAMPLE_IDENTITY = "alice@"
EXAMPLE_ADDRESS = "RCmEAsdzsbVVaA4qPcHc8xp294MVdYBTZB"
EXAMPLE_SIGNATURE = "H" + "A" * 86 + "="
EXAMPLE_DEFINITION = {"name": "alice", "primaryaddresses": [EXAMPLE_ADDRESS]}
EXAMPLE_REGISTRATION = {
    "txid": "fa9e8a00dbf34a9239bbc2a27b507e8865a86726eb4b328a488057fe36d730bf",
    "namereservation": {"name": "carol", "salt": "ab" * 32, "referral": ""},
    "identity": {"name": "carol", "primaryaddresses": [EXAMPLE_ADDRESS], "minimumsignatures": 1},
}
KEY_ADDRESS = re.compile("R[1-9A-HJ-NP-Za-km-z]{25,34}")
SIGNER = required("signer", ADDRESS, example=EXAMPLE_ADDRESS)
SIGNATURE = text("a signature in base64", pattern="[A-Za-z0-9+/=]*", longest=65_536)
FOR_IDENTITY = required("identity", IDENTITY, example=EXAMPLE_IDENTITY)
PROOF_HEIGHT = spelled(integer("a block height, or -1", low=-1, high=2**31 - 1))
FLAG_TEXT = spelled(BOOLEAN)
HISTORY = (
    FOR_IDENTITY,
    optional("heightstart", PROOF_HEIGHT, example=0),
    optional("heightend", PROOF_HEIGHT, example=0),
    optional("txproofs", FLAG_TEXT),
    optional("txproofheight", PROOF_HEIGHT),
)
RANGE = {"fromheight": HEIGHT, "toheight": HEIGHT, "unspent": BOOLEAN}
BY_ID = members({"identityid": IDENTITY}, RANGE)
RETURNTX = required("returntx", FLAG_TEXT, example=True)
CHECKLATEST = optional("checklatest", FLAG_TEXT)
# Nothing is paid by the wallet here: "" and a wildcard are taken for what clients send.
SOURCE = optional(
    "sourceoffunds", either(ADDRESS, text("empty or a wildcard", pattern=r"[Riz]?\*|"))
)
FEE = optional("feeoffer", AMOUNT)


def returns_tx(position: int) -> Callable[[Params], bool]:
    """Accept a call only if its *returntx* flag is set, so that no wallet here pays."""
    return lambda params: len(params) > position and params[position] is True


def counts_the_mempool(params: Params) -> bool:
    """Tell whether a height of -1 is asked for: verusd then looks into the mempool too."""
    return any(type(height) is int and height < 0 for height in params[1:3])


def signed_by_key(params: Params) -> bool:
    """Tell whether a signature is by an address of one key: that is arithmetic and never changes.

    An identity's keys move with the chain.
    """
    signer = params[0]["address"] if isinstance(params[0], dict) else params[0]
    return KEY_ADDRESS.fullmatch(signer) is not None


METHODS = (
    method(
        "getidentity",
        FOR_IDENTITY,
        optional("height", PROOF_HEIGHT),
        optional("txproof", FLAG_TEXT),
        optional("txproofheight", PROOF_HEIGHT),
        summary="An identity as it is, or as it was at a height.",
        scope=READ,
        ttl=TIP,
        ttl_if=((MEMPOOL, counts_the_mempool),),
        fallback=Stale(3600),
        cost=2,
    ),
    method(
        "getidentitycontent",
        *HISTORY,
        optional("vdxfkey", text(longest=256)),
        optional("keepdeleted", FLAG_TEXT),
        summary="The content that an identity has published.",
        scope=READ,
        ttl=TIP,
        ttl_if=((MEMPOOL, counts_the_mempool),),
        fallback=Stale(3600),
        cost=5,
    ),
    method(
        "getidentityhistory",
        *HISTORY,
        summary="Every version of an identity.",
        scope=READ,
        ttl=TIP,
        ttl_if=((MEMPOOL, counts_the_mempool),),
        fallback=Stale(3600),
        cost=5,
    ),
    method(
        "getidentitieswithaddress",
        required(
            "query", members({"address": ADDRESS}, RANGE), example={"address": EXAMPLE_ADDRESS}
        ),
        summary="Identities that an address may spend for.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getidentitieswithrecovery",
        required("query", BY_ID, example={"identityid": EXAMPLE_IDENTITY}),
        summary="Identities that another may recover.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getidentitieswithrevocation",
        required("query", BY_ID, example={"identityid": EXAMPLE_IDENTITY}),
        summary="Identities that another may revoke.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getidentitytrust",
        optional("ids", array(IDENTITY, most=100), example=[EXAMPLE_IDENTITY]),
        summary="The node's trust in identities.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
    ),
    method(
        "getvdxfid",
        required("vdxfuri", text("a VDXF name", longest=2048), example="vrsc::system.currency"),
        optional("bound", BOUND),
        summary="The key that a VDXF name stands for.",
        scope=READ,
        ttl=FOREVER,
        fallback=Stale(FOREVER),
    ),
    method(
        "hashdata",
        required("hexdata", HEX, example="00ff"),
        optional("hashtype", text(longest=64), example="sha256"),
        optional("personalstring", text(longest=64)),
        summary="The hash of data.",
        scope=READ,
        ttl=FOREVER,
        fallback=Stale(FOREVER),
    ),
    method(
        "signdata",
        required("data", UNSIGNED, example={"message": "hello"}),
        summary="The hash of data or of a Merkle mountain range; signs nothing here.",
        scope=READ,
        retry=True,
        cost=2,
    ),
    method(
        "verifyhash",
        SIGNER,
        required("signature", SIGNATURE, example=EXAMPLE_SIGNATURE),
        required("hexhash", either(HASH, HEX), example="ab" * 32),
        CHECKLATEST,
        summary="Whether a signature of a hash is good.",
        scope=READ,
        ttl=TIP,  # an identity's keys move with the chain
        ttl_if=((FOREVER, signed_by_key),),
        fallback=None,
        cost=2,
    ),
    method(
        "verifymessage",
        SIGNER,
        required("signature", SIGNATURE, example=EXAMPLE_SIGNATURE),
        required("message", TEXT, example="hello"),
        CHECKLATEST,
        summary="Whether a signature of a message is good.",
        scope=READ,
        ttl=TIP,  # an identity's keys move with the chain
        ttl_if=((FOREVER, signed_by_key),),
        fallback=None,
        cost=2,
    ),
    method(
        "verifysignature",
        required(
            "query",
            SIGNED,
            example={
                "address": EXAMPLE_ADDRESS,
                "message": "hello",
                "signature": EXAMPLE_SIGNATURE,
            },
        ),
        summary="Whether a signature of data is good.",
        scope=READ,
        ttl=TIP,  # an identity's keys move with the chain
        ttl_if=((FOREVER, signed_by_key),),
        fallback=None,
        cost=2,
    ),
    method(
        "registeridentity",
        required("jsonidregistration", REGISTRATION, example=EXAMPLE_REGISTRATION),
        RETURNTX,
        FEE,
        SOURCE,
        accepts=returns_tx(1),
        summary="An unsigned transaction that registers an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
    method(
        "updateidentity",
        required("jsonidentity", DEFINITION, example=EXAMPLE_DEFINITION),
        RETURNTX,
        optional("tokenupdate", FLAG_TEXT),
        FEE,
        SOURCE,
        accepts=returns_tx(1),
        summary="An unsigned transaction that updates an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
    method(
        "revokeidentity",
        required("nameorID", IDENTITY, example=EXAMPLE_IDENTITY),
        RETURNTX,
        optional("tokenrevoke", FLAG_TEXT),
        FEE,
        SOURCE,
        accepts=returns_tx(1),
        summary="An unsigned transaction that revokes an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
    method(
        "recoveridentity",
        required("jsonidentity", DEFINITION, example=EXAMPLE_DEFINITION),
        RETURNTX,
        optional("tokenrecover", FLAG_TEXT),
        FEE,
        SOURCE,
        accepts=returns_tx(1),
        summary="An unsigned transaction that recovers an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
    method(
        "setidentitytimelock",
        FOR_IDENTITY,
        required("lock", LOCK, example={"setunlockdelay": 20}),
        RETURNTX,
        FEE,
        SOURCE,
        accepts=returns_tx(2),
        summary="An unsigned transaction that locks an identity; needs returntx = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
)
