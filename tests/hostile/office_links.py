"""Links of lessons: to the web, to what lies beside, by a cell; and those that lead astray."""

import zipfile
from functools import partial
from io import BytesIO

from tests.hostile.case import Case
from tests.hostile.office import excel, in_word, instruction, pptx, related, remade

_SHEET = "xl/worksheets/sheet1.xml"
_BESIDE = (
    "课文.html", "圆.ggb", "圆.gsp", "素材/", "素材", "../公共素材", "第1.单元", "课件/第二课.ppsx",
    "ftp://ftp.school.test/a.zip", "basic.smartedu.cn", "bilibili.com/video/BV1", "school.tv:8080/a.html",
)  # fmt: skip
_ASTRAY = (
    "calc", "素材/calc", "素材.exe", "//evil/素材", "\\\\evil\\素材\\", "evil.com", "evil.com/a.exe", "evil.sh",
    "file:///D:\\备课\\x.mp4", "D:\\备课\\", "%5c%5cevil%5c素材", "javascript:素材", "素材/..\\..\\a.lnk", "动画.swf",
)  # fmt: skip
_CELLS = ("https://basic.smartedu.cn/", "www.smartedu.cn", "课件/第一课.pptx", "待补", "第1.单元")
_CELLS_ASTRAY = (
    "file://evil/a",
    "\\\\evil\\s\\a",
    "calc.exe",
    "javascript:alert(1)",
    "search-ms:query=a",
    "D:\\a",
)


def _linked(target: str) -> bytes:
    return related(pptx(), "ppt/slides/_rels/slide1.xml.rels", "hyperlink", target)


def _field(target: str) -> bytes:
    return in_word(instruction(f"HYPERLINK &quot;{target}&quot;"))


def _pointing(rows: str) -> bytes:
    """A workbook whose sheet has some rows behind its own."""
    with zipfile.ZipFile(BytesIO(excel())) as book:
        sheet = book.read(_SHEET)
    return remade(
        excel(), add={_SHEET: sheet.replace(b"</sheetData>", f"{rows}</sheetData>".encode(), 1)}
    )


def _row(address: str, formula: str = "HYPERLINK(Z90,&quot;打开&quot;)") -> str:
    return f'<row r="90"><c r="Y90" t="str"><f>{formula}</f><v>打开</v></c>{address}</row>'


def _inline(address: str) -> str:
    return f'<c r="Z90" t="inlineStr"><is><t>{address}</t></is></c>'


def _by_cell(address: str) -> bytes:
    return _pointing(_row(_inline(address)))


def _shared(reach: str) -> str:
    return (
        f'<row r="90"><c r="Y90"><f t="shared" si="9" ref="{reach}">HYPERLINK($Z90)</f></c></row>'
    )


HONEST = [
    *(Case(f"a lesson with a link to {target}", "a.pptx", partial(_linked, target)) for target in _BESIDE),
    *(Case(f"a lesson with a field to {target}", "a.docx", partial(_field, target)) for target in ("课文.html", "素材/")),
    *(Case(f"a workbook with a link by the cell {cell}", "a.xlsx", partial(_by_cell, cell)) for cell in _CELLS),
    Case("a workbook with a link by cells filled down", "a.xlsx", lambda: _pointing(_shared("Y90:Y99"))),
    Case("a presentation whose picture was lost", "a.pptx", lambda: related(pptx(), "ppt/slides/_rels/slide1.xml.rels", "image", "NULL")),
]  # fmt: skip

HOSTILE = [
    *(Case(f"a lesson with a link to {target!r}", "a.pptx", partial(_linked, target), "action") for target in _ASTRAY),
    *(Case(f"a workbook with a link by the cell {cell!r}", "a.xlsx", partial(_by_cell, cell), "action") for cell in _CELLS_ASTRAY),
    Case("a workbook with a link by a cell that is made", "a.xlsx", lambda: _pointing(_row('<c r="Z90"><f>&quot;fi&quot;&amp;&quot;le://a&quot;</f></c>')), "action"),
    Case("a workbook with a link by a cell without a place", "a.xlsx", lambda: _pointing(_row("<c><v>file://a</v></c>")), "action"),
    Case("a workbook with a link by a text that is not there", "a.xlsx", lambda: _pointing(_row('<c r="Z90" t="s"><v>99999</v></c>')), "action"),
    Case("a workbook with a link by two cells", "a.xlsx", lambda: _pointing(_row(_inline("https://a.test"), "HYPERLINK(Z90&amp;Z91)")), "action"),
    Case("a workbook with a link by cells filled across", "a.xlsx", lambda: _pointing(_shared("Y90:AB90")), "action"),
    Case("a picture whose address is NULL on a share", "a.pptx", lambda: related(pptx(), "ppt/slides/_rels/slide1.xml.rels", "image", "\\\\NULL"), "external-reference"),
]  # fmt: skip
