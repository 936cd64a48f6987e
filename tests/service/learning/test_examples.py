"""Every example of a request body is sent as a caller who may, and answered as documented."""

import httpx2
from fastapi import FastAPI

from shared.contract import openapi_document
from shared.ids import uuid7
from tests.service.examples import examples
from tests.service.house import Token
from tests.service.learning.conftest import SCHOOL


async def test_every_example_is_answered_as_documented(
    anonymous: httpx2.AsyncClient, app: FastAPI, token: Token
) -> None:
    defects: list[str] = []
    for example in examples(openapi_document(app)):
        operation = example.operation
        request = example.sent({})
        request["headers"] |= token(str(uuid7()), operation.access["scope"], (f"student@{SCHOOL}",))
        answer = await anonymous.request(operation.method, operation.path, **request)
        defects += example.judge(answer)
    assert not defects, "\n".join(defects)
