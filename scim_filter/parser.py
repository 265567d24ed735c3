"""Text -> tree: the parser of filters and of PATCH paths.

The parser fails closed, with one kind of exception: every fault is a FilterError with its position and what was
expected. scan.py counts what would be expensive before the parser sees the text.

Texts that differ only in their strings are parsed once: clients send one filter again and again, each time with another
name (D-585).
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path as File
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import LarkError, UnexpectedCharacters, UnexpectedToken

from scim_filter.ast import And, Comparison, Filter, Literal, Not, Or, PatchPath, Path, Present, ValuePath
from scim_filter.bare import Bare, number_in, unquoted
from scim_filter.errors import FilterError, PathError
from scim_filter.scan import LONGEST, check_size, closing, is_inside_brackets

OPERATORS = "eq, ne, co, sw, ew, gt, ge, lt, le or pr"

_CACHED = _CACHED_LENGTH = 1_024  # together they bound the memory of the cache
_FOUND = re.compile(r'"|[()\[\]]|[^\s()\[\]"]{1,40}|[^ \t\r\n]|$')
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_filter(text: str, *, bare_words: bool = False, longest: int = LONGEST) -> Filter:
    """Return the tree of a filter; `bare_words` accepts values without quotes. Raises FilterError.

    `longest` is the number of characters that the text may have.
    """
    tree: Filter = _read(text, "filter", bare_words, longest)
    return tree


def parse_path(text: str, *, bare_words: bool = False) -> PatchPath:
    """Return the tree of a PATCH path; raises PathError, or FilterError for a fault between the brackets."""
    try:
        path: PatchPath = _read(text, "path", bare_words, LONGEST)
    except FilterError as error:
        if is_inside_brackets(text, error.column):
            raise
        raise PathError(error.message, error.column) from error
    return path


def _read(text: str, start: str, bare_words: bool, longest: int) -> Any:
    """Return the tree of a text, by way of its shape: the text with a blank for each character of its strings.

    The tree of a shape is cached; its columns are those of the text, and it gets the strings of the text.
    """
    if len(text) <= min(longest, _CACHED_LENGTH):
        shape = _strings().sub(_blanked, text)
        if "'" not in shape:  # between single quotes, a double quote begins no string
            with suppress(FilterError):  # the text itself is then parsed, so that the error is about what was sent
                return _with_strings(_cached(shape, start, bare_words, LONGEST), text, bare_words)
    return _parse(text, start, bare_words, longest)


def _parse(text: str, start: str, bare_words: bool, longest: int) -> Any:
    check_size(text, longest)
    try:
        return _lark(bare_words).parse(text, start=start)
    except UnexpectedToken as error:
        column = len(text) + 1 if error.token.type == "$END" else _column(error.token)
        raise _unexpected(text, column, error.expected) from error
    except UnexpectedCharacters as error:
        raise _unexpected(text, (error.pos_in_stream or 0) + 1, error.allowed or set()) from error
    except (LarkError, RecursionError) as error:
        raise FilterError(f"This is not a {start}", 1) from error


_cached = lru_cache(maxsize=_CACHED)(_parse)


@lru_cache(maxsize=1)
def _strings() -> re.Pattern[str]:
    """Return the pattern for a string, its first group, or for the rest of the text from one without an end."""
    string = _lark(False).get_terminal("STRING").pattern.to_regexp()
    return re.compile(f'({string})|".*', re.DOTALL)


def _blanked(found: re.Match[str]) -> str:
    return f'"{" " * (len(found[1]) - 2)}"' if found[1] else found[0]


def _with_strings(tree: Any, text: str, bare_words: bool) -> Any:
    """Return the tree with the strings that `text` has at their columns; raises FilterError."""
    if isinstance(tree, Comparison):
        column = tree.column
        found = _strings().match(text, column - 1)
        return Comparison(tree.path, tree.operator, _string(found[0], column, bare_words), column) if found else tree
    if isinstance(tree, And | Or):
        return type(tree)(tuple(_with_strings(term, text, bare_words) for term in tree.terms))
    if isinstance(tree, Not):
        return Not(_with_strings(tree.term, text, bare_words))
    if isinstance(tree, ValuePath):
        return ValuePath(tree.path, _with_strings(tree.filter, text, bare_words))
    if isinstance(tree, PatchPath) and tree.filter is not None:
        return PatchPath(tree.path, _with_strings(tree.filter, text, bare_words), tree.sub)
    return tree


def _unexpected(text: str, column: int, expected: set[str]) -> FilterError:
    """Return the error for what is at `column`, in the words of the RFC rather than in those of the parser."""
    found = _FOUND.search(text, column - 1)
    word = found[0] if found else ""
    if word.isspace():  # a blank that JSON and the RFC do not know, and that would be invisible in the message
        word = f"the character U+{ord(word):04X}"
    if "_AND" in expected:
        wanted = f'Expected "and", "or" or {closing(text, column)}'
    elif "OPERATOR" in expected:
        if word not in '"()[]' and " " not in word:
            return FilterError(f"The operator '{word}' is not supported; expected {OPERATORS}", column)
        wanted = f"Expected an operator: {OPERATORS}"
    elif "STRING" in expected:
        if word == '"':
            return FilterError("The string has no end; expected a closing double quote", column)
        wanted = "Expected a value: a string in double quotes, a number, true, false or null"
    elif "PATH" in expected:
        wanted = "Expected an attribute"
    else:
        wanted = f"Expected {closing(text, column)}"
    return FilterError(f"{wanted}, not {word}" if word else f"{wanted}; the text ends here", column)


@lru_cache(maxsize=2)
def _lark(bare_words: bool) -> Lark:
    """Return the parser; it has no state between calls, so threads can share it."""
    grammar = File(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar, parser="lalr", start=["filter", "path"], transformer=_Builder(bare_words), maybe_placeholders=False
    )


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Builds the nodes of the tree during the parse; each method is named after a rule of the grammar."""

    def __init__(self, bare_words: bool) -> None:
        super().__init__()
        self._bare_words = bare_words

    def any_of(self, *terms: Filter) -> Filter:
        return Or(terms)

    def all_of(self, *terms: Filter) -> Filter:
        return And(terms)

    def negation(self, term: Filter) -> Filter:
        return Not(term)

    def present(self, path: Token) -> Filter:
        return Present(_path(path))

    def comparison(self, path: Token, operator: Token, value: Token) -> Filter:
        return self._compare(_path(path), operator, value)

    def value_path(self, path: Token, term: Filter) -> Filter:
        return ValuePath(_whole(path), term)

    def value_path_present(self, path: Token, term: Filter, sub: Token) -> Filter:
        return ValuePath(_whole(path), both(term, Present(_sub(sub))))

    def value_path_comparison(self, path: Token, term: Filter, sub: Token, operator: Token, value: Token) -> Filter:
        return ValuePath(_whole(path), both(term, self._compare(_sub(sub), operator, value)))

    def value_path_value(self, path: Token, term: Filter, operator: Token, value: Token) -> Filter:
        return ValuePath(_whole(path), both(term, self._compare(_value_of(path), operator, value)))

    def path(self, path: Token, term: Filter | None = None, sub: Token | None = None) -> PatchPath:
        if term is None:
            return PatchPath(_path(path))
        return PatchPath(_whole(path), term, str(sub)[1:] if sub else None)

    def selecting_path(self, path: Token, operator: Token, value: Token) -> PatchPath:
        return PatchPath(_whole(path), self._compare(_value_of(path), operator, value))

    def _compare(self, path: Path, operator: Token, value: Token) -> Filter:
        return Comparison(path, operator.lower(), self._literal(value), _column(value))

    def _literal(self, token: Token) -> Literal:
        if token.type == "STRING":
            return _string(token, _column(token), self._bare_words)
        if self._bare_words and token.type in ("NUMBER", "LITERAL"):
            return Bare(token)
        if token.type == "NUMBER":
            return _number(token)
        if token.type == "LITERAL":
            return {"true": True, "false": False, "null": None}[token]
        if not self._bare_words:
            raise FilterError("Expected a value in JSON; a string is in double quotes", _column(token))
        return _checked(token[1:-1] if token.type == "QUOTED" else str(token), _column(token))


