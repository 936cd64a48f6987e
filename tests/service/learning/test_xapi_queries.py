"""Finding statements: filters, formats, pages, and what may not be asked."""

import json
from typing import Any

import httpx2
import pytest

from tests.service.learning.statements import AGENT, ANSWERED, LESSON, foreign, statement

OTHER = {"mbox": "mailto:other@school.example"}
REGISTRATION = "0193a000-0000-7000-8000-000000000002"


async def ids(client: httpx2.AsyncClient, **asked: Any) -> list[str]:
    parameters = {
        name: json.dumps(value) if isinstance(value, dict) else value
        for name, value in asked.items()
    }
    answer = await client.get("/statements", params=parameters)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["statements"]]


async def test_each_filter_finds_what_it_names(client: httpx2.AsyncClient) -> None:
    member = {"objectType": "Group", "member": [OTHER]}
    sent = {
        "plain": statement(),
        "about": statement(object={"objectType": "Agent", **OTHER}),
        "member": statement(actor=member),
        "verb": foreign(verb={"id": "https://verbs.example/1"}),
        "parent": statement(
            actor={"mbox": "mailto:third@school.example"},
            object={"id": "https://lessons.example/2"},
            context={
                "registration": REGISTRATION,
                "instructor": OTHER,
                "contextActivities": {"parent": [{"id": LESSON}]},
            },
        ),
    }
    sent["reference"] = statement(
        actor={"mbox": "mailto:fourth@school.example"},
        verb={"id": "https://verbs.example/2"},
        object={"objectType": "StatementRef", "id": sent["verb"]["id"]},
    )
    for each in sent.values():
        await client.post("/statements", json=each)

    async def found(**asked: Any) -> set[str]:
        matching = await ids(client, **asked)
        return {name for name, each in sent.items() if each["id"] in matching}

    assert await found() == set(sent)
    assert await found(agent=AGENT) == {"plain", "about", "verb", "reference"}
    assert await found(agent=OTHER) == {"about", "member"}
    assert await found(agent=OTHER, related_agents="true") == {"about", "member", "parent"}
    assert await found(agent={"mbox": "mailto:nobody@b.cn"}) == set()
    assert await found(verb="https://verbs.example/1") == {"verb", "reference"}
    assert await found(activity=LESSON) == {"plain", "member", "verb", "reference"}
    assert await found(activity=LESSON, related_activities="true") == {
        *("plain", "member", "verb", "reference", "parent")
    }
    assert await found(registration=REGISTRATION) == {"parent"}
    assert await found(agent=AGENT, verb=ANSWERED, activity=LESSON) == {"plain"}


async def test_pages_go_on_where_they_ended_and_end(client: httpx2.AsyncClient) -> None:
    sent = [statement() for _ in range(7)]
    await client.post("/statements", json=sent)
    for ascending in ("true", "false"):
        found = []
        answer = await client.get("/statements", params={"limit": 3, "ascending": ascending})
        while True:
            page = answer.json()
            assert len(page["statements"]) <= 3
            found += [each["id"] for each in page["statements"]]
            if not page["more"]:
                break
            answer = await client.get(f"http://learning.test{page['more']}")
        expected = [each["id"] for each in sent]
        assert found == (expected if ascending == "true" else expected[::-1])


async def test_since_and_until_bound_the_time_of_storing(client: httpx2.AsyncClient) -> None:
    sent = [statement() for _ in range(3)]
    await client.post("/statements", json=sent)
    told = (await client.get("/statements", params={"ascending": "true"})).json()["statements"]
    middle = told[1]["stored"]
    assert await ids(client, since=middle) == [sent[2]["id"]]
    assert await ids(client, until=middle, ascending="true") == [each["id"] for each in sent[:2]]


async def test_every_get_says_how_far_it_is_consistent(client: httpx2.AsyncClient) -> None:
    header = "x-experience-api-consistent-through"
    await client.post("/statements", json=statement())
    answer = await client.get("/statements")
    assert answer.headers[header] >= answer.json()["statements"][0]["stored"]
    assert answer.headers["last-modified"]
    assert (await client.get("/statements", params={"colour": "red"})).headers[header]
    assert (await client.head("/statements")).headers[header]


@pytest.mark.parametrize(
    "asked",
    [
        {"colour": "red"},
        {"Verb": ANSWERED},
        {"verb": "answered"},
        {"agent": "yutong"},
        {"agent": '{"objectType":"Group","member":[]}'},
        {"registration": "1"},
        {"since": "yesterday"},
        {"limit": "-1"},
        {"ascending": "yes"},
        {"format": "short"},
        {"statementId": "1"},
        {"statementId": REGISTRATION, "voidedStatementId": REGISTRATION},
        {"statementId": REGISTRATION, "verb": ANSWERED},
    ],
)
async def test_a_question_that_is_malformed_is_refused(
    client: httpx2.AsyncClient, asked: dict[str, str]
) -> None:
    answer = await client.get("/statements", params=asked)
    assert answer.status_code == 400
    assert answer.json()["errors"]


async def test_a_cursor_of_our_own_making_only_is_taken(client: httpx2.AsyncClient) -> None:
    refused = await client.get("/statements", params={"more": "AAAA"})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {"parameter": "more", "detail": "请使用上一页所给的 more。"}
    ]


async def test_canonical_statements_carry_what_is_known_of_activities(
    client: httpx2.AsyncClient,
) -> None:
    for words in ({"zh": "课"}, {"en": "lesson"}):
        await client.post(
            "/statements", json=statement(object={"id": LESSON, "definition": {"name": words}})
        )
    answer = await client.get(
        "/statements", params={"format": "canonical"}, headers={"accept-language": "en"}
    )
    for each in answer.json()["statements"]:
        assert each["object"]["definition"]["name"] == {"en": "lesson"}
        assert each["verb"]["display"] == {"en": "answered"}
    known = await client.get("/activities", params={"activityId": LESSON})
    assert known.json()["definition"]["name"] == {"zh": "课", "en": "lesson"}
    unknown = await client.get("/activities", params={"activityId": "https://lessons.example/9"})
    assert unknown.json() == {"objectType": "Activity", "id": "https://lessons.example/9"}


async def test_an_agent_is_told_as_the_person_it_is(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/agents", params={"agent": json.dumps(AGENT)})
    assert answer.json() == {
        "objectType": "Person",
        "name": ["李雨桐"],
        "mbox": ["mailto:yutong@school.example"],
    }
