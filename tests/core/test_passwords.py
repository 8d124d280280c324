import pytest

from verus_gateway import passwords
from verus_gateway.passwords import Hash, hashed, read

SALT = bytes(range(16))


def cheap(secret: str) -> Hash:
    return hashed(secret, SALT, ln=4, r=1, p=1)


def test_a_hash_fits_its_secret_and_no_other() -> None:
    hash = cheap("correct horse battery")

    assert hash.fits("correct horse battery")
    assert not hash.fits("correct horse batterY")
    assert not hash.fits("")


def test_it_is_scrypt_as_rfc_7914_computes_it() -> None:
    salted = Hash(14, 8, 1, b"SodiumChloride", bytes(64))  # section 12, third vector

    assert passwords._key("pleaseletmein", salted).hex().startswith("7023bdcb3afd7348461c06cd81fd")


def test_a_hash_comes_back_from_its_text() -> None:
    hash = cheap("correct horse battery")

    assert read(f"{hash}\n") == hash
    assert str(hash).startswith("scrypt:4:1:1:")
    assert repr(hash) == "<Hash scrypt, N=2^4, r=1, p=1>"


def test_two_salts_give_two_hashes() -> None:
    other = hashed("correct horse battery", bytes(16), ln=4, r=1, p=1)

    assert other.key != cheap("correct horse battery").key


def test_letters_are_the_same_however_they_were_typed() -> None:
    assert cheap("caf\N{LATIN SMALL LETTER E WITH ACUTE}-horse").fits(
        "cafe\N{COMBINING ACUTE ACCENT}-horse"
    )


def test_the_costs_of_today_are_not_cheap() -> None:
    assert not Hash(passwords.LN, passwords.R, passwords.P, SALT, bytes(32)).cheap
    assert cheap("x").cheap


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no hash"),
        ("bcrypt:4:1:1:AAAA:AAAA", "is no hash"),
        ("scrypt:4:1:1", "is no hash"),
        ("scrypt:four:1:1:AAAA:AAAA", "cut or changed"),
        ("scrypt:4:1:1:!!!!:AAAA", "cut or changed"),
        (f"scrypt:4:1:1:{'A' * 22}:AAAA", "cut or changed"),
        (f"scrypt:4:1:1:AAAA:{'A' * 43}", "cut or changed"),
        (f"scrypt:21:1:1:{'A' * 22}:{'A' * 43}", "out of range"),
        (f"scrypt:4:0:1:{'A' * 22}:{'A' * 43}", "out of range"),
        (f"scrypt:4:1:17:{'A' * 22}:{'A' * 43}", "out of range"),
        (f"scrypt:20:8:1:{'A' * 22}:{'A' * 43}", "too much memory"),
    ],
)
def test_what_is_no_usable_hash_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(text)
