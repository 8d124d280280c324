"""Access tokens: each attack of the checklist has its answer."""

import base64
import hmac
from typing import Any

import msgspec
import pytest

from verus_gateway import jwks, tokens
from verus_gateway.tokens import BadToken, Claims, Rules

NOW = 1_800_000_000.0
KEY = jwks.make("ES256")
OTHER = jwks.make("RS256")
KEYS = {key.kid: key for key in (KEY, OTHER)}
RULES = Rules(issuer="https://tokens.example", audience="gateway", leeway=30, lifetime=3600)
CLAIMS = {
    "iss": "https://tokens.example",
    "sub": "alice",
    "aud": "gateway",
    "client_id": "alice",
    "exp": NOW + 600,
    "iat": NOW,
    "jti": "1",
    "scope": "public read",
}
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": KEY.kid}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(
    header: dict[str, Any] | bytes = HEADER, claims: Any = CLAIMS, key: jwks.SigningKey = KEY
) -> str:
    """Return a token with this header and these claims, signed by *key* as it signs."""
    head = header if isinstance(header, bytes) else msgspec.json.encode(header)
    body = claims if isinstance(claims, bytes) else msgspec.json.encode(claims)
    signed = f"{b64(head)}.{b64(body)}"
    return f"{signed}.{b64(key.sign(signed.encode()))}"


def flaw(token: str, now: float = NOW) -> str:
    with pytest.raises(BadToken) as caught:
        tokens.read(token, KEYS.get, RULES, now)
    return caught.value.flaw


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


def test_what_is_minted_can_be_read() -> None:
    claims = msgspec.convert(CLAIMS, Claims)

    for key in KEYS.values():
        token = tokens.mint(key, claims)
        assert tokens.read(token, KEYS.get, RULES, NOW) == claims


def test_a_token_names_its_scopes_and_its_rate_class() -> None:
    claims = tokens.read(forged(claims={**CLAIMS, "rate_class": "gold"}), KEYS.get, RULES, NOW)

    assert claims.scopes == {"public", "read"}
    assert claims.rate_class == "gold"
    assert tokens.read(forged(claims=without("scope")), KEYS.get, RULES, NOW).scopes == frozenset()


def test_several_audiences_and_the_long_type_are_taken() -> None:
    token = forged({**HEADER, "typ": "application/at+jwt"}, {**CLAIMS, "aud": ["x", "gateway"]})

    assert tokens.read(token, KEYS.get, RULES, NOW).sub == "alice"


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "RS256", "ES384", "es256", "EdDSA", ""])
def test_the_key_decides_the_algorithm(alg: str) -> None:
    assert flaw(forged({**HEADER, "alg": alg})) == "algorithm"


def test_a_signature_by_the_public_key_as_a_shared_secret_is_refused() -> None:
    public = msgspec.json.encode(KEY.published())
    head = b64(msgspec.json.encode({**HEADER, "alg": "HS256"}))
    signed = f"{head}.{b64(msgspec.json.encode(CLAIMS))}"
    mac = hmac.digest(public, signed.encode(), "sha256")

    assert flaw(f"{signed}.{b64(mac)}") == "algorithm"


def test_another_keys_signature_is_refused() -> None:
    assert flaw(forged(key=jwks.make("ES256"))) == "signature"
    assert flaw(forged({**HEADER, "kid": OTHER.kid, "alg": "RS256"})) == "signature"


def test_an_unknown_key_is_refused_and_its_name_only_looked_up() -> None:
    for kid in ("nobody", "../../etc/passwd", "http://evil.example/jwks", "' OR 1=1 --"):
        assert flaw(forged({**HEADER, "kid": kid})) == "unknown_key"


@pytest.mark.parametrize(
    "member",
    [
        {"jwk": KEY.published()},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["MII="]},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
)
def test_a_header_supplies_no_key_and_no_conditions(member: dict[str, Any]) -> None:
    assert flaw(forged({**HEADER, **member})) == "malformed"


