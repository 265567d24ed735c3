"""What is wrong with a filter or a path, and where."""

from __future__ import annotations


class FilterError(Exception):
    """A filter that is malformed or does not fit its attributes; `column` counts characters from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"{message} (column {column}).")
        self.message = message
        self.column = column


class PathError(FilterError):
    """A PATCH path that is malformed outside its brackets."""
