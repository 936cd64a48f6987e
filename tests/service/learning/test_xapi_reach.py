"""What one application, or one person, may not do to what others keep."""

import json
from typing import Any

import httpx2
import pytest

from tests.service.house import Token
from tests.service.learning.conftest import OTHER_SCHOOL, SCHOOL, Register
from tests.service.learning.statements import LESSON, statement, voiding
from tests.service.learning.test_xapi_protocol import V2, VERSION, attached, mixed

WRITING = "learning.read learning.write"


@pytest.fixture
def agent(settings: Any) -> Any:
    return lambda person: {"account": {"homePage": settings.issuer, "name": person}}


def acting(token: Token, person: str, path: str = SCHOOL) -> dict[str, str]:
    return {**token(person, WRITING, (f"student@{path}",)), **VERSION}


async def test_a_person_voids_their_own_statements_alone(
    anonymous: httpx2.AsyncClient, token: Token, agent: Any
) -> None:
    ann, ben = acting(token, "ann"), acting(token, "ben")
    sent, coming = statement(actor=agent("ann")), statement(actor=agent("ann"))
    url = f"{V2}/statements"
    assert (await anonymous.post(url, json=sent, headers=ann)).status_code == 200
    for target in (sent["id"], coming["id"]):
        forged = {**voiding(target), "actor": agent("ben")}
        assert (await anonymous.post(url, json=forged, headers=ben)).status_code == 403
    assert (await anonymous.post(url, json=coming, headers=ann)).status_code == 200
    own = {**voiding(sent["id"]), "actor": agent("ann")}
    assert (await anonymous.post(url, json=own, headers=ann)).status_code == 200
    for target, status in ((sent["id"], 404), (coming["id"], 200)):
        found = await anonymous.get(url, params={"statementId": target}, headers=ann)
        assert found.status_code == status


async def test_an_application_voids_nothing_of_another_before_or_after(
    client: httpx2.AsyncClient, register: Register
) -> None:
    other, before, after = await register("other"), statement(), statement()
    await client.post("/statements", json=before)
    for each in (before, after):
        void = voiding(each["id"])
        assert (await client.post("/statements", json=void, headers=other)).status_code == 200
    await client.post("/statements", json=after)
    for each in (before, after):
        found = await client.get("/statements", params={"statementId": each["id"]})
        assert found.status_code == 200


async def test_a_person_who_moves_keeps_records_and_states(
    anonymous: httpx2.AsyncClient, token: Token, agent: Any
) -> None:
    before, after = acting(token, "ann"), acting(token, "ann", OTHER_SCHOOL)
    sent = statement(actor=agent("ann"))
    state = {"activityId": LESSON, "agent": json.dumps(agent("ann")), "stateId": "bookmark"}
    states, url = f"{V2}/activities/state", f"{V2}/statements"
    await anonymous.post(url, json=sent, headers=before)
    await anonymous.put(states, params=state, json={"page": 7}, headers=before)
    found = await anonymous.get(url, params={"statementId": sent["id"]}, headers=after)
    assert found.status_code == 200
    assert [each["id"] for each in (await anonymous.get(url, headers=after)).json()["statements"]]
    kept = await anonymous.get(states, params=state, headers=after)
    assert kept.json() == {"page": 7}


async def test_a_hash_alone_brings_nobody_what_another_attached(
    client: httpx2.AsyncClient, register: Register
) -> None:
    content = b"a worksheet"
    told, headers = attached(content, "text/plain", "https://usage.example/1")
    body, head = mixed(statement(attachments=[told]), (headers, content))
    assert (await client.post("/statements", content=body, headers=head)).status_code == 200
    other = await register("other", OTHER_SCHOOL)
    asking = statement(attachments=[{**told, "fileUrl": "https://files.example/1"}])
    assert (await client.post("/statements", json=asking, headers=other)).status_code == 200
    wanted = {"statementId": asking["id"], "attachments": "true"}
    found = await client.get("/statements", params=wanted, headers=other)
    assert found.status_code == 200
    assert content not in found.content


async def test_who_may_not_define_leaves_what_is_known_of_an_activity(
    client: httpx2.AsyncClient, anonymous: httpx2.AsyncClient, token: Token, agent: Any
) -> None:
    known = {"id": LESSON, "definition": {"name": {"zh": "分数"}}}
    await client.post("/statements", json=statement(object=known))
    ours = {"id": LESSON, "definition": {"name": {"zh": "恶作剧"}, "moreInfo": "https://x.example"}}
    sent = statement(actor=agent("ann"), object=ours)
    ann = acting(token, "ann")
    assert (await anonymous.post(f"{V2}/statements", json=sent, headers=ann)).status_code == 200
    told = (await client.get("/activities", params={"activityId": LESSON})).json()
    assert told["definition"] == {"name": {"zh": "分数"}}
