"""``GET /openapi.json``: the services' contracts as one document."""

import gzip
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Response

from gateway.compiler.operations import contracts
from gateway.contract import merged
from shared.service import Part


def build() -> Part:
    router = APIRouter(include_in_schema=False)
    document = orjson.dumps(merged(contracts()))
    compressed = gzip.compress(document)

    @router.get("/openapi.json")
    async def openapi(accept_encoding: Annotated[str, Header()] = "") -> Response:
        headers = {"cache-control": "public, max-age=300", "vary": "accept-encoding"}
        headers["access-control-allow-origin"] = "*"
        if "gzip" in accept_encoding:
            headers["content-encoding"] = "gzip"
            return Response(compressed, headers=headers, media_type="application/json")
        return Response(document, headers=headers, media_type="application/json")

    return Part(routers=[router])