@pytest.mark.parametrize("name", HEADER)
def test_a_header_says_all_that_it_must(name: str) -> None:
    assert flaw(forged({k: v for k, v in HEADER.items() if k != name})) == "malformed"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "AT+JWT", "at+jwt ", "rt+jwt", "revocations+jwt"])
def test_another_kind_of_token_is_no_access_token(typ: str) -> None:
    assert flaw(forged({**HEADER, "typ": typ})) == "type"


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "client_id", "exp", "iat", "jti"])
def test_every_required_claim_must_be_there(name: str) -> None:
    assert flaw(forged(claims=without(name))) == "claims"


@pytest.mark.parametrize(
    ("claim", "value", "expected"),
    [
        ("iss", "https://tokens.example/", "issuer"),
        ("iss", "HTTPS://tokens.example", "issuer"),
        ("iss", ["https://tokens.example"], "claims"),
        ("iss", "", "claims"),
        ("iss", "x", "issuer"),
        ("iss", "x" * 512, "issuer"),
        ("iss", "x" * 513, "claims"),
        ("aud", "gateway2", "audience"),
        ("aud", [], "audience"),
        ("aud", {"gateway": 1}, "claims"),
        ("sub", "", "claims"),
        ("sub", 7, "claims"),
        ("jti", "x" * 129, "claims"),
        ("client_id", None, "claims"),
        ("exp", "1800000600", "claims"),
        ("exp", True, "claims"),
        ("exp", NOW - 30, "expired"),
        ("exp", -1, "expired"),
        ("iat", NOW + 31, "not_yet"),
        ("nbf", NOW + 31, "not_yet"),
        ("iat", NOW - 3001, "lifetime"),
        ("iat", 7, "lifetime"),
        ("exp", NOW + 3601, "lifetime"),
        ("exp", NOW, "lifetime"),
        ("exp", 10**40, "lifetime"),
        ("scope", ["read"], "claims"),
        ("scope", 'read "admin"', "claims"),
        ("scope", "read\tadmin", "claims"),
        ("rate_class", "", "claims"),
        ("rate_class", "x" * 65, "claims"),
    ],
)
def test_every_claim_is_held_to_its_rule(claim: str, value: Any, expected: str) -> None:
    assert flaw(forged(claims={**CLAIMS, claim: value})) == expected


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("jti", "x"),
        ("jti", "x" * 128),
        ("rate_class", "x"),
        ("rate_class", "x" * 64),
        ("exp", NOW + 1),
        ("exp", NOW + 3600),
    ],
)
def test_a_claim_may_go_as_far_as_its_rule(claim: str, value: Any) -> None:
    read = tokens.read(forged(claims={**CLAIMS, claim: value}), KEYS.get, RULES, NOW)

    assert getattr(read, claim) == value


def test_a_token_that_ends_before_it_begins_is_refused_also_between_clocks_that_differ() -> None:
    assert flaw(forged(claims={**CLAIMS, "exp": NOW - 10, "iat": NOW + 10})) == "lifetime"


def test_a_minted_token_says_nothing_of_what_it_does_not_have() -> None:
    token = tokens.mint(KEY, msgspec.convert(without("scope"), Claims))

    assert msgspec.json.decode(tokens.opened(token, tokens.TYPES, KEYS.get)) == without("scope")


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    tokens.read(forged(claims={**CLAIMS, "exp": NOW - 29, "iat": NOW - 60}), KEYS.get, RULES, NOW)
    tokens.read(forged(claims={**CLAIMS, "iat": NOW + 30}), KEYS.get, RULES, NOW)
    tokens.read(forged(claims={**CLAIMS, "nbf": NOW + 30}), KEYS.get, RULES, NOW)


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"NaN", b"Infinity", b"1800000600e9999"])
def test_a_number_without_an_end_is_no_date(number: bytes) -> None:
    body = msgspec.json.encode(without("exp"))[:-1] + b',"exp":' + number + b"}"

    assert flaw(forged(claims=body)) == "claims"


