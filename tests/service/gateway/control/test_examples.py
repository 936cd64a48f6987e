"""Every example of a request body is sent as a caller who may, and answered as documented."""

from fastapi import FastAPI

from shared.contract import openapi_document
from tests.service.examples import examples, named
from tests.service.gateway.control.test_matrix import TARGETS, Desk, build, desk, receiver

__all__ = ["build", "desk", "receiver"]

NAMES = ("organisation", "url")
"""Members of bodies that name what exists."""


async def test_every_example_is_answered_as_documented(desk: Desk, app: FastAPI) -> None:
    defects: list[str] = []
    for example in examples(openapi_document(app)):
        operation = example.operation
        target = await TARGETS[operation.id](desk)
        request = example.sent(named(target.body, NAMES))
        request["headers"] |= desk.integrator.own | {"if-match": f'"v{target.version}"'}
        answer = await desk.integrator.client.request(operation.method, target.path, **request)
        defects += example.judge(answer)
    assert not defects, "\n".join(defects)
