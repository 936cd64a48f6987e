"""Roster files and what their lines may say."""

import csv
import io
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.adapters import rosters
from services.identity.domain.identifiers import IdentifierKey, IdentifierKind
from services.identity.domain.imports import Format, RosterLine, UnreadableRoster
from services.identity.domain.roster_words import HEADINGS, Column, RosterRole, column_of
from services.identity.domain.rosters import (
    Line,
    LineRefused,
    RosterGuardian,
    class_key,
    parse_line,
    written,
)

ID_NUMBER = "11010519491231002X"
PUPIL = {Column.NAME: "李明", Column.ROLE: "学生", Column.STUDENT_NUMBER: f"G{ID_NUMBER}"}


def lines(content: bytes, format_: Format = Format.CSV) -> list[RosterLine]:
    return list(rosters.read(format_, content))


def refused(cells: dict[Column, str]) -> list[tuple[Column | None, str]]:
    with pytest.raises(LineRefused) as caught:
        parse_line(cells)
    return [(each.column, each.reason) for each in caught.value.defects]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_chinese_files_are_read_in_the_encodings_that_spreadsheets_write(encoding: str) -> None:
    (line,) = lines("姓名,学籍号\n阿依古丽·买买提,㐂\n".encode(encoding))
    assert line == RosterLine(2, {Column.NAME: "阿依古丽·买买提", Column.STUDENT_NUMBER: "㐂"})


def test_other_usual_headings_titles_and_blank_rows_do_not_matter() -> None:
    content = "实验小学学生花名册,,\n\n学生姓名*, 身份证件号 （18位）,备注\n李明,1,x\n,,\n王芳,2,\n"
    assert [(each.number, each.cells[Column.NAME]) for each in lines(content.encode())] == [
        (4, "李明"),
        (6, "王芳"),
    ]


@pytest.mark.parametrize("title", ["", "学生花名册\n\n", "2026年,秋季,三年级;甲;乙\n"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_delimiters_of_other_locales_are_recognised(delimiter: str, title: str) -> None:
    content = f'{title}"姓名"{delimiter}手机号\n李明{delimiter}13800138000\n'
    assert lines(content.encode())[0].cells[Column.PHONE] == "13800138000"


@pytest.mark.parametrize("written", ['="00123"', "'00123", "\t00123 ", "00123"])
def test_marks_that_keep_numbers_from_being_numbers_come_off(written: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([["姓名", "工号"], ["李明", written]])
    assert lines(buffer.getvalue().encode())[0].cells[Column.STAFF_NUMBER] == "00123"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "表头"),
        ("编号,备注\n1,2\n".encode(), "表头"),
        ("姓名,姓名\n李明,王芳\n".encode(), "两列"),
        (b"\xff\xfe\x00\x00\xff", "编码"),
    ],
)
def test_what_is_no_roster_is_told_with_advice(content: bytes, told: str) -> None:
    with pytest.raises(UnreadableRoster, match=told):
        lines(content)


def test_the_sheet_with_the_headings_is_read_wherever_it_stands() -> None:
    book = openpyxl.Workbook()
    for row in (["各列含义"], ["姓名"], ["学籍号"]):
        _sheet(book, "填写说明").append(row)
    for row in (["姓名", "学籍号"], ["李明", "1"]):
        _sheet(book, "一班").append(row)
    assert [each.cells[Column.NAME] for each in lines(_bytes(book), Format.XLSX)] == ["李明"]
    for row in (["姓名", "学籍号"], ["张三", "0"]):
        _sheet(book, "填写说明").append(row)
    assert [each.cells[Column.NAME] for each in lines(_bytes(book), Format.XLSX)] == ["李明"]
    _sheet(book, "二班").append(["王芳", "2"])
    with pytest.raises(UnreadableRoster, match="二班"):
        lines(_bytes(book), Format.XLSX)
    _sheet(book, "二班").sheet_state = "hidden"
    assert len(lines(_bytes(book), Format.XLSX)) == 1


