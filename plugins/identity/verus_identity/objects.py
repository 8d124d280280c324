"""The objects that identity commands take, member by member."""

from typing import Final

from verus_gateway.plugin import (
    ADDRESS,
    BOOLEAN,
    HASH,
    HEIGHT,
    HEX,
    IDENTITY,
    OBJECT,
    TEXT,
    array,
    either,
    integer,
    mapping,
    members,
    text,
)

_NAME: Final = text("a name", longest=256)
_WORD: Final = text(longest=64)
_NUMBER: Final = integer("a number", low=0, high=2**32 - 1)

DEFINITION: Final = members(
    {},
    {
        "version": _NUMBER,
        "flags": _NUMBER,
        "primaryaddresses": array(ADDRESS, most=100),
        "minimumsignatures": _NUMBER,
        "name": _NAME,
        "identityaddress": IDENTITY,
        "parent": text("an i-address or empty", longest=256),
        "systemid": IDENTITY,
        "contentmap": mapping(_NAME, TEXT),
        "contentmultimap": OBJECT,  # VDXF data of any form under keys of the caller's
        "revocationauthority": IDENTITY,
        "recoveryauthority": IDENTITY,
        "privateaddress": ADDRESS,
        "timelock": _NUMBER,
    },
)
"""An identity as ``getidentity`` prints it."""

REGISTRATION: Final = members(
    {},
    {
        "txid": HASH,
        "namereservation": members(
            {},
            {
                "version": _NUMBER,
                "name": _NAME,
                "parent": text("an i-address or empty", longest=256),
                "salt": HASH,
                "referral": text("an identity or empty", longest=256),
                "nameid": IDENTITY,
            },
        ),
        "identity": DEFINITION,
    },
)

LOCK: Final = members({}, {"unlockatblock": HEIGHT, "setunlockdelay": HEIGHT})

BOUND: Final = members(
    {},
    {
        "vdxfkey": text(longest=256),
        "uint256": HASH,
        "indexnum": integer("a number", low=-(2**31), high=2**31 - 1),
    },
)

_HASHED: Final = {
    "prefixstring": TEXT,
    "message": TEXT,
    "messagehex": HEX,
    "messagebase64": TEXT,
    "datahash": HASH,
    "vdxfdata": either(OBJECT, TEXT),
    "vdxfkeys": array(TEXT, most=100),
    "vdxfkeynames": array(TEXT, most=100),
    "boundhashes": array(HASH, most=100),
    "hashtype": _WORD,
    "signature": TEXT,
}

UNSIGNED: Final = members(
    {},
    {
        **_HASHED,
        "mmrdata": array(either(OBJECT, TEXT), most=1000),
        "mmrsalt": array(HASH, most=1000),
        "mmrhashtype": _WORD,
        "mmrhash": _WORD,
        "priormmr": array(HASH, most=1000),
        "encrypttoaddress": ADDRESS,
        "createmmr": BOOLEAN,
    },
)
"""What ``signdata`` hashes. No *address*: the wallet would sign. No *filename*: it is read."""

SIGNED: Final = members({"address": ADDRESS}, {**_HASHED, "checklatest": BOOLEAN})
"""What ``verifysignature`` checks; no *filename* either."""
