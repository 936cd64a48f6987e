"""Tables in CSV and XLSX, as people save them and as nobody should."""

import io

import openpyxl
import pytest

from services.catalog.adapters import intake_tables
from services.catalog.adapters.intake_tables import read_table, template_csv, template_xlsx
from services.catalog.application.intake_columns import COLUMNS
from services.catalog.domain.intake import UnreadableTable


def workbook(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def texts(content: bytes) -> list[dict[str, str]]:
    lines, _ = read_table(content)
    return [{column.name: text for column, text in each.cells.items()} for each in lines]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_is_read_in_the_encodings_of_spreadsheets(encoding: str) -> None:
    content = "题名,外部编号\r\n分数,007\r\n".encode(encoding)
    assert texts(content) == [{"title": "分数", "external_key": "007"}]


def test_a_workbook_reads_like_csv_with_numbers_as_they_are_shown() -> None:
    content = workbook(["题名", "外部编号", "备注"], [None], ["分数", 7.0, "x"])
    lines, ignored = read_table(content)
    assert [each.number for each in lines] == [3]
    assert texts(content) == [{"title": "分数", "external_key": "7"}]
    assert ignored == ["备注"]


def test_no_cell_is_lost_silently() -> None:
    content = "外部编号,题名,,备注\nq1,春,,x,\nq2,甲,乙,x,丙,丁\n"
    first, second = read_table(content.encode())[0]
    assert (first.strays, second.strays) == ([], ["乙", "丙", "丁"])


def test_marks_that_keep_digits_are_taken_off() -> None:
    assert texts('题名\n="007"\n'.encode())[0]["title"] == "007"
    assert texts("题名\n'007\n".encode())[0]["title"] == "007"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        "题名\n".encode(),
        b"\xff\xfe\x00\x01",
        b"PK\x03\x04 no workbook",
        "备注\n一\n".encode(),
    ],
)
def test_what_is_no_table_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(UnreadableTable):
        read_table(content)


def test_a_table_has_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_tables, "MAX_ROWS", 2)
    with pytest.raises(UnreadableTable):
        read_table("题名\n一\n二\n三\n".encode())
    with pytest.raises(UnreadableTable):
        read_table(("题名\n" + "长" * 20_001).encode())


def test_templates_have_every_heading_and_read_back() -> None:
    headings = [each.heading for each in COLUMNS]
    first = template_csv().decode("utf-8-sig").splitlines()[0]
    assert first.split(",") == headings
    sheet = openpyxl.load_workbook(io.BytesIO(template_xlsx())).worksheets[0]
    assert [cell.value for cell in sheet[1]] == headings
