"""What everybody is told of what was taken down: a page for people, and the list of notices."""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from services.catalog.settings import Settings
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import (
    NOTICE,
    RESTORED,
    RETIRED,
    SUSPENDED,
    Office,
    build_publication,
    office,
)
from tests.service.catalog.resources import URL, build_resources

__all__ = ["office"]

NOTICES = "/catalog/v1/notices"
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources, build_publication)


async def test_who_scans_the_code_of_what_was_taken_down_reads_why_in_both_languages(
    office: Office,
) -> None:
    made = await office.published()
    await office.taken("suspend", made, SUSPENDED)
    answer = await office.client.get(f"/catalog/v1/codes/{made['code']}", headers=BROWSER)
    assert answer.status_code == 410
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for words in ("该资源已下架", "This resource was suspended", "存在科学性错误", NOTICE):
        assert words in answer.text
    assert "It is wrong in fact" in answer.text
    assert f"{URL}/{made['id']}/tombstone" in answer.text


async def test_the_page_of_the_evidence_shows_what_was_published_and_names_nobody(
    office: Office,
) -> None:
    made = await office.published()
    await office.taken("retire", made, RETIRED)
    answer = await office.client.get(f"{URL}/{made['id']}/tombstone", headers=BROWSER)
    assert answer.status_code == 200
    digest = await office.owner.fetchval("SELECT encode(digest, 'hex') FROM resource_versions")
    for words in ("该资源已出库", "This resource was retired", "教材已换版。", digest):
        assert words in answer.text
    assert office.subject not in answer.text
    assert made["metadata"]["title"] not in answer.text


async def test_a_page_runs_no_script_and_has_no_style_but_its_own(office: Office) -> None:
    made = await office.published()
    notice = "<script>alert(1)</script>"
    await office.taken("suspend", made, {**SUSPENDED, "notice": notice})
    answer = await office.client.get(f"/catalog/v1/codes/{made['code']}", headers=BROWSER)
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"default-src 'none'; style-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "style=" not in answer.text
    assert answer.headers["vary"] == "accept"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html"])
async def test_programs_are_told_as_before(office: Office, accept: str) -> None:
    made = await office.published()
    await office.taken("suspend", made, SUSPENDED)
    url = f"/catalog/v1/codes/{made['code']}"
    answer = await office.client.get(url, headers={"accept": accept})
    assert answer.status_code == 410
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason_code"] == "factual_error"


async def test_a_page_stands_in_place_of_nothing_that_can_be_read(office: Office) -> None:
    made = await office.published()
    url = f"/catalog/v1/codes/{made['code']}"
    assert (await office.client.get(url, headers=BROWSER)).json()["code"] == made["code"]
    missing = await office.client.get(f"{URL}/{made['id']}/tombstone", headers=BROWSER)
    assert missing.status_code == 404


async def listed(office: Office, query: str = "") -> list[dict[str, Any]]:
    answer = await office.client.get(f"{NOTICES}{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_anybody_reads_the_notices_in_force_with_reason_and_day(office: Office) -> None:
    kept, suspended, retired = [await office.published() for _ in range(3)]
    await office.taken("suspend", suspended, SUSPENDED)
    before = await office.taken("suspend", retired, SUSPENDED)
    await office.taken("retire", {**retired, "version": before["version"]}, RETIRED)
    newest, oldest = await listed(office)
    assert [newest["code"], oldest["code"]] == [retired["code"], suspended["code"]]
    assert (newest["state"], newest["reason_code"]) == ("RETIRED", "outdated")
    assert (oldest["notice"], oldest["reason_zh"]) == (NOTICE, "存在科学性错误")
    assert oldest["at"]
    assert not {"actor", "title", "owner"} & newest.keys()
    assert kept["code"] not in {newest["code"], oldest["code"]}


async def test_what_was_given_back_stands_in_no_notice(office: Office) -> None:
    made = await office.published()
    taken = await office.taken("suspend", made, SUSPENDED)
    assert len(await listed(office)) == 1
    await office.taken("restore", {**made, "version": taken["version"]}, RESTORED)
    assert await listed(office) == []


async def test_notices_come_by_state_and_reason_page_by_page_in_one_statement(
    office: Office, statements: list[str]
) -> None:
    made = [await office.published() for _ in range(3)]
    for each in made[:2]:
        await office.taken("suspend", each, SUSPENDED)
    await office.taken("retire", made[2], RETIRED)
    assert [each["code"] for each in await listed(office, "?state=RETIRED")] == [made[2]["code"]]
    of_reason = await listed(office, "?reason_code=factual_error")
    assert [each["code"] for each in of_reason] == [made[1]["code"], made[0]["code"]]
    statements.clear()
    page = (await office.client.get(f"{NOTICES}?limit=2")).json()
    assert len([each for each in statements if "notices" in each]) == 1
    rest = await listed(office, f"?limit=2&cursor={page['next']}")
    told = [each["code"] for each in (*page["items"], *rest)]
    assert told == [each["code"] for each in reversed(made)]
    answer = await office.client.get(f"{NOTICES}?cursor={page['next']}&state=RETIRED")
    assert answer.status_code == 400
