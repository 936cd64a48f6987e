"""PDF (ISO 32000): what it would do, how many pages it has, what they look like and say."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from services.catalog.inspection import packages, pdf_forms, texts
from services.catalog.inspection.report import Report, Unreadable

if TYPE_CHECKING:
    import pikepdf

MOST_PAGES = 5000
MOST_OBJECTS = 1_000_000
PAGE_IMAGES = 50
LONGEST_EDGE = 1280
THUMBNAIL_EDGE = 320
_TAIL_BYTES = 4096
_MOST_TAIL = 64
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
            for number, thing, of_stream in _dictionaries(pdf):
                _inspect(thing, report, f"object {number}")
                if of_stream and not _STREAM_OUTSIDE.isdisjoint(thing.keys()):
                    report.find("external-reference", f"object {number}")
            pdf_forms.check(pdf)
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


def _dictionaries(pdf: "pikepdf.Pdf") -> Iterator[tuple[int, Any, bool]]:
    """Every dictionary, also within arrays and other dictionaries, with its object's number and
    whether it is a stream's."""
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
            of_stream = kind == pikepdf.ObjectType.stream
            if of_stream:
                thing = thing.stream_dict
                kind = pikepdf.ObjectType.dictionary
            if kind == pikepdf.ObjectType.dictionary:
                yield number, thing, of_stream
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
    if "/AA" in keys:
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
    if str(thing.get("/Type", "")) == "/EmbeddedFile":
        report.find("embedded-file", where)


def _leads_off_the_web(target: Any) -> bool:
    """Whether an address (§12.6.4.8), or what others are relative to, is a file's or a program's.
    Those without a scheme are the web's, as viewers take them."""
    import pikepdf

    if not isinstance(target, pikepdf.String):
        return False
    address = packages.UNSEEN.sub("", str(target)).lower()
    return packages.leads_elsewhere(address) and not address.startswith(_WEB)


def derive(path: Path, report: Report) -> None:
    """Images of the first pages, a thumbnail of the first, the text of all."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as document:
            texts.keep(report, _pages(document, report), "pages")
    except pypdfium2.PdfiumError as error:
        raise Unreadable("damaged") from error


def _pages(document: Any, report: Report) -> list[str]:
    """The text of each; pictures of the first."""
    words: list[str] = []
    left = texts.MOST_EXTRACTED_BYTES
    for index in range(len(document)):
        if left <= 0 and index >= PAGE_IMAGES:
            break
        page = document[index]
        if index < PAGE_IMAGES:
            _picture(page, index + 1, report)
        text_page = page.get_textpage()
        words.append(text_page.get_text_bounded()[: max(left, 0)])
        left -= len(words[-1])
        text_page.close()
        page.close()
    return words


def _picture(page: Any, number: int, report: Report) -> None:
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        raise Unreadable("damaged", f"page {number}")
    scale = LONGEST_EDGE / max(width, height)
    image = page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    image.thumbnail((LONGEST_EDGE, LONGEST_EDGE))
    report.make("page", number, "image/jpeg", _jpeg(image), image.size)
    if number == 1:
        image.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE))
        report.make("thumbnail", 1, "image/jpeg", _jpeg(image), image.size)


def _jpeg(image: Any) -> bytes:
    target = BytesIO()
    image.save(target, "JPEG", quality=80)
    return target.getvalue()
