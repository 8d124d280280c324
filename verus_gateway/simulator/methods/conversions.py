"""Commands about the states of currencies, and what conversions give."""

from dataclasses import dataclass
from typing import Final

from verus_gateway.simulator.baskets import (
    FEE,
    Conversion,
    State,
    Unconvertible,
    convert,
    follow,
    launch,
)
from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    Command,
    Node,
    RpcError,
    given,
    members,
    satoshis,
    text,
)
from verus_gateway.simulator.currencies import Currency, baskets
from verus_gateway.simulator.market import states
from verus_gateway.simulator.methods.currencyforms import (
    NATIVE_FLAGS,
    TOKEN_FLAGS,
    currency_asked,
    definition_members,
    notarization_members,
    plain_state,
    state_members,
)
from verus_gateway.simulator.methods.forms import currency_of, path_of
from verus_gateway.simulator.univalue import Json, amount

NOT_FOUND: Final = "Invalid currency or currency not found"
MOST_STATES: Final = 1000
"""States one call may ask for; verusd has no such bound."""


def getcurrencystate(node: Node, params: list[Json]) -> Json:
    """List the state of a currency at one height, or at every so many within a range."""
    chain = node.chain
    address = currency_asked(node, params[0], NOT_FOUND)
    volume = params[2] if given(params, 2) else None
    into = None if volume is None else currency_asked(node, volume, NOT_FOUND)
    currency = currency_of(node, address)
    known = states(chain.ledger, address) if currency is not None and currency.basket else []
    found: list[Json] = []
    for height in _heights(params, chain.height):
        entry: dict[str, Json] = {"height": height, "blocktime": chain.at(height).time}
        within = [state for state, coin in known if coin.height <= height]
        if within:
            entry["currencystate"] = state_members(within[-1])
        elif currency is None:
            entry["currencystate"] = plain_state(address, NATIVE_FLAGS)
        else:
            entry["currencystate"] = plain_state(address, TOKEN_FLAGS, currency.supply)
        if into is not None and within:
            moved = within[-1] if within[-1].height == height else follow(within[-1], height)
            entry["conversiondata"] = _volumes(moved, into)
        found.append(entry)
    return found


def _heights(params: list[Json], tip: int) -> range:
    asked = params[1] if given(params, 1) else ""
    words = text(asked).split(",") if asked != "" else [str(tip)]
    numbers = [int(word) if word.isascii() and word.isdigit() else -1 for word in words]
    first, last, step = [*numbers, *([numbers[0], 1][len(numbers) - 1 :])][:3]
    if len(numbers) > 3 or not 0 <= first <= last or step < 1:  # noqa: PLR2004  first, last, step
        raise RpcError(INVALID_PARAMETER, "Invalid block range for currency state")
    if last > tip or (last - first) // step >= MOST_STATES:
        raise RpcError(INVALID_PARAMETER, "Block height out of range")
    return range(first, last + 1, step)


def _volumes(state: State, into: str) -> dict[str, Json]:
    pairs = []
    for each in state.reserves:
        price = amount(state.price(each))
        before = amount(each.before)
        pairs.append(
            {
                "currency": state.basket,
                "convertto": each.currency,
                "volume": amount(each.taken + each.given),
                "open": before,
                "high": max(price, before),
                "low": min(price, before),
                "close": price,
            }
        )
    total = sum(each.taken + each.given for each in state.reserves if each.currency == into)
    return {
        "volumecurrency": into,
        "volumethisinterval": amount(total),
        "volumepairs": pairs,
    }


def getinitialcurrencystate(node: Node, params: list[Json]) -> Json:
    """Describe the state that a currency was launched with."""
    address = currency_asked(node, params[0], NOT_FOUND)
    currency = currency_of(node, address)
    if currency is None:
        return plain_state(address, NATIVE_FLAGS)
    if not currency.basket:
        return plain_state(address, TOKEN_FLAGS, currency.supply)
    return state_members(launch(currency))


def getcurrencyconverters(node: Node, params: list[Json]) -> Json:
    """List the baskets that convert between all of some currencies."""
    if isinstance(params[0], dict):
        asked = [params[0].get(name) for name in ("convertto", "fromcurrency")]
        listed = [each for part in asked for each in (part if isinstance(part, list) else [part])]
        named = [each.get("currency") if isinstance(each, dict) else each for each in listed]
        names = [each for each in named if each is not None]
    else:
        names = params
    wanted = {currency_asked(node, each, f"Invalid currency {each}") for each in names}
    found = []
    for basket in baskets(node.chain.parameters):
        held = {basket.address, *(address for address, _ in basket.reserves)}
        if wanted <= held:
            found.append(_converter(node, basket))
    return found