def test_a_second_sheet_whose_content_begins_far_below_is_not_passed_over() -> None:
    book = openpyxl.Workbook()
    for row in (["姓名", "学籍号"], ["李明", "1"]):
        _sheet(book, "三年级").append(row)
    _sheet(book, "四年级")["B30"] = "王芳"
    with pytest.raises(UnreadableRoster, match="四年级"):
        lines(_bytes(book), Format.XLSX)


def test_spoilt_headings_are_told() -> None:
    with pytest.raises(UnreadableRoster, match="表头"):
        lines('姓名,"学籍号\n甲,1\n'.encode())


def _sheet(book: openpyxl.Workbook, name: str) -> Any:
    return book[name] if name in book.sheetnames else book.create_sheet(name)


def _bytes(book: openpyxl.Workbook) -> bytes:
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def test_a_file_has_a_limit_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosters, "MAX_LINES", 3)
    with pytest.raises(UnreadableRoster, match="最多 3 行"):
        lines("姓名\n甲\n乙\n丙\n丁\n".encode())


@given(st.binary(max_size=400), st.sampled_from(Format))
@settings(deadline=None)
def test_no_bytes_make_a_reader_crash(content: bytes, format_: Format) -> None:
    with suppress(UnreadableRoster):
        lines(content, format_)


@given(st.text(max_size=300), st.sampled_from(["utf-8", "gb18030", "utf-16"]))
@settings(deadline=None)
def test_no_text_below_the_headings_makes_a_reader_crash(text: str, encoding: str) -> None:
    content = f"姓名,身份证号,出生日期,学科,班级\n{text}".encode(encoding, "surrogatepass")
    with suppress(UnreadableRoster, LineRefused):
        for line in lines(content):
            parse_line(line.cells)


WORDS = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"],
        exclude_characters="\ufffe\uffff",
    ),
    max_size=30,
).filter(lambda text: not text.startswith("'"))
"""An apostrophe in front is the spreadsheet's mark of text, not part of it; two signs no workbook
holds."""


@given(st.lists(st.dictionaries(st.sampled_from(Column), WORDS), max_size=5))
@settings(deadline=None)
def test_what_is_written_as_csv_is_read_as_the_same(written: list[dict[Column, str]]) -> None:
    told = [{**each, Column.NAME: "李明"} for each in written]
    read = lines(rosters.csv_head() + rosters.csv_lines(told))
    assert [each.cells for each in read] == [
        {column: word for column, word in each.items() if word} for each in told
    ]


def workbook(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def test_dates_and_numbers_of_a_workbook_are_read_as_shown() -> None:
    content = workbook([["姓名", "出生日期", "手机号"], ["李明", date(2015, 3, 4), 13800138000]])
    assert lines(content, Format.XLSX)[0].cells == {
        Column.NAME: "李明",
        Column.BIRTH_DATE: "2015-03-04",
        Column.PHONE: "13800138000",
    }


def test_a_long_number_that_lost_its_digits_is_refused_with_advice() -> None:
    content = workbook([["姓名", "身份证号", "角色"], ["李明", 110105194912310021, "学生"]])
    with pytest.raises(LineRefused) as caught:
        parse_line(lines(content, Format.XLSX)[0].cells)
    assert "文本格式" in caught.value.defects[0].detail


def test_formulas_are_not_computed() -> None:
    content = workbook([["姓名", "手机号"], ["李明", '=CONCATENATE("138","00138000")']])
    assert lines(content, Format.XLSX)[0].cells == {Column.NAME: "李明"}


def test_a_written_workbook_holds_text_alone_and_no_formula() -> None:
    book = rosters.workbook()
    book.add([{Column.NAME: "李明", Column.CLASS: "=HYPERLINK(1)", Column.PHONE: "+12025550123"}])
    target = io.BytesIO()
    book.save(target)
    cells = [cell for row in openpyxl.load_workbook(target).worksheets[0].rows for cell in row]
    assert {cell.data_type for cell in cells if cell.value is not None} == {"s"}
    (line,) = lines(target.getvalue(), Format.XLSX)
    assert line.cells[Column.PHONE] == "+12025550123"


def test_a_written_table_holds_nothing_that_a_spreadsheet_computes() -> None:
    written = rosters.csv_rows([["=1+1", "+1", "-1", "@SUM(1)", "1-1"]]).decode()
    assert written == "'=1+1,'+1,'-1,'@SUM(1),1-1\r\n"


def repacked(change: Callable[[str, bytes], bytes]) -> bytes:
    source = zipfile.ZipFile(io.BytesIO(workbook([["姓名"], ["李明"]])))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            archive.writestr(name, change(name, source.read(name)))
    return target.getvalue()


def sheet(inner: str) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("sheet1.xml"):
            return content
        space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        rows = f'<worksheet xmlns="{space}"><sheetData>{inner}</sheetData></worksheet>'
        return f'<?xml version="1.0"?>{rows}'.encode()

    return change


def test_a_cell_in_the_farthest_corner_costs_nothing() -> None:
    head = '<row r="1"><c r="A1" t="inlineStr"><is><t>姓名</t></is></c></row>'
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert lines(repacked(sheet(head + far)), Format.XLSX) == []


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosters, "MAX_UNPACKED_BYTES", 1 << 20)
    bomb = repacked(sheet(f"<row><c><v>{'0' * (2 << 20)}</v></c></row>"))
    assert len(bomb) < 1 << 16
    with pytest.raises(UnreadableRoster, match="过大"):
        lines(bomb, Format.XLSX)


