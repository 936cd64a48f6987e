"""PDF (ISO 32000): what it would do, how many pages it has, what they look like and say."""

import re
import zlib
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.catalog.inspection import images, links, pdf_forms, polyglots, texts
from services.catalog.inspection.report import Report, Unreadable

if TYPE_CHECKING:
    import pikepdf

MOST_PAGES = 5000
MOST_OBJECTS = 1_000_000
PAGE_IMAGES = 50
LONGEST_EDGE = 1280
THUMBNAIL_EDGE = 320
_PAGE_NUMBER = 6
"""Characters, as in `第 12 页`: whatever prints them on a scan is no text layer."""
_IMAGE_OBJECT = 3
"""FPDF_PAGEOBJ_IMAGE of PDFium."""
_TAIL_BYTES = 4096
_MOST_TAIL = 64
_TAG = re.compile(r"<[^<>]*>")
_MOST_BOOKMARKS = 10_000
_TOOLS: Final = {"/Producer", "/Creator", "/CreationDate", "/ModDate", "/Trapped"}
"""What the document's information says of programs and times."""
_BEFORE_END = re.compile(rb"startxref\s+\d+\s+$")

# ISO 32000-1 table 198, and ISO 32000-2 for rich media: what a viewer does by itself.
_ACTIONS: Final = {
    "/JavaScript": "script",
    "/Launch": "action",
    "/SubmitForm": "action",
    "/ImportData": "action",
    "/GoToE": "embedded-file",
    "/GoToR": "external-reference",
    "/Movie": "action",
    "/Sound": "action",
    "/Rendition": "action",
    "/RichMediaExecute": "action",
}
_KEYS: Final = {
    "/JS": "script",
    "/JavaScript": "script",
    "/EmbeddedFiles": "embedded-file",
    "/EF": "embedded-file",
    "/XFA": "active-form",
    "/RichMediaContent": "embedded-object",
    "/RichMediaSettings": "embedded-object",
}
_STREAM_OUTSIDE: Final = {"/F", "/Ref", "/OPI"}
"""A stream whose content is another file's (§7.3.8.2, §8.10.4, §14.11.7)."""
_SUBTYPES: Final = {
    "/RichMedia": "embedded-object",
    "/Screen": "embedded-object",
    "/Movie": "embedded-object",
    "/Sound": "embedded-object",
    "/3D": "embedded-object",
    "/FileAttachment": "embedded-file",
}
_DEFLATED: Final = {"/FlateDecode", "/Fl"}
_PACKING: Final = {*_DEFLATED, "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL"}
_LEAST_PACKED = 64 << 10
"""Bytes; Deflate makes at most 1,032 times as many of them (RFC 1951)."""
_MOST_EXPANDED = 64 << 20
_MOST_RATIO = 100
_AT_ONCE = 1 << 20
_DECLARING = re.compile(rb"<!(DOCTYPE|ENTITY)")
_MOST_NEXT = 64
_MATRIX: Final = 6
_PICTURE_FILTERS: Final = {"/DCTDecode", "/DCT", "/JPXDecode"}
_WEB: Final = ("http:", "https:", "mailto:", "tel:")


def inspect(path: Path, report: Report) -> None:
    """Raises `Unreadable`: `encrypted`, `damaged`, `too-many`."""
    import pikepdf

    _check_tail(path, report)
    try:
        with pikepdf.open(path, attempt_recovery=False, suppress_warnings=True) as pdf:
            # One with an owner's password alone opens for anybody, and is seen here as they see it.
            if len(pdf.objects) > MOST_OBJECTS:
                raise Unreadable("too-many")
            pages = len(pdf.pages)
            if not 0 < pages <= MOST_PAGES:
                raise Unreadable("too-many" if pages else "empty")
            report.facts["pages"] = pages
            for number, thing, stream in _dictionaries(pdf):
                _inspect(thing, report, f"object {number}")
                if stream is not None:
                    _inspect_stream(pdf, stream, report, f"object {number}")
            pdf_forms.check(pdf)
            _tell(pdf, report)
            if pdf.get_warnings():
                # What qpdf drops with a warning, viewers mend in ways of their own, and show.
                raise Unreadable("damaged")
    except pikepdf.PasswordError as error:
        raise Unreadable("encrypted") from error
    except (pikepdf.PdfError, UnicodeDecodeError) as error:
        raise Unreadable("damaged") from error


