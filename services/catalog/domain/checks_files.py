"""Rules on files: there, inspected, readable, unlike others, open to everyone."""

import re
from collections.abc import Iterable

from services.catalog.domain import files, uploads
from services.catalog.domain.checks import Defect, Examined, ExaminedFile
from services.catalog.domain.resources import FileRole

_PDF = "application/pdf"
_OFFICE = ("application/vnd.openxmlformats", "application/vnd.oasis")
_CUE = re.compile(r"-->[^\n]*\n[^\S\n]*\S")
"""The times of a caption, and the beginning of its words (WebVTT §4.1, SubRip)."""
_CAPTIONS = frozenset({"text/vtt", "application/x-subrip"})


def a_main_file(examined: Examined) -> Iterable[Defect]:
    if not examined.files:
        yield Defect("no-files", "#/files")
    elif all(each.role is not FileRole.MAIN for each in examined.files):
        yield Defect("no-main-file", "#/files")


def inspected_and_clean(examined: Examined) -> Iterable[Defect]:
    for each in examined.files:
        told = {"filename": each.filename}
        if each.upload_state is uploads.State.REFUSED or each.file_state is files.State.REFUSED:
            reasons = {
                "reasons": " ".join(reason["detail"] for reason in each.refusal),
                "reasons_zh": " ".join(
                    reason.get("detail_zh") or reason["detail"] for reason in each.refusal
                ),
            }
            yield Defect("refused", each.pointer, {**told, **reasons})
        elif each.upload_state not in uploads.HELD:
            yield Defect("upload-gone", each.pointer, told)
        elif each.file_state is not files.State.CLEAN:
            yield Defect("not-inspected", each.pointer, told)


def undamaged(examined: Examined) -> Iterable[Defect]:
    for each in _clean(examined):
        if each.damaged:
            yield Defect("damaged", each.pointer, {"filename": each.filename})


def readable_text(examined: Examined) -> Iterable[Defect]:
    for each in _clean(examined):
        characters = int(each.facts.get("characters", 0))
        pages, scanned = int(each.facts.get("pages", 1)), int(each.facts.get("scanned", 0))
        if each.media_type == _PDF and (not characters or 2 * scanned > pages):
            yield Defect("no-text-layer", each.pointer, {"filename": each.filename})
        elif each.media_type.startswith(_OFFICE) and not characters:
            yield Defect("empty-text", each.pointer, {"filename": each.filename})


def shown_whole(examined: Examined) -> Iterable[Defect]:
    for each in _clean(examined):
        pages = int(each.facts.get("pages", 0))
        shown = int(each.facts.get("page_images", pages))
        if shown < pages:
            told = {"filename": each.filename, "shown": shown, "pages": pages}
            yield Defect("page-images-cut", each.pointer, told)


def unlike_others(examined: Examined) -> Iterable[Defect]:
    same = {(each.position, each.code) for each in examined.duplicates}
    for each in examined.duplicates:
        code = "duplicate-own" if each.own else "duplicate-other"
        yield Defect(code, f"#/files/{each.position}", {"code": each.code})
    for like in examined.similar:
        if (like.position, like.code) not in same:
            code = "near-duplicate-own" if like.own else "near-duplicate-other"
            values = {"code": like.code, "percent": round(100 * like.containment)}
            yield Defect(code, f"#/files/{like.position}", values)


def unlike_registered(examined: Examined) -> Iterable[Defect]:
    if examined.registered is None:
        yield Defect("register-not-compared", "#/files")
    for each in examined.registered or ():
        pointer, told = f"#/files/{each.position}", {"code": each.code}
        if each.tier in ("exact", "same_code"):
            yield Defect("registered-same", pointer, told)
        elif each.share is not None:
            yield Defect("registered-text", pointer, {**told, "percent": round(100 * each.share)})
        else:
            yield Defect("registered-alike", pointer, told)


def fit_for_their_roles(examined: Examined) -> Iterable[Defect]:
    for each in _clean(examined):
        if each.role in _UNFIT and not _fits(each):
            yield Defect(_UNFIT[each.role], f"{each.pointer}/role", {"filename": each.filename})


_UNFIT = {
    FileRole.COVER: "cover-not-image",
    FileRole.CAPTIONS: "captions-not-timed",
    FileRole.TRANSCRIPT: "transcript-without-words",
}


def _fits(file: ExaminedFile) -> bool:
    """Whether a file can be what its role says: a picture, words with their times, or words."""
    match file.role:
        case FileRole.COVER:
            return file.kind == "image"
        case FileRole.CAPTIONS:
            # Without its text at hand, its type has to do.
            spoken = file.pages is None or any(map(_CUE.search, file.pages))
            return file.media_type in _CAPTIONS and spoken
        case FileRole.TRANSCRIPT:
            return int(file.facts.get("characters", 0)) > 0
        case _:
            return True


def open_to_everyone(examined: Examined) -> Iterable[Defect]:
    said = examined.metadata.get("accessibility", {})
    silent = {
        *(each.position for each in _without(examined, "video", FileRole.CAPTIONS)),
        *(each.position for each in _without(examined, "audio", FileRole.TRANSCRIPT)),
    }
    for each in _clean(examined):
        told = {"filename": each.filename}
        if each.kind == "image" and each.role is not FileRole.COVER and not each.alt_text:
            yield Defect("no-alt-text", f"{each.pointer}/alt_text", told)
        if each.kind == "video" and each.position in silent and not said.get("captions"):
            yield Defect("no-captions", each.pointer, told)
        if each.kind == "audio" and each.position in silent and not said.get("transcript"):
            yield Defect("no-transcript", each.pointer, told)
    documents = [each for each in _clean(examined) if each.pages]
    if documents and not said.get("reading_order"):
        yield Defect("reading-order-unchecked", "#/metadata/accessibility/reading_order")


def _without(examined: Examined, kind: str, role: FileRole) -> list[ExaminedFile]:
    """Files of a kind that have none of that role: each of these belongs to the file whose name it
    has, or else to the first that has none yet."""
    clean = _clean(examined)
    all_ = [each for each in clean if each.kind == kind]
    others = [each for each in clean if each.role is role and _fits(each)]
    spare = [other for other in others if not any(_named_alike(each, other) for each in all_)]
    left = [each for each in all_ if not any(_named_alike(each, other) for other in others)]
    return left[len(spare) :]


def _named_alike(file: ExaminedFile, other: ExaminedFile) -> bool:
    """Whether `other` is named as the file, a language perhaps between: 课.mp4, 课.zh.vtt."""
    stem = file.filename.rpartition(".")[0].casefold()
    return other.filename.casefold().startswith(f"{stem}.")


def _clean(examined: Examined) -> list[ExaminedFile]:
    return [each for each in examined.files if each.file_state is files.State.CLEAN]
