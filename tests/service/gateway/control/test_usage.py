"""Usage and quotas as applications and who answers for them read them."""

import base64
import csv
import io
from datetime import date, timedelta

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from gateway.app import HEARS
from shared.civil import civil_date
from shared.clock import utc_now
from shared.events import Envelope
from shared.ids import uuid7
from shared.inbox import apply_handler
from tests.service.house import Token

OWN = "01a20000-0000-7000-8000-000000000001"
USAGE = "/gateway/v1/usage"
QUOTA = "/gateway/v1/quota"
READ = "GET /catalog/v1/resources"


def event(name: str, **data: object) -> Envelope:
    made = {
        "client_id": OWN,
        "organisation_id": str(uuid7()),
        "organisation_path": "P1.N1",
        "name": "交换平台",
        "state": "APPROVED",
        "scopes": ["integrate"],
        "quota_class": "standard",
        "version": 1,
        **data,
    }
    return Envelope(uuid7(), "/identity", f"identity.{name}.v1", OWN, utc_now(), made, None)


async def told(app: FastAPI, *events: Envelope) -> None:
    for each in events:
        async with app.state.runtime.new_uow() as uow:
            await apply_handler(HEARS["identity"], uow, each)
            await uow.commit()


@pytest.fixture
async def used(app: FastAPI, owner: asyncpg.Connection) -> date:
    """An application that asked on three days; returns today."""
    await told(app, event("client.approved"))
    today = civil_date(utc_now())
    for days in (0, 1, 40):
        for operation, requests in ((READ, 3), ("POST /catalog/v1/uploads", 1)):
            await owner.execute(
                "INSERT INTO usage_days VALUES ($1, $2, $3, $4, 1, 0, 10, 2000)",
                *(OWN, today - timedelta(days=days), operation, requests),
            )
    return today


@pytest.mark.parametrize("path", [USAGE, f"{USAGE}/export", QUOTA])
async def test_usage_is_closed_to_anonymous_callers_and_to_others(
    client: httpx2.AsyncClient, token: Token, used: date, path: str
) -> None:
    asked = {"client_id": OWN}
    assert (await client.get(path, params=asked)).status_code == 401
    unscoped = token("someone", "catalog.read", ("integrator@P1",))
    assert (await client.get(path, params=asked, headers=unscoped)).status_code == 403
    for grants in ((), ("integrator@P2",), ("teacher@P1",), ("integrator@P1.N2",)):
        other = token("someone", "integrate", grants)
        assert (await client.get(path, params=asked, headers=other)).status_code == 404
    # A person's token that another application holds is not that application.
    lent = token("someone", "integrate", client_id=OWN)
    assert (await client.get(path, params=asked, headers=lent)).status_code == 404


@pytest.mark.parametrize("grants", [("integrator@P1.N1",), ("administrator@P1",)])
async def test_who_answers_for_an_application_reads_its_usage(
    client: httpx2.AsyncClient, token: Token, used: date, grants: tuple[str, ...]
) -> None:
    caller = token("someone", "integrate", grants)
    answer = await client.get(USAGE, params={"client_id": OWN}, headers=caller)
    items = answer.json()["items"]
    assert [(each["day"], each["operation"], each["requests"]) for each in items] == [
        ((used - timedelta(days=1)).isoformat(), READ, 3),
        ((used - timedelta(days=1)).isoformat(), "POST /catalog/v1/uploads", 1),
        (used.isoformat(), READ, 3),
        (used.isoformat(), "POST /catalog/v1/uploads", 1),
    ]
    assert items[0] | {"refused": 1, "failed": 0, "received": 10, "sent": 2000} == items[0]


async def test_an_application_reads_its_own_usage_page_by_page(
    client: httpx2.AsyncClient, token: Token, used: date
) -> None:
    own = token(OWN, "integrate", ("integrator@P1.N1",), client_id=OWN)
    since = (used - timedelta(days=60)).isoformat()
    seen = list[tuple[str, str]]()
    cursor: str | None = None
    for _ in range(6):
        asked = {"limit": "1", "since": since} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(USAGE, params=asked, headers=own)).json()
        seen += [(each["day"], each["operation"]) for each in page["items"]]
        cursor = page["next"]
    assert cursor is None
    assert len(set(seen)) == 6
    assert seen == sorted(seen)


async def test_usage_comes_as_a_table_for_spreadsheets(
    client: httpx2.AsyncClient, token: Token, used: date
) -> None:
    own = token(OWN, "integrate", client_id=OWN)
    answer = await client.get(f"{USAGE}/export", headers=own)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["requests"] for row in rows] == ["3", "1", "3", "1"]
    assert rows[0]["operation"] == READ


