"""Shielded addresses of the Sapling kind: bech32, which is all that is shielded here."""

from typing import Final

SAPLING: Final = "zs"
_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK: Final = 6
_SIZE: Final = 43


def decode(text: str) -> bytes:
    """Return the 43 bytes of a Sapling address: its diversifier and its key.

    Raises:
        ValueError: it is none, or mistyped.
    """
    head, separator, tail = text.lower().rpartition("1")
    if not separator or head != SAPLING or text not in {text.lower(), text.upper()}:
        raise ValueError("no Sapling address")
    values = [_ALPHABET.index(each) for each in tail]
    spelt = [ord(each) >> 5 for each in head] + [0] + [ord(each) & 31 for each in head]
    if len(values) < _CHECK or _remainder(spelt + values) != 1:
        raise ValueError("mistyped")
    number = 0
    for value in values[:-_CHECK]:
        number = number << 5 | value
    spare = (len(values) - _CHECK) * 5 - _SIZE * 8
    if not 0 <= spare < 5 or number & (1 << spare) - 1:  # noqa: PLR2004  bits in a character
        raise ValueError("another length")
    return (number >> spare).to_bytes(_SIZE)


def _remainder(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for n, generator in enumerate(_GENERATORS):
            check ^= generator if top >> n & 1 else 0
    return check
