"""The query of a URL: what a `+` in it stands for (RFC 3986 section 2.1, D-678)."""

import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from app.blueprints.request.query import parameters_in
from tests.blueprints.conftest import Client

NAMES = ["a+b@x.example", "a+", "+a", 'a "quoted+" b', "a\\+b", "a b+c", "100%+2B", "ü+ü"]


def as_json(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("encode", [
    lambda text: quote(text, safe=""),
    lambda text: quote(text, safe="+"),
    lambda text: quote(text, safe=";,/?:@&=+$-_.!~*'()#").replace("&", "%26"),
    quote_plus,
    lambda text: quote_plus(text).replace("%22", '"'),
    lambda text: text.replace("%", "%25").replace("+", "%2b").replace('"', "%22").replace(" ", "+"),
], ids=["RFC 3986", "plus as it is", "encodeURI", "form", "form with quotes", "little encoded"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("filter_", ["userName eq {}", 'title eq "x" and (userName eq {})', "emails[value eq {}]"])
def test_a_value_is_read_as_it_was_meant_however_its_blanks_are_sent(
    encode: Callable[[str], str], name: str, filter_: str
) -> None:
    text = filter_.format(as_json(name))
    assert parameters_in(f"count=1&filter={encode(text)}&x".encode()) == {"count": ["1"], "filter": [text], "x": [""]}


@pytest.mark.parametrize(("query", "text"), [
    ("filter=displayName+eq+%22Anna%20Maria%2bEva%22", 'displayName eq "Anna Maria+Eva"'),
    ("filter=displayName+eq%20%22Anna+Maria%22", 'displayName eq "Anna Maria"'),
    ("filter=title+pr", "title pr"),
    ("filter=%22a+b%22", '"a b"'),
    ("filter=a%20eq%20%22b+c", 'a eq "b+c'),
    ("filter=a%20eq%20%22b%5C%22+%5c%22c%22+", 'a eq "b\\" \\"c" '),
    ("filter=a%20eq%20%22b%5C%5C%22%20+%20%22c%22", 'a eq "b\\\\"   "c"'),
])
def test_a_plus_is_a_blank_where_a_blank_outside_of_strings_is_one(query: str, text: str) -> None:
    assert parameters_in(query.encode()) == {"filter": [text]}


@pytest.mark.parametrize("profile", ["gallery", "interop", "rfc"])
def test_a_client_that_leaves_a_plus_as_it_is_finds_the_person(
    new_client: Callable[[str], Client], profile: str
) -> None:
    client = new_client(profile)
    client.user("ada+scim@x.example")
    client.user("ada scim@x.example")
    assert client.found("/Users?filter=userName%20eq%20%22ada+scim@x.example%22") == ["ada+scim@x.example"]
    assert client.found("/Users?filter=userName+eq+%22ada+scim@x.example%22") == ["ada scim@x.example"]


@pytest.mark.parametrize("piece", ["%22+%20", "%5C%22+%20", '"\\', "%5c", "+%20&", "%22%5C"])
def test_a_long_query_costs_its_length(piece: str) -> None:
    query = f"filter=%20+{piece * 100_000}".encode()
    begin = time.process_time()
    parameters_in(query)
    assert time.process_time() - begin < 3
