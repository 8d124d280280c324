import pytest

from verus_gateway.redis_url import Place, parse


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://h", Place("server", (("h", 6379),))),
        (
            "rediss://u:p%40ss@h:7000/3?ca=/ca.pem",
            Place(
                "server",
                (("h", 7000),),
                tls=True,
                user="u",
                password="p@ss",
                database=3,
                ca="/ca.pem",
            ),
        ),
        ("redis://:only@[::1]:1/", Place("server", (("::1", 1),), password="only")),
        ("unix://u@/run/r.sock?db=2", Place("socket", user="u", path="/run/r.sock", database=2)),
        (
            "redis+sentinel://a,b:1/main/4?sentinel_user=s&sentinel_password=t",
            Place(
                "sentinel",
                (("a", 26379), ("b", 1)),
                master="main",
                database=4,
                sentinel_user="s",
                sentinel_password="t",
            ),
        ),
        ("rediss+cluster://a:1,b", Place("cluster", (("a", 1), ("b", 6379)), tls=True)),
    ],
)
def test_each_form_names_a_place(url: str, place: Place) -> None:
    assert parse(url) == place


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://h", "begins with one of redis://, rediss://, unix://"),
        ("redis://[::1", "is no URL"),
        ("redis://", "a host is name"),
        ("redis://h h", "a host is name"),
        ("redis://h:0", "a port is between"),
        ("redis://h:99999", "a port is between"),
        ("redis://h/x", "a database is a number"),
        ("redis://h/1/2", "one server is"),
        ("redis://a,b", "one server is"),
        ("redis://h?db=1", "there is no option db"),
        ("unix://h/run/r.sock", "a socket is"),
        ("unix://", "a socket is"),
        ("redis+sentinel://a,b", "name the master"),
        ("redis+cluster://a/1", "a cluster has one database"),
    ],
)
def test_what_names_no_place_says_why_and_never_repeats_a_password(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as said:
        parse(url.replace("//", "//u:hunter2hunter2@", 1))

    assert "hunter2" not in str(said.value)


def test_a_place_shows_itself_without_its_passwords() -> None:
    place = parse("redis+sentinel://u:hunter2@a,b:1/main?sentinel_password=hunter2")

    assert str(place) == "sentinel a:26379,b:1"
    assert "hunter2" not in repr(place)
    assert place.with_password("other").password == "other"
