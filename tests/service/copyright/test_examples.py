"""Every example of a request body is sent as a caller who may, and answered as documented."""

import io
import json
import zipfile

import httpx2
from fastapi import FastAPI

from services.copyright.parts.log import LogPart
from shared.contract import openapi_document
from tests.service.copyright.registering import SCHOOL, Person
from tests.service.examples import examples
from tests.service.house import Token


async def test_every_example_is_answered_as_documented(
    client: httpx2.AsyncClient, app: FastAPI, token: Token, log: LogPart
) -> None:
    holder = Person(client, token, f"teacher@{SCHOOL}")
    other, chief = Person(client, token), Person(client, token, "administrator@P0")
    callers = {
        **dict.fromkeys(("agree", "accept", "claim.dispute", "takedown.notice"), other),
        **dict.fromkeys(("put_category", "takedown.decision"), chief),
    }
    defects: list[str] = []
    for example in examples(openapi_document(app)):
        operation = example.operation
        act = example.body.get("action") or example.body.get("kind") or operation.id
        work = await holder.registered()
        [offer] = (await other.get(f"/{work}")).json()["offers"]
        if act == "accept":
            await holder.post(f"/{work}/transfers", {"action": "propose", "to": other.id})
        if act == "takedown.decision":
            await other.post(f"/{work}/disputes", {"kind": "claim.dispute", "text": "这是我的。"})
        seen = (await other.get(f"/{work}")).json()
        named = {"to": other.id, "offer": offer, "organisation": SCHOOL}
        if act == "disclose":
            await log.worker.step()
            evidence = await holder.get(f"/{work}/evidence")
            with zipfile.ZipFile(io.BytesIO(evidence.content)) as archive:
                named["disclosure"] = json.loads(archive.read("disclosure.json"))
        request = example.sent({**named, "proposal": seen["proposal"]})
        request["headers"] |= callers.get(act, holder).headers | {"if-match": '"v1"'}
        path = operation.path.format(registration_id=work, code="written")
        defects += example.judge(await client.request(operation.method, path, **request))
    assert not defects, "\n".join(defects)
