"""Commands that sign data of any kind and verify such signatures, with all they may cover."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from verus_gateway.simulator import curve, signing
from verus_gateway.simulator.commands import (
    INVALID_PARAMETER,
    MISC_ERROR,
    Command,
    Node,
    RpcError,
    elements,
    members,
    text,
    truth,
)
from verus_gateway.simulator.identities import history
from verus_gateway.simulator.methods.forms import friendly
from verus_gateway.simulator.methods.hidden import digest as hash_of
from verus_gateway.simulator.methods.signatures import (
    identity_at,
    is_identity,
    seal,
    secret_of,
    signer,
)
from verus_gateway.simulator.methods.vdxf import key_named
from verus_gateway.simulator.signing import NEW, Bound, Signature
from verus_gateway.simulator.univalue import Json

_HASH: Final = 32
_CONTENTS: Final = ("message", "messagehex", "messagebase64", "datahash", "vdxfdata")


@dataclass(frozen=True, slots=True)
class _Data:
    """What is to be signed or verified: its digest, and what the signature also covers."""

    digest: bytes
    kind: str
    bound: Bound


def _data(node: Node, asked: Mapping[str, Json]) -> _Data:
    kind = text(asked.get("hashtype", "sha256"))
    if kind not in {"sha256", "sha256D", "blake2b"}:
        raise RpcError(INVALID_PARAMETER, f"Invalid hash type {kind}")
    name = next((name for name in _CONTENTS if name in asked), None)
    if name is None:
        message = "Must include at least one of filename, message, messagehex, or datahash"
        raise RpcError(INVALID_PARAMETER, message)
    digest = _digest(name, asked[name], kind)
    keys = [key_named(node, each) for each in elements(asked.get("vdxfkeys", []))]
    labels = [text(each) for each in elements(asked.get("vdxfkeynames", []))]
    hashes = [_hash(each) for each in elements(asked.get("boundhashes", []))]
    prefix = text(asked.get("prefixstring", "")).encode()
    return _Data(digest, kind, Bound(keys, labels, hashes, prefix))


def _digest(name: str, value: Json, kind: str) -> bytes:
    if name == "datahash":
        return _hash(value)
    if name in {"message", "vdxfdata"}:
        return hash_of(text(value).encode(), kind)
    try:
        data = bytes.fromhex(text(value)) if name == "messagehex" else b64decode(text(value))
    except ValueError:
        raise RpcError(INVALID_PARAMETER, f"{name} must be in its encoding") from None
    return hash_of(data, kind)


def _hash(value: Json) -> bytes:
    try:
        found = bytes.fromhex(text(value))
    except ValueError:
        found = b""
    if len(found) != _HASH:
        raise RpcError(INVALID_PARAMETER, "Hash must be 32 bytes in hexadecimal")
    return found


def signdata(node: Node, params: list[Json]) -> Json:
    """Hash data, and sign it where an address is given."""
    asked = members(params[0])
    if "mmrdata" in asked:
        return _mountain(node, asked)
    data = _data(node, asked)
    shape: dict[str, Json] = {"hashtype": data.kind, "hash": data.digest.hex()}
    if "address" not in asked:
        return shape
    address = signer(node, asked["address"], INVALID_PARAMETER)
    if not is_identity(address):
        made = curve.sign(secret_of(node, address), signing.address_digest(data.digest))
        return shape | {"address": address, "signature": b64encode(made).decode()}
    bare = Signature(node.chain.height, (), NEW, data.bound)
    made = seal(node, address, data.digest, bare).pack()
    return _described(node, address, bare.height, data) | {
        "signatureversion": NEW,
        "signature": b64encode(made).decode(),
    }


def _mountain(node: Node, asked: Mapping[str, Json]) -> Json:
    leaves = []
    for each in elements(asked["mmrdata"]):
        leaf = each if isinstance(each, dict) else {"message": each}
        leaves.append(_data(node, {"hashtype": asked.get("hashtype", "sha256")} | leaf).digest)
    if not leaves:
        raise RpcError(INVALID_PARAMETER, "mmrdata must be an array of data to hash")
    level = leaves
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [hash_of(b"".join(pair), "blake2b") if len(pair) > 1 else pair[0] for pair in pairs]
    return {
        "hashtype": text(asked.get("hashtype", "sha256")),
        "mmrhashtype": "blake2b",
        "hashes": [leaf.hex() for leaf in leaves],
        "mmrroot": level[0].hex(),
    }


def _described(node: Node, address: str, height: int, data: _Data) -> dict[str, Json]:
    parameters = node.chain.parameters
    identity = history(node.chain.ledger, address)[-1].identity
    name = friendly(parameters, identity)
    return {
        "system": parameters.name,
        "systemid": parameters.chainid,
        "hashtype": data.kind,
        "hash": data.digest.hex(),
        "identity": name,
        "canonicalname": name.lower(),
        "address": address,
        "signatureheight": height,
    }


def verifysignature(node: Node, params: list[Json]) -> Json:
    """Say whether an address or an identity signed data, and describe the signature."""
    asked = members(params[0])
    if not isinstance(asked.get("signature"), str):
        raise RpcError(MISC_ERROR, VERIFY.help)
    address = signer(node, asked.get("address"), INVALID_PARAMETER)
    data = _data(node, asked)
    try:
        raw = b64decode(asked["signature"], validate=True)
    except NotBase64:
        raise RpcError(INVALID_PARAMETER, "Malformed base64 encoding") from None
    if not is_identity(address):
        good = signing.signers_of([raw], signing.address_digest(data.digest)) == {address}
        shape = {"hashtype": data.kind, "hash": data.digest.hex(), "address": address}
        return _status(good=good) | shape | {"signature": asked["signature"]}
    signature = signing.read(raw)
    identity = None
    if signature is not None:
        latest = truth(asked.get("checklatest"))
        height = node.chain.height if latest else signature.height
        signature = replace(signature, bound=data.bound)
        identity = identity_at(node, address, height)
    if signature is None or identity is None:
        return _status(good=False) | {"signature": asked["signature"]}
    good = signing.complete(signature, identity, data.digest)
    shape = _described(node, address, signature.height, data)
    return _status(good=good) | shape | {"signature": asked["signature"]}


def _status(*, good: bool) -> dict[str, Json]:
    return {"signaturestatus": "verified" if good else "invalid"}


VERIFY: Final = Command(
    name="verifysignature",
    usage='{"address":"id", "message":"text" | "datahash":"hex", "signature":"base64"}',
    does="Verifies a signature of data.",
    takes=(("query", "(object, required) signer, data and signature"),),
    least=1,
    most=1,
    example='{"address":"id@","message":"text","signature":"base64"}',
    run=verifysignature,
)

SIGNED_DATA: Final = (
    Command(
        name="signdata",
        usage='{"address":"id", "message":"text" | "datahash":"hex"}',
        does="Hashes data, and signs it where an address is given.",
        takes=(("query", "(object, required) the data, and who signs it"),),
        least=1,
        most=1,
        example='{"message":"text"}',
        run=signdata,
    ),
    VERIFY,
)
