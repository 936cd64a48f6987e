"""Works that are like one another: asked for, and flagged after they were registered."""

import asyncio
import hashlib
import io
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import iscc_lib
import pytest
from fastapi import FastAPI

from services.copyright.adapters.duplicates import DuplicateRepository
from services.copyright.application.duplicates import BATCH, Comparing
from services.copyright.verify.leaf import Leaf
from shared.clock import utc_now
from shared.ids import uuid7
from shared.winnowing import winnow
from tests.service.copyright.registering import V1, Person, file
from tests.service.copyright.test_registrations import hear, published
from tests.service.house import Token
from tests.unit.copyright.lessons import edited, shuffled, text, words

DUPLICATES = "/copyright/v1/duplicates"
LESSON = words(1)


@pytest.fixture
def ada(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


@pytest.fixture
def ben(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


@pytest.fixture
def comparing(app: FastAPI) -> Comparing:
    return Comparing(app.state.runtime.new_uow, DuplicateRepository, utc_now)


def bytewise(content: bytes) -> dict[str, str]:
    return {
        "instance": iscc_lib.gen_instance_code_v0(io.BytesIO(content), bits=256).iscc,
        "data": iscc_lib.gen_data_code_v0(io.BytesIO(content), bits=256).iscc,
    }


def told(said: str, path: str = "第一课.txt") -> dict[str, Any]:
    """What the catalogue tells of a version with one text."""
    iscc = {**bytewise(said.encode()), "content": iscc_lib.gen_text_code_v0(said, bits=256).iscc}
    made = winnow(said)
    prints = {"letters": made.letters, "every": made.every, "prints": made.encoded}
    return {
        "files": [{**file(said.encode(), path), "iscc": iscc}],
        "texts": [{"path": path, **prints}],
    }


async def publish(app: FastAPI, person: Person, said: str) -> UUID:
    resource = uuid7()
    await hear(app, published(resource, person.id, **told(said)))
    return resource


async def asked(person: Person, *files: Mapping[str, Any], **others: Any) -> list[Any]:
    body = {"files": list(files), **others}
    answer = await person._client.post(DUPLICATES, json=body, headers=person.headers)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["files"]
    return found


def of(said: str, **others: Any) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(said.encode()).hexdigest(), "text": said, **others}


async def test_nobody_compares_without_a_token_and_its_scope(
    client: httpx2.AsyncClient, token: Token
) -> None:
    body = {"files": [of("认识分数")]}
    assert (await client.post(DUPLICATES, json=body)).status_code == 401
    other = token("ada", "catalog.read")
    assert (await client.post(DUPLICATES, json=body, headers=other)).status_code == 403


async def test_the_possible_matches_of_others_are_not_shown(
    app: FastAPI, ada: Person, ben: Person, client: httpx2.AsyncClient, token: Token
) -> None:
    registered = await ada.registered()
    path = f"/{registered}/possible-matches"
    assert (await client.get(f"{V1}{path}")).status_code == 401
    assert (await ben.get(path)).status_code == 403
    assert (await ben.get(f"/{uuid7()}/possible-matches")).status_code == 404
    assert (await ada.get(path)).json() == {"items": [], "next": None}
    assert (await Person(client, token, "reviewer@P0").get(path)).status_code == 200


async def test_every_defect_of_what_is_asked_is_told(ada: Person) -> None:
    short = iscc_lib.gen_data_code_v0(b"1", bits=64).iscc
    units = {"data": short, "instance": "ISCC:AAAA", "content": short}
    body = {
        "files": [{"sha256": "ABC", "iscc": units}, {"sha256": "0" * 64, "text": "字" * 300_001}]
    }
    answer = await ada._client.post(DUPLICATES, json=body, headers=ada.headers)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [
        "#/files/0/sha256",
        "#/files/0/iscc/instance",
        "#/files/0/iscc/data",
        "#/files/0/iscc/content",
        "#/files/1/text",
    ]
    for files in ([], [of("字")] * 101):
        answer = await ada._client.post(DUPLICATES, json={"files": files}, headers=ada.headers)
        assert answer.status_code == 422


async def test_each_file_is_told_by_the_strongest_likeness(app: FastAPI, ada: Person) -> None:
    said = text(LESSON)
    await publish(app, ada, said)
    same = {"sha256": "0" * 64, "iscc": bytewise(said.encode())}
    found = await asked(
        ada,
        of(said),
        same,
        of(text(shuffled(LESSON, 1))),
        of(text(edited(LESSON, 0.05, 1))),
        of(text([*words(2, 3000), *LESSON[:500]])),
        of(text(words(3))),
    )
    tiers = [[match["tier"] for match in each["matches"]] for each in found]
    assert tiers == [["exact"], ["same_code"], ["near"], ["review"], ["containment"], []]
    assert [each["possible_match"] for each in found] == [True] * 5 + [False]
    assert found[2]["matches"][0]["distance"] <= 48 < found[3]["matches"][0]["distance"] <= 88
    assert 0.2 < found[4]["matches"][0]["share"] < 0.5


async def test_shared_passages_are_shown_from_the_askers_own_text(
    app: FastAPI, ada: Person, ben: Person
) -> None:
    await publish(app, ada, text(LESSON))
    before = text(words(2, 600))
    own = before + text(LESSON[:300])
    [found] = await asked(ben, of(own))
    [match] = found["matches"]
    [passage, *_] = match["passages"]
    assert own[passage["begin"] : passage["end"]].startswith(passage["text"])
    assert abs(passage["begin"] - len(before)) < 50
    assert passage["other_begin"] < 50
    assert match["code"].startswith("Z-")


async def test_a_text_of_less_than_sixty_words_is_said_to_be_unreliable(
    app: FastAPI, ada: Person
) -> None:
    await publish(app, ada, text(words(4, 40)))
    short, long, none = await asked(
        ada,
        of(text(edited(words(4, 40), 0.02, 1))),
        of(text(words(5, 300))),
        {"sha256": "0" * 64},
    )
    assert short["text_code_reliable"] is False
    assert [each["tier"] for each in short["matches"]] in ([], ["containment"])
    assert (long["text_code_reliable"], none["text_code_reliable"]) == (True, None)


async def test_the_askers_own_resource_can_be_left_out(app: FastAPI, ada: Person) -> None:
    said = text(LESSON)
    resource = await publish(app, ada, said)
    [found] = await asked(ada, of(said), apart_from=str(resource))
    assert found["matches"] == []


async def test_nothing_that_was_asked_is_kept(ada: Person, owner: asyncpg.Connection) -> None:
    await asked(ada, of(text(LESSON)))
    for table in ("file_codes", "content_codes", "file_texts", "text_prints"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608


async def test_the_same_work_registered_twice_flags_both_and_refuses_neither(
    ada: Person, ben: Person, comparing: Comparing, owner: asyncpg.Connection
) -> None:
    first, second = await ada.registered(), await ben.registered()

    while await comparing.step():
        pass

    [of_first] = (await ada.get(f"/{first}/possible-matches")).json()["items"]
    [of_second] = (await ben.get(f"/{second}/possible-matches")).json()["items"]
    assert (of_first["registration_id"], of_first["tier"]) == (second, "exact")
    assert (of_second["registration_id"], of_second["tier"]) == (first, "exact")
    for each in (first, second):
        assert (await ada.get(f"/{each}")).json()["standing"] == "active"
    events = await owner.fetch(
        "SELECT 1 FROM outbox WHERE type = 'copyright.registration.matched.v1'"
    )
    assert len(events) == 2
    assert not await comparing.step()


async def test_an_edited_copy_is_flagged_by_its_text(
    app: FastAPI, ada: Person, ben: Person, comparing: Comparing, client: httpx2.AsyncClient
) -> None:
    await publish(app, ada, text(LESSON))
    copied = await publish(app, ben, text(edited(LESSON, 0.1, 2)))
    await publish(app, ben, text(words(9)))

    while await comparing.step():
        pass

    [found] = (await client.get(V1, params={"resource_id": str(copied)})).json()["items"]
    [flag] = (await ben.get(f"/{found['id']}/possible-matches")).json()["items"]
    assert flag["tier"] in ("review", "containment")
    assert flag["share"] > 0.4


async def test_versions_of_one_work_are_no_matches_of_it(
    app: FastAPI, ada: Person, comparing: Comparing, owner: asyncpg.Connection
) -> None:
    resource = uuid7()
    for version in (1, 2):
        await hear(app, published(resource, ada.id, version, **told(text(LESSON))))
    assert await comparing.step()
    assert await owner.fetchval("SELECT count(*) FROM possible_matches") == 0


async def test_two_who_compare_at_once_flag_each_pair_once(
    ada: Person, comparing: Comparing, owner: asyncpg.Connection
) -> None:
    for _ in range(BATCH // 8):
        await ada.registered()
    await asyncio.gather(comparing.step(), comparing.step())
    assert await owner.fetchval("SELECT count(*) FROM possible_matches") == 4 * 3


async def test_the_log_tells_the_code_of_a_published_work_of_one_file(
    app: FastAPI, ada: Person, owner: asyncpg.Connection
) -> None:
    said = text(LESSON)
    await publish(app, ada, said)
    leaf = Leaf.parse(await owner.fetchval("SELECT body FROM pending"))
    iscc = told(said)["files"][0]["iscc"]
    composed = iscc_lib.gen_iscc_code_v0([iscc["content"], iscc["data"], iscc["instance"]])
    assert leaf.iscc == composed.iscc