def both(term: Filter, also: Filter) -> Filter:
    """Return the conjunction of two filters as one node."""
    return And((*term.terms, also)) if isinstance(term, And) else And((term, also))


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _path(token: Token) -> Path:
    return Path(token.value, _column(token))


def _whole(token: Token) -> Path:
    if "." in token and ":" not in token:  # erratum 4690
        raise FilterError(f"Expected an attribute without a sub-attribute, not {token}", _column(token))
    return _path(token)


def _sub(token: Token) -> Path:
    return Path(token[1:], _column(token) + 1)


def _value_of(path: Token) -> Path:
    return Path("value", _column(path))


def _string(text: str, column: int, bare_words: bool) -> str:
    try:
        value = _checked(json.loads(text), column)
        return unquoted(value) if bare_words else value
    except json.JSONDecodeError as error:
        message = "The string has an escape or a control character that JSON does not allow"
        raise FilterError(message, column + error.pos) from None


def _checked(text: str, column: int) -> str:
    # The driver raises for half of a surrogate pair, and for NUL in a pattern.
    if "\x00" in text or _SURROGATE.search(text):
        raise FilterError("A string must not contain NUL or half of a surrogate pair", column)
    return text


def _number(token: Token) -> int | float:
    try:
        return number_in(token)
    except ValueError as error:
        raise FilterError(f"Expected {error}", _column(token)) from None
