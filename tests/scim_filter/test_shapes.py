"""Texts that differ only in their strings share a cached tree, and no result or error shows it (D-585)."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scim_filter import FilterError, parse_filter, parse_path, parser
from tests.examples import examples
from tests.scim_filter import grammar

HARD = (
    'a eq "x"', 'a eq ""', 'a eq "\'"', 'a eq "\\"and\\"" or b eq "\\u00e9\\n"', 'a eq "not (" and (b eq "]")',
    'emails[type eq "work"].value eq "x@y"', 'members[value eq"2819"].$ref', 'schemas eq "urn:x"', 'a[b eq "x"] eq "y"',
    # Double quotes that begin no string.
    "a eq 'x\"y\"z'", "a eq 'x\"y' and b eq \"z\"", "a eq '\"' or b eq '\"'", 'a eq "x" or b eq \'"\' or c eq "y"',
    # Strings that are refused, and strings beside other faults.
    'a eq "\\q"', 'a eq "x" and b eq "\n"', 'a eq "\\ud800"', 'a eq "\x00" or b eq "\\q"', 'a eq "\ud800"', 'a eq "\\q" and b',
    'a eq "x', 'a eq "x\\"', 'a eq "x" "y"', 'a eq"x"y', '"', '"x"', 'a["x"', 'a eq "x" and b."c" pr', 'a[b eq "x"]."c"',
    'a eq "' + '\\"' * 500, "(" * 33 + 'a eq "x"', " or ".join(['a eq "x"'] * 101), f'a eq "{"x" * 1_016}"', f'a eq "{"x" * 1_017}"',
)

texts = st.one_of(
    grammar.filters, grammar.paths, grammar.mutated(grammar.filters), grammar.mutated(grammar.paths),
    st.text("\"'\\ a[].$qué\n\x00\ud800"), st.text("\"'\\ x").map(lambda end: f"a eq {end}"),
)  # fmt: skip


def outcomes(text: str) -> list[object]:
    """Return what each parser makes of a text: the tree with its columns, or the error."""
    found: list[object] = []
    for parse in (parse_filter, parse_path):
        for bare_words in (False, True):
            try:
                found.append(repr(parse(text, bare_words=bare_words)))
            except FilterError as error:
                found.append((type(error), error.message, error.column))
    return found


def check(text: str) -> None:
    with mock.patch.object(parser, "_CACHED_LENGTH", -1):
        expected = outcomes(text)
    assert outcomes(text) == expected  # perhaps the first text of its shape
    assert outcomes(text) == expected


@pytest.mark.parametrize("text", HARD)
def test_a_hard_text_is_read_as_without_the_cache(text: str) -> None:
    check(text)


@given(texts)
@settings(deadline=None, max_examples=examples(60))
def test_whatever_the_text_it_is_read_as_without_the_cache(text: str) -> None:
    check(text)


def test_texts_that_differ_in_their_strings_are_parsed_once() -> None:
    parser._cached.cache_clear()
    found = {str(parse_filter(f'userName eq "{number:04}" and emails[type eq "work"].value sw "{number:03}"')) for number in range(500)}
    assert len(found) == 500
    assert parser._cached.cache_info().misses == 1


def test_the_cache_has_bounds() -> None:
    parser._cached.cache_clear()
    parse_filter(f'a eq "{"x" * 1_100}"')
    assert parser._cached.cache_info().currsize == 0
    for number in range(1_500):
        parse_filter(f'a{number} eq "x"')
    assert parser._cached.cache_info().currsize == 1_024
