"""Files, derivatives, codes and QR codes over HTTP: who gets what, and where from."""

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import URL, Desk, build_resources
from tests.service.house import Token


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources)


@pytest.fixture
def desk(
    settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection, token: Token
) -> Desk:
    return Desk(client, owner, token, object_store(settings))


async def content(
    desk: Desk, resource: dict[str, object], query: str = "", headers: dict[str, str] | None = None
) -> httpx2.Response:
    return await desk.client.get(
        f"{URL}/{resource['id']}/content{query}",
        headers=desk.teacher if headers is None else headers,
    )


async def fetched(answer: httpx2.Response) -> httpx2.Response:
    assert answer.status_code == 302, answer.text
    async with httpx2.AsyncClient(trust_env=False) as store:
        return await store.get(answer.headers["location"])


async def test_the_file_of_a_draft_is_had_by_those_who_see_the_draft(desk: Desk) -> None:
    made = await desk.create(None, await desk.upload(b"lesson" * 10))
    for stranger in ({}, desk.colleague()):
        assert (await content(desk, made, headers=stranger)).status_code == 404
    for reader in (desk.teacher, desk.administrator()):
        assert (await fetched(await content(desk, made, headers=reader))).content == b"lesson" * 10


async def test_it_is_saved_under_its_name_and_no_address_is_cached(desk: Desk) -> None:
    made = await desk.create(None, await desk.upload(filename='第一课 "分数".pdf'))
    answer = await content(desk, made)
    assert answer.headers["cache-control"] == "no-store"
    file = await fetched(answer)
    disposition = unquote(file.headers["content-disposition"])
    assert disposition == "attachment; filename*=UTF-8''第一课 \"分数\".pdf"
    assert file.headers["content-type"] == "application/pdf"


async def test_a_file_is_named_by_place_or_role(desk: Desk) -> None:
    made = await desk.create(None, await desk.upload(b"first"), await desk.upload(b"second"))
    files = [
        {"upload_id": made["files"][0]["upload_id"], "role": "main"},
        {"upload_id": made["files"][1]["upload_id"], "role": "supplement"},
    ]
    await desk.patch(made, {"files": files})
    for query, expected in (
        ("", b"first"),
        ("?file=1", b"second"),
        ("?file=main", b"first"),
        ("?file=supplement", b"second"),
    ):
        assert (await fetched(await content(desk, made, query))).content == expected
    assert (await content(desk, made, "?file=2")).status_code == 404
    assert (await content(desk, made, "?file=cover")).status_code == 404
    assert (await content(desk, made, "?file=../x")).status_code == 422


async def test_until_it_is_clean_a_file_is_had_by_its_uploader_alone(desk: Desk) -> None:
    made = await desk.create(None, await desk.upload(b"waiting", state="COMPLETED"))
    assert (await fetched(await content(desk, made))).content == b"waiting"
    answer = await content(desk, made, headers=desk.administrator())
    assert answer.json()["type"] == "urn:shuyuan:problem:catalog/file-not-ready"


async def test_nobody_gets_a_refused_file(desk: Desk) -> None:
    made = await desk.create(None, await desk.upload(b"macro", state="COMPLETED"))
    refusal = '[{"code": "macro", "detail": "Macros.", "detail_zh": "文件含有宏。"}]'
    await desk.owner.execute("UPDATE uploads SET state = 'REFUSED', refusal = $1", refusal)
    for reader in (desk.teacher, desk.administrator()):
        answer = await content(desk, made, headers=reader)
        assert answer.status_code == 409
        assert answer.json()["reasons"] == [{"code": "macro", "detail": "文件含有宏。"}]


async def test_a_claimed_digest_opens_nobody_elses_file(desk: Desk) -> None:
    secret = b"what another teacher keeps to herself"
    await desk.upload(secret, owner="another")
    claimed = await desk.upload(secret, state="COMPLETED")
    await desk.objects.put(f"incoming/{claimed}", b"something else", "application/pdf")
    made = await desk.create(None, claimed)
    assert (await fetched(await content(desk, made))).content == b"something else"
    answer = await desk.client.get(f"{URL}/{made['id']}/derivatives", headers=desk.teacher)
    assert answer.json() == {"items": []}


