"""One key for filters, sorting, uniqueness and PATCH (RFC 7644 section 5, RFC 7643 section 7, D-113)."""

from __future__ import annotations

import re
import sys
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.schemas import comparison
from app.schemas.attribute import Attribute
from app.schemas.comparison import comparison_key, fold, version_key
from tests.examples import examples


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ADA", "ada", True), ("É", "e\u0301", True), ("É", "é", True), ("Å", "\u212b", True), ("ΟΔΟΣ", "οδος", True),
        ("Straße", "STRASSE", False), ("e", "é", False), ("a\u200bb", "ab", False), ("ﬁ", "fi", False), ("İ", "i", False),
        ("ı", "i", False), ("a", "а", False), ("ａ", "a", False), ("a ", "a", False), ("ABC\U00010400", "abc\U00010428", True),
    ],
)  # fmt: skip
def test_what_is_the_same_name(one, other, same):
    assert (fold(one) == fold(other)) is same


def test_folding_twice_is_folding_once_for_every_character():
    for code in range(sys.maxunicode + 1):
        if not 0xD800 <= code <= 0xDFFF:
            once = fold(chr(code))
            assert fold(once) == once, hex(code)


@settings(max_examples=examples(60), deadline=None)
@given(st.text(), st.text())
def test_folding_twice_is_folding_once(one, other):
    assert fold(fold(one)) == fold(one)
    assert fold(fold(one) + fold(other)) == fold(one + other)


@settings(max_examples=examples(60), deadline=None)
@given(st.text("ΟΔΣσςabÉ ."), st.text("ΟΔΣσςabÉ ."))
def test_a_beginning_stays_a_beginning(one, other):
    assert fold(one + other).startswith(fold(one)) and fold(one + other).endswith(fold(other))


NOON = datetime(2011, 5, 13, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "key"),
    [
        ("boolean", True, True), ("boolean", "True", True), ("boolean", "true", True), ("boolean", "False", False),
        ("boolean", "false", False), ("boolean", "FALSE", False), ("boolean", "tRUE", True), ("integer", 5, 5), ("integer", 1.5, 1.5), ("decimal", 1.5, 1.5), ("decimal", 2, 2),
        ("reference", "HTTP://X", "HTTP://X"), ("binary", "QQ==", "QQ=="), ("string", "Ab", "ab"),
        ("dateTime", "2011-05-13T12:00:00Z", NOON), ("dateTime", "2011-05-13T14:00:00+02:00", NOON),
        ("dateTime", "2011-05-13T14:00:00 02:00", NOON), ("dateTime", "2011-05-13T12:00:00.0009999", NOON.replace(microsecond=999)),
        ("dateTime", "2011-05-13T12:00:00.0000001", NOON.replace(microsecond=1)), ("dateTime", "2011-05-13T12:00:00.000000000", NOON),
        ("dateTime", "2011-05-13T12:00:00.0010000001", NOON.replace(microsecond=1_001)),
        ("dateTime", "0001-01-03T00:00:00.0000000Z", datetime(1, 1, 3, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_keys_by_type(kind, value, key):
    found = comparison_key(Attribute(name="a", type=kind))(value)
    assert (found, type(found)) == (key, type(key))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("boolean", "yes", "true or false"), ("boolean", 1, "true or false"),
        ("boolean", None, "true or false"), ("integer", True, "a number"), ("integer", "5", "a number"),
        ("decimal", "1.5", "a number"), ("decimal", False, "a number"), ("string", 5, "a string"), ("string", True, "a string"),
        ("string", None, "a string"), ("reference", 5, "a string"), ("binary", 5, "a string"), ("dateTime", 5, "a string"),
        ("dateTime", "2011-05-13", "a dateTime"), ("dateTime", "2011-02-30T00:00:00Z", "a dateTime"), ("dateTime", "", "a dateTime"),
        ("dateTime", "2011-05-13T12:00:00+05:99", "a dateTime"), ("dateTime", "2011-05-13T12:00:00+14:01", "a dateTime"),
        ("dateTime", "0001-01-01T00:00:00+14:00", "a dateTime"), ("dateTime", "9999-12-31T23:59:59-14:00", "a dateTime"),
    ],
)  # fmt: skip
def test_other_values_are_refused_with_what_was_expected(kind, value, expected):
    with pytest.raises(ValueError, match=f"^{expected}"):
        comparison_key(Attribute(name="a", type=kind))(value)


def test_case_exact_strings_are_kept():
    assert comparison_key(Attribute(name="a", case_exact=True))("Ab\u0301") == "Ab\u0301"


@pytest.mark.parametrize(("value", "key"), [('W/"3"', 3), ('"3"', 3), ("3", 3), ('W/"x"', -1), ("", -1), ("٣", -1), ("9" * 30, -1)])
def test_versions(value, key):
    assert version_key(value) == key


MARKS = "\u0301\u0323\u0327\u0344\u0f73\u05b0\u3099\U0001d165"
"""Of several combining classes; the fourth and fifth are two marks in one character, the fifth has class 0 itself."""


@settings(max_examples=examples(40), deadline=None)
@given(st.text("aé" + MARKS, min_size=100, max_size=400))
def test_fa_01_marks_are_put_in_the_order_that_normalize_would_give_them(text: str) -> None:
    plainly = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    assert fold(text) == plainly


def test_fa_01_normalize_never_gets_many_marks_in_the_wrong_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sorts them in the square of their number: 8,192 characters, as a value may have, took 70 ms, and a body 50 s."""
    normalize, moved = unicodedata.normalize, 0

    def counted(form: str, text: str) -> str:
        nonlocal moved
        classes = [unicodedata.combining(part) for character in text for part in normalize("NFD", character)]
        for before, after in zip(classes, classes[1:], strict=False):
            moved += before > after > 0
        return normalize(form, text)

    monkeypatch.setattr(comparison.unicodedata, "normalize", counted)
    for mark in ("\u0301\u0323", "\u0f73", "\u0344\u0327"):
        fold("a" + mark * 1_000)
    assert moved < 10


def test_fa_01_every_mark_is_found() -> None:
    for code in range(sys.maxunicode + 1):
        first = unicodedata.normalize("NFD", chr(code))[0]
        if unicodedata.combining(chr(code)) or unicodedata.combining(first):
            assert re.fullmatch(comparison._MANY_MARKS, chr(code) * 33), hex(code)
