"""Where an address in a document leads to."""

import posixpath
import re
from typing import Final
from urllib.parse import unquote

from services.catalog.inspection.formats import FORMATS

_WEB: Final = ("http://", "https://", "mailto:", "tel:", "#")
_HOST = re.compile(r"www\.[^\\/:]+(/(?!.*\.\.)[^\\]*)?", re.IGNORECASE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|[\\/]{2}", re.IGNORECASE)
_CALLING = re.compile(r"(?:tel|sms|mailto):([^?]+)", re.IGNORECASE)
_ODD = re.compile(r"[\x00-\x1f\x7f?*<>|\"]")
"""What no file's name has (on Windows), so that programs end it there or drop it."""
_BESIDE: Final = {
    *(extension for each in FORMATS.values() for extension in each.extensions),
    *("doc", "ppt", "xls", "wps", "dps", "et", "ods", "heic", "bmp", "tif", "tiff"),
    *("m4a", "aac", "ogg", "flac", "wma", "mov", "avi", "wmv", "mpg", "mpeg", "mkv", "flv", "3gp"),
}
"""Extensions of what a lesson links to in its own folder: nothing that runs."""
UNSEEN = re.compile(r"[\x00-\x20\x7f]")
"""What programs drop from an address before they follow it."""


def called(target: str) -> list[str]:
    """The number or the letter box of a link that calls or writes to somebody (RFC 3966, 6068)."""
    found = _CALLING.match(UNSEEN.sub("", target))
    return [unquote(found[1])] if found else []


def is_link(target: str) -> bool:
    """Whether following it opens a page of the web, a letter, a call, a place in the file or a
    lesson's file that lies beside it."""
    bare = target.strip()
    return (
        not bare or bare.lower().startswith(_WEB) or bool(_HOST.fullmatch(bare)) or _is_beside(bare)
    )


def _is_beside(target: str) -> bool:
    path = _plain(target.partition("#")[0])
    extension = posixpath.splitext(path)[1].removeprefix(".").lower()
    return (
        extension in _BESIDE
        and not _ODD.search(unquote(target))
        and not leads_elsewhere(path)
        and not path.startswith("/")
    )


def leads_elsewhere(target: str) -> bool:
    """Whether it names a scheme or a share, and no path in the package."""
    return bool(_ELSEWHERE.match(UNSEEN.sub("", target)))


def leaves_package(target: str, part: str) -> bool:
    """Whether it leads out of the package, from its part of that name."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(part), _plain(target)))
    return leads_elsewhere(target) or leads_elsewhere(path) or path.startswith(("..", "/"))


def _plain(target: str) -> str:
    """As programs read a path, whatever way it is written."""
    return UNSEEN.sub("", unquote(UNSEEN.sub("", target))).replace("\\", "/")