def _converter(node: Node, basket: Currency) -> dict[str, Json]:
    history = states(node.chain.ledger, basket.address)
    state, coin = history[-1]
    before = history[-2][1] if len(history) > 1 else None
    return {
        basket.address: definition_members(node.chain, basket),
        "fullyqualifiedname": basket.path,
        "height": state.height,
        "output": {"txid": coin.txid, "voutnum": coin.n},
        "lastnotarization": notarization_members(node, state, before),
    }


@dataclass(frozen=True, slots=True)
class _Estimate:
    wish: Conversion
    net: int
    paid: int


def estimateconversion(node: Node, params: list[Json]) -> Json:
    """Tell what conversions would give if they alone were in the next block.

    Several go through one basket, one after another, as the block would do them.
    """
    listed = params[0] if isinstance(params[0], list) else [params[0]]
    if not listed:
        raise RpcError(INVALID_PARAMETER, "Conversions must not be empty")
    state: State | None = None
    done: list[_Estimate] = []
    for each in listed:
        wish, through = _wish(node, members(each))
        if state is None:
            state = follow(_newest(node, through), node.chain.height + 1)
        if state.basket != through:
            raise RpcError(INVALID_PARAMETER, "All conversions must use one basket")
        try:
            state, paid = convert(state, wish)
        except Unconvertible:
            pair = f"{path_of(node, wish.source)} to {path_of(node, wish.target)}"
            message = f"Cannot convert {pair} through {path_of(node, through)}"
            raise RpcError(INVALID_PARAMETER, message) from None
        done.append(_Estimate(wish, _net(wish, through), paid))
    shapes = [_estimated(estimate) for estimate in done]
    newest = state_members(state) if state is not None else {}
    if isinstance(params[0], list):
        return {"conversions": shapes, "estimatedcurrencystate": newest}
    return shapes[0] | {"estimatedcurrencystate": newest}


def _newest(node: Node, basket: str) -> State:
    return states(node.chain.ledger, basket)[-1][0]


def _net(wish: Conversion, through: str) -> int:
    direct = through in {wish.source, wish.target}
    return wish.satoshis - int(wish.satoshis * FEE * (1 if direct else 2))


def _estimated(estimate: _Estimate) -> dict[str, Json]:
    return {
        "inputcurrencyid": estimate.wish.source,
        "netinputamount": amount(estimate.net),
        "outputcurrencyid": estimate.wish.target,
        "estimatedcurrencyout": amount(estimate.paid),
    }


def _wish(node: Node, asked: dict[str, Json]) -> tuple[Conversion, str]:
    source = currency_asked(node, asked.get("currency"), "Source currency not found")
    target = currency_asked(node, asked.get("convertto"), "Destination currency not found")
    value = satoshis(asked.get("amount"))
    via = asked.get("via")
    if via is not None:
        through = currency_asked(node, via, "Via currency not found")
    else:
        through = source if _basket(node, source) else target
    if not _basket(node, through):
        message = "Source currency cannot be converted to destination without a basket"
        raise RpcError(INVALID_PARAMETER, message)
    return Conversion(source, target, value), through


def _basket(node: Node, address: str) -> bool:
    currency = currency_of(node, address)
    return currency is not None and currency.basket


CONVERSIONS: Final = (
    Command(
        name="estimateconversion",
        usage='{"currency":"name","convertto":"name","amount":n} | [conversions of one basket]',
        does="Estimates what a conversion gives.",
        takes=(("conversion", "(object or array, required) what to convert, into what"),),
        least=1,
        most=2,
        example='{"currency":"VRSC","convertto":"simpool","amount":1}',
        run=estimateconversion,
    ),
    Command(
        name="getcurrencyconverters",
        usage='"currency1" "currency2" ... | {query object}',
        does="Returns the baskets that convert between all of some currencies.",
        takes=(("currencies", "(strings, or one object) the currencies"),),
        least=1,
        most=3,
        example='"VRSC"',
        run=getcurrencyconverters,
    ),
    Command(
        name="getcurrencystate",
        usage='"currencynameorid" ("n") ("conversiondatacurrency")',
        does="Returns the states of a currency within a range of heights.",
        takes=(
            ('"currencynameorid"', "(string, required) the currency"),
            ('"n"', '(string, optional) "height", "first,last" or "first,last,step"'),
            ('"conversiondatacurrency"', "(string, optional) what volumes are told in"),
        ),
        least=1,
        most=3,
        example='"simpool"',
        run=getcurrencystate,
    ),
    Command(
        name="getinitialcurrencystate",
        usage='"name"',
        does="Returns the state a currency was launched with.",
        takes=(('"name"', "(string, required) the currency"),),
        least=1,
        most=1,
        example='"simpool"',
        run=getinitialcurrencystate,
    ),
)
