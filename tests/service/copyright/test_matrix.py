"""Every guarded operation × every role × every place: nobody reaches what is not theirs.

Each operation gets a target that exists, of a school, and a request that would succeed in the right
hands. Public operations admit everybody, and tell nothing of people.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from services.copyright.parts.log import LogPart
from shared.contract import openapi_document
from shared.ids import uuid7
from shared.testing.matrix import cells, operations
from tests.service.copyright.registering import SCHOOL, WORK, Person, file, work
from tests.service.house import Token

PROVINCE = "P0"
ELSEWHERE = "P0.C2.S2"
V1 = "/copyright/v1"
CATEGORY = {"name_zh": "模型", "name_en": "Model works", "letter": "M", "dci": 11}


@dataclass(frozen=True)
class Target:
    """A request: its path, its body, and the version that it is about."""

    path: str
    body: Any = None
    version: int = 1


@dataclass(frozen=True)
class Desk:
    """A registration of the school, and who made it."""

    holder: Person
    complainant: Person

    async def registered(self) -> str:
        return await self.holder.registered(organisation=SCHOOL)

    async def complained(self) -> str:
        registered = await self.registered()
        claim = {"kind": "claim.dispute", "text": "插图取自我的教案。"}
        answer = await self.complainant.post(f"/{registered}/disputes", claim)
        assert answer.status_code == 202, answer.text
        return registered


Make = Callable[[Desk], Awaitable[Target]]


async def register(_desk: Desk) -> Target:
    return Target("/registrations", work())


async def agree(desk: Desk) -> Target:
    registered = await desk.registered()
    [offer] = (await desk.holder.get(f"/{registered}")).json()["offers"]
    return Target(f"/registrations/{registered}/licences", {"action": "agree", "offer": offer})


async def propose(desk: Desk) -> Target:
    body = {"action": "propose", "to": desk.complainant.id}
    return Target(f"/registrations/{await desk.registered()}/transfers", body)


async def notice(desk: Desk) -> Target:
    body = {"kind": "claim.dispute", "text": "插图取自我的教案。"}
    return Target(f"/registrations/{await desk.registered()}/disputes", body)


async def decide(desk: Desk) -> Target:
    body = {"kind": "takedown.decision", "outcome": "rejected", "text": "证据不足。"}
    return Target(f"/registrations/{await desk.complained()}/decisions", body)


async def read_dispute(desk: Desk) -> Target:
    return Target(f"/registrations/{await desk.complained()}/disputes")


async def category(_desk: Desk) -> Target:
    return Target("/categories/model", CATEGORY)


async def deposit(desk: Desk) -> Target:
    return Target(f"/registrations/{await desk.registered()}/deposits", {"platform": "notary"})


async def compare(_desk: Desk) -> Target:
    return Target("/duplicates", {"files": [{"sha256": file(WORK)["sha256"]}]})


async def matches(desk: Desk) -> Target:
    return Target(f"/registrations/{await desk.registered()}/possible-matches")


async def disclose(desk: Desk) -> Target:
    shown = {"identity": {"issuer": "", "person": desk.holder.id}, "salt": "0" * 64}
    return Target(f"/registrations/{await desk.registered()}/disclosures", {"disclosure": shown})


TARGETS: Mapping[str, Make] = {
    "register_work": register,
    "act_on_licence": agree,
    "act_on_transfer": propose,
    "act_on_dispute": notice,
    "decide": decide,
    "read_dispute": read_dispute,
    "put_category": category,
    "ask_deposit": deposit,
    "disclose": disclose,
    "compare_files": compare,
    "list_possible_matches": matches,
}

THE_PROVINCES: Mapping[str, str] = {
    "put_category": "the categories are the whole province's, and so are their administrators",
}
"""Operations whose roles count for a whole province alone, each with the reason."""

THE_HOLDERS: Mapping[str, str] = {
    "act_on_transfer": "whoever holds a work, whatever their roles, disposes of it, nobody else",
    "ask_deposit": "likewise",
}
"""Operations that refuse everybody but one person."""

ONE_PERSONS = {*THE_HOLDERS, "disclose"}
"""Those, and showing an identity, which is for whom it is of."""


@pytest.fixture
def desk(client: httpx2.AsyncClient, token: Token) -> Desk:
    own = f"teacher@{SCHOOL}"
    return Desk(Person(client, token, own), Person(client, token))


async def test_no_operation_answers_whom_its_rule_refuses(
    desk: Desk, app: FastAPI, client: httpx2.AsyncClient, token: Token
) -> None:
    found = []
    for operation in operations(openapi_document(app)):
        if operation.access.get("public"):
            continue
        everywhere = operation.id in THE_PROVINCES
        here, elsewhere = (PROVINCE, SCHOOL) if everywhere else (SCHOOL, ELSEWHERE)
        target = await TARGETS[operation.id](desk)
        for cell in sorted(cells(operation), key=lambda cell: cell.allowed):
            headers = {"if-match": f'"v{target.version}"'}
            if cell.scopes is not None:
                grants = cell.grants(here, elsewhere)
                headers |= token(str(uuid7()), cell.scopes, grants)
            answer = await client.request(
                operation.method, f"{V1}{target.path}", json=target.body, headers=headers
            )
            if operation.id in ONE_PERSONS and cell.allowed:
                if answer.status_code != 403:
                    found.append(f"{cell}: LEAK, answered {answer.status_code}")
            elif wrong := cell.judge(answer.status_code):
                found.append(f"{wrong} {answer.text[:200]}")
    assert not found, "\n".join(found)


async def test_what_only_the_holder_may_do_the_holder_may(desk: Desk) -> None:
    for make in (TARGETS[name] for name in THE_HOLDERS):
        target = await make(desk)
        path = target.path.removeprefix("/registrations")
        assert (await desk.holder.post(path, target.body)).status_code == 202


async def test_a_registration_without_organisation_is_for_the_province_to_decide(
    desk: Desk, client: httpx2.AsyncClient, token: Token
) -> None:
    registered = await desk.holder.registered()
    await desk.complainant.post(
        f"/{registered}/disputes", {"kind": "claim.dispute", "text": "插图取自我的教案。"}
    )
    decision = {"kind": "takedown.decision", "outcome": "rejected", "text": "证据不足。"}
    school = Person(client, token, f"administrator@{SCHOOL}", "teacher@P0")
    assert (await school.post(f"/{registered}/decisions", decision)).status_code == 403
    province = Person(client, token, "administrator@P0")
    assert (await province.post(f"/{registered}/decisions", decision)).status_code == 202


async def test_what_was_said_is_read_by_its_parties_and_nobody_learns_who_said_it(
    desk: Desk, client: httpx2.AsyncClient, token: Token
) -> None:
    path = f"/{await desk.complained()}/disputes"
    for party in (desk.holder, desk.complainant):
        told = await party.get(path)
        assert told.status_code == 200, told.text
        assert "插图取自我的教案。" in told.text
        assert desk.complainant.id not in told.text
    stranger = Person(client, token, f"teacher@{SCHOOL}")
    assert (await stranger.get(path)).status_code == 403


async def test_no_public_operation_tells_of_people(
    desk: Desk, app: FastAPI, client: httpx2.AsyncClient, log: LogPart
) -> None:
    registered = await desk.complained()
    await log.worker.step()
    asked = 0
    for operation in operations(openapi_document(app)):
        if not (operation.access.get("public") and "{registration_id}" in operation.path):
            continue
        path = operation.path.replace("{registration_id}", registered)
        asked_for = {"action": "play"} if operation.id == "read_permission" else {}
        answer = await client.request(operation.method, path, params=asked_for)
        assert answer.status_code == 200, f"{operation.id}: {answer.text}"
        for told in (desk.holder.id, desk.complainant.id, "张三", "插图"):
            assert told.encode() not in answer.content, f"{operation.id} tells {told}"
        asked += 1
    assert asked >= len(("read", "evidence", "licences", "permission"))
