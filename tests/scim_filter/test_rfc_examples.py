"""The filters and paths that RFC 7644 and RFC 9865 print, by section."""

from __future__ import annotations

import pytest

from scim_filter import FilterError, parse_filter, parse_path

FIGURE_2 = [
    'userName eq "bjensen"',
    'name.familyName co "O\'Malley"',
    'userName sw "J"',
    'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"',
    "title pr",
    'meta.lastModified gt "2011-05-13T04:42:34Z"',
    'meta.lastModified ge "2011-05-13T04:42:34Z"',
    'meta.lastModified lt "2011-05-13T04:42:34Z"',
    'meta.lastModified le "2011-05-13T04:42:34Z"',
    'title pr and userType eq "Employee"',
    'title pr or userType eq "Intern"',
    '\n schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"',
    'userType eq "Employee" and (emails co "example.com" or\n  emails.value co "example.org")',
    'userType ne "Employee" and not (emails co "example.com" or\n  emails.value co "example.org")',
    'userType eq "Employee" and (emails.type eq "work")',
    'userType eq "Employee" and emails[type eq "work" and\n  value co "@example.com"]',
    'emails[type eq "work" and value co "@example.com"] or\n  ims[type eq "xmpp" and value co "@foo.com"]',
]


@pytest.mark.parametrize("text", FIGURE_2)
def test_rfc7644_3_4_2_2_figure_2(text):
    tree = parse_filter(text)
    assert parse_filter(str(tree)) == tree
    assert str(tree).split() == text.replace("(emails.type", "emails.type").replace('"work")', '"work"').split()


def test_rfc7644_3_4_2_2_operators_ignore_case():
    upper, lower = parse_filter('userName Eq "john"'), parse_filter('Username eq "john"')
    assert (upper.operator, upper.value) == (lower.operator, lower.value) == ("eq", "john")


def test_rfc7644_3_4_2_1_prints_words_without_quotes():
    text = "(meta.resourceType eq User) or (meta.resourceType eq Group)"
    assert str(parse_filter(text, bare_words=True)) == 'meta.resourceType eq "User" or meta.resourceType eq "Group"'
    with pytest.raises(FilterError, match=r"double quotes \(column 23\)"):
        parse_filter(text)


def test_rfc7644_3_9_prints_single_quotes():
    assert str(parse_filter("displayName sw 'Group'", bare_words=True)) == 'displayName sw "Group"'
    with pytest.raises(FilterError, match=r"double quotes \(column 16\)"):
        parse_filter("displayName sw 'Group'")


@pytest.mark.parametrize("text", ['displayName sw "smith"', 'userName sw "J"'])
def test_rfc7644_3_4_3_and_rfc9865_2(text):
    assert str(parse_filter(text)) == text


PATHS = [
    "members", "name.familyName", 'addresses[type eq "work"]',
    'members[value eq\n              "2819c223-7f76-453a-919d-413861904646"]',
    'members[value eq\n              "2819c223-7f76-453a-919d-413861904646"].displayName',
    'members[value eq "2819c223-7f76-...413861904646"]', 'emails[type eq "work" and value ew "example.com"]',
    'addresses[type eq "work"].streetAddress', "nickName", "userName",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
]  # fmt: skip


@pytest.mark.parametrize("text", PATHS)
def test_rfc7644_3_5_2_paths(text):
    path = parse_path(text)
    assert str(path).split() == text.split()
    assert parse_path(str(path)) == path


def test_rfc7644_3_5_2_2_prints_no_blank_before_a_string():
    assert str(parse_path('members[value eq"2819c223...919d-413861904646"]')) == (
        'members[value eq "2819c223...919d-413861904646"]'
    )