def test_entities_that_multiply_are_refused() -> None:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("sheet1.xml"):
            return content
        levels = "".join(f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10))
        text = escape("x") * 10
        return f'<!DOCTYPE w [<!ENTITY l0 "{text}">{levels}]><w>&l9;</w>'.encode()

    with pytest.raises(UnreadableRoster):
        lines(repacked(change), Format.XLSX)


def test_every_heading_names_its_column() -> None:
    for column, names in HEADINGS.items():
        assert {column_of(f" {name}* ") for name in names} == {column}


def test_all_defects_of_a_line_are_told_at_once() -> None:
    assert refused(
        {
            Column.NAME: "李\x07明",
            Column.ROLE: "校长助理",
            Column.ID_NUMBER: "110105194912310021",
            Column.BIRTH_DATE: "2015-02-30",
            Column.CLASS: "3",
        }
    ) == [
        (Column.NAME, "invalid"),
        (Column.ROLE, "invalid"),
        (Column.ID_NUMBER, "invalid"),
        (Column.BIRTH_DATE, "invalid"),
        (Column.GRADE, "missing"),
    ]


def test_a_line_without_any_identifier_is_refused() -> None:
    assert refused({Column.NAME: "李明", Column.ROLE: "学生"}) == [(None, "identifier-missing")]


def test_defects_tell_no_value() -> None:
    with pytest.raises(LineRefused) as caught:
        parse_line({**PUPIL, Column.ID_NUMBER: "110105194912310021", Column.PHONE: "1380013"})
    assert not any("1" in each.detail.replace("11 位", "") for each in caught.value.defects)


def test_defects_are_told_in_the_language_of_the_roster() -> None:
    wrong = dict.fromkeys(Column, "？")
    with pytest.raises(LineRefused) as caught:
        parse_line(wrong)
    told = {each.column: each.detail for each in caught.value.defects}
    assert {
        Column.ID_NUMBER,
        Column.STUDENT_NUMBER,
        Column.PHONE,
        Column.PERSON_CODE,
    } <= told.keys()
    assert not [detail for detail in told.values() if re.search("[a-z]{3}", detail)]


def test_birth_date_and_sex_follow_the_id_number_and_may_not_contradict_it() -> None:
    line = parse_line({**PUPIL, Column.ID_NUMBER: ID_NUMBER})
    assert (line.birth_date, line.sex) == (date(1949, 12, 31), "2")
    assert refused(
        {**PUPIL, Column.ID_NUMBER: ID_NUMBER, Column.SEX: "男", Column.BIRTH_DATE: "19491230"}
    ) == [
        (Column.BIRTH_DATE, "contradicts-id-number"),
        (Column.SEX, "contradicts-id-number"),
    ]


