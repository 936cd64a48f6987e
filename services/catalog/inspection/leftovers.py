"""What programs leave in a folder that somebody packs: its views, its pictures in small, the marks
of open documents. They are excused where all of them is what it should be, and refused else."""

import re
from collections.abc import Set
from pathlib import Path
from struct import Struct, error
from typing import Final

from services.catalog.inspection import folder_views, thumbnails
from services.catalog.inspection.formats import smuggled

MOST_BYTES = 4 << 20
_MOST_SETTINGS = 8192
_SETTINGS = re.compile(
    rb"(?:\s*+(?:;[^\r\n]*|\[[^\]\r\n]*\]|(?!clsid)[\w{}., -]+=[^\\/:\r\n]*"
    rb"|[\w{}., -]+=@?(?:%\w+%|[a-z]:)(?:\\[^\\/:?\r\n]+)+)(?:[\r\n]++|\Z))*+\s*",
    re.IGNORECASE,
)
"""Of a folder's view: no share that its picture is fetched from, and no program that shows it."""
_OWNER_BYTES: Final = {0, 162, 165}
"""What WPS, what Word, and what Excel and PowerPoint write of who has a document open."""
_DOCUMENT = re.compile(r"\.(doc|ppt|xls)x?$", re.IGNORECASE)
_LOCK = re.compile(r"\.~lock\.(.+)#")
_OWNER = re.compile(rb"[^\0\r\n<]{1,1000};\s*")
"""LibreOffice's mark: who, where and when, by commas."""
_LIKE_A_TYPE = re.compile(r"\.[a-z]\w*/$", re.IGNORECASE)

_BLANKS: Final = {b"\0\0\0\1Bud1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}
"""A view of nothing: its signature and zeros."""

_DOUBLE = Struct(">II16sH")
_DOUBLE_HEADS: Final = {(0x51607, 0x20000), (0x51607, 0x10000)}
_ENTRY = Struct(">III")
_FINDER_INFO, _RESOURCES = 9, 2
_FINDER_BYTES = 34
_ATTRIBUTES = Struct(">4sIIII12xHH")
_ATTRIBUTE = Struct(">IIHB")
_MAP = Struct(">IIII")


def is_leftover(name: str, path: Path, names: Set[str]) -> bool:
    """Whether a program left the file at `path` as the entry `name` of an archive with `names`."""
    folder, _, last = name.rpartition("/")
    lower = last.lower()
    if not (lower in _VIEWS or last.startswith(("~$", "._", ".~lock."))):
        return False
    if path.stat().st_size > MOST_BYTES:
        return False
    content = path.read_bytes()
    try:
        if lower in _VIEWS:
            return content.rstrip(b"\0") in _BLANKS or _VIEWS[lower](content)
        within = folder and f"{folder}/"
        if lock := _LOCK.fullmatch(last):
            return within + lock[1] in names and bool(_OWNER.fullmatch(content))
        if last.startswith("~$"):
            return len(content) in _OWNER_BYTES and _is_open(within, last, names)
        return _accompanies(folder, last, names) and _is_apple_double(content)
    except (error, IndexError, ValueError):
        return False


def _is_open(within: str, last: str, names: Set[str]) -> bool:
    """Office cuts the first letters off a document's name."""
    document = re.compile(re.escape(within) + "[^/]*" + re.escape(last[2:]))
    return bool(_DOCUMENT.search(last)) and any(
        document.fullmatch(each) and each != within + last for each in names
    )


def _accompanies(folder: str, last: str, names: Set[str]) -> bool:
    """Whether there is what an AppleDouble file is about; that also says what opens it."""
    companion = "/".join(filter(None, (folder.removeprefix("__MACOSX").strip("/"), last[2:])))
    of_folder = f"{companion}/"
    return companion in names or (
        any(each.startswith(of_folder) for each in names) and not _LIKE_A_TYPE.search(of_folder)
    )


def _are_settings(content: bytes) -> bool:
    settings = content.replace(b"\0", b"").removeprefix(b"\xff\xfe").lstrip()
    return (
        len(content) <= _MOST_SETTINGS
        and settings.startswith(b"[")
        and bool(_SETTINGS.fullmatch(settings))
    )


def _is_apple_double(content: bytes) -> bool:
    """Finder's information, extended attributes and resources, side by side to the end (RFC 1740
    appendix A)."""
    magic, version, _, count = _DOUBLE.unpack_from(content)
    if (magic, version) not in _DOUBLE_HEADS:
        return False
    reached = _DOUBLE.size + _ENTRY.size * count
    for at in range(_DOUBLE.size, reached, _ENTRY.size):
        kind, begin, length = _ENTRY.unpack_from(content, at)
        part = content[begin : begin + length]
        known = {_FINDER_INFO: _is_finder_info, _RESOURCES: _are_resources}.get(kind)
        if known is None or begin > reached or not known(part, begin):
            return False
        reached = max(reached, begin + length)
    return reached <= len(content) and not content[reached:].strip(b"\0")


def _is_finder_info(part: bytes, begin: int) -> bool:
    more = part[_FINDER_BYTES:]
    if not more.strip(b"\0"):
        return True
    magic, _, whole, first, length, _, count = _ATTRIBUTES.unpack_from(more)
    if magic != b"ATTR" or whole != begin + len(part) or first + length > whole:
        return False
    at = _ATTRIBUTES.size
    for _ in range(count):
        offset, size, _, name = _ATTRIBUTE.unpack_from(more, at)
        value = part[offset - begin : offset - begin + size]
        if not first <= offset <= whole - size or smuggled(value):
            return False
        at += (_ATTRIBUTE.size + name + 3) // 4 * 4
    return True


def _are_resources(part: bytes, _: int) -> bool:
    if not part:
        return True
    data, map_, data_length, map_length = _MAP.unpack_from(part)
    at = data
    while at < data + data_length:
        length = int.from_bytes(part[at : at + 4])
        if smuggled(part[at + 4 : at + 4 + length]):
            return False
        at += 4 + length
    return (at, map_ + map_length) == (map_, len(part)) and map_ == data + data_length


_VIEWS: Final = {
    ".ds_store": folder_views.is_one,
    "thumbs.db": thumbnails.is_one,
    "desktop.ini": _are_settings,
}
