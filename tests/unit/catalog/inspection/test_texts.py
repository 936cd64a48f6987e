"""Words are found wherever a document keeps them: personal data hides in notes and headers."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pikepdf
import pytest
from openpyxl.comments import Comment
from openpyxl.worksheet.worksheet import Worksheet
from pptx import Presentation
from pptx.util import Inches

from services.catalog.inspection import texts
from services.catalog.inspection.inspector import inspect
from services.catalog.inspection.report import Report
from tests.hostile import archives, office, pdfs

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_TEXT_BOX = (
    '<w:p><w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-'
    'compatibility/2006"><mc:Choice Requires="wps"><w:txbxContent><w:p><w:r><w:t>文本框内</w:t>'
    "</w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>文本框内"
    "</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>"
)


@pytest.fixture
def made(tmp_path: Path) -> Report:
    return Report(tmp_path)


def pages(report: Report, filename: str, content: bytes) -> list[str]:
    """The text of the file, part by part."""
    path = report.work / "file"
    path.write_bytes(content)
    inspect(path, filename, "", report)
    assert report.findings == []
    return (report.work / "text-1").read_text().split("\f")


CUES = "1\n00:00:01,000 --> 00:00:02,000\n分数的意义\n"


@pytest.mark.parametrize(
    ("filename", "content", "media_type"),
    [
        ("课.vtt", f"WEBVTT\n\n{CUES}".encode(), "text/vtt"),
        ("课.vtt", f"\ufeffWEBVTT\n\n{CUES}".encode(), "text/vtt"),
        ("课.srt", CUES.encode("gb18030"), "application/x-subrip"),
        ("课.srt", CUES.encode("utf-16"), "application/x-subrip"),
    ],
)
def test_captions_are_text(made: Report, filename: str, content: bytes, media_type: str) -> None:
    assert "分数的意义" in pages(made, filename, content)[0]
    assert made.media_type == media_type


def test_captions_for_browsers_begin_as_such(made: Report) -> None:
    path = made.work / "file"
    path.write_text(CUES)
    inspect(path, "课.vtt", "text/vtt", made)
    assert "name-mismatch" in {each["code"] for each in made.findings}


def saved(document: Any) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def _word_part(element: str, text: str) -> bytes:
    return f"<w:{element} {_W}><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:{element}>".encode()


@pytest.mark.parametrize(
    ("part", "element"),
    [
        ("word/footnotes.xml", "footnotes"),
        ("word/endnotes.xml", "endnotes"),
        ("word/comments.xml", "comments"),
        ("word/glossary/document.xml", "glossaryDocument"),
        ("word/diagrams/drawing1.xml", "diagram"),
        ("word/any.xml", "hdr"),
    ],
)
def test_what_stands_beside_the_body_of_a_document_is_read(
    made: Report, part: str, element: str
) -> None:
    content = office.remade(office.word(), add={part: _word_part(element, "旁注在此")})
    [whole] = pages(made, "a.docx", content)
    assert whole.startswith("《背影》教学设计\n一、教学目标")
    assert "旁注在此" in whole.splitlines()


def test_headers_and_footers_of_a_document_are_read(made: Report) -> None:
    document = docx.Document()
    document.add_paragraph("正文")
    document.sections[0].header.paragraphs[0].text = "页眉 13800138000"
    document.sections[0].footer.paragraphs[0].text = "页脚"
    [whole] = pages(made, "a.docx", saved(document))
    assert whole.splitlines() == ["正文", "页脚", "页眉 13800138000"]


def test_a_text_box_is_read_once_though_it_is_there_for_two_kinds_of_readers(made: Report) -> None:
    [whole] = pages(made, "a.docx", office.in_word(_TEXT_BOX))
    assert whole.count("文本框内") == 1


def test_a_text_box_in_a_line_parts_no_number_and_joins_none(made: Report) -> None:
    box = "<w:txbxContent><w:p><w:r><w:t>001</w:t></w:r></w:p></w:txbxContent>"
    run = "<w:r><w:t>{}</w:t>{}</w:r>"
    line = f"<w:p>{run.format(138, '')}{run.format('00', box)}{run.format(999, '')}</w:p>"
    [whole] = pages(made, "a.docx", office.in_word(line))
    assert whole.splitlines()[-3:] == ["13800", "001", "999"]


def test_words_that_were_deleted_but_kept_are_read(made: Report) -> None:
    [whole] = pages(
        made,
        "a.docx",
        office.in_word("<w:p><w:del><w:r><w:delText>旧电话</w:delText></w:r></w:del></w:p>"),
    )
    assert "旧电话" in whole


def test_the_description_of_a_picture_is_read(made: Report) -> None:
    [whole] = pages(
        made, "a.docx", office.in_word('<w:p><w:docPr id="9" name="a" descr="张三的证件照"/></w:p>')
    )
    assert "张三的证件照" in whole


def test_notes_comments_and_charts_are_read_with_their_slide(made: Report) -> None:
    deck = Presentation(io.BytesIO(office.pptx()))
    for number, slide in enumerate(deck.slides, 1):
        slide.notes_slide.notes_text_frame.text = f"备注{number}"
    kept = pages(made, "a.pptx", saved(deck))
    assert made.facts["slides"] == 3
    assert [f"备注{number}" in kept[number - 1] for number in (1, 2, 3)] == [True] * 3
    assert "一班" in kept[0]


def test_a_masters_own_words_are_read_and_those_in_place_of_others_are_not(made: Report) -> None:
    deck = Presentation(io.BytesIO(office.pptx()))
    box = deck.slide_layouts[1].shapes._spTree
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    shape = slide.shapes.add_textbox(0, 0, Inches(1), Inches(1))
    shape.text_frame.text = "联系 13900139000"
    box.append(shape._element)
    kept = pages(made, "a.pptx", saved(deck))
    assert made.facts["slides"] == 4
    assert kept[4] == "联系 13900139000"


def test_comments_headers_and_text_boxes_of_a_sheet_are_read_with_it(made: Report) -> None:
    book = openpyxl.Workbook()
    first, second = book.active, book.create_sheet("二")
    assert isinstance(first, Worksheet)
    first["A1"] = "姓名"
    first["A1"].comment = Comment("家长电话 13700137000", "甲")
    header: Any = first.oddHeader
    header.center.text = "初一（3）班"
    second["A1"] = "空"
    drawing = (
        '<wsDr xmlns:a="urn:a"><txBody><a:p><a:r><a:t>批注框</a:t></a:r></a:p></txBody></wsDr>'
    )
    relation = '<Relationships><Relationship Id="r1" Target="../drawings/d.xml"/></Relationships>'
    content = office.remade(
        saved(book),
        add={
            "xl/worksheets/_rels/sheet2.xml.rels": relation.encode(),
            "xl/drawings/d.xml": drawing.encode(),
        },
    )
    kept = pages(made, "a.xlsx", content)
    assert made.facts["sheets"] == 2
    assert "家长电话 13700137000" in kept[0]
    assert "初一（3）班" in kept[0]
    assert "批注框" in kept[1]


def test_the_pieces_of_a_cell_are_one_value_without_its_phonetic_hints(made: Report) -> None:
    words = "<r><t>1380</t></r><r><t>0138000</t></r><rPh><t>yi</t></rPh>"
    cell = f'<c r="A9" t="inlineStr"><is>{words}</is></c>'
    content = office.remade(
        office.excel(),
        change={
            "xl/worksheets/sheet2.xml": (b"</sheetData>", f"<row>{cell}</row></sheetData>".encode())
        },
    )
    assert pages(made, "a.xlsx", content)[1].splitlines()[-1] == "13800138000"


def test_strings_that_no_cell_shows_and_copies_in_a_pivot_table_are_read(made: Report) -> None:
    strings = "<sst><si><t>在用</t></si><si><r><t>已删除</t></r><r><t>的学生</t></r></si></sst>"
    records = '<pivotCacheRecords><r><s v="13600136000"/></r></pivotCacheRecords>'
    content = office.remade(
        office.excel(),
        change={
            "xl/worksheets/sheet2.xml": (
                b"</sheetData>",
                b'<row><c t="s"><v>0</v></c></row></sheetData>',
            )
        },
        add={
            "xl/sharedStrings.xml": strings.encode(),
            "xl/pivotCache/pivotCacheRecords1.xml": records.encode(),
        },
    )
    kept = pages(made, "a.xlsx", content)
    assert kept[1].splitlines() == ["数据来自期中测验", "在用"]
    assert kept[2].splitlines() == ["13600136000", "已删除的学生"]


def test_the_table_behind_a_chart_is_read(made: Report) -> None:
    content = office.remade(office.pptx(), add={"ppt/embeddings/behind.xlsx": office.excel()})
    assert any("数据来自期中测验" in page for page in pages(made, "a.pptx", content)[3:])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("教案.docx", office.word, "一、教学目标"),
        ("课件.pptx", office.pptx, "图象与性质"),
        ("成绩.xlsx", office.excel, "数据来自期中测验"),
        ("课文.odt", office.odt, "岳阳楼记"),
        ("课件.odp", office.odp, "光的折射 2"),
        ("讲义.pdf", pdfs.pdf, "第2页 第1行"),
        ("名单.csv", lambda: "姓名,电话\n张三,13800138000\n".encode(), "13800138000"),
        ("名单.txt", lambda: "张三 13800138000".encode("gb18030"), "13800138000"),
    ],
)
def test_documents_in_a_zip_are_read(
    made: Report, name: str, content: Callable[[], bytes], words: str
) -> None:
    kept = pages(made, "a.zip", archives.zipped({"图.txt": b"a", name: content()}))
    assert kept[0].splitlines() == ["图.txt", name]
    assert any(page.startswith(f"{name}#") and words in page for page in kept[1:])


def test_no_more_is_read_of_a_zip_than_is_kept(made: Report) -> None:
    words = "".join(random.Random(1).choices("床前明月光疑是地上霜", k=500_000))
    names = ("一.txt", "二.txt", "三.txt")
    content = archives.zipped({name: f"{name}{words}".encode() for name in names})
    kept = pages(made, "a.zip", content)
    assert made.facts["text_cut"] is True
    assert sum(len(page.encode()) for page in kept) <= texts.MOST_EXTRACTED_BYTES


def test_notes_and_filled_fields_of_a_pdf_are_read_with_their_page(made: Report) -> None:
    def annotate(document: pikepdf.Pdf) -> None:
        box = pikepdf.Array([0, 0, 9, 9])
        note = pikepdf.Dictionary(Subtype=pikepdf.Name.Text, Rect=box, Contents="家长 13800138000")
        field = document.make_indirect(pikepdf.Dictionary(V="填写的姓名", T="name"))
        widget = document.make_indirect(
            pikepdf.Dictionary(Subtype=pikepdf.Name.Widget, Rect=box, Parent=field)
        )
        field.Kids = pikepdf.Array([widget])
        document.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]))
        document.pages[1].obj.Annots = pikepdf.Array([note, widget])

    kept = pages(made, "a.pdf", pdfs.changed(annotate))
    assert len(kept) == 2
    assert kept[1].splitlines()[-2:] == ["家长 13800138000", "填写的姓名"]


def _in_odf(make: Callable[[], bytes], part: str, before: str, xml: str) -> bytes:
    return office.remade(make(), change={part: (before.encode(), (xml + before).encode())})


@pytest.mark.parametrize(
    ("part", "before", "before_words", "after_words"),
    [
        (
            "content.xml",
            "</office:text>",
            "<text:p>正文<text:note><text:note-body><text:p>",
            "</text:p></text:note-body></text:note>其后</text:p>",
        ),
        (
            "content.xml",
            "</office:text>",
            "<text:p><office:annotation><text:p>",
            "</text:p></office:annotation></text:p>",
        ),
        ("content.xml", "</office:text>", "<text:p><svg:desc>", "</svg:desc></text:p>"),
        (
            "styles.xml",
            "</office:master-styles>",
            '<style:master-page style:name="A"><style:header><text:p>',
            "</text:p></style:header></style:master-page>",
        ),
    ],
    ids=["footnote", "annotation", "description", "header"],
)
def test_what_stands_beside_the_body_of_an_opendocument_text_is_read(
    made: Report, part: str, before: str, before_words: str, after_words: str
) -> None:
    content = _in_odf(office.odt, part, before, f"{before_words}旁注在此{after_words}")
    [whole] = pages(made, "a.odt", content)
    assert whole.startswith("岳阳楼记")
    assert "旁注在此" in whole.splitlines()


def test_notes_and_the_footers_of_an_opendocument_presentation_are_read(made: Report) -> None:
    notes = (
        "<presentation:notes><draw:frame><draw:text-box><text:p>备注在此</text:p>"
        "</draw:text-box></draw:frame></presentation:notes>"
    )
    footer = "<presentation:footer-decl>页脚在此</presentation:footer-decl>"
    content = _in_odf(office.odp, "content.xml", "</draw:page>", notes)
    content = _in_odf(lambda: content, "content.xml", "<draw:page ", footer)
    kept = pages(made, "a.odp", content)
    assert made.facts["slides"] == 2
    assert "备注在此" in kept[0]
    assert kept[2] == "页脚在此"


def test_cells_of_an_object_in_an_opendocument_are_read(made: Report) -> None:
    table = (
        '<office:document-content xmlns:office="urn:o" xmlns:text="urn:t">'
        "<text:p>81.5</text:p></office:document-content>"
    )
    content = office.remade(office.odt(), add={"Object 1/content.xml": table.encode()})
    assert "81.5" in pages(made, "a.odt", content)[0]
