"""multipart/mixed (RFC 2046 §5.1.3) with a statement part first and attachments behind it.

xAPI 1.0.3 part 3 §1.5.2; IEEE 9274.1.1 §4.1.3.
"""

import re
import secrets
from collections.abc import Sequence
from email.parser import HeaderParser

from services.learning.domain.xapi.attachments import Part
from services.learning.domain.xapi.records import MalformedStatement
from services.learning.domain.xapi.rules import Defect

_BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))""", re.IGNORECASE)
_HASH = "x-experience-api-hash"


def parse(content_type: str, body: bytes) -> tuple[bytes, list[Part]]:
    """The JSON of the first part, and the attachments. Raises `MalformedStatement`."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise _malformed("The Content-Type has no boundary.")
    boundary = b"--" + (match[1] or match[2]).encode()
    _preamble, *sections = (b"\r\n" + body).split(b"\r\n" + boundary)
    if not sections or not sections[-1].startswith(b"--"):
        raise _malformed("The body does not end with its boundary.")
    parts = [_part(section) for section in sections[:-1]]
    if not parts:
        raise _malformed("The body has no part.")
    (first_headers, first), *rest = parts
    if first_headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise _malformed("The first part is application/json.")
    attachments = []
    for headers, content in rest:
        if headers.get("content-transfer-encoding", "").lower() != "binary":
            raise _malformed("An attachment has Content-Transfer-Encoding: binary.")
        if _HASH not in headers:
            raise _malformed("An attachment has X-Experience-API-Hash.")
        kind = headers.get("content-type", "application/octet-stream")
        attachments.append(Part(headers[_HASH], kind, content))
    return first, attachments


def _part(section: bytes) -> tuple[dict[str, str], bytes]:
    head, blank, content = section.partition(b"\r\n\r\n")
    if not blank:
        raise _malformed("A part has no blank line behind its headers.")
    parsed = HeaderParser().parsestr(head.lstrip(b" \t").removeprefix(b"\r\n").decode("latin-1"))
    return {name.lower(): str(text) for name, text in parsed.items()}, content


def render(statements: bytes, parts: Sequence[Part]) -> tuple[bytes, str]:
    """The body, and its content type."""
    boundary = f"shuyuan-{secrets.token_hex(16)}"
    pieces = [f"--{boundary}\r\nContent-Type: application/json\r\n\r\n".encode(), statements]
    for part in parts:
        head = (
            f"\r\n--{boundary}\r\nContent-Type: {part.content_type}\r\n"
            "Content-Transfer-Encoding: binary\r\n"
            f"X-Experience-API-Hash: {part.sha2}\r\n\r\n"
        )
        pieces += [head.encode("latin-1"), part.content]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/mixed; boundary={boundary}"


def _malformed(detail: str) -> MalformedStatement:
    return MalformedStatement([Defect("", detail)])