@pytest.mark.parametrize(
    "period",
    [
        {"since": "2026-02-01", "until": "2026-01-31"},
        {"since": "2024-01-01", "until": "2026-01-01"},
        {"since": "never"},
    ],
)
async def test_what_is_no_period_is_refused(
    client: httpx2.AsyncClient, token: Token, used: date, period: dict[str, str]
) -> None:
    own = token(OWN, "integrate", client_id=OWN)
    assert (await client.get(USAGE, params=period, headers=own)).status_code == 422


async def test_the_quota_is_that_of_the_class_and_shows_what_is_left(
    client: httpx2.AsyncClient, token: Token, used: date, owner: asyncpg.Connection
) -> None:
    own = token(OWN, "integrate", client_id=OWN)
    before = (await client.get(QUOTA, headers=own)).json()
    assert before["quota_class"] == "standard"
    assert before["left"] == before["per_day"] > before["per_second"]
    await owner.execute("INSERT INTO quota_days VALUES ($1, $2, 2500, 2500)", OWN, used)
    after = (await client.get(QUOTA, headers=own)).json()
    assert after["left"] == before["per_day"] - 2500


async def test_what_is_left_is_what_the_headers_of_its_requests_tell(
    client: httpx2.AsyncClient, token: Token, used: date
) -> None:
    own = token(OWN, "integrate", client_id=OWN, quota="standard")
    for _ in range(3):
        counted = await client.get("/check/token/x", headers=own)
    quota = (await client.get(QUOTA, headers=own)).json()
    assert quota["left"] == quota["per_day"] - 3
    assert f'"day";r={quota["left"]};' in counted.headers["ratelimit"]


async def test_a_suspended_application_is_refused_where_no_service_looks_at_its_token(
    app: FastAPI, client: httpx2.AsyncClient, token: Token
) -> None:
    own = token(OWN, "integrate", client_id=OWN, quota="standard")
    assert (await client.get("/check/token/x", headers=own)).status_code == 200
    now = utc_now().timestamp()
    app.state.runtime.revoked.add("client", OWN, now + 1, now + 900)
    refused = await client.get("/check/token/x", headers=own)
    assert refused.status_code == 401
    assert refused.json()["type"] == "urn:shuyuan:problem:unauthenticated"


@pytest.mark.parametrize("spoilt", ["x.{0}.y {1}", "{1} x.{0}.y", "{1},x.{0}.y"])
async def test_nothing_but_the_token_that_was_verified_says_whose_quota_is_used(
    client: httpx2.AsyncClient, token: Token, used: date, spoilt: str
) -> None:
    other = base64.urlsafe_b64encode(b'{"client_id":"\\u0000","quota":"high"}').decode()
    own = token(OWN, "integrate", client_id=OWN, quota="standard")
    headers = {"authorization": spoilt.format(other, own["authorization"])}
    refused = await client.get("/check/token/x", headers=headers)
    assert refused.status_code == 401


@pytest.mark.parametrize("path", [USAGE, f"{USAGE}/export", QUOTA])
async def test_an_application_reads_of_no_other_of_its_organisation(
    app: FastAPI, client: httpx2.AsyncClient, token: Token, used: date, path: str
) -> None:
    other = str(uuid7())
    await told(app, event("client.approved", client_id=other))
    itself = token(other, "integrate", ("integrator@P1.N1",), client_id=other)
    assert (await client.get(path, headers=itself)).status_code == 200
    asked = {"client_id": OWN}
    assert (await client.get(path, params=asked, headers=itself)).status_code == 404


async def test_what_is_known_of_an_application_follows_its_newest_event(
    app: FastAPI, client: httpx2.AsyncClient, token: Token
) -> None:
    await told(
        app,
        event("client.approved", version=1),
        event("client.changed", version=3, quota_class="high"),
        event("client.changed", version=2, quota_class="trial"),
    )
    own = token(OWN, "integrate", client_id=OWN)
    assert (await client.get(QUOTA, headers=own)).json()["quota_class"] == "high"
    moved = event("organisation.moved", old_path="P1.N1", path="P7.N1")
    await told(app, moved)
    there = token("someone", "integrate", ("integrator@P7",))
    here = token("someone", "integrate", ("integrator@P1",))
    asked = {"client_id": OWN}
    assert (await client.get(QUOTA, params=asked, headers=there)).status_code == 200
    assert (await client.get(QUOTA, params=asked, headers=here)).status_code == 404
