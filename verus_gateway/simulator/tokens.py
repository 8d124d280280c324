"""Amounts of other currencies than the chain's own, which outputs hold beside their value."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from verus_gateway.simulator import base58
from verus_gateway.simulator.scripts import Smart, smart, understand
from verus_gateway.simulator.stream import Reader, amount, size

RESERVE_TRANSFER: Final = 8
RESERVE_OUTPUT: Final = 9
RESERVE_DEPOSIT: Final = 10
"""verusd's evaluation codes of outputs that hold other currencies."""
SPENDABLE: Final = frozenset({0, RESERVE_OUTPUT})
"""Kinds of smart outputs that are money; 0 is a plain payment to an identity."""

_ONE: Final = 1
_SEVERAL: Final = 0x81
_KEY: Final = 20
_NONE: Final[Mapping[str, int]] = MappingProxyType({})


def pay_tokens(address: str, currency: str, satoshis: int) -> bytes:
    """Return the script that pays an amount of one other currency to an address."""
    key = base58.decode(currency)[1]
    payload = bytes([_ONE]) + key + _variable(satoshis)
    return smart(Smart(RESERVE_OUTPUT, address, payload))


def deposit(address: str, values: Mapping[str, int]) -> bytes:
    """Return the script that keeps the reserves of the basket with an i-address."""
    parts = [base58.decode(currency)[1] + amount(value) for currency, value in values.items()]
    payload = b"".join([bytes([_SEVERAL]), size(len(parts)), *parts])
    return smart(Smart(RESERVE_DEPOSIT, address, payload))


@lru_cache(maxsize=8192)
def tokens(script: bytes) -> Mapping[str, int]:
    """Return what an output holds beside its value: satoshis by currency."""
    found = understand(script)
    if found is None or found.kind not in {RESERVE_OUTPUT, RESERVE_DEPOSIT}:
        return _NONE
    reader = Reader(found.payload)
    try:
        if reader.take(1)[0] == _ONE:
            pairs = [(reader.take(_KEY), _take_variable(reader))]
        else:
            pairs = [(reader.take(_KEY), reader.amount()) for _ in range(reader.size())]
    except ValueError:
        return _NONE
    held = {base58.encode(base58.IDENTITY, key): value for key, value in pairs}
    return MappingProxyType(held)


def _variable(number: int) -> bytes:
    digits = [number & 0x7F]
    while number > 0x7F:  # noqa: PLR2004  seven bits to a byte
        number = (number >> 7) - 1
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def _take_variable(reader: Reader) -> int:
    number = 0
    while True:
        digit = reader.take(1)[0]
        number = number << 7 | digit & 0x7F
        if not digit & 0x80:
            return number
        number += 1
