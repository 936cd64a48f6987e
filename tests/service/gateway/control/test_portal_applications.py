"""What somebody who is signed in does for their applications, and cannot do for others'."""

import html
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from gateway.app import HEARS
from gateway.settings import Settings
from shared.civil import civil_date
from shared.clock import utc_now
from shared.ids import uuid7
from shared.inbox import apply_handler
from tests.service.gateway.control.portal import COMPANY, DESK, FakeIdentity, Person, portal_alone
from tests.service.gateway.control.test_usage import event
from tests.service.house import Token

NAME = "目录镜像"
ONCE = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"
ONCE_SHAPE = "[0-9a-f-]{36}"
FORM = {
    "organisation_id": COMPANY["id"],
    "name": NAME,
    "purpose": "每晚同步目录",
    "kind": "SERVER",
    "scopes": ["integrate", "catalog.read"],
    "redirect_uris": "",
    "networks": "198.51.100.0/24\r\n\r\n 2001:db8::/32 ",
    "once": ONCE,
}


@pytest.fixture
def identity(token: Token) -> FakeIdentity:
    return FakeIdentity(token)


@pytest.fixture
def build(identity: FakeIdentity) -> Callable[[Settings], FastAPI]:
    return lambda settings: portal_alone(settings, identity)


@pytest.fixture
async def person(app: FastAPI, identity: FakeIdentity) -> Person:
    found = Person(app, identity)
    await found.sign_in()
    return found


@pytest.fixture
def application(person: Person, identity: FakeIdentity) -> str:
    """One of the person's."""
    return identity.add(person.subject)


def refusal(pointer: str, detail: str) -> dict[str, Any]:
    """Problem details of identity."""
    return {
        "type": "urn:shuyuan:problem:invalid-request",
        "title": "请求内容有误",
        "status": 422,
        "errors": [{"pointer": pointer, "detail": detail}],
    }


async def test_a_person_without_a_role_is_told_whom_to_ask(
    app: FastAPI, identity: FakeIdentity
) -> None:
    visitor = Person(app, identity)
    await visitor.sign_in(grants=())
    listed = await visitor.browser.get(DESK)
    assert listed.status_code == 200
    assert "集成开发者" in listed.text
    assert f"{DESK}/new" not in listed.text
    assert (await visitor.browser.get(f"{DESK}/new")).status_code == 403


async def test_an_application_is_asked_for_once_however_often_the_form_is_sent(
    person: Person, identity: FakeIdentity
) -> None:
    first = await person.send(DESK, FORM)
    again = await person.send(DESK, FORM)
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    [asked] = identity.applications.values()
    assert asked["organisation_id"] == COMPANY["id"]
    assert asked["auth_method"] == "client_secret_basic"
    assert asked["grant_types"] == ["client_credentials"]
    assert asked["networks"] == ["198.51.100.0/24", "2001:db8::/32"]
    assert set(asked["scopes"]) == {"integrate", "catalog.read"}
    page = await person.browser.get(first.headers["location"])
    assert "待审批" in page.text
    assert "new-key-form" not in page.text
    assert NAME in (await person.browser.get(DESK)).text


@pytest.mark.parametrize(
    ("kind", "method", "grants"),
    [
        ("WEB", "client_secret_basic", ["authorization_code", "refresh_token"]),
        ("NATIVE", "none", ["authorization_code", "refresh_token"]),
    ],
)
async def test_the_kind_says_how_an_application_proves_itself(
    person: Person, identity: FakeIdentity, kind: str, method: str, grants: list[str]
) -> None:
    more = {"kind": kind, "redirect_uris": "https://a.example/back\nhttps://b.example/back"}
    assert (await person.send(DESK, {**FORM, **more})).status_code == 303
    [asked] = identity.applications.values()
    assert asked["auth_method"] == method
    assert asked["grant_types"] == grants
    assert asked["redirect_uris"] == ["https://a.example/back", "https://b.example/back"]


