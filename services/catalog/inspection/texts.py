"""Plain text and Markdown; and extracted text as a derivative.

Both are served as `text/plain` or `text/markdown`, never as a page, so a script in Markdown is
words like others.
"""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from services.catalog.inspection.report import Report, Unreadable

MOST_BYTES = 20 << 20
MOST_EXTRACTED_BYTES = 2 << 20
_ALLOWED_CONTROLS = {"\t", "\n", "\r", "\f"}


def inspect(path: Path, report: Report) -> str:
    """The text. Raises `Unreadable` with `too-large` or `encoding`."""
    if path.stat().st_size > MOST_BYTES:
        raise Unreadable("too-large")
    content = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Unreadable("encoding")
    if any(unicodedata.category(c) == "Cc" and c not in _ALLOWED_CONTROLS for c in set(text)):
        raise Unreadable("encoding")
    if encoding == "gb18030" and not _plausible(text):
        raise Unreadable("encoding")
    report.facts["encoding"] = "utf-8" if encoding == "utf-8-sig" else encoding
    return text


def _plausible(text: str) -> bool:
    """Nearly any bytes decode as GB18030; a text consists of assigned characters."""
    odd = sum(unicodedata.category(c) in {"Cn", "Co", "Cs"} for c in text)
    return odd * 100 <= len(text)


def keep(report: Report, parts: Sequence[str], kind: str) -> None:
    """Make the `text` derivative of `parts`, which are pages, slides, sheets or a whole."""
    kept: list[str] = []
    offsets = []
    characters = size = 0
    for number, part in enumerate(parts, 1):
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
    report.facts["text_parts"] = {"of": kind, "offsets": offsets}
    report.facts["characters"] = sum(not c.isspace() for c in whole)
    if whole.strip():
        report.make("text", 1, "text/plain; charset=utf-8", whole.encode(), None)
