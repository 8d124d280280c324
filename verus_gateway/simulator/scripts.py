"""Scripts of outputs: whom they pay, what else they hold, and how verusd writes them in words."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.ripemd import hash160
from verus_gateway.simulator.stream import Reader

_PAY: Final = (b"\x76\xa9\x14", b"\x88\xac")
_PAY_SIZE: Final = 25
_PAY_HASH: Final = (b"\xa9\x14", b"\x87")
_PAY_HASH_SIZE: Final = 23
_OPCODES: Final = {
    0x00: "0",
    0x6A: "OP_RETURN",
    0x75: "OP_DROP",
    0x76: "OP_DUP",
    0x87: "OP_EQUAL",
    0x88: "OP_EQUALVERIFY",
    0xA9: "OP_HASH160",
    0xAC: "OP_CHECKSIG",
    0xAE: "OP_CHECKMULTISIG",
    0xCC: "OP_CHECKCRYPTOCONDITION",
} | {0x50 + n: str(n) for n in range(1, 17)}
_LONGEST_PUSH: Final = 75
_PUSH1: Final = 0x4C
_PUSH2: Final = 0x4D
_MULTISIG: Final = 0xAE
_CONDITION: Final = 0xCC
_DROP: Final = 0x75
_PARAMETERS: Final = 3
"""Version of the parameters in front of and behind the condition."""
_AN_IDENTITY: Final = 4
"""Type byte of a destination that is an identity; key hashes have none."""
_KEY_SIZE: Final = 20


@dataclass(frozen=True, slots=True)
class Smart:
    """An output that is more than a payment: *kind* is verusd's evaluation code."""

    kind: int
    address: str
    payload: bytes


@lru_cache(maxsize=4096)
def pay(address: str) -> bytes:
    """Return the script that pays an R-address, a b-address or an i-address.

    Raises:
        ValueError: no such address.
    """
    version, payload = base58.decode(address)
    if version == base58.KEY_HASH:
        return _PAY[0] + payload + _PAY[1]
    if version == base58.SCRIPT_HASH:
        return _PAY_HASH[0] + payload + _PAY_HASH[1]
    if version == base58.IDENTITY:
        return push(_condition(0, address)) + bytes([_CONDITION, 1, 0, _DROP])
    raise ValueError(f"{address} cannot be paid")


def payable(address: str) -> bool:
    """Whether an address can be paid."""
    try:
        pay(address)
    except ValueError:
        return False
    return True


def smart(output: Smart) -> bytes:
    """Return the script of a smart output.

    Raises:
        ValueError: its address is none.
    """
    held = _condition(output.kind, output.address) + push(output.payload)
    return push(_condition(0, output.address)) + bytes([_CONDITION]) + push(held) + bytes([_DROP])


@lru_cache(maxsize=8192)
def understand(script: bytes) -> Smart | None:
    """Read a smart output back, or return None where *script* is of another sort."""
    if len(script) < _KEY_SIZE or script[-1] != _DROP or script[0] > _LONGEST_PUSH:
        return None
    try:
        reader = Reader(script)
        master = reader.take(reader.size())
        if reader.take(1)[0] != _CONDITION:
            return None
        held = Reader(_pushed(reader))
        head = _pushed(held) if held.rest() else b""
        kind = head[1] if head else 0
        address = _destination(Reader(master[5:]))
        if head:
            _pushed(held)
        return Smart(kind, address, _pushed(held) if head else b"")
    except (ValueError, IndexError):
        return None


@lru_cache(maxsize=8192)
def payee(script: bytes) -> str | None:
    """Return the address a script pays, or None where it pays nobody."""
    if len(script) == _PAY_SIZE and script.startswith(_PAY[0]) and script.endswith(_PAY[1]):
        return base58.encode(base58.KEY_HASH, script[3:-2])
    if len(script) == _PAY_HASH_SIZE and script.startswith(_PAY_HASH[0]) and script[-1:] == b"\x87":
        return base58.encode(base58.SCRIPT_HASH, script[2:-1])
    found = understand(script)
    return None if found is None else found.address


def owner(key: bytes) -> str:
    """Return the R-address of a public key."""
    return base58.encode(base58.KEY_HASH, hash160(key))


def redeemable(script: bytes) -> str:
    """Return the b-address of a script that is shown when its coin is spent."""
    return base58.encode(base58.SCRIPT_HASH, hash160(script))


def signers(script: bytes) -> tuple[int, list[bytes]] | None:
    """Return how many of which keys a bare multisignature script needs; None for others."""
    if len(script) < 3 or script[-1] != _MULTISIG:  # noqa: PLR2004  two counts and the opcode
        return None
    keys: list[bytes] = []
    reader = Reader(script[1:-2])
    try:
        while reader.rest():
            keys.append(reader.blob())
    except ValueError:
        return None
    return script[0] - 0x50, keys


def assembly(script: bytes) -> str:
    """Write a script in words, as verusd's ``asm`` members do."""
    words: list[str] = []
    at = 0
    while at < len(script):
        code = script[at]
        at += 1
        if code in {_PUSH1, _PUSH2}:
            wide = code - _PUSH1 + 1
            code, at = int.from_bytes(script[at : at + wide], "little"), at + wide
        elif not 0 < code <= _LONGEST_PUSH:
            words.append(_OPCODES.get(code, "OP_UNKNOWN"))
            continue
        words.append(script[at : at + code].hex())
        at += code
    return " ".join(words)


def push(data: bytes) -> bytes:
    """Write *data* as a script pushes it."""
    count = len(data)
    if count <= _LONGEST_PUSH:
        return bytes([count]) + data
    if count < 1 << 8:
        return bytes([_PUSH1, count]) + data
    return bytes([_PUSH2]) + count.to_bytes(2, "little") + data


def _condition(kind: int, address: str) -> bytes:
    version, key = base58.decode(address)
    to = bytes([_AN_IDENTITY]) + key if version == base58.IDENTITY else key
    return push(bytes([_PARAMETERS, kind, 1, 1])) + push(to)


def _pushed(reader: Reader) -> bytes:
    code = reader.take(1)[0]
    if code in {_PUSH1, _PUSH2}:
        code = int.from_bytes(reader.take(code - _PUSH1 + 1), "little")
    return reader.take(code)


def _destination(reader: Reader) -> str:
    to = reader.blob()
    if len(to) == _KEY_SIZE:
        return base58.encode(base58.KEY_HASH, to)
    if len(to) != _KEY_SIZE + 1 or to[0] != _AN_IDENTITY:
        raise ValueError("another kind of destination")
    return base58.encode(base58.IDENTITY, to[1:])
