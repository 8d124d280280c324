"""Commands that the daemon keeps out of its own list of help."""

from hashlib import blake2b, sha256
from typing import Final

from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    Command,
    Family,
    Node,
    RpcError,
    given,
    text,
)
from verus_gateway.simulator.univalue import Json

PERSONAL: Final = b"VerusDefaultHash"
"""What verusd's BLAKE2b is personalised with unless told otherwise."""
_HEX: Final = frozenset("0123456789abcdefABCDEF")


def hashdata(_node: Node, params: list[Json]) -> Json:
    """Hash bytes given in hex; what follows the last whole byte is left out, as in verusd."""
    digits = text(params[0])
    if not digits:
        raise RpcError(INVALID_PARAMETER, "No message to hash")
    whole = next((n for n, each in enumerate(digits) if each not in _HEX), len(digits)) // 2 * 2
    personal = text(params[2]).encode()[:16] if given(params, 2) else PERSONAL
    kind = text(params[1]) if given(params, 1) else "sha256"
    found = digest(bytes.fromhex(digits[:whole]), kind, personal)
    return (found if kind == "sha256" else found[::-1]).hex()


def digest(data: bytes, kind: str, personal: bytes = PERSONAL) -> bytes:
    """Return the 32 bytes of a hash of *data* by its name in verusd.

    Raises:
        RpcError: -8 for a hash that the simulated daemon does not have; Keccak and the
            VerusHashes are among them.
    """
    if kind == "sha256":
        return sha256(data).digest()
    if kind == "sha256D":
        return sha256(sha256(data).digest()).digest()
    if kind in {"blake2b", "blake2bnopersonal"}:
        own = personal if kind == "blake2b" else b""
        return blake2b(data, digest_size=32, person=own).digest()
    known = ("sha256rev", "sha256D", "blake2b", "blake2bnopersonal", "keccak256", "verushash2")
    listed = ", ".join(f'"{name}"' for name in (*known, "verushash2b", "verushash2.1"))
    raise RpcError(INVALID_PARAMETER, f"Hash type {kind} must be one of ({listed})")


FAMILY: Final = Family(
    "hidden",
    (
        Command(
            name="hashdata",
            usage='"hexdata" "hashtype" "personalstring"',
            does="Returns the hash of the data in a hex message.",
            takes=(
                ('"hexdata"', "(string, required) the data"),
                ('"hashtype"', "(string, optional, default=sha256) the hash"),
                ('"personalstring"', "(string, optional) what BLAKE2b is personalised with"),
            ),
            least=1,
            most=3,
            example='"00"',
            run=hashdata,
        ),
    ),
)