def test_a_pupil_s_phone_that_is_a_guardian_s_is_the_guardian_s_alone() -> None:
    line = parse_line(
        {
            **PUPIL,
            Column.PHONE: "138 0013 8000",
            Column.GUARDIAN_NAME: "李强",
            Column.GUARDIAN_PHONE: "+86 13800138000",
            Column.GUARDIAN_RELATION: "爸爸",
        }
    )
    assert [key.kind for key in line.keys] == [IdentifierKind.STUDENT_NUMBER]
    assert line.guardians == (RosterGuardian("李强", "13800138000", "father"),)


@pytest.mark.parametrize(
    "written", ["2015-3-4", "2015/03/04", "2015年3月4日", "20150304", "2015.3.4"]
)
def test_dates_are_read_as_people_write_them(written: str) -> None:
    assert parse_line({**PUPIL, Column.BIRTH_DATE: written}).birth_date == date(2015, 3, 4)


def test_a_class_told_with_its_grade_is_taken_apart() -> None:
    line = parse_line({**PUPIL, Column.CLASS: "三年级2班"})
    assert (line.grade, line.class_name) == ("三年级", "2班")


@pytest.mark.parametrize("written", ["三年级（2）班", "三年级2班", "(2)班", "2班", "2", "２班"])
def test_spellings_of_a_class_are_one(written: str) -> None:
    assert class_key("三年级", written) == "2"


@pytest.mark.parametrize("name", ["李小龙(大)", "O/Brien, Zoë", "=1+1", "'t Hooft", "''", "@x"])
def test_names_that_are_accepted_by_hand_survive_a_file(name: str) -> None:
    cells = {**PUPIL, Column.NAME: name}
    (read,) = lines(rosters.csv_head() + rosters.csv_lines([cells]), Format.CSV)
    assert parse_line(read.cells).name == name


def test_a_birth_date_before_1900_is_refused() -> None:
    assert refused({**PUPIL, Column.BIRTH_DATE: "1899-12-31"}) == [(Column.BIRTH_DATE, "invalid")]


def test_a_subject_is_any_code_that_a_role_may_have() -> None:
    teacher = {Column.NAME: "赵", Column.ROLE: "教师", Column.STAFF_NUMBER: "T-01"}
    assert parse_line({**teacher, Column.SUBJECT: "L61、14"}).subjects == ("14", "L61")


NAMES = (
    st.text(st.sampled_from("李王·•abcé()（）/,'\"=+-@<> Ｚ"), min_size=1, max_size=8)
    .map(written)
    .filter(bool)
)


@st.composite
def written_lines(draw: st.DrawFn) -> Line:
    role = draw(st.sampled_from(RosterRole))
    grade = draw(st.none() | st.just("三年级"))
    return Line(
        name=draw(NAMES),
        role=role,
        sex=draw(st.sampled_from(["0", "1", "2", "9"])),
        birth_date=draw(st.none() | st.dates(date(1950, 1, 1), date(2020, 1, 1))),
        keys=(IdentifierKey(IdentifierKind.STAFF_NUMBER, draw(st.sampled_from(["T-1", "0007"]))),),
        school="实验小学",
        grade=grade,
        class_name=draw(st.none() | st.just("2班")) if grade else None,
        subjects=() if role is RosterRole.STUDENT else draw(st.sampled_from([(), ("13", "14")])),
        guardians=draw(
            st.sampled_from([(), (RosterGuardian("李强", "13800138000", "grandparent"),)])
        ),
        leaving=draw(st.booleans()),
    )


@given(written_lines())
def test_what_a_line_writes_it_reads(line: Line) -> None:
    (read,) = lines(rosters.csv_head() + rosters.csv_lines([line.cells()]), Format.CSV)
    assert parse_line(line.cells()) == parse_line(read.cells) == line


def test_only_a_class_or_a_subject_is_over_while_the_person_stays() -> None:
    cells = {Column.NAME: "李明", Column.USERNAME: "li.ming", Column.ROLE: "学生"}
    over = {**cells, Column.ENDED_ON: "2026-07-01"}
    assert refused(over) == [(Column.ENDED_ON, "not-of-a-class")]
    of_class = {**over, Column.GRADE: "三年级", Column.CLASS: "2班"}
    assert refused({**of_class, Column.STATUS: "离校"}) == [(Column.ENDED_ON, "not-of-a-class")]
    assert parse_line(of_class).ends
