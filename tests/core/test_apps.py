import time
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from verus_gateway.apps import App, Apps, signature
from verus_gateway.auth import Caller
from verus_gateway.errors import InvalidToken
from verus_gateway.shelf import MemoryShelf
from verus_gateway.testing import FakeClock

KEY = "correct horse battery stäple"
ID = "wallet.example"
BODY = '{"jsonrpc":"1.0","id":0,"params":["größe@"],"method":"getidentity"}'.encode()
NOW = 1_790_000_000.123
SALT = bytes(range(32))
APP = App(ID, KEY, frozenset({"read"}), "gold")
# What node's own BLAKE2b makes of these.
KNOWN = (
    "17716a24729428ac2ade8d58b1222998f67cb97a462a0eb5bb807d9c715bf2c6"
    "0d582fddf88553c29e8fce75e077f5361c30c060da8b5e032652e2a05f40eeda"
)


def signed(
    body: bytes = BODY, at: float = NOW, salt: bytes = SALT, **other: str
) -> CIMultiDict[str]:
    """Return the headers of a request that the app has signed, *other* replaced after it."""
    said = str(round(at * 1000))
    headers = CIMultiDict(
        {
            "X-App-ID": ID,
            "X-Timestamp": said,
            "X-VRPC-API-Version": "2",
            "X-Salt": salt.hex(),
            "X-Auth-Token": signature(said, KEY, body, ID, salt).hex(),
        }
    )
    return altered(headers, other)


def altered(headers: CIMultiDict[str], changes: dict[str, str]) -> CIMultiDict[str]:
    """Return *headers* with some of them replaced after they were signed."""
    headers.update({f"X-{name.replace('_', '-')}": text for name, text in changes.items()})
    return headers


@pytest.fixture
def wall() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def apps(wall: FakeClock, clock: FakeClock) -> Apps:
    return Apps([APP], MemoryShelf(clock=clock), 60.0, wall)


def test_the_signature_is_the_one_of_another_implementation() -> None:
    assert signature("1790000000123", KEY, BODY, ID, SALT).hex() == KNOWN


@given(st.text("0123456789", min_size=1), st.text(), st.binary(), st.text())
def test_the_fields_are_hashed_in_the_clients_order(
    said: str, key: str, body: bytes, id: str
) -> None:
    whole = said.encode() + key.encode() + body + id.encode() + b"2" + SALT

    assert signature(said, key, body, id, SALT) == blake2b(whole).digest()


async def test_who_signs_well_is_the_app_with_its_scopes_and_class(apps: Apps) -> None:
    headers = signed()

    caller = await apps.identify(headers, BODY)

    assert apps.shown(headers)
    assert apps.memory_for(headers)() is None
    assert caller == Caller(f"app:{ID}", frozenset({"read"}), "gold")


async def test_hex_may_be_written_in_capitals(apps: Apps) -> None:
    headers = signed(Salt=SALT.hex().upper(), Auth_Token=KNOWN.upper())

    assert (await apps.identify(headers, BODY)).subject == f"app:{ID}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"App_ID": "wallet.examplf"},
        {"App_ID": ""},
        {"App_ID": "größe"},
        {"Timestamp": "1790000000124"},
        {"Timestamp": "1790000000123 "},
        {"Timestamp": "+1790000000123"},
        {"Timestamp": "1.790000000123e12"},
        {"Timestamp": "١٧٩٠٠٠٠٠٠٠١٢٣"},
        {"Timestamp": "9" * 5000},
        {"Timestamp": ""},
        {"Salt": "00" * 32},
        {"Salt": "00" * 31},
        {"Salt": SALT.hex() + "00"},
        {"Salt": "zz" * 32},
        {"Salt": ""},
        {"Auth_Token": "00" * 64},
        {"Auth_Token": KNOWN[:-1]},
        {"Auth_Token": KNOWN[:-2] + "é"},
        {"Auth_Token": ""},
        {"VRPC_API_Version": "1"},
        {"VRPC_API_Version": ""},
    ],
)
async def test_whatever_is_wrong_the_answer_is_the_same(apps: Apps, wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidToken) as caught:
        await apps.identify(altered(signed(), wrong), BODY)

    assert (caught.value.message, caught.value.data) == ("invalid_token", None)
    assert (await apps.identify(signed(), BODY)).subject == f"app:{ID}"


