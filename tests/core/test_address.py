import pytest
from hypothesis import given
from hypothesis import strategies as st

from verus_gateway.address import LONGEST, MOST_HOPS, UNIX, Address, Addresses, parse

PROXY, INNER, CLIENT = "10.0.0.1", "10.9.9.9", "192.0.2.7"
BEHIND = Addresses(["10.0.0.0/8"])


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_one_client_is_an_address_or_a_network_of_64_bits(text: str, group: str) -> None:
    assert Addresses().client(text).group == group


def test_all_addresses_of_a_subscriber_are_one_client() -> None:
    groups = {Addresses().client(f"2001:db8::{n:x}").group for n in range(1, 500)}

    assert groups == {"2001:db8::/64"}


@pytest.mark.parametrize("said", ["1.1.1.1", "1.1.1.1, 10.0.0.1", "unknown", "", "::1", "\x00"])
def test_a_header_of_a_stranger_changes_nothing(said: str) -> None:
    assert BEHIND.client(CLIENT, said) == Address(CLIENT, CLIENT)
    assert Addresses().client(CLIENT, said) == Address(CLIENT, CLIENT)


@pytest.mark.parametrize(
    "said",
    [
        CLIENT,
        f"1.1.1.1, {CLIENT}",
        f"10.0.0.5,{CLIENT}",
        f"127.0.0.1 , ::1,{CLIENT},{INNER}",
        f"{CLIENT}:50123",
        f"garbage, {CLIENT}, {INNER}, {PROXY}",
        f"{'6.6.6.6,' * 200}{CLIENT}",
        f"{'x' * 100_000},{CLIENT}",
    ],
)
def test_behind_proxies_the_rightmost_that_is_not_ours_is_the_client(said: str) -> None:
    assert BEHIND.client(PROXY, said).text == CLIENT


@pytest.mark.parametrize(
    "said", ["", "unknown", "_hidden", "1.1.1.1, unknown", "1.1.1.1, 999.1.1.1"]
)
def test_where_a_proxy_names_nobody_it_is_the_client_itself(said: str) -> None:
    assert BEHIND.client(PROXY, said).text == PROXY


def test_what_is_left_of_nonsense_is_not_believed() -> None:
    assert BEHIND.client(PROXY, f"{CLIENT}, nonsense, {INNER}").text == INNER


def test_where_all_are_ours_the_farthest_is_the_client() -> None:
    assert BEHIND.client(PROXY, "10.1.1.1, 10.2.2.2").text == "10.1.1.1"


def test_only_so_many_hops_and_characters_are_looked_at() -> None:
    hops = f"{CLIENT}, " + ", ".join([INNER] * MOST_HOPS)
    cut = "1" + CLIENT + "," + " " * (LONGEST - len(CLIENT) - 1)

    assert BEHIND.client(PROXY, hops).text == INNER
    assert BEHIND.client(PROXY, cut).text == PROXY


def test_ipv6_clients_and_proxies_are_told_apart_as_well() -> None:
    behind = Addresses(["fd00::/8", "10.0.0.0/8"])

    assert behind.client("fd00::1", "[2001:db8::5]:443").group == "2001:db8::/64"
    assert behind.client("::ffff:10.0.0.1", CLIENT).text == CLIENT


def test_only_the_header_that_the_proxies_append_to_is_read() -> None:
    behind = Addresses([PROXY], "Forwarded")

    assert behind.client(PROXY, 'for="[2001:db8::5]:443";proto=https').text == "2001:db8::5"
    assert behind.client(PROXY, f"for=1.1.1.1, proto=http;For={CLIENT};by=x").text == CLIENT
    assert behind.client(PROXY, f"for={CLIENT}, for=unknown").text == PROXY
    assert behind.client(PROXY, f"for={CLIENT}, proto=http").text == PROXY
    assert behind.client(PROXY, f'for="1.1.1.1, for=2.2.2.2", for={CLIENT}').text == CLIENT
    assert behind.client(PROXY, CLIENT).text == PROXY


def test_the_peer_of_a_unix_socket_is_trusted_only_where_it_is_named() -> None:
    assert Addresses().client("", CLIENT).text == UNIX
    assert Addresses(["10.0.0.0/8"]).client("", CLIENT).text == UNIX
    assert Addresses([UNIX]).client("", CLIENT).text == CLIENT
    assert Addresses([UNIX]).client(PROXY, CLIENT).text == PROXY


def test_it_knows_whether_a_header_is_worth_reading() -> None:
    assert (Addresses().proxied, BEHIND.proxied, Addresses([UNIX]).proxied) == (False, True, True)
    assert repr(BEHIND) == "<Addresses behind 1 networks of proxies, by X-Forwarded-For>"


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        Addresses(["10.0.0.0/33"])


@given(st.text(max_size=200))
def test_no_header_breaks_it(said: str) -> None:
    assert BEHIND.client(PROXY, said).text


@given(st.ip_addresses())
def test_an_address_is_read_back(address: object) -> None:
    found = parse(str(address))

    assert found == (getattr(address, "ipv4_mapped", None) or address)
