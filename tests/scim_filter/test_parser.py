"""What is a filter or a path, what is not, and what the error says (RFC 7644 sections 3.4.2.2 and 3.5.2)."""

from __future__ import annotations

import json
import sys
import threading

import pytest

from scim_filter import (
    And,
    Comparison,
    FilterError,
    Not,
    Or,
    PatchPath,
    Path,
    PathError,
    Present,
    ValuePath,
    parse_filter,
    parse_path,
)  # fmt: skip

A, B, C = (Present(Path(name)) for name in "abc")


def eq(path, value):
    return Comparison(Path(path), "eq", value)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a pr or b pr and c pr", Or((A, And((B, C))))),
        ("a pr and b pr or c pr", Or((And((A, B)), C))),
        ("(a pr or b pr) and c pr", And((Or((A, B)), C))),
        ("not (a pr) and b pr", And((Not(A), B))),
        ("not(a pr or b pr)", Not(Or((A, B)))),
        ("not (not (a pr))", Not(Not(A))),
        ("((a pr))", A),
        ("a pr and b pr and c pr", And((A, B, C))),
        ("a pr and (b pr and c pr)", And((A, And((B, C))))),
        ("a pr AND b PR Or NOT (c pr)", Or((And((A, B)), Not(C)))),
        ("a[b pr or c pr]", ValuePath(Path("a"), Or((B, C)))),
        ("a[not (b pr) and (c pr)]", ValuePath(Path("a"), And((Not(B), C)))),
        ("  a   pr\tand\n b pr ", And((A, B))),
    ],
)
def test_precedence_grouping_and_chains(text, tree):
    assert parse_filter(text) == tree


@pytest.mark.parametrize("name", ["and", "or", "not", "pr", "eq", "true", "null", "$ref", "a-b_c$1"])
def test_names_that_look_like_something_else(name):
    tree = And((Present(Path(name)), eq(name, True), ValuePath(Path(name), Not(Present(Path(name))))))
    assert parse_filter(f"{name} pr and {name} eq true and {name}[not ({name} pr)]") == tree


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ('"a\\"b"', 'a"b'), (r'"\\\/\b\f\n\r\t"', "\\/\b\f\n\r\t"), (r'"\u00e9\ud83d\ude00"', "é😀"), ('"é😀"', "é😀"),
        ('""', ""), ('" and "', " and "), ('"[(])"', "[(])"), ('"\x7f\u200b"', "\x7f\u200b"), ("true", True),
        ("false", False), ("null", None), ("0", 0), ("-0", 0), ("-12", -12), ("1.5", 1.5), ("1e3", 1000.0),
        ("1E-2", 0.01), (str(2**63 - 1), 2**63 - 1), (str(-(2**63)), -(2**63)),
    ],
)  # fmt: skip
def test_values_are_those_of_json(literal, value):
    tree = parse_filter(f"a eq {literal}")
    assert (tree.value, type(tree.value)) == (value, type(value))
    inside = parse_filter(f"x[a eq {literal} and b pr]").filter.terms[0]
    assert (inside.value, type(inside.value)) == (value, type(value))


