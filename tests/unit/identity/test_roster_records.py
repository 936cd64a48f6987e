"""The rows of CSV files, whole ones and spoilt ones."""

import csv
import io
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.identity.adapters.roster_records import Torn, records
from services.identity.domain.roster_words import Column
from services.identity.domain.staging import Staging
from tests.unit.identity.test_rosters import lines

CELLS = st.text(st.sampled_from("甲1 ,;\t\n\r\"'，=") | st.characters(codec="utf-8"), max_size=12)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=6)


def written(table: list[list[str]], delimiter: str = ",") -> str:
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter).writerows(table)
    return target.getvalue()


@given(TABLES, st.sampled_from(",;\t"))
@example([["标题", "2026年"], ["甲", "走读\n住校"]], ",")
@example([["甲", "地址:a,b,c\n李代桃,学生,x,2014-01-02\n" * 30]], ",")
@example([["甲", "x" * 200_000, "乙"]], ",")
def test_any_table_that_is_written_is_read_back_exactly(
    table: list[list[str]], delimiter: str
) -> None:
    read = list(records(written(table, delimiter), delimiter))
    assert read == table
    assert not any(isinstance(row, Torn) for row in read)


@given(TABLES, TABLES, st.sampled_from(['甲,"乙', '甲,"乙"丙', '"', '甲,"乙","丙']))
def test_a_spoilt_row_below_and_above_a_table_is_spoilt_alone(
    above: list[list[str]], below: list[list[str]], spoilt: str
) -> None:
    # Marks on their own, or behind a delimiter, might close what the spoilt row opened.
    below = [[each.replace('"', "").replace("\n", "") for each in row] for row in below]
    below = [[each.replace("\r", "").replace(",", "，") for each in row] for row in below]
    below = [row for row in below if row != [""]]
    read = list(records(f"{written(above)}{spoilt}\r\n{written(below)}", ","))
    assert read[: len(above)] == above
    assert [isinstance(row, Torn) for row in read[len(above) :]] == [True] + [False] * len(below)
    assert read[len(above) + 1 :] == below


def test_what_a_paired_cell_holds_is_no_row_although_a_mark_behind_it_is_unpaired() -> None:
    read = list(records('甲,"地址\n李代桃,学生","病假\n乙,2,\n', ","))
    assert [(isinstance(row, Torn), row[0]) for row in read] == [(True, "甲"), (False, "乙")]


@given(st.text(st.sampled_from('甲,"\r\n'), max_size=60))
def test_whatever_can_be_read_strictly_is_read_as_the_library_reads_it(text: str) -> None:
    try:
        strict = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        assert any(isinstance(row, Torn) for row in records(text, ","))
        return
    assert [row if row != [""] else [] for row in records(text, ",")] == [
        row if row != [""] else [] for row in strict
    ]


@pytest.mark.parametrize(
    "line", ['a","b\n', '"""a\n', '","\n', '"a\n', 'a,""x\n', '"\n', 'a,"\n', '""""\n', '"""\n']
)
def test_marks_that_never_pair_take_no_more_time_than_others(line: str) -> None:
    started = time.process_time()
    for text in (line * 100_000, line * 100_000 + '"', f'"{line * 100_000}x'):
        assert sum(1 for _ in records(text, ",")) > 0
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ('姓名,学籍号\n甲,1\n"乙,2\n丙,3\n丁,4\n', ["甲", "-", "丙", "丁"]),
        ('姓名,学籍号,备注\n甲,1,"病假\n乙,2,\n丙,3,无\n', ["-", "乙", "丙"]),
        ('姓名,学籍号,备注\n甲,1,"病假\n两天"\n乙,2,\n', ["甲", "乙"]),
        ('姓名,学籍号\n甲,"1"\n乙,2" \n丙,"3', ["甲", "乙", "-"]),
        ('姓名,"学籍号\n（必填）"\n甲,1\n', ["甲"]),
        ('姓名,学籍号,备注\n甲,1,x,y,z\n乙,2,"病假\n两天"\n丙,"3\n"\n', ["甲", "乙", "丙"]),
        ('姓名,备注,出生日期,备注2\n甲,"病,2018-01-03,"x\n乙,,,\n', ["-", "乙"]),
        (
            '姓名,角色,备注,出生日期\n甲,学生,"病,2018-01-03\n乙,学生,x,2018-01-03\n丙,,"y",\n',
            ["-", "乙", "丙"],
        ),
        ('姓名\n"' + "x" * 200_000 + "\n乙\n", ["-", "乙"]),
    ],
    ids=[
        *("name", "unknown-column", "a-cell-of-two-lines", "at-the-end"),
        *("a-heading-of-two-lines", "beside-wider-and-shorter-rows", "two-in-a-row"),
        *("one-that-another-closes", "of-any-length"),
    ],
)
def test_a_stray_quotation_mark_spoils_its_own_row_alone(content: str, read: list[str]) -> None:
    found = lines(content.encode())
    assert [each.cells[Column.NAME] if each.trouble is None else "-" for each in found] == read
    spoilt = [each for each in found if each.trouble is not None]
    assert {Staging().take(each).defects[0].reason for each in spoilt} <= {"torn"}


@pytest.mark.parametrize(
    ("head", "remark"),
    [
        ("", "爱好：足球,篮球,游泳,画画\n住校"),
        ("望江区第一小学花名册,2026年\n", "走读\n住校"),
        ("", "地址:a,b,c\n李代桃,学生,li.daitao,2014-01-02,三年级,9班"),
        ("", "走读\n" * 40),
    ],
    ids=["commas", "below-a-title-of-two-cells", "a-row", "many-lines"],
)
def test_what_a_cell_holds_within_its_marks_makes_no_row(head: str, remark: str) -> None:
    content = (
        f'{head}姓名,角色,用户名,出生日期,年级,班级,备注\n甲,学生,,,,,"{remark}"\n乙,学生,,,,,\n'
    )
    found = lines(content.encode())
    assert [(each.cells[Column.NAME], each.trouble) for each in found] == [
        ("甲", None),
        ("乙", None),
    ]
