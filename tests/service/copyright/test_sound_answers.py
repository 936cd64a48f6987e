"""What is answered is so: offers that are open, deeds that may be done, facts that were logged."""

import asyncio
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pypdfium2
import pytest
from fastapi import FastAPI

from services.copyright.parts.log import LogPart
from services.copyright.verify.cli import main as verify
from services.copyright.verify.report import INCOMPLETE, INVALID, VALID
from shared.civil import civil_date
from shared.events import Envelope
from shared.ids import uuid7
from shared.service import Runtime
from tests.service.copyright.registering import SCHOOL, WORK, Person, file, work
from tests.service.copyright.test_registrations import hear, published

CHINESE = {"accept-language": "zh-CN"}


async def shown(person: Person, registered: str) -> dict[str, Any]:
    told: dict[str, Any] = (await person.get(f"/{registered}")).json()
    return told


async def offers(person: Person, registered: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = (await person.get(f"/{registered}/licences")).json()
    return told


async def test_an_offer_that_expired_is_no_longer_open(ada: Person, ben: Person) -> None:
    registered = await ada.registered(licence=None, organisation=SCHOOL)
    until = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    terms = {"action": "offer", "template": "school-use", "terms": {"until": until}}
    assert (await ada.post(f"/{registered}/licences", terms)).status_code == 202
    [offer] = await offers(ben, registered)
    assert offer["open"] is True
    assert "licence.agree" in (await shown(ben, registered))["allowed"]
    await asyncio.sleep(2.1)
    assert (await offers(ben, registered))[0]["open"] is False
    told = await shown(ben, registered)
    assert told["offers"] == {}
    assert "licence.agree" not in told["allowed"]
    agree = {"action": "agree", "offer": offer["offer"]}
    late = await ben.post(f"/{registered}/licences", agree, **CHINESE)
    assert late.status_code == 409
    assert "北京时间" in late.json()["detail"]


async def test_an_offer_is_not_open_while_the_work_is_disputed_or_taken_down(
    ada: Person, ben: Person, chief: Person
) -> None:
    registered = await ada.registered(organisation=SCHOOL)
    assert [each["open"] for each in await offers(ben, registered)] == [True]
    await ben.post(f"/{registered}/disputes", {"kind": "takedown.notice", "text": "我的教案。"})
    assert [each["open"] for each in await offers(ben, registered)] == [False]
    assert (await shown(ben, registered))["offers"] == {}
    # What it permits, it permits until a decision.
    asked = await ben.get(f"/{registered}/permission?action=derive")
    assert asked.json()["permitted"] is True


async def test_who_agreed_is_counted_once(ada: Person, ben: Person) -> None:
    registered = await ada.registered(organisation=SCHOOL)
    [offer] = (await shown(ben, registered))["offers"]
    agree = {"action": "agree", "offer": offer}
    assert (await ben.post(f"/{registered}/licences", agree)).status_code == 202
    again = await ben.post(f"/{registered}/licences", agree, **CHINESE)
    assert (again.status_code, "无须重复" in again.json()["detail"]) == (409, True)
    reuse = {**agree, "used_in": str(uuid7())}
    assert (await ben.post(f"/{registered}/licences", reuse)).status_code == 202
    assert [each["agreed"] for each in await offers(ben, registered)] == [1]


async def test_whom_the_terms_do_not_name_cannot_agree(
    ada: Person, ben: Person, stranger: Person
) -> None:
    registered = await ada.registered(licence=None, organisation=SCHOOL)
    terms = {"action": "offer", "template": "school-use"}
    await ada.post(f"/{registered}/licences", terms)
    [offer] = (await shown(ben, registered))["offers"]
    refused = await stranger.post(f"/{registered}/licences", {"action": "agree", "offer": offer})
    assert refused.status_code == 403
    assert "licence.agree" not in (await shown(stranger, registered))["allowed"]
    assert "licence.agree" in (await shown(ben, registered))["allowed"]


async def test_nothing_was_permitted_before_it_was_offered(ada: Person, ben: Person) -> None:
    registered = await ada.registered()
    asked = f"/{registered}/permission?action=derive&on="
    assert (await ben.get(f"{asked}1990-01-01T00:00:00Z")).json()["permitted"] is False
    assert (await ben.get(f"{asked}2999-01-01T00:00:00Z")).json()["permitted"] is True


async def test_the_page_says_that_a_licence_was_withdrawn(
    ada: Person, client: httpx2.AsyncClient
) -> None:
    registered = await ada.registered()
    told = await shown(ada, registered)
    address = f"/copyright/v/{told['code']}"
    assert "已不再发出" not in (await client.get(address, headers=CHINESE)).text
    [offer] = told["offers"]
    await ada.post(f"/{registered}/licences", {"action": "revoke", "offer": offer})
    assert "已不再发出" in (await client.get(address, headers=CHINESE)).text


async def test_a_claim_is_upheld_only_once_the_holder_was_heard(
    ada: Person, ben: Person, chief: Person
) -> None:
    registered = await ada.registered(organisation=SCHOOL)
    await ben.post(f"/{registered}/disputes", {"kind": "claim.dispute", "text": "我的教案。"})
    upheld = {"kind": "takedown.decision", "outcome": "upheld", "text": "证据充分。"}
    early = await chief.post(f"/{registered}/decisions", upheld, **CHINESE)
    assert (early.status_code, "北京时间" in early.json()["detail"]) == (409, True)
    assert "takedown.counter" in (await shown(ada, registered))["allowed"]
    answer = {"kind": "takedown.counter", "text": "并非如此。"}
    assert (await ada.post(f"/{registered}/disputes", answer)).status_code == 202
    assert (await chief.post(f"/{registered}/decisions", upheld)).status_code == 202


async def test_what_was_rejected_is_not_claimed_again(
    ada: Person, ben: Person, stranger: Person, chief: Person
) -> None:
    registered = await ada.registered(organisation=SCHOOL)
    claim = {"kind": "claim.dispute", "text": "我的教案。"}
    await ben.post(f"/{registered}/disputes", claim)
    rejected = {"kind": "takedown.decision", "outcome": "rejected", "text": "证据不足。"}
    assert (await chief.post(f"/{registered}/decisions", rejected)).status_code == 202
    for kind in ("claim.dispute", "takedown.notice"):
        again = await ben.post(f"/{registered}/disputes", {**claim, "kind": kind})
        assert again.status_code == 409
        assert kind not in (await shown(ben, registered))["allowed"]
    assert (await stranger.post(f"/{registered}/disputes", claim)).status_code == 202


async def test_a_refusal_names_the_state_and_what_to_do_next(ada: Person, ben: Person) -> None:
    registered = await ada.registered()
    answer = {"kind": "takedown.counter", "text": "并非如此。"}
    early = await ada.post(f"/{registered}/disputes", answer, **CHINESE)
    assert early.status_code == 409
    for word in ("反通知", "有效", "重新读取"):
        assert word in early.json()["detail"]
    revoke = {"action": "revoke", "offer": "0" * 64}
    theirs = await ben.post(f"/{registered}/licences", revoke, **CHINESE)
    assert (theirs.status_code, "权利人" in theirs.json()["detail"]) == (403, True)


async def test_the_holder_is_not_told_to_revise_what_no_request_revises(ada: Person) -> None:
    assert "revise" not in (await shown(ada, await ada.registered()))["allowed"]


async def test_the_day_is_that_of_china(ada: Person) -> None:
    today = civil_date(datetime.now(UTC))
    assert (await ada.post("", work(completed_on=today.isoformat()))).status_code == 202
    tomorrow = (today + timedelta(days=1)).isoformat()
    for name in ("completed_on", "first_published_on"):
        refused = await ada.post("", work(**{name: tomorrow}))
        assert [each["pointer"] for each in refused.json()["errors"]] == [f"#/{name}"]


@pytest.mark.parametrize(
    "blank", [{"title": "   "}, {"authors": [" "]}, {"title": "\u3000"}, {"holders": ["\t"]}]
)
async def test_blank_names_are_refused(ada: Person, blank: dict[str, Any]) -> None:
    assert (await ada.post("", work(**blank))).status_code == 422


async def test_a_blank_claim_is_refused(ada: Person, ben: Person) -> None:
    registered = await ada.registered()
    blank = {"kind": "claim.dispute", "text": " \n "}
    assert (await ben.post(f"/{registered}/disputes", blank)).status_code == 422


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
async def test_a_time_out_of_reach_is_refused_as_such(ada: Person, until: str) -> None:
    registered = await ada.registered(licence=None, organisation=SCHOOL)
    terms = {"action": "offer", "template": "school-use", "terms": {"until": until}}
    assert (await ada.post(f"/{registered}/licences", terms)).status_code == 422


async def test_a_work_is_found_by_a_digest_in_capitals(ada: Person) -> None:
    registered = await ada.registered()
    answer = await ada.get(f"?digest={file(WORK)['sha256'].upper()}")
    assert [each["id"] for each in answer.json()["items"]] == [registered]


async def test_equal_sm3_digests_are_the_same_file(ada: Person, client: httpx2.AsyncClient) -> None:
    registered = await ada.registered()
    asked = {"files": [{"sha256": "0" * 64, "sm3": file(WORK)["sm3"]}]}
    answer = await client.post("/copyright/v1/duplicates", json=asked, headers=ada.headers)
    [match] = answer.json()["files"][0]["matches"]
    assert (match["registration_id"], match["tier"]) == (registered, "exact")


async def test_nothing_is_handed_on_to_who_was_erased(
    ada: Person, ben: Person, app: FastAPI, owner: asyncpg.Connection
) -> None:
    registered = await ada.registered()
    runtime: Runtime = app.state.runtime
    data = {"person_id": ben.id, "code": "U-1", "version": 2}
    erased = "identity.person.erased.v1"
    envelope = Envelope(uuid7(), "/identity", erased, ben.id, datetime.now(UTC), data)
    async with runtime.new_uow() as uow:
        await runtime.handlers["identity"][erased](uow, envelope)
        await uow.commit()
    propose = {"action": "propose", "to": ben.id}
    assert (await ada.post(f"/{registered}/transfers", propose)).status_code == 409
    assert await owner.fetchval("SELECT count(*) FROM parties") == 1


async def bundle(person: Person, registered: str) -> bytes:
    answer = await person.get(f"/{registered}/evidence")
    assert answer.status_code == 200, answer.text
    return answer.content


def members(archive: bytes) -> dict[str, bytes]:
    opened = zipfile.ZipFile(io.BytesIO(archive))
    return {name: opened.read(name) for name in opened.namelist()}


async def verdicts(
    archive: bytes, client: httpx2.AsyncClient, folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, str]]:
    (folder / "evidence.zip").write_bytes(archive)
    (folder / "trust.json").write_bytes((await client.get("/copyright/v1/trust")).content)
    given = [str(folder / "evidence.zip"), "--trust", str(folder / "trust.json"), "--json"]
    code = await asyncio.to_thread(verify, given)
    steps = json.loads(capsys.readouterr().out)["steps"]
    return code, {each["step"]: each["verdict"] for each in steps}