VALUE = "Expected a value: a string in double quotes, a number, true, false or null"
OPERATOR = "eq, ne, co, sw, ew, gt, ge, lt, le or pr"


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "Expected an attribute; the text ends here"),
        ("   ", 4, "Expected an attribute; the text ends here"),
        ("userName", 9, f"Expected an operator: {OPERATOR}; the text ends here"),
        ("userName eq", 12, f"{VALUE}; the text ends here"),
        ('eq "x"', 4, f'Expected an operator: {OPERATOR}, not "'),
        ('userName eq "x" and', 20, "Expected an attribute; the text ends here"),
        ("((a pr)", 8, 'Expected ")"; the text ends here'),
        ('userName regex "x"', 10, f"The operator 'regex' is not supported; expected {OPERATOR}"),
        ('userName eq "x" title pr', 17, 'Expected "and", "or" or the end, not title'),
        ('userName eq "x"title', 16, 'Expected "and", "or" or the end, not title'),
        ('userName eq "x" andtitle pr', 17, 'Expected "and", "or" or the end, not andtitle'),
        ("a pr)", 5, "Expected the end, not )"),
        ("a pr b", 6, 'Expected "and", "or" or the end, not b'),
        ("a pry", 3, f"The operator 'pry' is not supported; expected {OPERATOR}"),
        ("not a pr", 5, f"The operator 'a' is not supported; expected {OPERATOR}"),
        ("not ()", 6, "Expected an attribute, not )"),
        ("a eq True", 6, "Expected a value in JSON; a string is in double quotes"),
        ("a eq 01", 6, "Expected a value in JSON; a string is in double quotes"),
        ("a eq +1", 6, "Expected a value in JSON; a string is in double quotes"),
        ("a eq .5", 6, "Expected a value in JSON; a string is in double quotes"),
        ("a eq NaN", 6, "Expected a value in JSON; a string is in double quotes"),
        ("a eq and", 6, f"{VALUE}, not and"),
        ("a eq {}", 6, "Expected a value in JSON; a string is in double quotes"),
        ("a eq [1]", 6, f"{VALUE}, not ["),
        ("a eq (1)", 6, f"{VALUE}, not ("),
        ("a eq 1e999", 6, "Expected a number of at most 64 bits"),
        (f"a eq {2**63}", 6, "Expected a number of at most 64 bits"),
        ("a eq " + "9" * 4000, 6, "Expected a number of at most 64 bits"),
        ('a eq "x', 6, "The string has no end; expected a closing double quote"),
        ('a eq "x\\"', 6, "The string has no end; expected a closing double quote"),
        ('a eq "x\\q"', 8, "The string has an escape or a control character that JSON does not allow"),
        ('a eq "\\u12g4"', 8, "The string has an escape or a control character that JSON does not allow"),
        ('a eq "x\ny"', 8, "The string has an escape or a control character that JSON does not allow"),
        ('a eq "\\u0000"', 6, "A string must not contain NUL or half of a surrogate pair"),
        ('a eq "\\ud800"', 6, "A string must not contain NUL or half of a surrogate pair"),
        ('a eq "\\udc00\\ud800"', 6, "A string must not contain NUL or half of a surrogate pair"),
        ('a eq "\ud800"', 6, "A string must not contain NUL or half of a surrogate pair"),
        ("1abc pr", 1, "Expected an attribute, not 1abc"),
        ("a.b.c pr", 1, "Expected an attribute, not a.b.c"),
        ("a..b pr", 1, "Expected an attribute, not a..b"),
        (".a pr", 1, "Expected an attribute, not .a"),
        ("a; pr", 1, "Expected an attribute, not a;"),
        ("émail pr", 1, "Expected an attribute, not émail"),
        ("emails[]", 8, "Expected an attribute, not ]"),
        ("emails[type pr", 15, 'Expected "and", "or" or "]"; the text ends here'),
        ("emails type pr]", 8, f"The operator 'type' is not supported; expected {OPERATOR}"),
        # erratum 4690 of RFC 7644
        ("emails[a[b pr]]", 9, f"Expected an operator: {OPERATOR}, not ["),
        ("emails.type[a pr]", 1, "Expected an attribute without a sub-attribute, not emails.type"),
        ("emails[(type pr]", 16, 'Expected ")", not ]'),
        ("emails[(type pr x)]", 17, 'Expected "and", "or" or ")", not x'),
        # RFC 8259 section 2: blanks are space, tab, line feed and carriage return; any other is named in the error
        ('userName\u00a0eq "x"', 9, f"Expected an operator: {OPERATOR}, not the character U+00A0"),
        ("a pr\u2003and b pr", 5, 'Expected "and", "or" or the end, not the character U+2003'),
        ("emails[type pr] pr", 17, 'Expected "and", "or" or the end, not pr'),
    ],
)
def test_malformed_filters_are_refused_with_the_column_and_what_was_expected(text, column, message):
    for bare_words in (False, True):
        try:
            parse_filter(text, bare_words=bare_words)
        except FilterError as error:
            assert (error.column, error.message) == (column, message)
            assert str(error) == f"{message} (column {column})."
        else:
            assert bare_words and ("a string is in double quotes" in message or "a number of at most" in message)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("userName sw O", 'userName sw "O"'),
        ("userName eq bob@example.com", 'userName eq "bob@example.com"'),
        ("active eq True", 'active eq "True"'),
        ("meta.Created gt 2015-10-10T14:38:21.8617979-07:00", 'meta.Created gt "2015-10-10T14:38:21.8617979-07:00"'),
        ("a eq O'Malley and b pr", 'a eq "O\'Malley" and b pr'),
        ("a eq 'Babs Jensen'", 'a eq "Babs Jensen"'),
        ("a eq 12 and b eq true", 'a eq "12" and b eq "true"'),
        ("(a eq android)", '(a eq "android")'),
        (
            "name.FamilyName eq Employee and (emails.Value co example.com or emails.Value co example.org)",
            'name.FamilyName eq "Employee" and (emails.Value co "example.com" or emails.Value co "example.org")',
        ),
        ("emails[type eq work].value eq x@y", 'emails[type eq "work"].value eq "x@y"'),
    ],
)
def test_bare_words_are_strings_where_the_caller_says_so(text, meaning):
    assert parse_filter(text, bare_words=True) == parse_filter(meaning)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('emails[type eq "work"].value eq "x"', 'emails[type eq "work" and value eq "x"]'),
        ('emails[type eq "work"] eq "x"', 'emails[type eq "work" and value eq "x"]'),
        ('emails[primary eq true].value co "x"', 'emails[primary eq true and value co "x"]'),
        ('emails[type eq "work" and primary eq true].value pr', 'emails[type eq "work" and primary eq true and value pr]'),
        ('emails[a pr or b pr].value ne "x"', 'emails[(a pr or b pr) and value ne "x"]'),
        ('urn:x:2.0:User:e[a pr].$ref eq "x" and b pr', 'urn:x:2.0:User:e[a pr and $ref eq "x"] and b pr'),
    ],
)
def test_fi_19_a_condition_after_the_bracket_is_on_the_same_element(text, meaning):
    assert parse_filter(text) == parse_filter(meaning)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("urn:ietf:params:scim:schemas:core:2.0:User", PatchPath(Path("urn:ietf:params:scim:schemas:core:2.0:User"))),
        ("urn:x:2.0:User:name.givenName", PatchPath(Path("urn:x:2.0:User:name.givenName"))),
        ("emails[primary eq true].value", PatchPath(Path("emails"), eq("primary", True), "value")),
        ("emails[not (a pr)].$ref", PatchPath(Path("emails"), Not(A), "$ref")),
        ('schemas eq "urn:x"', PatchPath(Path("schemas"), eq("value", "urn:x"))),  # held erratum 7122
        (' emails [ value eq"x" ] ', PatchPath(Path("emails"), eq("value", "x"))),
    ],
)
def test_pa_11_paths(text, path):
    assert parse_path(text) == path
    assert parse_path(str(path)) == path


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1), ("emails[", 8), ("emails]", 7), ("a b", 3), (".a", 1), ("a.", 1), ('emails[type eq "work"', 22),
        ('emails[type eq "work"]]', 23), ('emails[type eq "work"].', 23), ('emails[type eq "work"]x', 23),
        ('emails[type eq "work"].a.b', 23), ('emails.type[a eq "x"]', 1), ("emails[a pr] and b pr", 14),
        ("a pr", 3), ("(a)", 1), ('a eq "x" and b pr', 10), ('emails["[', 8),
    ],
)  # fmt: skip
def test_pa_16_a_fault_outside_the_brackets_is_the_path(text, column):
    with pytest.raises(PathError) as caught:
        parse_path(text)
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("emails[]", 8), ('emails[type zz "a"]', 13), ("emails[type]", 12), ("emails[type eq]", 15),
        ("emails[a[b pr]]", 9), ('emails[a eq "\\q"].value', 14), ("emails[(a pr]", 13), ("emails[a eq work]", 13),
    ],
)  # fmt: skip
def test_pa_16_a_fault_between_the_brackets_is_the_filter(text, column):
    with pytest.raises(FilterError) as caught:
        parse_path(text)
    assert caught.value.column == column
    assert not isinstance(caught.value, PathError)