def _check_tail(path: Path, report: Report) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    before, mark, behind = tail.rpartition(b"%%EOF")
    if not mark:
        raise Unreadable("damaged")
    if len(behind.strip(b"\0\r\n\t ")) > _MOST_TAIL or not _BEFORE_END.search(before):
        report.find("hidden-data")
    if polyglots.is_markup(behind):
        report.find("polyglot", "HTML")


def _tell(pdf: "pikepdf.Pdf", report: Report) -> None:
    """The document's information (§14.3.3), what its metadata (§14.3.2) says beside, and the titles
    of its outline (§12.3.3)."""
    import pikepdf

    about = pdf.trailer.get("/Info")
    for key, value in about.items() if isinstance(about, pikepdf.Dictionary) else ():
        if isinstance(value, pikepdf.String) and key not in _TOOLS:
            report.say(key.removeprefix("/"), str(value))
    description = pdf.Root.get("/Metadata")
    if isinstance(description, pikepdf.Stream):
        told = set(report.said.values())
        words = map(str.strip, _TAG.split(description.read_bytes().decode(errors="replace")))
        report.say("XMP", "\n".join(each for each in words if each and each not in told))
    outline, seen = pdf.Root.get("/Outlines"), set[tuple[int, int]]()
    waiting = [outline.get("/First")] if isinstance(outline, pikepdf.Dictionary) else []
    while waiting and len(seen) < _MOST_BOOKMARKS:
        entry = waiting.pop()
        if not isinstance(entry, pikepdf.Dictionary) or entry.objgen in seen:
            continue
        seen.add(entry.objgen)
        title = entry.get("/Title")
        if isinstance(title, pikepdf.String):
            report.say("outline", str(title))
        waiting += [entry.get("/Next"), entry.get("/First")]


def _dictionaries(pdf: "pikepdf.Pdf") -> Iterator[tuple[int, Any, Any]]:
    """Every dictionary, also within arrays and other dictionaries, with its object's number and
    the stream that it describes, or None."""
    import pikepdf

    for top in pdf.objects:
        if not isinstance(top, pikepdf.Object):
            continue  # a number, a text or nothing
        number = top.objgen[0]
        waiting = [(top, 0)]
        while waiting:
            thing, depth = waiting.pop()
            if depth > 64:
                raise Unreadable("too-costly", f"object {number}")
            kind = thing._type_code
            stream = None
            if kind == pikepdf.ObjectType.stream:
                stream, thing = thing, thing.stream_dict
                kind = pikepdf.ObjectType.dictionary
            if kind == pikepdf.ObjectType.dictionary:
                yield number, thing, stream
                inner = [value for _, value in thing.items()]
            elif kind == pikepdf.ObjectType.array:
                inner = list(thing)
            else:
                continue
            waiting += [
                (each, depth + 1)
                for each in inner
                if isinstance(each, pikepdf.Object) and not each.is_indirect
            ]


def _inspect(thing: Any, report: Report, where: str) -> None:
    keys = set(thing.keys())
    for key in keys & _KEYS.keys():
        report.find(_KEYS[key], where)
    if "/AA" in keys or ("/OpenAction" in keys and _goes_online(thing["/OpenAction"])):
        report.find("action", where)
    if "/S" in keys:
        action = str(thing["/S"])
        if action in _ACTIONS:
            report.find(_ACTIONS[action], where)
        if action == "/Thread" and "/F" in keys:
            report.find("external-reference", where)
    for key in keys & {"/URI", "/Base"}:
        if _leads_off_the_web(thing[key]):
            report.find("action", where)
    if "/Subtype" in keys:
        subtype = str(thing["/Subtype"])
        if subtype in _SUBTYPES and "/Rect" in keys:
            report.find(_SUBTYPES[subtype], where)
    if "/FontMatrix" in keys and not _is_matrix(thing["/FontMatrix"]):
        report.find("script", where)
    if str(thing.get("/Type", "")) == "/EmbeddedFile":
        report.find("embedded-file", where)


