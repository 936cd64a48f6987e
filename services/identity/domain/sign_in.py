"""Signing in, apart from the secrets that prove who it is."""

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from shared.errors import DomainError

HOME = "/identity/account"
_ROOT = "/identity/"
_LONGEST_RETURN = 8192
_UNKNOWN = "?"

_BROWSERS: Mapping[str, str] = {
    "MicroMessenger/": "WeChat",
    "DingTalk/": "DingTalk",
    "Edg/": "Edge",
    "HuaweiBrowser/": "Huawei",
    "MiuiBrowser/": "Xiaomi",
    "QQBrowser/": "QQ",
    "Firefox/": "Firefox",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS: Mapping[str, str] = {
    "HarmonyOS": "HarmonyOS",
    "OpenHarmony": "HarmonyOS",
    "Android": "Android",
    "iPhone": "iOS",
    "iPad": "iPadOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


class WrongCredentials(DomainError):
    """Login or password is wrong; which of them is not said."""


class SignInExpired(DomainError):
    """There is no sign-in under way: it took too long, or is finished."""


class InvitationSpent(DomainError):
    """The invitation was used, replaced by a newer one, is too old, or never was one."""


class Step(StrEnum):
    """What a sign-in under way waits for."""

    SECOND_FACTOR = "second_factor"
    ENROL = "enrol"
    NEW_PASSWORD = "new_password"  # noqa: S105 - a step, not a secret


def way_back(return_to: str) -> str:
    """Where signing in leads: `return_to` if it is an address of our own pages, else the account.

    Browsers read a backslash as a slash, drop control characters, and resolve dots even where they
    are escaped; whatever has any of these is somebody's trick.
    """
    path = urlsplit(return_to).path if return_to.startswith(_ROOT) else ""
    plain = return_to.isascii() and return_to.isprintable() and "\\" not in return_to
    dots = any(segment in (".", "..") for segment in unquote(path).replace("\\", "/").split("/"))
    if not path or not plain or dots or "//" in unquote(path) or len(return_to) > _LONGEST_RETURN:
        return HOME
    return return_to


def device_named(user_agent: str) -> str:
    """Browser and system, coarse enough to be nobody's: `Chrome · Windows`."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), _UNKNOWN)
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), _UNKNOWN)
    return f"{browser} · {system}"
