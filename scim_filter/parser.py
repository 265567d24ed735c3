"""Text -> tree, for filters and for PATCH paths.

Kept here: no text makes anything but a FilterError. Length, depth and number of terms are looked at before the parser
starts; a parser's recursion was the flaw that the largest SCIM servers shared in 2026.
"""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from pathlib import Path as File
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken, VisitError

from scim_filter.ast import And, Comparison, Filter, Literal, Not, Or, PatchPath, Path, Present, ValuePath

LONGEST = 4_096
"""Characters of a filter in a URL, or of a PATCH path."""
DEEPEST = 32
"""Parentheses and brackets within each other."""
MOST_TERMS = 200
"""Comparisons in one filter."""
_CACHED = 1_024

OPERATORS = "eq, ne, co, sw, ew, gt, ge, lt, le or pr"
_EXPECTED = {
    "PATH": "an attribute", "OPERATOR": f"an operator ({OPERATORS})", "PRESENT": f"an operator ({OPERATORS})",
    "STRING": "a value", "NUMBER": "a value", "WORD": "a value", "BARE": "a value", "AND": "and", "OR": "or",
    "RPAR": ")", "RSQB": "]", "LPAR": "(", "LSQB": "[", "NOT": "not", "$END": "the end", "SUB": "a sub-attribute",
}
_SCAN = re.compile(r'"(?:[^"\\]|\\.)*"|[()\[\]]|\s(?:and|or)(?=[\s(])', re.IGNORECASE)


