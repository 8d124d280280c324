from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

import pytest
from simulator.harness import NOW, Run, failing

from verus_gateway.simulator import curve, signing
from verus_gateway.simulator.commands import Node

SOMEBODY = "RTZMZHDFSTFQst8XmX2dR4DaH87cEUs3gC"
SIGNERS = ["simulated@", "alice.VRSC@", "PERSON"]


def named(node: Node, signer: str) -> str:
    return node.chain.people[4] if signer == "PERSON" else signer


@pytest.mark.parametrize("signer", SIGNERS)
def test_what_somebody_signed_verifies_and_nothing_else_does(
    run: Run, node: Node, signer: str
) -> None:
    name = named(node, signer)

    made = run("signmessage", name, "hello")

    seal, digest = made["signature"], made["hash"]
    assert run("verifymessage", name, seal, "hello") is True
    assert run("verifymessage", name, seal, "hello", True) is True
    assert run("verifyhash", name, seal, digest) is True
    assert run("verifyhash", name, seal, digest, "true") is True
    assert digest == sha256(b"\5hello").hexdigest()
    assert run("verifymessage", name, seal, "hullo") is False
    assert run("verifyhash", name, seal, sha256(b"x").hexdigest()) is False
    assert run("verifymessage", node.chain.people[5], seal, "hello") is False
    assert run("verifymessage", "bob@", seal, "hello") is False


def test_a_signature_stays_good_for_its_height_when_the_keys_change(run: Run, node: Node) -> None:
    seal = run("signmessage", "bob@", "hello")["signature"]
    run("updateidentity", {"name": "bob", "primaryaddresses": [node.chain.people[9]]})

    node.chain.mine(NOW)

    assert run("verifymessage", "bob@", seal, "hello") is True
    assert run("verifymessage", "bob@", seal, "hello", True) is False
    newer = run("signmessage", "bob@", "hello")["signature"]
    assert run("verifymessage", "bob@", newer, "hello", True) is True


def test_as_many_keys_sign_as_must(run: Run, node: Node) -> None:
    people = list(node.chain.people[:3])
    changed = {"name": "bob", "primaryaddresses": people, "minimumsignatures": 2}
    run("updateidentity", changed)
    node.chain.mine(NOW)

    seal = run("signmessage", "bob@", "hello")["signature"]
    signature = signing.read(b64decode(seal))

    assert signature is not None
    assert len(signature.seals) == 2
    assert run("verifymessage", "bob@", seal, "hello") is True
    half = signing.Signature(signature.height, signature.seals[:1])
    assert run("verifymessage", "bob@", b64encode(half.pack()).decode(), "hello") is False


def test_a_revoked_identity_signs_nothing_that_is_good(run: Run, node: Node) -> None:
    seal = run("signmessage", "bob@", "hello")["signature"]
    run("revokeidentity", "bob@")
    node.chain.mine(NOW)

    assert run("verifymessage", "bob@", seal, "hello", True) is False


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize(
    "data",
    [
        {"message": "hello"},
        {"messagehex": "00ff"},
        {"messagebase64": "aGVsbG8="},
        {"datahash": "ab" * 32},
        {"vdxfdata": "x", "hashtype": "blake2b"},
        {"message": "hello", "hashtype": "sha256D"},
    ],
)
def test_signed_data_verifies(run: Run, node: Node, signer: str, data: dict[str, str]) -> None:
    query = data | {"address": named(node, signer)}

    made = run("signdata", query)

    found = run("verifysignature", query | {"signature": made["signature"]})
    assert found["signaturestatus"] == "verified"
    assert found["hash"] == made["hash"] == run("signdata", data)["hash"]
    other = query | {"signature": made["signature"], "checklatest": True} | {"datahash": "cd" * 32}
    for name in ("message", "messagehex", "messagebase64", "vdxfdata"):
        other.pop(name, None)
    assert run("verifysignature", other)["signaturestatus"] == "invalid"


