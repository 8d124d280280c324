"""Commands that build transactions and scripts of what they are given, and ask no wallet."""

from typing import Final

from verus_gateway.simulator import curve
from verus_gateway.simulator.commands import (
    INTERNAL_ERROR,
    INVALID_ADDRESS_OR_KEY,
    INVALID_PARAMETER,
    MISC_ERROR,
    Command,
    Node,
    RpcError,
    check_types,
    elements,
    given,
    hash_named,
    hex_named,
    integer,
    members,
    satoshis,
    text,
)
from verus_gateway.simulator.methods.rawtransactions import decode
from verus_gateway.simulator.payments import EXPIRY, FEE
from verus_gateway.simulator.scripts import (
    assembly,
    owner,
    pay,
    payable,
    payee,
    push,
    redeemable,
    signers,
)
from verus_gateway.simulator.transactions import Input, Output, build
from verus_gateway.simulator.univalue import Json, Number, amount

MOST_KEYS: Final = 16
EXPIRY_LIMIT: Final = 500_000_000
_FINAL: Final = 0xFFFFFFFF
_SIZE: Final = 0x50
_CHECK_MULTISIG: Final = 0xAE


def createrawtransaction(node: Node, params: list[Json]) -> Json:
    """Write an unsigned transaction; nothing is looked up."""
    check_types(params, list, dict, Number, Number)
    locktime = integer(params[2]) if given(params, 2) else 0
    if locktime < 0:
        raise RpcError(INVALID_PARAMETER, "Invalid parameter, locktime out of range")
    expiry = node.chain.height + 1 + EXPIRY
    if given(params, 3):
        expiry = integer(params[3])
        if not 0 <= expiry < EXPIRY_LIMIT:
            message = "Invalid parameter, expiryheight must be nonnegative and less than "
            raise RpcError(INVALID_PARAMETER, f"{message}{EXPIRY_LIMIT}")
    inputs = [_input(members(each), locktime) for each in params[0]]
    outputs = [_output(address, value) for address, value in params[1].items()]
    return build(inputs, outputs, expiry=expiry, locktime=locktime).raw.hex()


def _input(asked: dict[str, Json], locktime: int) -> Input:
    txid = hash_named(asked.get("txid"), "txid")
    n = asked.get("vout")
    if not isinstance(n, Number):
        raise RpcError(INVALID_PARAMETER, "Invalid parameter, missing vout key")
    if integer(n) < 0:
        raise RpcError(INVALID_PARAMETER, "Invalid parameter, vout must be positive")
    sequence = _FINAL - 1 if locktime else _FINAL
    if isinstance(asked.get("sequence"), Number):
        sequence = int(asked["sequence"].text) if asked["sequence"].text.isdigit() else -1
        if not 0 <= sequence <= _FINAL:
            message = "Invalid parameter, sequence number is out of range"
            raise RpcError(INVALID_PARAMETER, message)
    return Input(txid, integer(n), b"", sequence)


def _output(address: str, value: Json) -> Output:
    return Output(satoshis(value), _script(address))


def _script(address: str) -> bytes:
    try:
        return pay(address)
    except ValueError:
        message = f"Invalid Komodo address: {address}"
        raise RpcError(INVALID_ADDRESS_OR_KEY, message) from None


def fundrawtransaction(node: Node, params: list[Json]) -> Json:
    """Add outputs from a list until they pay for a transaction, and the change."""
    check_types(params, str, list, str, Number)
    transaction = decode(params[0])
    listed = [(hash_named(members(e).get("txid"), "txid"), e.get("voutnum")) for e in params[1]]
    change = _script(params[2])
    fee = satoshis(params[3]) if given(params, 3) else FEE
    missing = sum(paid.value for paid in transaction.outputs) + fee
    unspent = node.chain.ledger.unspent
    for spent in transaction.inputs:
        coin = unspent.get((spent.txid, spent.n))
        missing -= 0 if coin is None else coin.value
    inputs = list(transaction.inputs)
    for txid, n in listed:
        coin = unspent.get((txid, integer(n)))
        if missing > 0 and coin is not None:
            inputs.append(Input(coin.txid, coin.n, b""))
            missing -= coin.value
    if missing > 0:
        raise RpcError(INTERNAL_ERROR, "Insufficient funds")
    outputs = [*transaction.outputs, *([Output(-missing, change)] if missing else [])]
    funded = build(inputs, outputs, expiry=transaction.expiry, locktime=transaction.locktime)
    position = len(transaction.outputs) if missing else -1
    return {"hex": funded.raw.hex(), "changepos": position, "fee": amount(fee)}