class FilterError(Exception):
    """A filter that cannot be read or does not fit its attributes; `column` counts from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message} (column {column}).")
        self.message = message
        self.column = column


class PathError(FilterError):
    """A PATCH path that is wrong outside its brackets."""


def parse_filter(text: str, *, bare_words: bool = False, longest: int = LONGEST) -> Filter:
    """Give the tree of a filter; `bare_words` takes unquoted words and timestamps as strings. Raises FilterError."""
    return _parse_filter(text, bare_words, longest)


def parse_path(text: str, *, bare_words: bool = False) -> PatchPath:
    """Give the path of a PATCH operation; raises PathError, FilterError for what is wrong within its brackets."""
    return _parse_path(text, bare_words)


@lru_cache(maxsize=_CACHED)
def _parse_filter(text: str, bare_words: bool, longest: int) -> Filter:
    tree: Filter = _parse(text, "filter", bare_words, longest)
    return tree


@lru_cache(maxsize=_CACHED)
def _parse_path(text: str, bare_words: bool) -> PatchPath:
    try:
        path: PatchPath = _parse(text, "path", bare_words, LONGEST)
        return path
    except PathError:
        raise
    except FilterError as error:
        bracket = text.find("[")
        if bracket < 0 or error.column <= bracket + 1 or _closed_before(text, error.column - 1):
            raise PathError(error.message, error.column) from None
        raise


def _closed_before(text: str, index: int) -> bool:
    depth = 0
    for match in _SCAN.finditer(text[:index]):
        depth += {"[": 1, "]": -1}.get(match[0], 0)
    return depth == 0


def _parse(text: str, start: str, bare_words: bool, longest: int) -> Any:
    _check_limits(text, longest)
    parser = _PARSERS[bare_words]
    try:
        return parser.parse(text, start=start)
    except VisitError as error:
        if isinstance(error.orig_exc, FilterError):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        raise _explained(text, error) from None


def _check_limits(text: str, longest: int) -> None:
    if len(text) > longest:
        raise FilterError(f"The filter has {len(text)} characters; it may have {longest}", longest + 1)
    depth, terms = 0, 1
    for match in _SCAN.finditer(text):
        piece = match[0]
        if piece in "([":
            depth += 1
            if depth > DEEPEST:
                raise FilterError(f"The filter is nested more than {DEEPEST} deep", match.start() + 1)
        elif piece in ")]":
            depth -= 1
        elif piece[0] != '"':
            terms += 1
            if terms > MOST_TERMS:
                raise FilterError(f"The filter has more than {MOST_TERMS} terms", match.start() + 1)


def _explained(text: str, error: UnexpectedInput) -> FilterError:
    if isinstance(error, UnexpectedCharacters):
        allowed, index = error.allowed or set(), error.pos_in_stream or 0
    elif isinstance(error, UnexpectedToken):
        allowed = error.accepts or error.expected
        index = len(text) if error.token.type == "$END" else error.token.start_pos or 0
    else:
        allowed, index = error.expected if isinstance(error, UnexpectedEOF) else set(), len(text)
    wanted = list(dict.fromkeys(phrase for name, phrase in _EXPECTED.items() if name in allowed))
    found = re.match(r'"?[^\s"()\[\]]{0,40}|.', text[index:], re.DOTALL)
    shown = f"found {json.dumps(found[0])}" if found and found[0] else "the filter ends"
    return FilterError(f"Expected {' or '.join(wanted) or 'something else'}, but {shown}", index + 1)


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Makes the tree while the parser runs."""

    def __init__(self, bare_words: bool) -> None:
        super().__init__()
        self._bare_words = bare_words

    def filter(self, tree: Filter) -> Filter:
        return tree

    def plain_path(self, path: Token) -> PatchPath:
        return PatchPath(_path(path))

    def filtered_path(self, path: Token, condition: Filter, sub: Token | None) -> PatchPath:
        return PatchPath(_outer(path, condition), condition, str(sub)[1:] if sub else None)

    def or_filter(self, *parts: Any) -> Filter:
        return Or(tuple(part for part in parts if not isinstance(part, Token)))

    def and_filter(self, *parts: Any) -> Filter:
        return And(tuple(part for part in parts if not isinstance(part, Token)))

    def negation(self, _: Token, term: Filter) -> Filter:
        return Not(term)

    def present(self, path: Token, _: Token) -> Filter:
        return Present(_path(path))

    def comparison(self, path: Token, operator: Token, value: tuple[Literal, int]) -> Filter:
        return Comparison(_path(path), operator.lower(), *value)

    def value_path(self, path: Token, condition: Filter) -> Filter:
        return ValuePath(_outer(path, condition), condition)

    def value_path_comparison(
        self, path: Token, condition: Filter, sub: Token | None, operator: Token, value: tuple[Literal, int]
    ) -> Filter:
        inner = Path(str(sub)[1:], (sub.start_pos or 0) + 2) if sub else Path("value", (path.start_pos or 0) + 1)
        comparison = Comparison(inner, operator.lower(), *value)
        return ValuePath(_outer(path, condition), _joined(condition, comparison))

    def value_path_present(self, path: Token, condition: Filter, sub: Token, _: Token) -> Filter:
        present = Present(Path(str(sub)[1:], (sub.start_pos or 0) + 2))
        return ValuePath(_outer(path, condition), _joined(condition, present))

    def value(self, token: Token) -> tuple[Literal, int]:
        column = (token.start_pos or 0) + 1
        if token.type == "BARE":
            if not self._bare_words:
                raise FilterError(f"Expected a value in JSON (text in double quotes), but found {str(token)[:40]}", column)
            return _checked(str(token), column), column
        try:
            return _checked(json.loads(token), column), column
        except ValueError:
            raise FilterError("Expected a string with the escapes of JSON", column) from None


def _path(token: Token) -> Path:
    return Path(str(token), (token.start_pos or 0) + 1)


def _outer(token: Token, condition: Filter) -> Path:
    inner = _nested(condition)
    if inner is not None:
        raise FilterError("A value path must not stand within another one", inner.column)
    return _path(token)


def _nested(condition: Filter) -> Path | None:
    if isinstance(condition, ValuePath):
        return condition.path
    terms = condition.terms if isinstance(condition, And | Or) else (condition.term,) if isinstance(condition, Not) else ()
    return next((found for term in terms if (found := _nested(term))), None)


def _joined(condition: Filter, term: Filter) -> Filter:
    return And((*condition.terms, term)) if isinstance(condition, And) else And((condition, term))


def _checked(value: Literal, column: int) -> Literal:
    """Refuse what no attribute can hold and no database can compare."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise FilterError("A string must have neither U+0000 nor half of a surrogate pair in it", column)
    elif isinstance(value, float) and not math.isfinite(value):
        raise FilterError("The number is too large", column)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise FilterError("An integer must have at most 64 bits", column)
    return value


_GRAMMAR = File(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
# Built once; a Lark parser keeps the state of a parse in the call, so that threads can share it.
_PARSERS = {
    bare_words: Lark(
        _GRAMMAR, parser="lalr", lexer="contextual", start=["filter", "path"], maybe_placeholders=True,
        transformer=_Builder(bare_words),
    )
    for bare_words in (False, True)
}
