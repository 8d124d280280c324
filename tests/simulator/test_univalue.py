from decimal import Decimal

import pytest

from verus_gateway.simulator.univalue import Number, amount, parse, write


def test_of_equal_keys_the_first_counts() -> None:
    assert parse(b'{"method":"dumpprivkey","method":"getinfo"}') == {"method": "dumpprivkey"}


def test_numbers_keep_the_digits_they_were_written_with() -> None:
    text = '{"id":1.0e+2,"n":[10000000000.12345678,-0,123456789012345678901234567890]}'

    assert write(parse(text.encode())) == text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} {}",
        b"[1,]",
        b"NaN",
        b"[-Infinity]",
        b'"\xff"',
        b'"\\ud800"',
        b"01",
        b'{"a":"\n"}',
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 600 + b"]" * 600,
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse(body)


def test_nesting_that_can_be_written_again_is_taken() -> None:
    body = b"[" * 150 + b"]" * 150 + b" "

    assert write(parse(body)).encode() == body.strip()


def test_amounts_have_eight_decimals_and_doubles_sixteen_digits() -> None:
    values = [amount(100), Decimal(3), 2645830048654.2793, 1.0, 1e-6, True, None, 5, (1,)]

    assert write(values) == ("[0.00000100,3.00000000,2645830048654.279,1,1e-06,true,null,5,[1]]")


def test_strings_are_escaped_as_univalue_does_and_not_made_ascii() -> None:
    assert write('a"\\\n\x01\x7fé') == '"a\\"\\\\\\n\\u0001\\u007fé"'


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no JSON form for bytes"):
        write(b"")


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    assert write(parse(b'"\\ud83d\\ude00"')) == '"\U0001f600"'


def test_a_number_is_its_text() -> None:
    assert parse(b"-12") == Number("-12")