def test_a_signature_covers_what_it_is_bound_to(run: Run) -> None:
    bound = {
        "address": "alice@",
        "message": "hello",
        "prefixstring": "for you",
        "vdxfkeys": ["vrsc::data.type.byte"],
        "vdxfkeynames": ["vrsc::data.type.string"],
        "boundhashes": ["ab" * 32],
    }
    signature = run("signdata", bound)["signature"]

    whole = run("verifysignature", bound | {"signature": signature})
    assert whole["signaturestatus"] == "verified"
    assert whole["canonicalname"] == "alice.vrsc@"
    for name in ("prefixstring", "vdxfkeys", "vdxfkeynames", "boundhashes"):
        less = {key: value for key, value in bound.items() if key != name}
        found = run("verifysignature", less | {"signature": signature})
        assert found["signaturestatus"] == "invalid"


def test_a_mountain_of_data_has_one_root(run: Run) -> None:
    found = run("signdata", {"mmrdata": ["a", {"message": "b"}, {"messagehex": "63"}]})

    assert found["hashes"] == [sha256(each).hexdigest() for each in (b"a", b"b", b"c")]
    assert run("signdata", {"mmrdata": ["a"]})["mmrroot"] == found["hashes"][0]
    assert run("signdata", {"mmrdata": ["b", "a", "c"]})["mmrroot"] != found["mmrroot"]
    assert failing(run, "signdata", {"mmrdata": []})[0] == -8


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("verifymessage", ("x", "AA==", "m"), (-8, "Invalid address")),
        ("verifyhash", ("x", "AA==", "00"), (-3, "Invalid address")),
        ("verifymessage", (SOMEBODY, "AA==", ""), (-8, "Cannot verify empty message")),
        ("verifymessage", (SOMEBODY, "", "m"), (-8, "Invalid signature")),
        ("verifymessage", (SOMEBODY, "!", "m"), (-5, "Malformed base64 encoding")),
        ("verifyhash", (SOMEBODY, "AA==", ""), (-8, "No hash to verify")),
        (
            "verifyhash",
            (SOMEBODY, "AA==", "zz"),
            (-8, "hexhash must be a valid hexadecimal hash value"),
        ),
        ("signmessage", (SOMEBODY, "m"), (-5, "Private key not available")),
        ("signmessage", ("nobody@", "m"), (-5, "Identity not found")),
        ("signdata", ({"message": "m", "hashtype": "md5"},), (-8, "Invalid hash type md5")),
        (
            "signdata",
            ({},),
            (-8, "Must include at least one of filename, message, messagehex, or datahash"),
        ),
        ("signdata", ({"messagehex": "zz"},), (-8, "messagehex must be in its encoding")),
        ("signdata", ({"datahash": "zz"},), (-8, "Hash must be 32 bytes in hexadecimal")),
        ("signdata", ({"datahash": "00"},), (-8, "Hash must be 32 bytes in hexadecimal")),
        (
            "verifysignature",
            ({"address": SOMEBODY, "message": "m", "signature": "!"},),
            (-8, "Malformed base64 encoding"),
        ),
    ],
)
def test_what_cannot_be_signed_or_verified_is_refused(
    run: Run, method: str, params: tuple[Any, ...], error: tuple[int, str]
) -> None:
    assert failing(run, method, *params) == error


def test_a_query_without_a_signature_gets_the_help(run: Run) -> None:
    code, message = failing(run, "verifysignature", {"message": "m"})

    assert code == -1
    assert message.startswith("verifysignature {")


@pytest.mark.parametrize(
    "raw",
    [b"", b"\3", b"\2\1", b"\1\0\0\0\0\0", b"\1\0\0\0\0\1\5", b"\1\0\0\0\0\1\0x"],
)
def test_bytes_that_are_no_signature_of_an_identity_are_not_good(run: Run, raw: bytes) -> None:
    seal = b64encode(raw).decode()

    assert signing.read(raw) is None
    query = {"address": "alice@", "message": "m", "signature": seal}
    assert run("verifysignature", query)["signaturestatus"] == "invalid"
    assert not raw or run("verifymessage", "alice@", seal, "m") is False
    assert run("verifyhash", "alice@", seal + "!", "00") is False


def test_a_signature_from_before_the_identity_was_is_not_good(run: Run, node: Node) -> None:
    person = node.chain.people[0]
    identity = {"name": "late", "primaryaddresses": [person]}
    run("registeridentity", {"txid": "ab", "namereservation": identity, "identity": identity})
    node.chain.mine(NOW)
    secret = node.chain.keys[person]
    early = signing.Signature(1, (curve.sign(secret, bytes(32)),))

    assert run("verifymessage", "late@", b64encode(early.pack()).decode(), "m") is False
