"""CSV files: what is written reads back, and what cannot be read is refused."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain.vocabularies_tables import (
    MAX_CELL,
    MAX_ROWS,
    UnreadableTable,
    read_table,
    written_table,
)

COLUMNS = ("a", "b")
CELLS = st.text(
    st.one_of(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
        st.sampled_from("'=+-@\t\r\n\",;＝|"),
    ),
    max_size=20,
)


@given(st.lists(st.tuples(CELLS, CELLS).filter(any), max_size=20))
def test_what_is_written_reads_back_to_the_same_cells(rows: list[tuple[str, str]]) -> None:
    table = read_table(written_table(COLUMNS, rows), None, COLUMNS, COLUMNS)
    assert [(row.cells["a"], row.cells["b"]) for row in table.rows] == rows
    assert table.encoding == "utf-8"


@given(CELLS)
def test_no_written_cell_begins_a_formula(cell: str) -> None:
    content = written_table(COLUMNS, [(cell, "x")]).decode("utf-8-sig")
    _, (first, _) = csv.reader(io.StringIO(content, newline=""))
    assert not first.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))


def test_lines_are_counted_from_the_headings_and_empty_ones_are_passed_over() -> None:
    table = read_table(b"a,b\n,\n1,2\n", None, COLUMNS, COLUMNS)
    assert [(row.line, row.text("a")) for row in table.rows] == [(3, "1")]


def test_columns_may_come_in_any_order_and_optional_ones_may_be_absent() -> None:
    table = read_table(b"b\n2\n", None, ("b",), COLUMNS)
    assert table.rows[0].cells == {"b": "2"}


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n" + b"x,y\n" * (MAX_ROWS + 1),
        b"a,b\n" + b"x" * (MAX_CELL + 1) + b",y\n",
        b"a,b,b\n1,2,3\n",
        b'a,b\n"1,2\n',
    ],
    ids=["too many rows", "a cell too long", "a column twice", "an open quote"],
)
def test_what_is_too_large_or_broken_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableTable):
        read_table(content, None, COLUMNS, COLUMNS)


def test_a_cell_of_several_values_keeps_their_order_and_each_once() -> None:
    (row,) = read_table("a,b\n甲| 乙 ||甲,x\n".encode(), None, COLUMNS, COLUMNS).rows
    assert row.values("a", "|") == ("甲", "乙")
