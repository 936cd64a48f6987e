"""ETag, If-Match on every update, If-None-Match on reads (RFC 9110 §8.8, §13.1; RFC 6585 §3)."""

import hashlib
import re
from typing import Annotated, Any

from fastapi import Depends, Header, Response
from pydantic import BaseModel

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

IfNoneMatch = Annotated[
    str | None, Header(description="ETags you have: 304 where one is still right.")
]

NOT_MODIFIED: dict[int | str, Any] = {304: {"description": "What you have is still right."}}


def conditional(
    view: BaseModel,
    version: int,
    if_none_match: str | None,
    *,
    public: bool = False,
    moving: bool = False,
) -> Response:
    """`view` with its ETag, or 304. What is not `public` only the reader's own cache keeps, and
    asks each time. `moving`: the view shows more than `version` counts, and so does the tag."""
    content = view.model_dump_json().encode()
    tag = etag(version)
    if moving:
        tag = f'{tag[:-1]}-{hashlib.blake2s(content, digest_size=8).hexdigest()}"'
    headers = {"etag": tag, "cache-control": f"{'public' if public else 'private'}, no-cache"}
    if is_known(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Whether `tag` is among the entity tags that the client has (RFC 9110 §13.1.2)."""
    listed = (each.strip().removeprefix("W/") for each in (if_none_match or "").split(","))
    return any(each in (tag, "*") for each in listed)