async def test_defects_are_told_in_the_form_which_keeps_what_was_typed(
    person: Person, identity: FakeIdentity
) -> None:
    identity.refusal = refusal("#/redirect_uris/0", "须使用 https")
    name = '<script>alert("1")</script>'
    answer = await person.send(DESK, {**FORM, "name": name, "redirect_uris": "http://x.example"})
    assert answer.status_code == 422
    assert '<a href="#redirect_uris">' in answer.text
    assert "须使用 https" in answer.text
    assert "http://x.example</textarea>" in answer.text
    assert name not in answer.text
    assert name in html.unescape(answer.text)
    assert ONCE in answer.text


async def test_a_server_application_without_scopes_is_asked_for_some(
    person: Person, identity: FakeIdentity
) -> None:
    answer = await person.send(DESK, {**FORM, "scopes": []})
    assert answer.status_code == 422
    assert '<a href="#scopes">权限范围</a>：请至少选择一项。' in answer.text
    assert not identity.applications


async def test_defects_of_a_key_are_told_in_its_form_which_keeps_what_was_typed(
    person: Person, identity: FakeIdentity, application: str
) -> None:
    identity.refusal = refusal("#/scopes", "至少 1 项")
    form = {"name": "夜间任务", "scopes": [], "days": "30", "once": ONCE}
    answer = await person.send(f"{DESK}/{application}/api-keys", form)
    assert answer.status_code == 422
    assert '<a href="#key-scopes">权限范围</a>：至少 1 项' in answer.text
    assert 'value="夜间任务"' in answer.text
    assert '<option value="30" selected>' in answer.text


@pytest.mark.parametrize(
    "wrong", [{"kind": "ROOT"}, {"once": "again\n"}, {"once": ""}, {"scopes": ["x"]}]
)
async def test_what_the_form_did_not_offer_is_refused(
    person: Person, identity: FakeIdentity, wrong: dict[str, str]
) -> None:
    assert (await person.send(DESK, {**FORM, **wrong})).status_code == 403
    assert identity.changes() == []


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({"csrf": ""}, {}),
        ({"csrf": "AAAA"}, {}),
        ({"csrf": "密"}, {}),
        ({}, {"origin": "https://evil.example"}),
        ({}, {"origin": "null", "sec-fetch-site": "cross-site"}),
        ({}, {"content-type": "text/plain"}),
        ({}, {"content-type": "application/json"}),
        ({"name": "x" * 5000}, {}),
    ],
)
@pytest.mark.parametrize("path", ["", "/api-keys", "/secrets"])
async def test_a_form_of_another_site_changes_nothing(
    person: Person,
    identity: FakeIdentity,
    application: str,
    path: str,
    form: dict[str, str],
    headers: dict[str, str],
) -> None:
    address = f"{DESK}/{application}{path}" if path else DESK
    offered = {**FORM, "days": "30", "hours": "0"}
    answer = await person.send(address, {**offered, **form}, headers)
    assert answer.status_code == 403
    assert identity.changes() == []


async def test_a_form_of_another_session_changes_nothing(
    app: FastAPI, person: Person, identity: FakeIdentity
) -> None:
    other = Person(app, identity)
    await other.sign_in()
    answer = await person.send(DESK, {**FORM, "csrf": await other.csrf()})
    assert answer.status_code == 403
    assert identity.changes() == []


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("", None),
        ("/api-keys", {"name": "n", "scopes": "integrate", "days": "30"}),
        ("/api-keys/revoke", {"key": "7K3M9QXB"}),
        ("/secrets", {"hours": "24"}),
        ("/secrets/revoke", {"secret": str(uuid7())}),
    ],
)
async def test_of_somebody_elses_application_nobody_learns(
    app: FastAPI,
    person: Person,
    identity: FakeIdentity,
    application: str,
    path: str,
    form: dict[str, Any] | None,
) -> None:
    other = Person(app, identity)
    await other.sign_in()
    address = f"{DESK}/{application}{path}"
    answer = await (other.browser.get(address) if form is None else other.send(address, form))
    assert answer.status_code == 404
    assert identity.applications[application]["name"] not in answer.text
    assert not identity.keys
    assert not identity.secrets