def decodescript(_node: Node, params: list[Json]) -> Json:
    """Describe a script, and the address that pays to its hash."""
    check_types(params, str, bool)
    script = hex_named(params[0], "argument")
    shape: dict[str, Json] = {"asm": assembly(script)}
    address, multiple = payee(script), signers(script)
    if multiple is not None:
        needed, keys = multiple
        shape |= {"type": "multisig", "reqSigs": needed, "addresses": [owner(key) for key in keys]}
    elif address is None:
        shape["type"] = "nonstandard"
    else:
        kinds = {b"\x76": "pubkeyhash", b"\xa9": "scripthash"}
        shape["type"] = kinds.get(script[:1], "cryptocondition")
        shape |= {"reqSigs": 1, "addresses": [address]}
    return shape | {"p2sh": redeemable(script)}


def createmultisig(node: Node, params: list[Json]) -> Json:
    """Return the address and the script of several keys, some of which must sign."""
    needed, listed = integer(params[0]), elements(params[1])
    if needed < 1:
        message = "a multisignature address must require at least one key to redeem"
        raise RpcError(MISC_ERROR, message)
    if len(listed) < needed:
        counts = f"(got {len(listed)} keys, but need at least {needed} to redeem)"
        raise RpcError(MISC_ERROR, f"not enough keys supplied {counts}")
    if len(listed) > MOST_KEYS:
        message = "Number of addresses involved in the multisignature address creation > 16"
        raise RpcError(MISC_ERROR, f"{message}\nReduce the number")
    keys = b"".join(push(_public_key(node, text(each))) for each in listed)
    script = bytes([_SIZE + needed]) + keys + bytes([_SIZE + len(listed), _CHECK_MULTISIG])
    return {"address": redeemable(script), "redeemScript": script.hex()}


def _public_key(node: Node, key: str) -> bytes:
    secret = node.chain.keys.get(key)
    if secret is not None:
        return curve.public_key(secret)
    try:
        found = bytes.fromhex(key)
    except ValueError:
        found = b""
    if not curve.valid(found):
        known = not found and payable(key)
        message = (
            f"no full public key for address {key}" if known else f" Invalid public key: {key}"
        )
        raise RpcError(MISC_ERROR, message)
    return found


BUILDING: Final = (
    Command(
        name="createrawtransaction",
        usage='[{"txid":"id","vout":n},...] {"address":amount,...} ( locktime ) ( expiryheight )',
        does="Creates an unsigned transaction spending the given inputs; it is not stored.",
        takes=(
            ("transactions", "(array, required) the outputs to spend"),
            ("addresses", "(object, required) amounts by address"),
            ("locktime", "(numeric, optional, default=0) height or time before which it waits"),
            ("expiryheight", "(numeric, optional, default=nextblockheight+20) when it expires"),
        ),
        least=2,
        most=4,
        example='[{"txid":"myid","vout":0}] {"address":0.01}',
        run=createrawtransaction,
    ),
    Command(
        name="decodescript",
        usage='"hex"',
        does="Decodes a hex-encoded script.",
        takes=(
            ('"hex"', "(string) the script"),
            ("iswitness", "(boolean, optional) without effect"),
        ),
        least=1,
        most=2,
        example='"hexstring"',
        run=decodescript,
    ),
    Command(
        name="fundrawtransaction",
        usage='"hexstring" [{"txid":"id","voutnum":n},...] "changeaddress" ( explicitfee )',
        does="Adds inputs from a list of outputs until they pay for a transaction.",
        takes=(
            ('"hexstring"', "(string, required) the transaction"),
            ("objectarray", "(array, required) the outputs that may be spent"),
            ('"changeaddress"', "(string, required) where the rest goes"),
            ("explicitfee", "(numeric, optional, default=0.0001) the fee"),
        ),
        least=3,
        most=4,
        example='"hexstring" [] "address"',
        run=fundrawtransaction,
    ),
)

MULTISIG: Final = Command(
    name="createmultisig",
    usage='nrequired ["key",...]',
    does="Creates a multi-signature address with n signatures of m keys required.",
    takes=(
        ("nrequired", "(numeric, required) the number of required signatures"),
        ('"keys"', "(array, required) addresses or hex-encoded public keys"),
    ),
    least=2,
    most=2,
    example='2 ["key","key"]',
    run=createmultisig,
)
