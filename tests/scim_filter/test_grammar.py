"""The RFC's ABNF as an oracle, and round trips."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from scim_filter import FilterError, parse_filter, parse_path
from tests.examples import examples
from tests.scim_filter import grammar
from tests.scim_filter.worlds import TYPES, filters


def same(one, other):
    """Return whether two trees are equal, types of values included (for Python, True equals 1)."""
    return one == other and re.sub(r"column=\d+", "", repr(one)) == re.sub(r"column=\d+", "", repr(other))


@given(grammar.filters)
@settings(deadline=None, max_examples=examples(50))
def test_every_filter_of_the_abnf_is_read_and_written_back(text):
    for bare_words in (False, True):
        tree = parse_filter(text, bare_words=bare_words)
        again = parse_filter(str(tree), bare_words=bare_words)
        assert same(again, tree)
        assert str(again) == str(tree)


@given(grammar.paths)
@settings(deadline=None, max_examples=examples(50))
def test_every_path_of_the_abnf_is_read_and_written_back(text):
    path = parse_path(text)
    assert same(parse_path(str(path)), path)


@given(st.sampled_from(TYPES).flatmap(filters))
@settings(deadline=None, max_examples=examples(40))
def test_every_tree_is_written_and_read_back(tree):
    assert same(parse_filter(str(tree)), tree)


@given(st.one_of(grammar.mutated(grammar.filters), grammar.mutated(grammar.paths), st.text()), st.booleans())
@settings(deadline=None, max_examples=examples(60))
@example("a eq '))' x", True)
@example('a eq "\\', False)
@example("0Token", False)
def test_whatever_the_text_it_is_a_tree_or_a_filter_error(text, bare_words):
    for parse in (parse_filter, parse_path):
        try:
            tree = parse(text, bare_words=bare_words)
        except FilterError as error:
            assert 1 <= error.column <= len(text) + 1
            assert error.message
            for larks in ("Token", "Expected one of"):
                assert larks not in error.message or larks in text
        else:
            assert same(parse(str(tree), bare_words=bare_words), tree)
