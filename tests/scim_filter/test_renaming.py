"""Renaming the paths of a filter."""

from __future__ import annotations

import pytest

from scim_filter import parse_filter
from scim_filter.renaming import rename_paths


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ('a eq "1"', 'A eq "1"'),
        ("a pr", "A pr"),
        ('a eq "a" and (b eq "b" or not (c pr))', 'A eq "a" and (B eq "b" or not (C pr))'),
        ('a[b eq "1" and c pr]', 'A[b eq "1" and c pr]'),
        ('urn:x:1.0:y:a.b ne "1"', 'URN:X:1.0:Y:A.B ne "1"'),
    ],
)
def test_every_path_but_those_inside_brackets(text: str, renamed: str) -> None:
    assert rename_paths(parse_filter(text), str.upper) == parse_filter(renamed)


def test_the_place_in_the_text_stays() -> None:
    renamed = rename_paths(parse_filter('title pr and manager eq "x"'), lambda path: "urn:x:" + path)
    assert renamed.terms[1].path.column == 14
