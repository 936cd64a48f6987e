"""PDF files that cost more to draw than they let expect, and what they do without being asked."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, String

from tests.hostile.case import Case
from tests.hostile.images import picture
from tests.hostile.pdfs import changed

_BOX = [0, 0, 99, 99]
_Change = Callable[[pikepdf.Pdf], None]


def _tiling(document: pikepdf.Pdf, content: bytes, step: float = 10, **more: Any) -> pikepdf.Stream:
    return document.make_stream(
        content, Type=Name.Pattern, PatternType=1, PaintType=1, TilingType=1,
        BBox=Array([0, 0, 10, 10]), XStep=step, YStep=step, Resources=Dictionary(**more),
    )  # fmt: skip


def _shown(document: pikepdf.Pdf, content: bytes, **resources: Any) -> None:
    page = document.pages[0].obj
    page.Resources = Dictionary(**resources)
    page.Contents = document.make_stream(content)


def _tiled(depth: int, times: int = 1, step: float = 10) -> _Change:
    """A pattern that is filled with a pattern, and so on."""

    def change(document: pikepdf.Pdf) -> None:
        filled = b"/Pattern cs " + b"/P scn 0 0 10 10 re f " * times
        pattern = _tiling(document, b"0 0 5 5 re f", step)
        for _ in range(depth):
            pattern = _tiling(document, filled, step, Pattern=Dictionary(P=pattern))
        _shown(document, filled, Pattern=Dictionary(P=pattern))

    return change


def _masked(depth: int, times: int) -> _Change:
    """A soft mask whose group is drawn through another, and so on."""

    def change(document: pikepdf.Pdf) -> None:
        group = document.make_stream(
            b"0 0 9 9 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array(_BOX)
        )
        for _ in range(depth):
            state = Dictionary(G=Dictionary(SMask=Dictionary(S=Name.Luminosity, G=group)))
            group = document.make_stream(
                b"/G gs 0 0 9 9 re f " * times,
                Type=Name.XObject, Subtype=Name.Form, BBox=Array(_BOX), Resources=Dictionary(ExtGState=state),
            )  # fmt: skip
        _shown(document, b"/F Do", XObject=Dictionary(F=group))

    return change


def _lettered(depth: int, letters: int) -> _Change:
    """A font whose letter is a line of letters of another font, and so on."""

    def change(document: pikepdf.Pdf) -> None:
        line = b"BT /F 9 Tf (" + b"a" * letters + b") Tj ET"
        font = None
        for _ in range(depth):
            own = Dictionary(Font=Dictionary(F=font)) if font else Dictionary()
            font = document.make_indirect(Dictionary(
                Type=Name.Font, Subtype=Name.Type3, FontBBox=Array(_BOX), FontMatrix=Array([0.001, 0, 0, 0.001, 0, 0]),
                FirstChar=97, LastChar=97, Widths=Array([1000]), Encoding=Dictionary(Differences=Array([97, Name.a])),
                CharProcs=Dictionary(a=document.make_stream(line if own else b"0 0 9 9 re f")), Resources=own,
            ))  # fmt: skip
        _shown(document, line, Font=Dictionary(F=font))

    return change


def _appearing(depth: int, times: int) -> _Change:
    """Forms that paint forms, as a note's appearance."""

    def change(document: pikepdf.Pdf) -> None:
        form = document.make_stream(
            b"0 0 9 9 re f", Type=Name.XObject, Subtype=Name.Form, BBox=Array(_BOX)
        )
        for _ in range(depth):
            form = document.make_stream(
                b"/F Do " * times,
                Type=Name.XObject, Subtype=Name.Form, BBox=Array(_BOX), Resources=Dictionary(XObject=Dictionary(F=form)),
            )  # fmt: skip
        note = Dictionary(
            Type=Name.Annot, Subtype=Name.Stamp, Rect=Array(_BOX), AP=Dictionary(N=form)
        )
        document.pages[0].obj.Annots = Array([document.make_indirect(note)])

    return change


def _pictured(width: int, height: int, content: bytes, **more: Any) -> _Change:
    def change(document: pikepdf.Pdf) -> None:
        image = document.make_stream(
            content, Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height,
            ColorSpace=Name.DeviceRGB, BitsPerComponent=8, **more,
        )  # fmt: skip
        _shown(document, b"99 0 0 99 0 0 cm /I Do", XObject=Dictionary(I=image))

    return change


def _huge_jpeg() -> bytes:
    whole = bytearray(picture("JPEG"))
    at = whole.index(b"\xff\xc0") + 5
    whole[at : at + 4] = b"\xff\xdc\xff\xdc"
    return bytes(whole)


def _huge_jpeg_2000() -> bytes:
    whole = bytearray(picture("JPEG2000"))
    at = whole.index(b"ihdr") + 4
    whole[at : at + 8] = struct.pack(">2L", 60_000, 60_000)
    return bytes(whole)


def _opening(action: Dictionary) -> _Change:
    return lambda document: setattr(document.Root, "OpenAction", action)


def _described(xml: bytes) -> _Change:
    def change(document: pikepdf.Pdf) -> None:
        document.Root.Metadata = document.make_stream(xml, Type=Name.Metadata, Subtype=Name.XML)

    return change


