"""Where an address in a document leads to."""

import re
from typing import Final
from urllib.parse import unquote

_WEB: Final = ("http://", "https://", "mailto:", "tel:", "#")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|[\\/]{2}", re.IGNORECASE)
_CALLING = re.compile(r"(?:tel|sms|mailto):([^?]+)", re.IGNORECASE)
UNSEEN = re.compile(r"[\x00-\x20\x7f]")
"""What programs drop from an address before they follow it."""


def called(target: str) -> list[str]:
    """The number or the letter box of a link that calls or writes to somebody (RFC 3966, 6068)."""
    found = _CALLING.match(UNSEEN.sub("", target))
    return [unquote(found[1])] if found else []


def is_link(target: str) -> bool:
    """Whether following it opens a page of the web, a letter, a call or a place in the file."""
    return not target.strip() or target.strip().lower().startswith(_WEB)


def leads_elsewhere(target: str) -> bool:
    """Whether it names a scheme or a share, and no path in the package."""
    return bool(_ELSEWHERE.match(UNSEEN.sub("", target)))
