"""Where an application may have people sent."""

import re
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

Told = tuple[str, str]
"""A sentence in English and in Chinese."""


class ApplicationType(StrEnum):
    WEB = "web"
    NATIVE = "native"


def address_defect(address: str, kind: ApplicationType) -> Told | None:
    """Why `address` cannot be redirected to, or None: https, or a native application's loopback
    address; no fragment, wildcard, user or dot segment (RFC 6749 §3.1.2, RFC 3986 §5.2.4,
    RFC 8252 §7.3)."""
    if not address.isascii() or not address.isprintable() or " " in address or "\\" in address:
        return (
            "Write the address in printable ASCII without spaces or backslashes.",
            "地址应由可见的 ASCII 字符组成，不含空格和反斜杠。",
        )
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return "This is no absolute address.", "这不是完整的地址。"
    if not parts.hostname or "@" in parts.netloc:
        return "Give a host, without a user.", "地址应包含主机名，且不含用户名。"
    if "#" in address:
        return "A redirect address has no fragment.", "回调地址不能有片段（#）。"
    if "*" in address:
        return (
            "Register each address in full: there are no wildcards.",
            "请逐一登记完整地址，不能使用通配符。",
        )
    if {".", ".."} & set(unquote(parts.path).split("/")):
        return (
            "Write the path without dot segments: browsers resolve them.",
            "路径中不能有 . 或 .. 段。",
        )
    if parts.scheme == "https":
        return None
    if parts.scheme == "http" and kind is ApplicationType.NATIVE and _loopback(parts.hostname):
        return None
    return (
        "Use https; a native application may use http://127.0.0.1 or http://[::1].",
        "请使用 https；本机应用可用 http://127.0.0.1 或 http://[::1]。",
    )


_LOOPBACK_ADDRESS = re.compile(
    r"http://(?P<host>[0-9.]+|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?(?P<rest>(?:[/?].*)?)"
)


def same_loopback(registered: str, presented: str) -> bool:
    """Whether both are one loopback address, to the letter but for the port (RFC 8252 §7.3)."""
    known, given = _LOOPBACK_ADDRESS.fullmatch(registered), _LOOPBACK_ADDRESS.fullmatch(presented)
    if known is None or given is None or address_defect(presented, ApplicationType.NATIVE):
        return False
    portless = known["host"], known["rest"]
    return _loopback(known["host"].strip("[]")) and portless == (given["host"], given["rest"])


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