def _is_matrix(value: Any) -> bool:
    """Six numbers (ISO 32000-2 §9.2.4): some readers run whatever else stands in their place."""
    import pikepdf

    whole = isinstance(value, pikepdf.Array) and len(value) == _MATRIX
    return whole and all(isinstance(each, int | float | Decimal) for each in value)


def _goes_online(action: Any) -> bool:
    """Whether an action (§12.6.2), or one that follows it, opens an address."""
    import pikepdf

    waiting = [action]
    for _ in range(_MOST_NEXT):
        if not waiting:
            return False
        each = waiting.pop()
        if isinstance(each, pikepdf.Array):
            waiting += [one for one in each if isinstance(one, pikepdf.Dictionary)]
        elif isinstance(each, pikepdf.Dictionary):
            if str(each.get("/S", "")) == "/URI":
                return True
            waiting.append(each.get("/Next"))
    return True


def _inspect_stream(pdf: "pikepdf.Pdf", stream: Any, report: Report, where: str) -> None:
    if not _STREAM_OUTSIDE.isdisjoint(stream.keys()):
        report.find("external-reference", where)
    if _expands_too_far(stream):
        raise Unreadable("bomb", where)
    if str(stream.get("/Subtype", "")) == "/Image":
        if max(_pixels_said(stream), _pixels_packed(pdf, stream)) > images.MOST_PIXELS:
            report.find("too-many-pixels", where)
    elif str(stream.get("/Type", "")) == "/Metadata":
        description = stream.read_bytes().replace(b"\0", b"")
        if _DECLARING.search(description):
            report.find("xml-entities", where)


def _expands_too_far(stream: Any) -> bool:
    """Whether it is packed by one filter upon the other, or into hardly anything."""
    import pikepdf

    filters = stream.get("/Filter", pikepdf.Array())
    steps = [str(each) for each in (filters if isinstance(filters, pikepdf.Array) else [filters])]
    if sum(each in _PACKING for each in steps) > 1:
        return True
    if not steps or steps[0] not in _DEFLATED or int(stream.get("/Length", 0)) < _LEAST_PACKED:
        return False
    packed = stream.read_raw_bytes()
    most = max(_MOST_EXPANDED, _MOST_RATIO * len(packed))
    unpacking, expanded = zlib.decompressobj(), 0
    try:
        while packed and not unpacking.eof:
            expanded += len(unpacking.decompress(packed, _AT_ONCE))
            packed = unpacking.unconsumed_tail
            if expanded > most:
                return True
    except zlib.error as error:
        raise Unreadable("damaged") from error
    return False


def _pixels_said(image: Any) -> float:
    """Of one bit, eight times as many are as small."""
    bits = 1 if image.get("/ImageMask", False) else int(image.get("/BitsPerComponent", 8))
    size = int(image.get("/Width", 0)) * int(image.get("/Height", 0))
    return size / 8 if bits == 1 else size


def _pixels_packed(pdf: "pikepdf.Pdf", image: Any) -> int:
    """What a JPEG or JPEG 2000 says itself, which decoders believe."""
    import pikepdf

    filters = image.get("/Filter", pikepdf.Array())
    steps = list(filters) if isinstance(filters, pikepdf.Array) else [filters]
    if not steps or str(steps[-1]) not in _PICTURE_FILTERS:
        return 0
    content = image.read_raw_bytes()
    if len(steps) > 1:  # it is packed once more
        packed = pikepdf.Stream(pdf, content, Filter=pikepdf.Array(steps[:-1]))
        settings = image.get("/DecodeParms")
        if isinstance(settings, pikepdf.Array):
            packed.DecodeParms = pikepdf.Array(list(settings)[:-1])
        content = packed.read_bytes()
    return images.pixels(BytesIO(content))


