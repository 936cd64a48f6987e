"""``GET /openapi.json``: the services' contracts as one document."""

import gzip
import re
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Response

from gateway.compiler.operations import contracts
from gateway.contract import merged
from shared.service import Part

_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", re.IGNORECASE)
"""Accepted, and not with the weight 0 (RFC 9110 §12.4.2)."""


def build() -> Part:
    router = APIRouter(include_in_schema=False)
    document = orjson.dumps(merged(contracts()))
    compressed = gzip.compress(document)

    @router.api_route("/openapi.json", methods=["GET", "HEAD"])
    async def openapi(accept_encoding: Annotated[str, Header()] = "") -> Response:
        headers = {"cache-control": "public, max-age=300", "vary": "accept-encoding"}
        headers["access-control-allow-origin"] = "*"
        if _GZIP.search(accept_encoding):
            headers["content-encoding"] = "gzip"
            return Response(compressed, headers=headers, media_type="application/json")
        return Response(document, headers=headers, media_type="application/json")

    return Part(routers=[router])
