"""The errors of filters and paths, with their positions."""

from __future__ import annotations


class FilterError(Exception):
    """A filter is malformed or does not fit its attributes; `column` is a position in the text, counted from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message} (column {column}).")
        self.message = message
        self.column = column


class PathError(FilterError):
    """A PATCH path is malformed outside its brackets."""
