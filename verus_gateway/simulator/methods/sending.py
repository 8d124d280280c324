"""The command that sends and converts currencies, in the form that returns a template."""

from typing import Final

from verus_gateway.simulator.baskets import Conversion
from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    WALLET_ERROR,
    Command,
    Node,
    RpcError,
    elements,
    given,
    integer,
    members,
    satoshis,
    text,
    truth,
)
from verus_gateway.simulator.market import TRANSFER_FEE, Transfer
from verus_gateway.simulator.methods.currencyforms import currency_asked
from verus_gateway.simulator.methods.forms import amounts, currency_of, identity_named
from verus_gateway.simulator.payments import EXPIRY, FEE
from verus_gateway.simulator.scripts import pay, payable
from verus_gateway.simulator.tokens import pay_tokens
from verus_gateway.simulator.transactions import Output, build
from verus_gateway.simulator.univalue import Json

TEMPLATE: Final = 4
_ANYBODY: Final = frozenset({"*", "R*", "i*"})


def sendcurrency(node: Node, params: list[Json]) -> Json:
    """Return a transaction that pays and converts, without inputs, and what it needs."""
    source = text(params[0])
    if source not in _ANYBODY and not payable(source):
        identity_named(node, source)
    listed = elements(params[1])
    if not listed:
        raise RpcError(INVALID_PARAMETER, "Must provide at least one output")
    if given(params, 2) and integer(params[2]) < 0:
        raise RpcError(INVALID_PARAMETER, "Invalid number of confirmations")
    fee = satoshis(params[3]) if given(params, 3) else FEE
    own = node.chain.parameters.chainid
    totals = {own: fee or FEE}
    outputs = []
    for each in listed:
        output, currency, value = _output(node, members(each))
        outputs.append(output)
        totals[currency] = totals.get(currency, 0) + value
        if currency != own or output.value != value:
            totals[own] += output.value - (value if currency == own else 0)
    if not given(params, TEMPLATE) or not truth(params[TEMPLATE]):
        raise RpcError(WALLET_ERROR, "The simulated wallet only returns templates")
    expiry = node.chain.height + 1 + EXPIRY
    template = build([], outputs, expiry=expiry)
    return {"outputtotals": amounts(totals), "hextx": template.raw.hex()}


def _output(node: Node, asked: dict[str, Json]) -> tuple[Output, str, int]:
    own = node.chain.parameters.chainid
    currency = currency_asked(node, asked.get("currency", own), "Invalid currency")
    value = satoshis(asked.get("amount"))
    receiver = text(asked.get("address"))
    if not payable(receiver):
        receiver = identity_named(node, receiver)
    if "convertto" in asked:
        target = currency_asked(node, asked["convertto"], "Invalid currency to convert to")
        basket = _basket(node, asked, currency, target)
        script = Transfer(basket, Conversion(currency, target, value), receiver).script
        return Output(TRANSFER_FEE + (value if currency == own else 0), script), currency, value
    if currency == own:
        return Output(value, pay(receiver)), currency, value
    return Output(0, pay_tokens(receiver, currency, value)), currency, value


def _basket(node: Node, asked: dict[str, Json], source: str, target: str) -> str:
    candidates = [target, source]
    if "via" in asked:
        candidates = [currency_asked(node, asked["via"], "Invalid via currency")]
    for each in candidates:
        currency = currency_of(node, each)
        held = {address for address, _ in currency.reserves} if currency is not None else set()
        if {source, target} <= held | {each} and held:
            return each
    raise RpcError(INVALID_PARAMETER, "Invalid conversion: no basket holds both currencies")


SENDING: Final = (
    Command(
        name="sendcurrency",
        usage='"fromaddress" [{"address":...,"amount":...},...] (minconfs) (feeamount) (template)',
        does="Sends or converts currencies.",
        takes=(
            ('"fromaddress"', "(string, required) who sends, or a wildcard"),
            ("outputs", "(array, required) whom to pay what"),
            ("minconf", "(numeric, optional, default=1) confirmations of what is spent"),
            ("feeamount", "(numeric, optional) the fee"),
            ("returntxtemplate", "(boolean, optional) return a template, send nothing"),
        ),
        least=2,
        most=5,
        example='"*" [{"currency":"VRSC","amount":1,"address":"address"}] 1 0.0001 true',
        run=sendcurrency,
    ),
)
