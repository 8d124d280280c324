"""Currencies, conversions, offers and cross-chain transfers."""

from verus_currency.objects import (
    CONVERSION,
    CONVERTERS,
    IMPORTS,
    OUTPUT,
    PROOF_ROOTS,
    QUERY,
    STATES,
)
from verus_gateway.plugin import (
    ADDRESS,
    AMOUNT,
    BOOLEAN,
    BROADCAST,
    CURRENCY,
    HEIGHT,
    MEMPOOL,
    OBJECT,
    READ,
    SWITCH,
    TIP,
    WALLET_BUILD,
    Params,
    Stale,
    array,
    either,
    integer,
    method,
    optional,
    required,
    spelled,
    text,
)

HOUR = Stale(3600)
# The examples exist on the simulated chain, so that whoever reads them can run them.
EXAMPLE_CURRENCY = "VRSC"
EXAMPLE_BASKET = "Bridge.vETH"
EXAMPLE_ADDRESS = "RCmEAsdzsbVVaA4qPcHc8xp294MVdYBTZB"
EXAMPLE_PROOF_ROOT = {
    "version": 1,
    "type": 1,
    "systemid": EXAMPLE_CURRENCY,
    "height": 5,
    "stateroot": "00" * 32,
    "blockhash": "75e8dcd185d3ae291f002fb58c9085c4d3562dd95ec0d0687296b2b79da803fd",
    "power": "00" * 32,
}
EXAMPLE_CHALLENGE = {"type": "vrsc::evidence.skipchallenge", "notarizationref": {}}
EXAMPLE_IMPORTS = {
    "sourcesystemid": "vETH",
    "notarizationtxid": "fa9e8a00dbf34a9239bbc2a27b507e8865a86726eb4b328a488057fe36d730bf",
    "notarizationtxoutnum": 0,
    "exports": [],
}
HEIGHT_TOO = spelled(HEIGHT)
FLAG_TEXT = spelled(BOOLEAN)
MINCONF = spelled(integer("a number of confirmations", low=0, high=2**31 - 1))
WILDCARD = text("a wildcard such as *", pattern=r"[Riz]?\*")  # the wallet's, but nothing is spent
FOR_CURRENCY = required("currencyname", CURRENCY, example=EXAMPLE_CURRENCY)


def returns_template(params: Params) -> bool:
    """Accept a call only if its fifth parameter asks for the template, so that nothing is spent."""
    return len(params) > 4 and params[4] is True  # noqa: PLR2004  verusd's fifth


