"""Plain text, Markdown and captions; and extracted text as a derivative.

They are served as the text that they are, never as a page, so a script in Markdown is
words like others, and so is a program that a lesson teaches. Only what is wholly a page that acts,
or a format of its own, is no text whatever its name.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from services.catalog.inspection import codes, formats
from services.catalog.inspection.report import Report, Unreadable

MOST_BYTES = 20 << 20
MOST_EXTRACTED_BYTES = 2 << 20
MOST_INSIDE = 2000
"""Pages, slides, sheets and documents within an archive or a document."""
INSIDE_MARK = "#"
_ALLOWED_CONTROLS = {"\t", "\n", "\v", "\f", "\r"}
_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""What UTF-16 begins with."""
_ACTING = re.compile(
    r"</script|<script\b[^<>]*\ssrc\s*=|<(iframe|object|embed)\b[^<>]*\s(src|data)\s*="
    r"|<\?php\s[^?;]*;|<%[^<>]*%>|<[a-z][^<>]*\son\w+\s*=|javascript:",
    re.IGNORECASE,
)


def inspect(path: Path, report: Report) -> str:
    """The text. Raises `Unreadable` with `too-large`, `encoding` or `type-not-accepted`."""
    if path.stat().st_size > MOST_BYTES:
        raise Unreadable("too-large")
    content = path.read_bytes()
    for encoding in ("utf-16",) if content.startswith(_WIDE) else ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Unreadable("encoding")
    if any(unicodedata.category(c) == "Cc" and c not in _ALLOWED_CONTROLS for c in set(text)):
        raise Unreadable("encoding")
    if encoding != "utf-8-sig" and not _plausible(text):
        raise Unreadable("encoding")
    if formats.begins_markup(text[: formats.HEAD_BYTES].encode()) and _ACTING.search(text):
        raise Unreadable("type-not-accepted", formats.MARKUP)
    report.facts["encoding"] = "utf-8" if encoding == "utf-8-sig" else encoding
    return text


def _plausible(text: str) -> bool:
    """Nearly any bytes decode as GB18030 or UTF-16; a text consists of assigned characters."""
    odd = sum(unicodedata.category(c) in {"Cn", "Co", "Cs"} for c in text)
    return odd * 100 <= len(text)


def keep_inside(report: Report, parts: Iterable[str]) -> None:
    """Add the text of something inside to that of the whole; before each part stands a line of its
    name, a mark and the part's number."""
    left = MOST_EXTRACTED_BYTES - sum(map(len, report.texts))
    for number, part in enumerate(parts, 1):
        if left <= 0 or len(report.texts) >= MOST_INSIDE:
            return
        if part.strip():
            report.texts.append(f"{report.inside}{INSIDE_MARK}{number}\n{part[:left]}")
            left -= len(part)


def joined(parts: Iterable[str]) -> str:
    """The parts by lines, no more of them than are kept."""
    kept: list[str] = []
    left = MOST_EXTRACTED_BYTES
    for part in parts:
        if part:
            kept.append(part)
            left -= len(part)
        if left <= 0:
            break
    return "\n".join(kept)


def keep(report: Report, parts: Iterable[str], kind: str, own: int = 1) -> None:
    """Make the `text` derivative of `parts`, which are pages, slides, sheets or a whole, and of
    what was read inside.

    The fact `text_parts` tells what `kind` they are ``of``, how many of the first are its ``own``
    pages or slides (others belong to none), how many stand before those ``inside``, and as
    ``offsets`` each part's number with the offset in characters where it begins.
    """
    kept: list[str] = []
    outside = 0
    offsets = []
    characters = size = 0
    if len(report.texts) >= MOST_INSIDE:
        report.facts["text_cut"] = True

    def counted() -> Iterator[str]:
        nonlocal outside
        for part in parts:
            outside += 1
            yield part

    for number, part in enumerate(chain(counted(), report.texts), 1):
        clean = part.replace("\0", "").replace("\r\n", "\n").encode(errors="replace").decode()
        room = MOST_EXTRACTED_BYTES - size
        if room <= 0:
            report.facts["text_cut"] = True
            break
        encoded = clean.encode()
        if len(encoded) > room:
            clean = encoded[:room].decode(errors="ignore")
            report.facts["text_cut"] = True
        offsets.append([number, characters])
        kept.append(clean)
        characters += len(clean) + 1
        size += len(clean.encode()) + 1
    whole = "\f".join(kept)
    told = {"of": kind, "own": own, "outside": outside, "offsets": offsets}
    report.facts["text_parts"] = told
    report.facts["characters"] = sum(not c.isspace() for c in whole)
    if whole.strip():
        if kind != "entries":  # names of files are no work's text
            report.content_code = codes.of_text(whole)
        report.make("text", 1, "text/plain; charset=utf-8", whole.encode(), None)