def _inflating() -> bytes:
    """A page of 150 million spaces, packed twice."""
    packer = zlib.compressobj(9)
    once = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(150)) + packer.flush()
    document = pikepdf.new()
    document.add_blank_page()
    twice = pikepdf.Stream(document, b"")
    twice.write(zlib.compress(once, 9), filter=Array([Name.FlateDecode, Name.FlateDecode]))
    document.pages[0].obj.Contents = document.make_indirect(twice)
    target = io.BytesIO()
    document.save(
        target, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none
    )
    return target.getvalue()


def _stored(packed: bytes) -> _Change:
    def change(document: pikepdf.Pdf) -> None:
        document.Root.Kept = pikepdf.Stream(document, packed, Filter=Name.FlateDecode)

    return change


def _half_read(names: bytes) -> bytes:
    """Of one object a strict reader sees nothing, and a viewer all."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Names 6 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>",
        b"<</Length 4>>stream\n0 G \nendstream",
        b"<<>>",
        names + b"stream\nA\nendstream",
    ]
    told, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(told))
        told += b"%d 0 obj%sendobj\n" % (number, content)
    start = len(told)
    told += b"xref\n0 7\n0000000000 65535 f \n"
    told += b"".join(b"%010d 00000 n \n" % place for place in places)
    told += b"trailer<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start
    return bytes(told)


_WEB = Dictionary(S=Name.URI, URI=String("http://evil.test/"))
_XMP = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'

HONEST = [
    Case("a PDF with a hatched fill", "a.pdf", lambda: changed(_tiled(1, 50))),
    Case("a PDF with a font of drawings", "a.pdf", lambda: changed(_lettered(1, 3000))),
    Case("a PDF with a soft mask", "a.pdf", lambda: changed(_masked(1, 10))),
    Case("a PDF with a stamp", "a.pdf", lambda: changed(_appearing(1, 3))),
    Case("a PDF with a photograph", "a.pdf", lambda: changed(_pictured(300, 200, picture("JPEG"), Filter=Name.DCTDecode))),
]  # fmt: skip

HOSTILE = [
    Case("patterns of patterns", "a.pdf", lambda: changed(_tiled(8)), "too-costly"),
    Case("a pattern that uses a pattern a thousand times, thrice", "a.pdf", lambda: changed(_tiled(2, 1000)), "too-costly"),
    Case("a pattern of tiles too small to see", "a.pdf", lambda: changed(_tiled(0, 1, 0.001)), "too-costly"),
    Case("masks of masks", "a.pdf", lambda: changed(_masked(6, 12)), "too-costly"),
    Case("letters of letters", "a.pdf", lambda: changed(_lettered(4, 200)), "too-costly"),
    Case("a stamp of forms in forms", "a.pdf", lambda: changed(_appearing(6, 12)), "too-costly"),
    Case("a PDF with a picture of 60000 squared", "a.pdf", lambda: changed(_pictured(60_000, 60_000, b"\0" * 99)), "too-many-pixels"),
    Case("a PDF with a JPEG larger than it says", "a.pdf", lambda: changed(_pictured(300, 200, _huge_jpeg(), Filter=Name.DCTDecode)), "too-many-pixels"),
    Case("a PDF with a JPEG larger than it says, packed", "a.pdf", lambda: changed(_pictured(300, 200, zlib.compress(_huge_jpeg()), Filter=Array([Name.FlateDecode, Name.DCTDecode])), compress_streams=False), "too-many-pixels"),
    Case("a PDF with a JPEG 2000 larger than it says", "a.pdf", lambda: changed(_pictured(300, 200, _huge_jpeg_2000(), Filter=Array([Name.JPXDecode]))), "too-many-pixels"),
    Case("a PDF that opens a page of the web", "a.pdf", lambda: changed(_opening(_WEB)), "action"),
    Case("a PDF that opens a page of the web behind a page turn", "a.pdf", lambda: changed(_opening(Dictionary(S=Name.GoTo, D=Array([]), Next=Array([_WEB])))), "action"),
    Case("a PDF whose description reads a file", "a.pdf", lambda: changed(_described(_XMP), fix_metadata_version=False), "xml-entities"),
    Case("a PDF whose description reads a file, in UTF-16", "a.pdf", lambda: changed(_described(_XMP.decode().encode("utf-16")), fix_metadata_version=False), "xml-entities"),
    Case("a page that unpacks twice, to 150 MB", "a.pdf", _inflating, "bomb"),
    Case("a stream that unpacks to 200 MB", "a.pdf", lambda: changed(_stored(zlib.compress(bytes(200 << 20), 9)), compress_streams=False), "bomb"),
    Case("a script in an object that ends too early", "a.pdf", lambda: _half_read(b"<</JavaScript<</Names[(a)<</S/JavaScript/JS(app.alert\\(1\\))>>]>>/Length 1>>"), "damaged"),
    Case("an attachment in an object that ends too early", "a.pdf", lambda: _half_read(b"<</EmbeddedFiles<</Names[(a.exe)<</Type/Filespec/F(a.exe)/EF<</F 4 0 R>>>>]>>/Length 1>>"), "damaged"),
]  # fmt: skip