async def test_a_pinned_version_gives_that_file_for_ever(desk: Desk) -> None:
    upload = await desk.upload(b"version one", text="一" * 50)
    made = await desk.create(await desk.complete(), upload)
    assert (await desk.freeze(made)).status_code == 201
    other = await desk.upload(b"version two")
    await desk.patch(await desk.read(made), {"files": [{"upload_id": other}]})
    assert (await fetched(await content(desk, made, "?version=1"))).content == b"version one"
    assert (await fetched(await content(desk, made))).content == b"version two"
    await desk.publish(made)
    assert (await fetched(await content(desk, made, headers={}))).content == b"version one"


async def test_derivatives_are_had_like_the_file(desk: Desk) -> None:
    body = b"with pictures"
    made = await desk.create(None, await desk.upload(body))
    digest = hashlib.sha256(body).digest()
    for kind in ("page", "text"):
        key = f"derived/{digest.hex()[:2]}/{digest.hex()}/{kind}-1"
        await desk.objects.put(key, kind.encode(), "image/webp")
        await desk.owner.execute(
            "INSERT INTO derivatives (sha256, kind, number, object_key, media_type, width, height,"
            " size) VALUES ($1, $2, 1, $3, 'image/webp', 800, 600, 4)",
            *(digest, kind, key),
        )
    url = f"{URL}/{made['id']}/derivatives"
    assert (await desk.client.get(url)).status_code == 404
    answer = await desk.client.get(url, headers=desk.teacher)
    page, text = answer.json()["items"]
    assert (page["position"], page["kind"], page["width"]) == (0, "page", 800)
    async with httpx2.AsyncClient(trust_env=False) as store:
        assert (await store.get(page["url"])).content == b"page"
        assert (await store.get(text["url"])).content == b"text"


async def test_facts_of_a_file_are_told_once_it_is_clean(desk: Desk, statements: list[str]) -> None:
    facts: dict[str, Any] = {
        "pages": 12,
        "text_parts": {"of": "pages"},
        "said": {"Author": "13812345678"},
    }
    clean = await desk.upload(b"long", **facts)
    waiting = await desk.upload(b"waiting", state="COMPLETED")
    made = await desk.create(None, clean, waiting)
    assert made["files"][0]["facts"]["pages"] == 12
    statements.clear()
    read = await desk.read(made)
    assert len(statements) <= 2
    assert read["files"][0]["facts"] == made["files"][0]["facts"]
    assert read["files"][1]["facts"] is None
    assert "13812345678" not in str(read)


async def test_a_code_is_found_as_people_type_it(desk: Desk) -> None:
    made = await desk.create()
    code = made["code"]
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("0", "o")):
        answer = await desk.client.get(f"/catalog/v1/codes/{typed}", headers=desk.teacher)
        assert answer.json()["resource_id"] == made["id"], typed
    assert (await desk.client.get(f"/catalog/v1/codes/{code}")).status_code == 404


@pytest.mark.parametrize(
    ("typed", "reason"), [("R-123", "length"), ("R-!!!!-!!!!-!", "symbol"), ("S-0101-7K3M-X", None)]
)
async def test_a_slip_in_a_code_is_told(desk: Desk, typed: str, reason: str | None) -> None:
    answer = await desk.client.get(f"/catalog/v1/codes/{typed}")
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert reason is None or answer.json()["reason"] == reason


async def test_a_flipped_character_is_no_other_resource(desk: Desk) -> None:
    code = (await desk.create())["code"]
    flipped = code[:3] + ("2" if code[3] != "2" else "3") + code[4:]
    answer = await desk.client.get(f"/catalog/v1/codes/{flipped}", headers=desk.teacher)
    assert answer.json()["reason"] == "check"


async def test_the_qr_code_is_a_picture_for_those_who_know_the_resource(desk: Desk) -> None:
    made = await desk.create()
    for kind, head in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        url = f"{URL}/{made['id']}/qr.{kind}"
        assert (await desk.client.get(url)).status_code == 404
        answer = await desk.client.get(url, headers=desk.teacher)
        assert answer.content.startswith(head)
    assert (await desk.client.get(f"{URL}/{UUID(int=0)}/qr.png")).status_code == 404
    assert (await desk.client.get(f"{URL}/{made['id']}/qr.exe")).status_code == 422