async def test_a_key_is_shown_once_and_can_be_revoked(
    person: Person, identity: FakeIdentity, application: str
) -> None:
    address = f"{DESK}/{application}"
    form = {"name": "夜间任务", "scopes": ["integrate"], "days": "90"}
    made = await person.send(f"{address}/api-keys", form)
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    assert "sy_7K3M9QXBsecret" in made.text
    assert identity.keys["7K3M9QXB"]["scopes"] == ["integrate"]
    page = (await person.browser.get(address)).text
    assert "sy_7K3M9QXB…" in page
    assert "sy_7K3M9QXBsecret" not in page
    ended = await person.send(f"{address}/api-keys/revoke", {"key": "7K3M9QXB"})
    assert ended.status_code == 303
    page = (await person.browser.get(address)).text
    assert "已撤销" in page
    assert 'value="7K3M9QXB"' not in page


@pytest.mark.parametrize(
    ("path", "form", "shown"),
    [
        ("api-keys", {"name": "n", "scopes": ["integrate"], "days": "90"}, "sy_7K3M9QXBsecret"),
        ("secrets", {}, "secret-after-None"),
    ],
)
async def test_a_form_that_is_sent_twice_makes_nothing_again_and_says_so(
    person: Person,
    identity: FakeIdentity,
    application: str,
    path: str,
    form: dict[str, Any],
    shown: str,
) -> None:
    address = f"{DESK}/{application}"
    page = (await person.browser.get(address)).text
    told = re.findall(rf'id="new-[a-z]+-form">.*?name="once" value="({ONCE_SHAPE})"', page, re.S)
    assert len(told) == 2
    sent = {**form, "once": told[0]}
    assert shown in (await person.send(f"{address}/{path}", sent)).text
    again = await person.send(f"{address}/{path}", sent)
    assert again.status_code == 409
    assert "该表单已提交过" in again.text
    assert shown not in again.text
    assert len(identity.changes()) == 1
    assert (await person.send(f"{address}/{path}", {**form, "once": ""})).status_code == 403


@pytest.mark.parametrize("made", ["api-keys", "secrets"])
async def test_a_page_that_showed_a_secret_leads_back_when_it_is_loaded_again(
    person: Person, application: str, made: str
) -> None:
    answer = await person.browser.get(f"{DESK}/{application}/{made}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{DESK}/{application}")


async def test_an_application_that_cannot_be_is_told_as_a_page(person: Person) -> None:
    for address in (f"{DESK}/not-a-uuid", f"{DESK}/{uuid7()}"):
        answer = await person.browser.get(address)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
        answer = await person.send(f"{address}/secrets", {"hours": "24"})
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")


async def test_a_form_that_was_refused_can_be_sent_again(
    person: Person, identity: FakeIdentity, application: str
) -> None:
    address = f"{DESK}/{application}/secrets"
    sent = {"once": ONCE}
    identity.owners[application] = "another"
    assert (await person.send(address, sent)).status_code == 404
    identity.owners[application] = person.subject
    assert "secret-after-None" in (await person.send(address, sent)).text


@pytest.mark.parametrize("key", ["", "../secrets", "7K3M9QX", "7k3m9qxb", "7K3M9QXB/x"])
async def test_a_key_that_cannot_be_is_not_asked_about(
    person: Person, identity: FakeIdentity, application: str, key: str
) -> None:
    answer = await person.send(f"{DESK}/{application}/api-keys/revoke", {"key": key})
    assert answer.status_code == 404
    answer = await person.send(f"{DESK}/{application}/secrets/revoke", {"secret": key})
    assert answer.status_code == 404
    assert identity.changes() == []


async def test_a_key_outlives_only_what_the_form_offers(
    person: Person, identity: FakeIdentity, application: str
) -> None:
    form = {"name": "n", "scopes": "integrate", "days": "4000"}
    answer = await person.send(f"{DESK}/{application}/api-keys", form)
    assert answer.status_code == 403
    assert identity.changes() == []