METHODS = (
    method(
        "getcurrency",
        optional("currencyname", CURRENCY, example=EXAMPLE_CURRENCY),
        summary="Definition and state of a currency.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
        cost=2,
    ),
    method(
        "listcurrencies",
        optional("query", QUERY, example={"systemtype": "local"}),
        optional("startblock", HEIGHT_TOO),
        optional("endblock", HEIGHT_TOO),
        summary="Currencies, by state, kind or origin.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
        cost=10,
    ),
    method(
        "getcurrencystate",
        required("currencynameorid", CURRENCY, example=EXAMPLE_BASKET),
        optional("n", STATES),
        optional("conversiondatacurrency", CURRENCY),
        summary="State of a currency at heights.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
        cost=5,
    ),
    method(
        "getinitialcurrencystate",
        required("name", CURRENCY, example=EXAMPLE_BASKET),
        summary="State of a currency before its launch.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
    ),
    method(
        "getcurrencyconverters",
        required("currency1", CONVERTERS, example=EXAMPLE_CURRENCY),
        optional("currency2", CURRENCY),
        optional("currency3", CURRENCY),
        summary="Baskets that convert between currencies.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
        cost=10,
    ),
    method(
        "getcurrencytrust",
        optional("currencyids", array(CURRENCY, most=100), example=[EXAMPLE_CURRENCY]),
        summary="The node's trust in currencies.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
    ),
    method(
        "estimateconversion",
        required(
            "conversion",
            either(CONVERSION, array(CONVERSION, most=32)),
            example={"currency": EXAMPLE_CURRENCY, "convertto": EXAMPLE_BASKET, "amount": 1},
        ),
        summary="What a conversion would give now.",
        scope=READ,
        ttl=TIP,
        fallback=None,  # an old price is worse than none
        cost=3,
    ),
    method(
        "getlaunchinfo",
        required("currencyid", CURRENCY, example=EXAMPLE_BASKET),
        summary="How a currency was launched.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
    ),
    method(
        "getoffers",
        required("currencyorid", CURRENCY, example=EXAMPLE_CURRENCY),
        optional("iscurrency", FLAG_TEXT, example=True),
        optional("withtx", FLAG_TEXT, example=False),
        summary="Open offers for a currency or an identity.",
        scope=READ,
        ttl=TIP,
        fallback=Stale(600),
        cost=5,
    ),
    method(
        "getexports",
        required("chainname", CURRENCY, example=EXAMPLE_CURRENCY),
        optional("heightstart", HEIGHT_TOO),
        optional("heightend", HEIGHT_TOO),
        summary="Exports to a chain.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
        cost=5,
    ),
    method(
        "getimports",
        optional("chainname", CURRENCY, example=EXAMPLE_CURRENCY),
        optional("startheight", HEIGHT_TOO),
        optional("endheight", HEIGHT_TOO),
        summary="Imports from a chain.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
        cost=5,
    ),
    method(
        "getlastimportfrom",
        optional("systemname", CURRENCY, example="vETH"),
        summary="The last import from a system.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
    ),
    method(
        "getpendingtransfers",
        optional("chainname", CURRENCY, example=EXAMPLE_CURRENCY),
        summary="Transfers that wait for their export.",
        scope=READ,
        ttl=MEMPOOL,
        fallback=Stale(60),
        cost=2,
    ),
    method(
        "getreservedeposits",
        FOR_CURRENCY,
        optional("returnutxos", spelled(SWITCH)),
        summary="Deposits that back a currency.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
        cost=2,
    ),
    method(
        "getnotarizationdata",
        required("currencyid", CURRENCY, example=EXAMPLE_CURRENCY),
        optional("getevidence", FLAG_TEXT),
        optional("separatecounterevidence", FLAG_TEXT),
        summary="Notarizations of a chain.",
        scope=READ,
        ttl=TIP,
        fallback=HOUR,
        cost=5,
    ),
    method(
        "getnotarizationproofs",
        required("requests", array(OBJECT, most=32), example=[EXAMPLE_CHALLENGE]),
        summary="Proofs that answer notarization challenges.",
        scope=READ,
        ttl=TIP,
        fallback=None,
        cost=10,
    ),
    method(
        "getbestproofroot",
        required("query", PROOF_ROOTS, example={"proofroots": [EXAMPLE_PROOF_ROOT]}),
        summary="The best proof root that two chains agree on.",
        scope=READ,
        ttl=TIP,
        fallback=None,
        cost=2,
    ),
    method(
        "sendcurrency",
        required("fromaddress", either(ADDRESS, WILDCARD), example="*"),
        required(
            "outputs",
            array(OUTPUT, most=100),
            example=[{"currency": EXAMPLE_CURRENCY, "amount": 1, "address": EXAMPLE_ADDRESS}],
        ),
        required("minconf", MINCONF, example=1),
        required("feeamount", AMOUNT, example=0),
        required("returntxtemplate", FLAG_TEXT, example=True),
        accepts=returns_template,
        summary="An unsigned template that sends or converts; needs returntxtemplate = true.",
        scope=WALLET_BUILD,
        cost=10,
    ),
    method(
        "submitacceptednotarization",
        required("earnednotarization", OBJECT, example={"version": 2, "currencyid": "vETH"}),
        required("notaryevidence", OBJECT, example={"version": 1, "type": 1, "systemid": "vETH"}),
        summary="Hand an accepted notarization to the chain.",
        scope=BROADCAST,
        cost=10,
    ),
    method(
        "submitimports",
        required("imports", IMPORTS, example=EXAMPLE_IMPORTS),
        summary="Hand imports from another system to the chain.",
        scope=BROADCAST,
        cost=10,
    ),
)
