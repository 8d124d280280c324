"""The objects that currency commands take, member by member."""

from typing import Final

from verus_gateway.plugin import (
    ADDRESS,
    AMOUNT,
    BOOLEAN,
    CURRENCY,
    HASH,
    HEIGHT,
    INTEGER,
    OBJECT,
    TEXT,
    array,
    either,
    integer,
    members,
    text,
    turned,
)

CONVERSION: Final = members(
    {"currency": CURRENCY, "amount": AMOUNT},
    {"convertto": CURRENCY, "via": CURRENCY, "preconvert": BOOLEAN},
)

STATES: Final = either(
    text("heights as text", pattern=r"\d{1,10}(,\d{1,10}){0,2}", longest=32),
    turned(HEIGHT, str),
)
"""verusd reads a range as text: "n", "start,end" or "start,end,step"; clients send a number too."""

_SOURCE: Final = either(CURRENCY, members({"currency": CURRENCY}))
CONVERTERS: Final = either(
    CURRENCY,
    members(
        {"convertto": CURRENCY},
        {
            "fromcurrency": either(array(_SOURCE, most=100), _SOURCE),
            "amount": AMOUNT,
            "slippage": AMOUNT,
        },
    ),
    text("a query in JSON text", pattern=r"\{[^\x00-\x1f]*\}", longest=16_384),
)
"""A currency, or a query: as an object, or in JSON text as wallets send it."""

# Beside addresses: one of Ethereum for what leaves by its bridge, an identity's shielded one.
_DESTINATION: Final = either(
    ADDRESS,
    text("an Ethereum address", pattern="0x[0-9a-fA-F]{40}"),
    text("an identity's name with @:private", pattern=r"[^\x00-\x1f\x7f/:*?\"<>|]{1,240}@:private"),
)
OUTPUT: Final = members(
    {"address": _DESTINATION, "amount": AMOUNT},
    {
        "currency": CURRENCY,
        "convertto": CURRENCY,
        "exportto": CURRENCY,
        "exportid": BOOLEAN,
        "exportcurrency": BOOLEAN,
        "feecurrency": CURRENCY,
        "via": CURRENCY,
        "refundto": ADDRESS,
        "memo": TEXT,
        "preconvert": BOOLEAN,
        "burn": BOOLEAN,
        "burnweight": BOOLEAN,
        "mintnew": BOOLEAN,
        "addconversionfees": BOOLEAN,
        "vdxftag": TEXT,
        "data": OBJECT,
    },
)

QUERY: Final = members(
    {},
    {
        "launchstate": text("a launch state", pattern="prelaunch|launched|refund|complete"),
        "systemtype": text("a system type", pattern="local|imported|gateway|pbaas"),
        "fromsystem": CURRENCY,
        "converter": array(CURRENCY, most=100),
    },
)

PROOF_ROOTS: Final = members(
    {"proofroots": array(OBJECT, most=100)},
    {"lastconfirmed": INTEGER, "currencies": array(CURRENCY, most=100)},
)

IMPORTS: Final = members(
    {
        "sourcesystemid": CURRENCY,
        "notarizationtxid": HASH,
        "notarizationtxoutnum": integer("an output's number", low=0, high=2**31 - 1),
        "exports": array(OBJECT, most=1000),
    }
)