async def test_facts_that_were_altered_in_the_database_are_not_shown(
    ada: Person,
    log: LogPart,
    owner: asyncpg.Connection,
    client: httpx2.AsyncClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    registered = await ada.registered(completed_on="2026-09-10")
    await log.worker.step()
    _, before = await verdicts(await bundle(ada, registered), client, tmp_path, capsys)
    assert {"pass"} == {before[name] for name in ("details", "seal", "disclosure", "licence")}
    altered = "UPDATE registrations SET details = details || jsonb_build_object('title', '篡改')"
    await owner.execute(altered)
    assert "篡改" not in (await ada.get(f"/{registered}")).text
    code = (await shown(ada, registered))["code"]
    assert "篡改" not in (await client.get(f"/copyright/v/{code}")).text
    archive = await bundle(ada, registered)
    exit_code, after = await verdicts(archive, client, tmp_path, capsys)
    assert (exit_code, after["details"]) == (INCOMPLETE, "unchecked")
    forged = {**members(archive), "certificate.pdf": b"%PDF-1.7 another"}
    (tmp_path / "open").mkdir()
    for name, data in forged.items():
        (tmp_path / "open" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "open" / name).write_bytes(data)
    given = [str(tmp_path / "open"), "--trust", str(tmp_path / "trust.json")]
    assert await asyncio.to_thread(verify, given) == INVALID


async def test_both_holders_prove_who_they_are(
    ada: Person,
    ben: Person,
    log: LogPart,
    client: httpx2.AsyncClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    registered = await ada.registered()
    await ada.post(f"/{registered}/transfers", {"action": "propose", "to": ben.id})
    proposal = (await shown(ben, registered))["proposal"]
    accept = {"action": "accept", "proposal": proposal}
    assert (await ben.post(f"/{registered}/transfers", accept)).status_code == 202
    await log.worker.step()
    for person in (ada, ben):
        archive = await bundle(person, registered)
        told = json.loads(members(archive)["disclosure.json"])
        assert told["identity"]["person"] == person.id
        _, found = await verdicts(archive, client, tmp_path, capsys)
        assert found["disclosure"] == "pass"


async def test_the_certificate_names_what_is_the_platforms_own_and_how_many_files_there_are(
    ada: Person, log: LogPart
) -> None:
    files = [file(f"{n}".encode(), f"{n:02d}.txt") for n in range(12)]
    registered = await ada.registered(files=files, contributors=["王五"], dci="DCI:R1")
    await log.worker.step()
    await log.stamper.stamp()
    pdf = pypdfium2.PdfDocument(members(await bundle(ada, registered))["certificate.pdf"])
    told = "".join(page.get_textpage().get_text_range() for page in pdf)
    for words in ("另有 4 个文件", "王五", "DCI:R1", "有效 in force", "自设 our own", "北京时间"):
        assert words in told, words


async def test_the_evidence_of_what_the_catalogue_published_tells_its_newest_version(
    app: FastAPI,
    ada: Person,
    log: LogPart,
    client: httpx2.AsyncClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    resource = uuid7()
    for version, title in ((1, "认识分数"), (2, "认识分数(修订)")):
        files = [file(title.encode(), f"{version}.txt")]
        await hear(app, published(resource, ada.id, version, title=title, files=files))
    await log.worker.step()
    await log.stamper.stamp()
    found = await client.get("/copyright/v1/registrations", params={"resource_id": str(resource)})
    [registered] = [each["id"] for each in found.json()["items"]]
    archive = await bundle(ada, registered)
    told = json.loads(members(archive)["details.json"])
    assert (told["details"]["title"], told["files"][0]["path"]) == ("认识分数(修订)", "2.txt")
    code, steps = await verdicts(archive, client, tmp_path, capsys)
    assert (code, {*steps.values()} - {"pass", "absent"}) == (VALID, set())
    assert steps["details"] == steps["seal"] == "pass"
