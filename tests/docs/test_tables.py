"""The tables of the pages have as many cells in each row as in the first: GitHub leaves out what a | too many cuts off."""

from __future__ import annotations

import re
from itertools import groupby

import pytest

from tests.docs import pages

CELL_END = re.compile(r"(?<!\\)\|")


@pytest.mark.parametrize("page", pages.PAGES)
def test_the_rows_of_a_table_have_as_many_cells_as_the_first(page: str) -> None:
    for is_table, lines in groupby(pages.text(page).splitlines(), lambda line: line.startswith("|")):
        first, *rows = lines if is_table else ("",)
        for row in rows:
            assert not is_table or len(CELL_END.findall(row)) == len(CELL_END.findall(first)), row
