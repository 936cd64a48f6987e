"""What a row of a table says, by exact lookup alone."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.catalog.application.intake_columns import COLUMNS, KEY, column_of
from services.catalog.application.intake_rows import (
    FileNames,
    Index,
    Known,
    Line,
    columns_of,
    lexicon_lookup,
    read_rows,
    resources_named,
)
from services.catalog.application.metadata import Metadata
from services.catalog.domain.intake import Named, Reason, Row, UnreadableTable
from services.catalog.domain.resources import CODE_PREFIX, FileRole
from services.catalog.domain.vocabularies import Dictionary, Lexicon, State, Term
from shared.codes import new_code

TERMS = (
    Term("G1", "一年级", aliases=("小一",)),
    Term("G2", "二年级"),
    Term("A", "同名"),
    Term("B", "同名"),
    Term("OLD", "旧年级", state=State.RETIRED),
)
GRADES = Lexicon(
    Dictionary("grade", "年级", "Grade", False, 1, datetime(2026, 1, 1, tzinfo=UTC)), TERMS
)
GRADES_AND_BASES: dict[str, Any] = {
    "terms": {"grade": lexicon_lookup(GRADES), "rights_basis": lexicon_lookup(GRADES)}
}
TEXTBOOK = "0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e"


def known(*files: str) -> Known:
    return Known(terms={"grade": lexicon_lookup(GRADES)}, files=FileNames(files))


def read(cells: dict[str, str], *files: str, **defaults: Any) -> Row:
    named = {column: text for name, text in cells.items() if (column := column_of(name))}
    (row,) = read_rows([Line(2, named)], {"title": "默认题名", **defaults}, known(*files))
    return row


def reasons(row: Row) -> list[tuple[str | None, Reason]]:
    return [(each.column, each.reason) for each in row.defects]


def test_every_element_of_metadata_has_a_column() -> None:
    assert {each.path[0] for each in COLUMNS if each.path} == set(Metadata.model_fields)


def test_a_relation_names_a_resource_here_or_something_elsewhere() -> None:
    code, here = new_code(CODE_PREFIX), UUID(TEXTBOOK)
    cell = f"包含：{code.lower()}@2；相关:{here}|part_of: https://example.cn/a:b"
    lines = [Line(2, {column_of("关联") or KEY: cell, column_of("题名") or KEY: "题"})]
    assert resources_named(lines) == {code}
    about = replace(known(), resources={code: here})
    (row,) = read_rows(lines, {}, about)
    assert row.metadata["relations"] == [
        {"relationship": "contains", "resource_id": str(here), "version": 2},
        {"relationship": "related", "resource_id": str(here)},
        {"relationship": "part_of", "identifier": "https://example.cn/a:b"},
    ]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("包含", Reason.MALFORMED),
        ("引用：x", Reason.MALFORMED),
        (f"包含：{new_code(CODE_PREFIX)}", Reason.UNKNOWN),
        (f"包含：{TEXTBOOK}@二", Reason.MALFORMED),
        ("相关：R-XXXX-XXXX-X", Reason.MALFORMED),
        ("相关：r7k3m-9qxb-d", Reason.MALFORMED),
    ],
    ids=[
        "nothing",
        "no such relationship",
        "no such resource",
        "no such version",
        "no code",
        "a slip in a code",
    ],
)
def test_a_relation_that_leads_nowhere_is_told(cell: str, reason: Reason) -> None:
    assert ("关联", reason) in reasons(read({"关联": cell}))


def test_headings_are_told_apart_in_both_languages() -> None:
    texts = [text for each in COLUMNS for text in (each.name, each.heading)]
    assert len(set(texts)) == len(texts)
    assert column_of(" 题名 ") is column_of("Title")
    assert column_of("备注") is None


def test_unknown_headings_are_reported_and_a_repeated_one_is_refused() -> None:
    columns, ignored = columns_of(["题名", "备注", ""])
    assert ([each.name for each in columns.values()], ignored) == (["title"], ["备注"])
    for headings in (["题名", "title"], ["备注"], []):
        with pytest.raises(UnreadableTable):
            columns_of(headings)


def test_names_aliases_and_codes_become_codes() -> None:
    row = read({"年级": "一年级|小一；G2"})
    assert row.metadata["grades"] == ["G1", "G2"]
    assert row.defects == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("一年", Reason.UNKNOWN),
        ("同名", Reason.AMBIGUOUS),
        ("旧年级", Reason.RETIRED),
    ],
)
def test_what_is_not_exactly_one_term_in_use_is_told_and_never_guessed(
    text: str, reason: Reason
) -> None:
    assert reasons(read({"年级": text})) == [("年级", reason)]


def test_a_cell_goes_before_the_default_and_an_empty_one_leaves_it() -> None:
    row = read({"title": "分数"}, description="默认描述", grades=["G1"])
    assert row.metadata == {"title": "分数", "description": "默认描述", "grades": ["G1"]}


def test_contributors_have_roles_and_a_name_alone_is_an_author() -> None:
    row = read({"贡献者": "张敏|李雷/讲授者/第一中学"})
    assert row.metadata["contributors"] == [
        {"name": "张敏", "role": "author"},
        {"name": "李雷", "role": "performer", "organisation": "第一中学"},
    ]
    assert reasons(read({"贡献者": "张敏/校长"})) == [("贡献者", Reason.UNKNOWN)]


def test_dates_flags_and_nested_elements_are_read() -> None:
    row = read({"权利依据": "own_work", "许可开始日期": "2026-02-30", "内嵌字幕": "也许"})
    assert ("权利依据", Reason.UNKNOWN) in reasons(row)
    assert ("内嵌字幕", Reason.MALFORMED) in reasons(row)
    good = read({"内嵌字幕": "是", "已核对阅读顺序": "false"})
    assert good.metadata["accessibility"] == {"captions": True, "reading_order": False}


def test_what_the_model_refuses_is_told_at_its_column() -> None:
    assert reasons(read({"教材标识": "不是标识"})) == [("教材标识", Reason.MALFORMED)]


def test_a_row_is_told_everything_that_is_wrong_with_it_at_once() -> None:
    row = read(
        {
            "年级": "没有",
            "章节": "没有",
            "题名": "长" * 1001,
            "描述": "长" * 2001,
            "关键词": "|".join(map(str, range(60))),
            "教材标识": "x",
            "权利依据": "own_work",
            "许可开始日期": "2026-13-01",
            "关联": "引用：x",
            "贡献者": "甲/校长",
        }
    )
    assert sorted(reasons(row)) == [
        ("关联", Reason.MALFORMED),
        ("关键词", Reason.MALFORMED),
        ("年级", Reason.UNKNOWN),
        ("描述", Reason.MALFORMED),
        ("教材标识", Reason.MALFORMED),
        ("权利依据", Reason.UNKNOWN),
        ("章节", Reason.UNKNOWN),
        ("许可开始日期", Reason.MALFORMED),
        ("贡献者", Reason.UNKNOWN),
        ("题名", Reason.MALFORMED),
    ]
    assert row.metadata == {}


def test_dates_in_reverse_are_told_beside_an_unknown_basis() -> None:
    row = read({"权利依据": "没有", "许可开始日期": "2026-09-01", "许可截止日期": "2026-08-01"})
    assert len(row.defects) == 2


@pytest.mark.parametrize("day", ["2026/9/1", "2026-9-1", "2026.09.01", "2026年9月1日"])
def test_a_day_is_read_as_people_write_it(day: str) -> None:
    rights = {**GRADES_AND_BASES, "files": FileNames(())}
    cells = {"权利依据": "G1", "许可开始日期": day}
    named = {column: text for name, text in cells.items() if (column := column_of(name))}
    (row,) = read_rows([Line(2, named)], {"title": "一"}, Known(**rights))
    assert row.metadata["rights_basis"] == {"kind": "G1", "valid_from": "2026-09-01"}


def test_a_cell_under_no_heading_refuses_its_row() -> None:
    title = column_of("题名") or KEY
    (row,) = read_rows([Line(2, {title: "甲"}, ["乙", "丙"])], {}, known())
    assert reasons(row) == [(None, Reason.MALFORMED)]
    assert "乙、丙" in row.defects[0].detail


def test_files_are_found_by_path_or_by_a_name_that_is_there_once() -> None:
    files = ("第一课/课件.pdf", "第二课/课件.pdf", "封面.png")
    row = read({"文件": "第一课/课件.pdf", "封面": "封面.png"}, *files)
    assert row.files == (
        Named("第一课/课件.pdf", FileRole.MAIN, "文件"),
        Named("封面.png", FileRole.COVER, "封面"),
    )
    assert reasons(read({"文件": "课件.pdf"}, *files)) == [("文件", Reason.AMBIGUOUS)]
    assert reasons(read({"文件": "教案.pdf"}, *files)) == [("文件", Reason.UNKNOWN)]
    twice = read({"文件": "封面.png", "封面": "封面.png"}, *files)
    assert reasons(twice) == [("封面", Reason.REPEATED)]


def test_a_name_is_found_in_either_form_of_unicode() -> None:
    assert read({"文件": "caf\u00e9.pdf"}, "cafe\u0301.pdf").files[0].name == "cafe\u0301.pdf"


def test_all_rows_of_a_key_that_repeats_are_refused() -> None:
    key = column_of("外部编号")
    assert key is not None
    lines = [Line(number, {key: text}) for number, text in enumerate("ABA", start=2)]
    rows = read_rows(lines, {"title": "一"}, known())
    assert [bool(each.defects) for each in rows] == [True, False, True]


def test_a_row_without_title_is_refused() -> None:
    (row,) = read_rows([Line(2, {})], {}, known())
    assert reasons(row) == [("题名", Reason.MISSING)]


def test_chapters_and_points_are_looked_up_in_their_textbook_and_subject() -> None:
    lookup = Index([("C1", "分数的认识", State.ACTIVE), ("C2", "旧章", State.RETIRED)])
    own = Known(
        terms={},
        files=FileNames(()),
        chapters={UUID(TEXTBOOK): lookup},
        points={"math": lookup},
    )
    cells = {"章节": "分数的认识", "知识点": "C1", "教材标识": TEXTBOOK}
    named = {column: text for name, text in cells.items() if (column := column_of(name))}
    defaults = {"title": "一", "subject": "math"}
    (row,) = read_rows([Line(2, named)], defaults, own)
    assert (row.metadata["chapters"], row.metadata["knowledge_points"]) == (["C1"], ["C1"])
    (lost,) = read_rows([Line(2, named)], {"title": "一"}, own)
    assert reasons(lost) == [("知识点", Reason.UNKNOWN)]
