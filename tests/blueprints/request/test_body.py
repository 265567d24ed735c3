"""What a body may be (standards HT-06 to HT-09; reliability B8, B10 to B13)."""

import json

import pytest
from flask import Request
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from app.blueprints.request.body import MOST_BYTES, read_object
from app.errors import InvalidSyntax, InvalidValue, PayloadTooLarge, UnsupportedMediaType
from app.schemas.validation.json_object import DEEPEST
from tests.examples import examples


def body(data: bytes, content_type: str | None = "application/scim+json", **headers: str) -> dict:
    builder = EnvironBuilder(method="POST", data=data, content_type=content_type, headers=headers)
    return read_object(Request(builder.get_environ()))


@pytest.mark.parametrize("content_type", [
    "application/scim+json", "application/json", "application/scim+json; charset=utf-8", "APPLICATION/JSON", None,
])
def test_json_media_types_are_read(content_type: str | None) -> None:
    assert body('{"a": "é"}'.encode(), content_type) == {"a": "é"}


@pytest.mark.parametrize("content_type", [
    "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
    "application/scim+json; charset=latin-1",
])
def test_other_media_types_are_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        body(b"{}", content_type)


@pytest.mark.parametrize("data", [
    b"", b"   ", b"[]", b'"x"', b"null", b"1", b'{"a": 1', b"{'a': 1}", b'{"a": 1} x', b'{"a": NaN}', b'{"a": Infinity}',
    b'{"a": 1e999}', b'\xff\xfe{}', b'{"a": "\xff"}', b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}',
    b'{"a": ' + b"1" * 5000 + b"}", b'{"a":"' + b"\n" + b'"}',
    b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000,
])
def test_what_is_no_json_object_is_invalid_syntax(data: bytes) -> None:
    with pytest.raises(InvalidSyntax):
        body(data)


@pytest.mark.parametrize(("data", "place"), [
    (b'{"a": }', "column 7"), (b'{"a": }\n', "column 7"), (b'{\n  "a": 1\n  "b": 2\n}', "line 3, column 3"),
])
def test_the_place_of_a_mistake_is_told(data: bytes, place: str) -> None:
    with pytest.raises(InvalidSyntax, match=rf"^The body is not JSON: .* \({place}\)\.$"):
        body(data)


def test_an_integer_without_end_is_told_in_words_of_ours() -> None:
    with pytest.raises(InvalidSyntax, match="digits") as caught:
        body(b'{"a": -' + b"1" * 5000 + b"}")
    assert "sys." not in caught.value.detail and len(caught.value.detail) < 100
    assert body(b'{"a": ' + b"1" * 100 + b"}") == {"a": int("1" * 100)}


def test_a_byte_order_mark_is_skipped() -> None:
    assert body(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(("data", "detail"), [
    (b'{"a": "\\ud800"}', "a: text must not contain a lone surrogate (half of a character)."),
    (b'{"\\udfff": 1}', "The body: text must not contain a lone surrogate (half of a character)."),
    (b'{"a": ["x", {"b": "\\u0000"}]}', "a[1].b: text must not contain the character U+0000."),
    (b'{"a": {"x\\u0000": 1, "b": "good"}}', "a: text must not contain the character U+0000."),
    (b'{"a\\ud800": {"b": "\\u0000"}, "c\\u0000": "\\u0000"}', "The body: text must not contain a lone surrogate (half of a character)."),
    (b'{"b\\ud800": {"x": ["\\u0000"]}, "a": "\\u0000"}', "The body: text must not contain a lone surrogate (half of a character)."),
    (b'{"' + b"k" * 5_000 + b'": "\\u0000"}', "k" * 200 + ": text must not contain the character U+0000."),
])
def test_text_that_cannot_be_stored_is_invalid_value(data: bytes, detail: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        body(data)
    assert caught.value.detail == detail


def test_a_surrogate_pair_is_a_character() -> None:
    assert body(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_nesting_up_to_the_limit_is_read() -> None:
    depth = DEEPEST - 2
    assert body(b'{"a":' + b"[" * depth + b"]" * depth + b"}")


def test_a_body_that_was_cut_off_is_refused() -> None:
    with pytest.raises(InvalidSyntax, match="Content-Length"):
        environ = EnvironBuilder(method="POST", data=b'{"a": 1}', content_type="application/json").get_environ()
        environ["CONTENT_LENGTH"] = "100"
        environ["wsgi.input_terminated"] = True
        read_object(Request(environ))


def test_a_body_over_the_limit_is_refused() -> None:
    with pytest.raises(PayloadTooLarge):
        body(b'{"a": "' + b"x" * MOST_BYTES + b'"}')


@settings(max_examples=examples(30), deadline=None)
@given(st.dictionaries(st.text(min_size=1).filter(lambda s: "\0" not in s), st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none(), st.text().filter(lambda s: "\0" not in s)), max_size=5))
def test_every_plain_object_comes_back(value: dict) -> None:
    assert body(json.dumps(value).encode()) == value
