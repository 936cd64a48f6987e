"""The order in which a file is inspected: what it is, whether it is said to be that, whether it is
that alone, what it holds; then, if all is well, what can be made of it."""

import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from services.catalog.inspection import (
    archives,
    formats,
    formulas,
    images,
    leftovers,
    media,
    odf,
    ooxml,
    ooxml_texts,
    pdf,
    polyglots,
    properties,
    texts,
)
from services.catalog.inspection.formats import FORMATS, Format
from services.catalog.inspection.report import Report, Unreadable

Progress = Callable[[str, int], None]
MOST_ENTRIES_IN_ZIP: Final = 2000
_TEXTS: Final = {one for each in FORMATS.values() if each.kind == "text" for one in each.extensions}


def inspect(
    path: Path, filename: str, declared: str, report: Report, progress: Progress = lambda *_: None
) -> None:
    """Fill `report` with what the file at `path` is. `filename` is the uploader's, `declared` the
    media type they said."""
    try:
        _inspect(path, filename, declared, report, progress)
    except Unreadable as defect:
        report.find(defect.code, defect.where)
    except MemoryError:
        report.find("too-costly")
    except Exception as error:
        # A reader's own fault; what no reader of ours can take, is not offered to others either.
        report.find("unreadable")
        report.fault = repr(error)
    if report.said and not report.depth:
        report.facts["said"] = report.said
    if not report.clean:
        report.derivatives.clear()
        report.content_code = None


def _inspect(path: Path, filename: str, declared: str, report: Report, progress: Progress) -> None:
    progress("recognising", 0)
    size = path.stat().st_size
    if not size:
        raise Unreadable("empty")
    with path.open("rb") as file:
        head = file.read(formats.HEAD_BYTES)
        file.seek(max(0, size - formats.HEAD_BYTES))
        tail = file.read()
        name = formats.sniff(head, tail)
        extension = os.path.splitext(filename)[1].lower().removeprefix(".")
        if name == "pdf" and extension in _TEXTS and not polyglots.is_pdf(file):
            name = "text"  # a lesson about PDF, whose first line quotes one
    if name is None or (name == "text" and extension not in _TEXTS and formats.refused(head)):
        raise Unreadable("type-not-accepted", formats.refused(head) or "")
    for other in polyglots.second_formats(path, name):
        report.find("polyglot", other)
    progress("checking", 10)
    if name == "package":
        with archives.opened(path, report) as archive:
            _inspect_package(archive, filename, declared, report, progress)
        return
    if name == "text":
        name = formats.named_text(extension, head)
    format_ = FORMATS[name]
    _compare(format_, extension, declared, report)
    text = _check(path, format_, report)
    if report.clean and not report.depth:
        progress("deriving", 40)
        _derive(path, format_, text, report)
    elif report.clean:
        texts.keep_inside(report, pdf.parts(path) if format_.kind == "pdf" else [text])


def _check(path: Path, format_: Format, report: Report) -> str:
    match format_.kind:
        case "pdf":
            pdf.inspect(path, report)
        case "image":
            images.inspect(path, format_.name, report)
        case "media":
            media.inspect(path, format_.name, report)
        case _:
            text = texts.inspect(path, report)
            if format_.name == "csv":
                formulas.check_table(text, report)
            return text
    return ""


def _derive(path: Path, format_: Format, text: str, report: Report) -> None:
    match format_.kind:
        case "pdf":
            pdf.derive(path, report)
        case "image":
            images.derive(path, format_.name, report)
        case "media":
            media.derive(path, format_.name, report)
        case _:
            texts.keep(report, [text], "document")


def _compare(format_: Format, extension: str, declared: str, report: Report) -> None:
    report.media_type = format_.media_type
    if extension not in format_.extensions:
        code = "member-mismatch" if report.depth else "name-mismatch"
        report.find(code, f".{extension}: {format_.media_type}")
    if not report.depth and not format_.claims(declared):
        report.find("type-mismatch", f"{declared}: {format_.media_type}")


def _inspect_package(
    archive: zipfile.ZipFile, filename: str, declared: str, report: Report, progress: Progress
) -> None:
    extension = os.path.splitext(filename)[1].lower().removeprefix(".")
    if any(finding["code"] == "encrypted" for finding in report.findings):
        return
    name = odf.format_of(archive)
    if name is None and ooxml.is_package(archive):
        name = ooxml.format_of(archive) or "other"
    if name == "other":
        _tell_other_package(archive, report)
        return
    format_ = FORMATS[name or "zip"]
    _compare(format_, extension, declared, report)
    match format_.kind:
        case "ooxml":
            ooxml.inspect(archive, report, _inspect_inside)
            properties.tell(archive, report)
        case "odf":
            odf.inspect(archive, report)
        case _ if report.depth:
            report.find("nested-archive")
        case _:
            _inspect_entries(archive, report, progress)
    if not report.clean:
        return
    if report.depth:
        is_odf = format_.kind == "odf"
        words = odf.parts(archive) if is_odf else ooxml_texts.parts(archive, format_.name)
        texts.keep_inside(report, words)
        return
    progress("deriving", 60)
    match format_.kind:
        case "ooxml":
            ooxml_texts.derive(archive, format_.name, report)
        case "odf":
            odf.derive(archive, format_.name, report)
        case _:
            names = [archives.name_of(each) for each in archive.infolist()]
            texts.keep(report, ["\n".join(names)], "entries")


def _tell_other_package(archive: zipfile.ZipFile, report: Report) -> None:
    """An Office package of no accepted kind: with macros, a template, a drawing."""
    report.find("type-not-accepted", "Office package")
    ooxml.inspect(archive, report, _inspect_inside)


def _inspect_entries(archive: zipfile.ZipFile, report: Report, progress: Progress) -> None:
    entries = [each for each in archive.infolist() if not each.is_dir()]
    report.facts["entries"] = len(entries)
    if len(entries) > MOST_ENTRIES_IN_ZIP:
        raise Unreadable("too-many")
    names = {archives.name_of(each) for each in entries}
    left = 0
    for number, entry in enumerate(entries):
        name = archives.name_of(entry)
        with tempfile.NamedTemporaryFile(dir=report.work) as copy:
            inside = report.member(name)
            try:
                with archives.reading(archive, entry) as source:
                    while chunk := source.read(1 << 18):
                        copy.write(chunk)
                copy.flush()
                left += _inspect_entry(Path(copy.name), name, names, inside)
            except Unreadable as defect:
                report.find(defect.code, name)
        progress("checking", 10 + 50 * number // len(entries))
    if left == len(entries):
        raise Unreadable("empty")
    if left:
        report.facts["leftovers"] = left


def _inspect_entry(path: Path, name: str, names: set[str], report: Report) -> bool:
    """Whether it is a program's leftover, and no part of the lesson."""
    with path.open("rb") as file:
        head = file.read(formats.HEAD_BYTES)
    if not leftovers.is_leftover(name, path, names):
        extension = os.path.splitext(name)[1].lower().removeprefix(".")
        if head or extension not in _TEXTS:  # an empty page to write on harms nobody
            _inspect_inside(path, name, report)
        return False
    for other in polyglots.second_formats(path, "leftover"):
        report.find("polyglot", other)
    return True


def _inspect_inside(path: Path, name: str, report: Report) -> None:
    inspect(path, name, "", report)