async def test_a_secret_is_rotated_with_an_overlap(
    person: Person, identity: FakeIdentity, application: str
) -> None:
    address = f"{DESK}/{application}"
    first = await person.send(f"{address}/secrets", {})
    assert "secret-after-None" in first.text
    (replaced,) = re.findall(r'name="replaces" value="([^"]*)"', first.text)
    turn = {"replaces": replaced, "hours": "24"}
    second = await person.send(f"{address}/secrets", turn)
    assert "secret-after-24" in second.text
    assert "new-secret-form" not in second.text
    page = (await person.browser.get(address)).text
    assert "secret-after" not in page
    assert "失效于" in page
    for secret in [*identity.secrets]:
        ended = await person.send(f"{address}/secrets/revoke", {"secret": secret})
        assert ended.status_code == 303
    assert identity.secrets == {}


async def test_of_two_pages_that_rotate_a_secret_the_later_is_told(
    person: Person, identity: FakeIdentity, application: str
) -> None:
    address = f"{DESK}/{application}/secrets"
    await person.send(address, {})
    turn = {"replaces": next(iter(identity.secrets)), "hours": "0"}
    assert "secret-after-0" in (await person.send(address, turn)).text
    later = await person.send(address, turn)
    assert later.status_code == 409
    assert "identity/secret-replaced" in later.text
    assert "secret-after" not in later.text
    assert len(identity.secrets) == 2
    unnamed = {**turn, "replaces": "../api-keys"}
    assert (await person.send(address, unnamed)).status_code == 404


async def test_an_application_without_secrets_shows_none(
    person: Person, identity: FakeIdentity
) -> None:
    native = identity.add(person.subject, auth_method="none", scopes=["openid"])
    page = await person.browser.get(f"{DESK}/{native}")
    assert page.status_code == 200
    assert "client_secret" not in page.text
    assert "new-key-form" not in page.text
    assert ("GET", f"/identity/v1/clients/{native}/secrets") not in identity.asked


async def test_quota_and_usage_are_shown_once_it_is_approved(
    app: FastAPI, owner: asyncpg.Connection, person: Person, application: str
) -> None:
    address = f"{DESK}/{application}"
    assert "审批通过后生效" in (await person.browser.get(address)).text
    async with app.state.runtime.new_uow() as uow:
        told = event("client.approved", client_id=application, quota_class="trial")
        await apply_handler(HEARS["identity"], uow, told)
        await uow.commit()
    today = civil_date(utc_now())
    for operation, requests in (("GET /catalog/v1/resources", 41), ("POST /catalog/v1/x", 1)):
        await owner.execute(
            "INSERT INTO usage_days VALUES ($1, $2, $3, $4, 2, 0, 10, 2000)",
            *(application, today, operation, requests),
        )
    page = (await person.browser.get(address)).text
    assert "每秒 5 次，每日 5000 次；今日剩余 5000 次" in page
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(\d+)</td><td>(\d+)</td>', page)
    assert rows == [
        (today.isoformat(), "42", "4"),
        ("GET /catalog/v1/resources", "41", "2"),
        ("POST /catalog/v1/x", "1", "2"),
    ]


async def test_its_webhooks_are_shown_and_no_other_applications(
    owner: asyncpg.Connection, person: Person, application: str
) -> None:
    for name, client, path in (
        ("本应用", application, "P1.N1"),
        ("他应用", str(uuid7()), "P1.N1"),
        ("他机构", application, "P1.N2"),
    ):
        await owner.execute(
            "INSERT INTO webhooks (id, client, organisation_path, name, url, event_types, scopes,"
            " state, suspended, version, created_at, updated_at, free_at, failures) VALUES"
            " ($1, $2, CAST(CAST($3 AS text) AS ltree), $4, 'https://a.example', '{a.v1}', '{}',"
            " 'FAILING', false, 1, now(), now(), now(), 0)",
            *(UUID(str(uuid7())), client, path, name),
        )
    page = (await person.browser.get(f"{DESK}/{application}")).text
    assert "本应用" in page
    assert "连续失败" in page
    assert "他应用" not in page
    assert "他机构" not in page