@pytest.mark.parametrize(
    "name", ["X-App-ID", "X-Timestamp", "X-Salt", "X-Auth-Token", "X-VRPC-API-Version"]
)
async def test_no_header_may_be_missing(apps: Apps, name: str) -> None:
    headers = signed()
    del headers[name]

    assert apps.shown(headers)
    with pytest.raises(InvalidToken):
        await apps.identify(headers, BODY)


def test_a_version_alone_shows_no_signature(apps: Apps) -> None:
    assert not apps.shown(CIMultiDict({"X-VRPC-API-Version": "2"}))


@pytest.mark.parametrize(
    "body", [b"", BODY + b" ", BODY.replace(b'"id":0', b'"id":1'), BODY.replace(b",", b", ")]
)
async def test_another_body_is_not_signed(apps: Apps, body: bytes) -> None:
    with pytest.raises(InvalidToken):
        await apps.identify(signed(), body)


async def test_one_app_cannot_sign_for_another(wall: FakeClock) -> None:
    other = App("other", "another secret altogether", frozenset({"admin"}), "default")
    apps = Apps([APP, other], MemoryShelf(), 60.0, wall)

    with pytest.raises(InvalidToken):
        await apps.identify(signed(App_ID="other"), BODY)


@pytest.mark.parametrize(
    ("off", "good"), [(59.9, True), (-59.9, True), (60.1, False), (-60.1, False)]
)
async def test_the_time_is_now_within_the_window(
    apps: Apps, wall: FakeClock, off: float, *, good: bool
) -> None:
    wall.advance(off)

    if good:
        assert (await apps.identify(signed(), BODY)).subject == f"app:{ID}"
    else:
        with pytest.raises(InvalidToken):
            await apps.identify(signed(), BODY)


@pytest.mark.parametrize("ahead", [-59.0, 0.0, 59.0])
async def test_a_signature_is_good_once_for_as_long_as_its_time_is(
    apps: Apps, wall: FakeClock, clock: FakeClock, ahead: float
) -> None:
    headers = signed(at=NOW + ahead)
    await apps.identify(headers, BODY)

    refused = 0
    for _ in range(130):
        with pytest.raises(InvalidToken):
            await apps.identify(headers, BODY)
        refused += 1
        wall.advance(1.0)
        clock.advance(1.0)

    assert refused == 130


async def test_capitals_make_no_second_salt(apps: Apps) -> None:
    await apps.identify(signed(), BODY)

    with pytest.raises(InvalidToken):
        await apps.identify(signed(Salt=SALT.hex().upper()), BODY)


async def test_a_salt_of_one_app_is_free_for_another(wall: FakeClock) -> None:
    other = App("other", KEY, frozenset(), "default")
    apps = Apps([APP, other], MemoryShelf(), 60.0, wall)
    token = signature("1790000000123", KEY, BODY, "other", SALT).hex()

    first = await apps.identify(signed(), BODY)
    second = await apps.identify(signed(App_ID="other", Auth_Token=token), BODY)

    assert (first.subject, second.subject) == (f"app:{ID}", "app:other")


async def test_who_cannot_sign_leaves_no_salt_behind(wall: FakeClock) -> None:
    salts = MemoryShelf()
    apps = Apps([APP], salts, 60.0, wall)

    for number in range(100):
        with pytest.raises(InvalidToken):
            await apps.identify(signed(salt=number.to_bytes(32), Auth_Token="00" * 64), BODY)

    assert len(salts) == 0


def test_no_key_is_shown(apps: Apps) -> None:
    assert KEY not in repr(APP) + repr(apps)
    assert repr(apps) == f"<Apps {ID}>"


async def test_the_wall_clock_is_the_machines_unless_another_is_given() -> None:
    apps = Apps([APP], MemoryShelf(), 60.0)

    assert (await apps.identify(signed(at=time.time()), BODY)).subject == f"app:{ID}"