def test_columns_are_no_part_of_equality_and_point_into_the_text():
    near, far = parse_filter('a eq "x"'), parse_filter('   a   eq   "x"')
    assert near == far and hash(near) == hash(far)
    assert (near.path.column, near.column, far.path.column, far.column) == (1, 6, 4, 13)
    inside = parse_filter("not (emails[ value pr])").term
    assert (inside.path.column, inside.filter.path.column) == (6, 14)


# limits


def nested(depth):
    return "not (" * depth + "a pr" + ")" * depth


def test_depth_terms_and_length_have_limits():
    parse_filter(nested(32))
    parse_filter(" or ".join(["a pr"] * 100))
    parse_filter(f'a eq "{"x" * 4089}"')
    parse_filter(f'a eq "{"x" * 16_000}"', longest=16_384)
    parse_filter("a[" + "(" * 31 + "b pr" + ")" * 31 + "]")
    for text, column in (
        (nested(33), 165), (" and ".join(["a pr"] * 101), 897), (" or ".join(["(a pr)"] * 51), 498), (f'a eq "{"x" * 4090}"', 4097),
        ("(" * 4000, 33), ("[" * 4000, 33), ("a[" + "(" * 32 + "b pr" + ")" * 32 + "]", 34),
    ):  # fmt: skip
        with pytest.raises(FilterError) as caught:
            parse_filter(text)
        assert caught.value.column == column


@pytest.mark.parametrize("text", ["(" * 10_000, "not(" * 10_000, "a pr and " * 10_000, "[" * 65_536, '"' * 65_536, "x" * 65_536])
def test_what_is_too_large_is_refused_before_it_is_read(text):
    for parse in (parse_filter, parse_path):
        with pytest.raises(FilterError, match="characters, and no more than 4096 are accepted"):
            parse(text)
    with pytest.raises(FilterError):
        parse_filter(text, longest=100_000)


def test_words_inside_strings_are_no_terms():
    parse_filter('a eq "' + " and (or [" * 400 + '"')


def test_deep_and_long_filters_need_no_deep_stack():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(220)
    try:
        str(parse_filter(" or ".join([nested(20)] * 4), longest=50_000))
    finally:
        sys.setrecursionlimit(limit)


def test_threads_share_one_parser():
    texts = [f"(a eq {n} or b[c eq {json.dumps(str(n))}]) and not (d pr)" for n in range(100)]
    expected = [str(parse_filter(text)) for text in texts]
    results: dict[int, list[str]] = {}

    def work(number):
        results[number] = [str(parse_filter(f" {text}" + " " * number)) for text in texts]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == expected for result in results.values()) and len(results) == 4
