"""ETag and If-Match on every update (RFC 9110 §8.8, §13.1.1; RFC 6585 §3)."""

import re
from typing import Annotated

from fastapi import Depends, Header

from shared.errors import PreconditionMalformed, PreconditionMissing

_TAG = re.compile(r'"v([0-9]{1,18})"')


def etag(version: int) -> str:
    """The strong entity tag of a row's version, as ``"v7"``."""
    return f'"v{version}"'


async def _if_match(
    if_match: Annotated[
        str | None, Header(description="The ETag you read.", examples=['"v1"'])
    ] = None,
) -> int:
    if if_match is None:
        raise PreconditionMissing(
            "Read the resource, then send its ETag as If-Match.",
            zh="请先读取该资源，再以 If-Match 附上其 ETag。",
        )
    match = _TAG.fullmatch(if_match.strip())
    if match is None:
        raise PreconditionMalformed(
            'Send the ETag exactly as it was given, as in "v7".', zh='请原样附上 ETag，例如 "v7"。'
        )
    return int(match[1])


IfMatch = Annotated[int, Depends(_if_match)]
"""The version that the caller read. Raises `PreconditionMissing` (428)."""
