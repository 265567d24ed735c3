"""Texts drawn from the ABNF of RFC 7644, figure 1 and figure 7, rule by rule, with errata 4690, 7319, 7322 and 8924."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

ALPHA = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
KEYWORDS = ("and", "or", "not", "pr", "eq", "null", "NOT", "urn")

attr_name = st.one_of(
    st.builds(
        lambda dollar, first, rest: dollar + first + rest,
        st.sampled_from(("", "", "$")), st.sampled_from(ALPHA), st.text("-_$0123456789" + ALPHA, max_size=6),
    ),
    st.sampled_from(KEYWORDS),
)  # fmt: skip
uri = st.one_of(
    st.builds(
        lambda nid, nss: f"urn:{nid}:{nss}",
        st.sampled_from(("ietf:params:scim:schemas:core", "ex-1", "EX")),
        st.text("abc-._:/%~!$&'*+,;=@0123456789", min_size=1, max_size=8),
    ),
    st.sampled_from(("http://schemas.example.com/2006/11/AD/2.0/Group", "tag:x,2026:a")),
)
plain_path = st.builds(lambda name, sub: name + sub, attr_name, st.one_of(st.just(""), attr_name.map(lambda n: f".{n}")))
attr_path = st.one_of(plain_path, plain_path, st.builds(lambda u, p: f"{u}:{p}", uri, plain_path))
parent_path = st.one_of(attr_name, st.builds(lambda u, p: f"{u}:{p}", uri, attr_name))

characters = st.characters(exclude_categories=("Cs",), exclude_characters="\x00")


@st.composite
def json_string(draw: st.DrawFn) -> str:
    pieces = []
    for character in draw(st.text(characters, max_size=8)):
        form = draw(st.integers(0, 3))
        if form == 0 or ord(character) < 0x20 or character in '"\\':
            escaped = json.dumps(character)[1:-1]
            pieces.append(escaped.upper().replace("\\U", "\\u") if escaped.startswith("\\u") and form else escaped)
        elif form == 1 and character == "/":
            pieces.append("\\/")
        else:
            pieces.append(character)
    return '"' + "".join(pieces) + '"'


number = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.sampled_from(("-0", "0.0", "1e5", "1E+05", "1.50e-3", "-0.0e0")),
)
comp_value = st.one_of(st.sampled_from(("true", "false", "null")), number, json_string(), json_string())


@st.composite
def any_case(draw: st.DrawFn, word: str) -> str:
    return "".join(draw(st.sampled_from((letter.lower(), letter.upper()))) for letter in word)


compare_op = st.sampled_from(("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le")).flatmap(any_case)


def attr_exp(path: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda p, pr: f"{p} {pr}", path, any_case("pr")),
        st.builds(lambda p, op, value: f"{p} {op} {value}", path, compare_op, comp_value),
    )


def logical(leaf: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda a, op, b: f"{a} {op} {b}", inner, st.sampled_from(("and", "or")).flatmap(any_case), inner),
            st.builds(lambda no, blank, a: f"{no}{blank}({a})", any_case("not"), st.sampled_from(("", " ")), inner),
            inner.map(lambda a: f"({a})"),
        ),
        max_leaves=6,
    )


value_filter = logical(attr_exp(attr_name))
value_path = st.builds(lambda path, inside: f"{path}[{inside}]", parent_path, value_filter)
filters = logical(st.one_of(attr_exp(attr_path), attr_exp(attr_path), value_path))
paths = st.one_of(
    attr_path, value_path, st.builds(lambda path, sub: f"{path}.{sub}", value_path, attr_name),
)  # fmt: skip


def mutated(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return texts with a few characters removed, inserted or doubled."""
    piece = st.one_of(
        st.sampled_from(list('()[]".\\ :$-') + [" and ", " or ", "not", " pr", " eq ", "null", "\x00", "\ud800", "\n"]),
        st.text(max_size=2),
    )
    change = st.tuples(st.integers(0, 200), st.integers(0, 3), piece)

    def apply(text: str, changes: list[Any]) -> str:
        for at, length, new in changes:
            at %= len(text) + 1
            text = text[:at] + new + text[at + length :]
        return text

    return st.builds(apply, texts, st.lists(change, min_size=1, max_size=4))
