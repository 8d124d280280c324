"""Commands that sign with the keys of the simulated people, and verify signatures."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import replace
from typing import Final

from verus_gateway.simulator import base58, curve, signing
from verus_gateway.simulator.commands import (
    INVALID_ADDRESS_OR_KEY,
    INVALID_PARAMETER,
    TYPE_ERROR,
    Command,
    Node,
    RpcError,
    given,
    text,
    truth,
)
from verus_gateway.simulator.identities import Identity, history
from verus_gateway.simulator.methods.forms import identity_named
from verus_gateway.simulator.scripts import payable
from verus_gateway.simulator.signing import Bound, Signature
from verus_gateway.simulator.univalue import Json

_SIGNERS: Final = frozenset({base58.KEY_HASH, base58.IDENTITY})
_HASH: Final = 32


def signer(node: Node, asked: Json, code: int) -> str:
    """Return the address that a caller names as signer.

    Raises:
        RpcError: *code* where it is neither an R-address nor an identity.
    """
    if isinstance(asked, str) and payable(asked) and base58.decode(asked)[0] in _SIGNERS:
        return asked
    try:
        return identity_named(node, asked)
    except RpcError:
        raise RpcError(code, "Invalid address") from None


def identity_at(node: Node, address: str, height: int) -> Identity | None:
    """Return an identity as it was after a height, or None."""
    known = history(node.chain.ledger, address)
    found = [each.identity for each in known if each.coin.height <= height]
    return found[-1] if found else None


def is_identity(address: str) -> bool:
    """Whether an address is an identity's."""
    return base58.decode(address)[0] == base58.IDENTITY


def verifymessage(node: Node, params: list[Json]) -> Json:
    """Say whether an address or an identity signed a message."""
    address = signer(node, params[0], INVALID_PARAMETER)
    signed, message = text(params[1]), text(params[2])
    if not message:
        raise RpcError(INVALID_PARAMETER, "Cannot verify empty message")
    if not signed:
        raise RpcError(INVALID_PARAMETER, "Invalid signature")
    return _good(node, address, signed, signing.message_digest(message.encode()), params)


def verifyhash(node: Node, params: list[Json]) -> Json:
    """Say whether an address or an identity signed something with a hash."""
    address = signer(node, params[0], TYPE_ERROR)
    digits = text(params[2])
    if not digits:
        raise RpcError(INVALID_PARAMETER, "No hash to verify")
    try:
        digest = bytes.fromhex(digits.zfill(2 * _HASH))
    except ValueError:
        message = "hexhash must be a valid hexadecimal hash value"
        raise RpcError(INVALID_PARAMETER, message) from None
    return _good(node, address, text(params[1]), digest[-_HASH:], params)


def _good(node: Node, address: str, signed: str, digest: bytes, params: list[Json]) -> bool:
    try:
        raw = b64decode(signed, validate=True)
    except NotBase64:
        if is_identity(address):
            return False
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Malformed base64 encoding") from None
    if not is_identity(address):
        return signing.signers_of([raw], signing.address_digest(digest)) == {address}
    signature = signing.read(raw)
    latest = given(params, 3) and truth(params[3])
    if signature is None:
        return False
    identity = identity_at(node, address, node.chain.height if latest else signature.height)
    if identity is None:
        return False
    # the shorter forms cover the prefix in both versions
    prefixed = replace(signature, bound=Bound(prefix=signing.PREFIX))
    return signing.complete(prefixed, identity, digest)


def signmessage(node: Node, params: list[Json]) -> Json:
    """Sign a message as somebody of the simulated people, or as one of their identities."""
    address = signer(node, params[0], INVALID_PARAMETER)
    digest = signing.message_digest(text(params[1]).encode())
    if is_identity(address):
        signature = seal(node, address, digest, Signature(node.chain.height, ()))
        made = signature.pack()
    else:
        made = curve.sign(secret_of(node, address), signing.address_digest(digest))
    return {"hash": digest.hex(), "signature": b64encode(made).decode()}


def secret_of(node: Node, address: str) -> bytes:
    """Return the secret key of one of the simulated people.

    Raises:
        RpcError: -5 where the address is nobody's here.
    """
    secret = node.chain.keys.get(address)
    if secret is None:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Private key not available")
    return secret


def seal(node: Node, address: str, digest: bytes, signature: Signature) -> Signature:
    """Sign a message's *digest* with as many keys of an identity as must sign.

    Raises:
        RpcError: -5 where the identity or a key of it does not exist here.
    """
    identity = identity_at(node, address, node.chain.height)
    if identity is None:
        raise RpcError(INVALID_ADDRESS_OR_KEY, "Identity not found")
    made = signing.identity_digest(signature, identity.id, identity.system, digest)
    secrets = [secret_of(node, each) for each in identity.primaries[: identity.minimum]]
    return replace(signature, seals=tuple(curve.sign(secret, made) for secret in secrets))


_ADDRESS: Final = ('"address"', "(string, required) the address or identity that signed")
_SIGNATURE: Final = ('"signature"', "(string, required) the signature in base 64")
_LATEST: Final = ("checklatest", "(boolean, optional) check against the newest keys")

SIGNATURES: Final = (
    Command(
        name="signmessage",
        usage='"address or identity" "message"',
        does="Signs a message with a key of the simulated people.",
        takes=(_ADDRESS, ('"message"', "(string, required) the message")),
        least=2,
        most=2,
        example='"id@" "message"',
        run=signmessage,
    ),
    Command(
        name="verifyhash",
        usage='"address or identity" "signature" "hexhash" "checklatest"',
        does="Verifies a signature of a hash.",
        takes=(_ADDRESS, _SIGNATURE, ('"hexhash"', "(string, required) the hash"), _LATEST),
        least=3,
        most=4,
        example='"id@" "signature" "hexhash"',
        run=verifyhash,
    ),
    Command(
        name="verifymessage",
        usage='"address or identity" "signature" "message" "checklatest"',
        does="Verifies a signature of a message.",
        takes=(_ADDRESS, _SIGNATURE, ('"message"', "(string, required) the message"), _LATEST),
        least=3,
        most=4,
        example='"id@" "signature" "message"',
        run=verifymessage,
    ),
)