def of_length(length: int) -> str:
    """Return a good token of just this length; blanks in header and claims fill it up."""
    body = msgspec.json.encode(CLAIMS)
    for blanks in range(3):
        head = msgspec.json.encode(HEADER) + b" " * blanks
        room = (length - len(forged(head)) + len(b64(body))) * 3 // 4
        token = forged(head, body.ljust(room))
        if len(token) == length:
            return token
    raise AssertionError(f"no token has {length} characters")


def test_a_token_is_as_long_as_it_may_be_and_no_longer() -> None:
    assert tokens.read(of_length(8_192), KEYS.get, RULES, NOW).sub == "alice"
    assert flaw(of_length(8_193)) == "malformed"


def test_a_key_that_comes_twice_is_refused_in_header_and_claims() -> None:
    head = msgspec.json.encode(HEADER)
    body = msgspec.json.encode(CLAIMS)

    assert flaw(forged(head[:-1] + b',"alg":"none"}')) == "malformed"
    assert flaw(forged(claims=body[:-1] + b',"sub":"root"}')) == "claims"
    assert flaw(forged(claims=body[:-1] + b',"x":{"a":1,"a":2}}')) == "claims"


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b"[]", b"null", b"{", b"", b'"text"', b'\xef\xbb\xbf{"a":1}', b'{"a":"\xff"}'],
)
def test_claims_that_are_no_json_object_in_utf_8_are_refused(body: bytes) -> None:
    assert flaw(forged(claims=body)) in {"claims", "malformed"}


def test_claims_that_are_nested_too_deeply_are_refused() -> None:
    for deep in (64, 2000):
        body = msgspec.json.encode(CLAIMS)[:-1] + b',"x":' + b"[" * deep + b"]" * deep + b"}"
        assert flaw(forged(claims=body)) == "claims"

    deepest = msgspec.json.encode({**CLAIMS, "x": [[[]]]})
    assert tokens.read(forged(claims=deepest), KEYS.get, RULES, NOW).sub == "alice"


@pytest.mark.parametrize("arrays", [1, 31, 32, 33, 63])
def test_arrays_and_objects_are_counted_together(arrays: int) -> None:
    def opened(arrays: int, objects: int) -> str:
        inside = b",".join([b"[]"] * (arrays - 1) + [b"{}"] * (objects - 1))
        return forged(claims=msgspec.json.encode(CLAIMS)[:-1] + b',"x":[' + inside + b"]}")

    assert tokens.read(opened(arrays, 64 - arrays), KEYS.get, RULES, NOW).sub == "alice"
    assert flaw(opened(arrays, 65 - arrays)) == "claims"


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + "=",
        lambda token: token.replace(".", "=.", 1),
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token + ".x",
        lambda token: token.rpartition(".")[0],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: "." + token.partition(".")[2],
        lambda token: token.replace(".", ".\u0661", 1),
        lambda token: token[:20] + "+" + token[21:],
        lambda token: token[:20] + "/" + token[21:],
        lambda token: token[:0],
        lambda token: token[:0] + "..",
        lambda token: token + "AAA",
    ],
)
def test_only_the_exact_compact_form_is_read(change: Any) -> None:
    assert flaw(change(forged())) == "malformed"


def test_a_part_is_written_in_one_way_only() -> None:
    # 64 bytes of signature leave four bits over in the last of 86 characters: A, Q, g or w.
    signed = (forged() for _ in range(1_000))
    token = next(each for each in signed if each.endswith("w"))

    assert {flaw(token[:-1] + odd) for odd in "xyz0123456789-_"} == {"malformed"}


def test_a_changed_claim_breaks_the_signature() -> None:
    head, _, signature = forged().split(".")
    body = b64(msgspec.json.encode({**CLAIMS, "scope": "admin"}))

    assert flaw(f"{head}.{body}.{signature}") == "signature"
