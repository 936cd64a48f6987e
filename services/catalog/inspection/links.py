"""Where an address in a document leads to."""

import posixpath
import re
from typing import Final
from urllib.parse import unquote

from services.catalog.inspection.formats import FORMATS

_WEB: Final = ("http://", "https://", "ftp://", "ftps://", "mailto:", "tel:", "#")
_DOMAINS: Final = (
    "cn|net|org|edu|gov|int|info|io|tv|cc|co|me|top|club|site|online|tech|vip|xyz|asia"
    "|hk|tw|mo|jp|kr|sg|uk|us|eu|de|fr"
)
"""Of the highest level; none is what a program's name ends in."""
_HOST = re.compile(
    rf"(?:(?:[\w-]+\.)+(?:{_DOMAINS})|www\.(?:[\w-]+\.)+com|(?:[\w-]+\.)+com(?=/))(?::\d+)?"
    r"(?P<path>/(?!.*\.\.)[^\\?#]*)?(?:[?#][^\\]*)?",
    re.IGNORECASE,
)
"""Without a scheme, as people write it; a program may look for a file of that name."""
_LONGEST = 2048
"""Characters of a name, or of an address without a scheme."""
_PAGES: Final = {"", "html", "htm", "php", "asp", "aspx", "jsp", "do"}
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|[\\/]{2}", re.IGNORECASE)
_CALLING = re.compile(r"(?:tel|sms|mailto):([^?]+)", re.IGNORECASE)
_ODD = re.compile(
    r"[\x00-\x1f\x7f?*<>|\":;#\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]|%[0-9a-f]{2}", re.I
)
"""What no lesson's name has: programs end a name there, drop it or show it in another order."""
_BESIDE: Final = {
    *(extension for each in FORMATS.values() for extension in each.extensions),
    *("doc", "ppt", "xls", "wps", "dps", "et", "ods", "heic", "bmp", "tif", "tiff"),
    *("html", "htm", "ggb", "gsp", "gspx", "epub", "ppsx", "pps", "svg"),
    *("m4a", "aac", "ogg", "flac", "wma", "mov", "avi", "wmv", "mpg", "mpeg", "mkv", "flv", "3gp"),
}
"""Extensions of what a lesson links to in its own folder: documents, pages and media."""
_FOLDER = re.compile(r"(?:^|/)\.\.$|/$|[^\x00-\x7f/.][^./]*$")
"""By its mark, or by a name that no program has: one in ASCII may be that of a program, whose
extension Windows adds."""
_LETTER_BOX = re.compile(r"[\w.+-]+@(?:[\w-]+\.)+(?:com|cn|net|org|edu|gov)", re.IGNORECASE)
_TYPED = re.compile(r"\.[a-z]\w{1,4}$", re.IGNORECASE)
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
    is_short = len(bare) <= _LONGEST
    return not bare or is_web(bare) or (is_short and (_is_host(bare) or _is_beside(bare)))


def misleads(value: str) -> bool:
    """Whether a text that may become a link leads where none may: words that are no address lead
    nowhere, nor does the address of a letter box."""
    path = _plain(value)
    if _LETTER_BOX.fullmatch(value.strip()):
        return False
    like_one = leads_elsewhere(value) or bool(_TYPED.search(path)) or "\\" in value
    return not is_link(value) and like_one


def is_web(target: str) -> bool:
    """Whether it opens a page, a letter, a call or a place in the file, whatever follows."""
    return target.strip().lower().startswith(_WEB)


def _is_host(target: str) -> bool:
    found = _HOST.fullmatch(target)
    return found is not None and _extension(_plain(found["path"] or "")) in _PAGES | _BESIDE


def _is_beside(target: str) -> bool:
    path = unquote(target.partition("#")[0])
    return (
        (_extension(_plain(path)) in _BESIDE or bool(_FOLDER.search(_plain(path))))
        and not _ODD.search(path)
        and not leads_elsewhere(_plain(path))
        and not _plain(path).startswith("/")
    )


def _extension(path: str) -> str:
    return posixpath.splitext(path)[1].removeprefix(".").lower()


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