def _leads_off_the_web(target: Any) -> bool:
    """Whether an address (§12.6.4.8), or what others are relative to, is a file's or a program's.
    Those without a scheme are the web's, as viewers take them."""
    import pikepdf

    if not isinstance(target, pikepdf.String):
        return False
    address = links.UNSEEN.sub("", str(target)).lower()
    return links.leads_elsewhere(address) and not address.startswith(_WEB)


def derive(path: Path, report: Report) -> None:
    """Images of the first pages, a thumbnail of the first, the text of all."""
    report.facts |= {"page_images": min(report.facts["pages"], PAGE_IMAGES), "scanned": 0}
    words = _read(path, report)
    texts.keep(report, list(words), "pages", report.facts["pages"])


def parts(path: Path) -> Iterator[str]:
    """Text by page. Raises `Unreadable`."""
    return _read(path, None)


def _read(path: Path, report: Report | None) -> Iterator[str]:
    """The text of each page, until there is enough; `report` gets images of the first pages, and
    how many are pictures of text."""
    import pypdfium2

    notes = _notes(path)
    left = texts.MOST_EXTRACTED_BYTES
    try:
        with pypdfium2.PdfDocument(path) as document:
            document.init_forms()  # what is filled in; this PDFium runs no script
            for number in range(1, len(document) + 1):
                if left <= 0 and number > PAGE_IMAGES:
                    break
                page = document[number - 1]
                if report and number <= PAGE_IMAGES:
                    _picture(page, number, report)
                text_page = page.get_textpage()
                printed = text_page.get_text_bounded()
                if report and len("".join(printed.split())) <= _PAGE_NUMBER and _is_picture(page):
                    report.facts["scanned"] += 1
                words = texts.joined([printed, *next(notes, ())])[: max(left, 0)]
                left -= len(words)
                text_page.close()
                page.close()
                yield words
    except pypdfium2.PdfiumError as error:
        raise Unreadable("damaged") from error


def _is_picture(page: Any) -> bool:
    """Whether one image covers most of it, as a scan does."""
    width, height = page.get_size()
    for each in page.get_objects(filter=[_IMAGE_OBJECT], max_depth=2):
        left, bottom, right, top = each.get_bounds()
        if (right - left) * (top - bottom) > width * height / 2:
            return True
    return False


def _notes(path: Path) -> Iterator[list[str]]:
    """What stands in each page's notes and filled fields (§12.5.6, §12.7.3), and whom it calls."""
    import pikepdf

    with pikepdf.open(path, attempt_recovery=False, suppress_warnings=True) as pdf:
        for page in pdf.pages:
            notes = page.obj.get("/Annots")
            told: list[str] = []
            for note in notes if isinstance(notes, pikepdf.Array) else ():
                if isinstance(note, pikepdf.Dictionary):
                    field = note.get("/Parent")
                    value = field.get("/V") if isinstance(field, pikepdf.Dictionary) else None
                    said = (note.get("/Contents"), note.get("/V"), value)
                    told += [str(each) for each in said if isinstance(each, pikepdf.String)]
                    action = note.get("/A")
                    if isinstance(action, pikepdf.Dictionary):
                        told += links.called(str(action.get("/URI", "")))
            yield told


def _picture(page: Any, number: int, report: Report) -> None:
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise Unreadable("damaged", f"page {number}")
    scale = LONGEST_EDGE / max(width, height)
    # In this order of bytes Pillow takes the pixels as they lie, and copies none.
    drawn = page.render(scale=scale, prefer_bgrx=True, rev_byteorder=True)
    image = drawn.to_pil()
    image.thumbnail((LONGEST_EDGE, LONGEST_EDGE))
    report.make("page", number, "image/jpeg", _jpeg(image), image.size)
    if number == 1:
        image.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE))
        report.make("thumbnail", 1, "image/jpeg", _jpeg(image), image.size)


def _jpeg(image: Any) -> bytes:
    target = BytesIO()
    image.save(target, "JPEG", quality=80)
    return target.getvalue()
