"""The RFC's ABNF as an oracle, round trips, and the two ways to read a plain filter."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scim_filter import FilterError, parse_filter, parse_path
from scim_filter.parser import _lark
from scim_filter.plain import parse_plain
from tests.scim_filter import grammar
from tests.scim_filter.worlds import TYPES, filters


def same(one, other):
    """Say whether two trees are equal, down to the types of their values (True is 1 for Python, and not for us)."""
    return one == other and re.sub(r"column=\d+", "", repr(one)) == re.sub(r"column=\d+", "", repr(other))


@given(grammar.filters)
@settings(deadline=None, max_examples=300)
def test_every_filter_of_the_abnf_is_read_and_written_back(text):
    for bare_words in (False, True):
        tree = parse_filter(text, bare_words=bare_words)
        again = parse_filter(str(tree), bare_words=bare_words)
        assert same(again, tree)
        assert str(again) == str(tree)


@given(grammar.paths)
@settings(deadline=None, max_examples=200)
def test_every_path_of_the_abnf_is_read_and_written_back(text):
    path = parse_path(text)
    assert same(parse_path(str(path)), path)


@given(st.sampled_from(TYPES).flatmap(filters))
@settings(deadline=None, max_examples=150)
def test_every_tree_is_written_and_read_back(tree):
    assert same(parse_filter(str(tree)), tree)


@given(st.one_of(grammar.mutated(grammar.filters), grammar.mutated(grammar.paths), st.text()), st.booleans())
@settings(deadline=None, max_examples=400)
@example("a eq '))' x", True)
@example('a eq "\\', False)
def test_whatever_the_text_it_is_a_tree_or_a_filter_error(text, bare_words):
    for parse in (parse_filter, parse_path):
        try:
            tree = parse(text, bare_words=bare_words)
        except FilterError as error:
            assert 1 <= error.column <= len(text) + 1
            assert error.message and "Token" not in error.message and "Expected one of" not in error.message
        else:
            assert same(parse(str(tree), bare_words=bare_words), tree)


PLAIN = [
    'userName eq "bob@example.com"', 'name.givenName sw "é"', 'urn:x:2.0:User:a.b co "x"', "active eq true",
    'a eq "x" and b ne "y"', "a eq false and $b.c eq true", 'emails[type eq "work"].value eq "x"',
    'emails[type eq "work"] eq "x"', "urn:x:2.0:U:e[primary eq true].value ew false", 'a eq ""', 'and eq "x" and or eq "y"',
]  # fmt: skip
UNPLAIN = [
    "a pr", "a eq 1", "a eq null", 'a EQ "x"', 'a  eq "x"', 'a eq "\\n"', 'a eq "\x01"', 'a eq "\ud800"', 'a.b.c eq "x"',
    'a[b eq "x"]', 'a.b[c eq "x"] eq "y"', 'a[b.c eq "x"].d eq "y"', 'not (a eq "x")', 'a eq "x" or b eq "y"',
    'a eq "x" and b eq "y" and c eq "z"', "a eq True",
]  # fmt: skip


@pytest.mark.parametrize("bare_words", [False, True])
@pytest.mark.parametrize("text", PLAIN)
def test_plain_filters_have_a_short_way(text, bare_words):
    tree = parse_plain(text, bare_words)
    slow = _lark(bare_words).parse(text, start="filter")
    assert tree is not None and repr(tree) == repr(slow)


@pytest.mark.parametrize("text", UNPLAIN)
def test_no_other_filter_has(text):
    assert parse_plain(text) is None


pieces = st.lists(
    st.one_of(st.sampled_from(PLAIN), st.sampled_from(UNPLAIN), st.sampled_from(list('".[] '))), min_size=1, max_size=3
).map("".join)


@given(st.one_of(grammar.filters, grammar.mutated(st.sampled_from(PLAIN)), pieces))
@settings(deadline=None, max_examples=500)
def test_the_short_way_leads_where_the_grammar_leads(text):
    tree = parse_plain(text)
    if tree is not None:
        assert repr(_lark(False).parse(text, start="filter")) == repr(tree)
