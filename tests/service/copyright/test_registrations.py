"""Registrations from the first request to the evidence, checked by the verifier within it."""

import asyncio
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.copyright.parts.log import LogPart
from shared.civil import civil_date
from shared.clock import utc_now
from shared.events import Envelope
from shared.ids import uuid7
from shared.service import Runtime
from tests.service.copyright.registering import SCHOOL, V1, WORK, Person, file, work
from tests.service.house import Token


@pytest.fixture
def ada(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


@pytest.fixture
def ben(client: httpx2.AsyncClient, token: Token) -> Person:
    return Person(client, token)


async def test_nobody_registers_without_a_token(client: httpx2.AsyncClient, token: Token) -> None:
    assert (await client.post(V1, json=work())).status_code == 401
    reader = token("ada", "copyright.read")
    assert (await client.post(V1, json=work(), headers=reader)).status_code == 403


async def test_a_work_is_queued_then_logged_witnessed_and_time_stamped(
    ada: Person, log: LogPart, client: httpx2.AsyncClient
) -> None:
    registered = await ada.registered()
    states = [(await client.get(f"{V1}/{registered}")).json()["state"]]
    await log.worker.step()
    states.append((await client.get(f"{V1}/{registered}")).json()["state"])
    await log.stamper.stamp()
    states.append((await client.get(f"{V1}/{registered}")).json()["state"])
    assert states == ["queued", "witnessed", "timestamped"]


async def test_names_stay_out_of_the_log_and_of_what_anyone_reads(
    ada: Person, log: LogPart, client: httpx2.AsyncClient
) -> None:
    registered = await ada.registered()
    await log.worker.step()
    shown = (await client.get(f"{V1}/{registered}")).text
    entries = (await client.get("/copyright/log/tile/entries/000.p/1")).content.decode(
        errors="replace"
    )
    for told in (shown, entries):
        assert "张三" not in told
        assert ada.id not in told


async def test_every_defect_is_told_at_once(ada: Person) -> None:
    answer = await ada.post(
        "",
        work(
            category="poetry",
            registration_number="国作登字-2021-B",
            completed_on="2999-01-01",
            dci="R-1",
        ),
    )
    assert answer.status_code == 422
    pointers = [each["pointer"] for each in answer.json()["errors"]]
    assert pointers == ["#/category", "#/completed_on", "#/registration_number", "#/dci"]


async def test_an_official_number_must_have_the_letter_of_its_category(ada: Person) -> None:
    good = await ada.post("", work(registration_number="国作登字-2021-A-00000001"))
    assert good.status_code == 202
    bad = await ada.post("", work(registration_number="国作登字-2021-F-00000001"))
    assert bad.status_code == 422


@pytest.mark.parametrize(
    "number",
    ["国作登字-2099-A-00000001", "国作登字-1899-A-00000001", "国作登字-2021-A-00000000"],
)
async def test_a_number_that_nobody_ever_gave_is_refused(ada: Person, number: str) -> None:
    answer = await ada.post("", work(registration_number=number))
    assert [each["pointer"] for each in answer.json()["errors"]] == ["#/registration_number"]


@pytest.mark.parametrize(
    "files",
    [
        [{**file(b""), "size": 5}],
        [{**file(WORK), "size": 0}],
        [file(WORK, "é.txt"), file(b"2", "e\u0301.txt")],
    ],
    ids=["a size with the digest of nothing", "no size", "one name in two forms"],
)
async def test_files_that_cannot_be_are_refused(ada: Person, files: list[dict[str, Any]]) -> None:
    answer = await ada.post("", work(files=files))
    assert [each["pointer"] for each in answer.json()["errors"]] == ["#/files"]


async def test_a_repeat_with_the_same_key_registers_once(
    ada: Person, owner: asyncpg.Connection
) -> None:
    first = await ada.post("", work(), **{"idempotency-key": "k1"})
    again = await ada.post("", work(), **{"idempotency-key": "k1"})
    assert first.json() == again.json()
    assert await owner.fetchval("SELECT count(*) FROM pending") == 1


async def test_registrations_are_found_by_file_resource_and_code(
    ada: Person, client: httpx2.AsyncClient
) -> None:
    resource = str(uuid7())
    await ada.registered(files=[file(b"another")])
    registered = await ada.registered(resource_id=resource)
    code = (await client.get(f"{V1}/{registered}")).json()["code"]
    for query in (
        {"digest": file(WORK)["sha256"]},
        {"digest": file(WORK)["sm3"]},
        {"resource_id": resource},
        {"code": code.lower().replace("-", "")},
    ):
        found = (await client.get(V1, params=query)).json()["items"]
        assert [each["id"] for each in found] == [registered], query


async def test_a_list_goes_on_behind_its_cursor(ada: Person, client: httpx2.AsyncClient) -> None:
    made = [await ada.registered() for _ in range(3)]
    digest = file(WORK)["sha256"]
    first = (await client.get(V1, params={"digest": digest, "limit": 2})).json()
    rest = await client.get(V1, params={"digest": digest, "limit": 2, "cursor": first["next"]})
    found = [each["id"] for each in (*first["items"], *rest.json()["items"])]
    assert found == made[::-1]


async def test_a_transfer_needs_both_sides_and_leaves_the_old_holder_nothing(
    ada: Person, ben: Person, chief: Person
) -> None:
    registered = await ada.registered()
    path = f"/{registered}/transfers"
    assert (await ben.post(path, {"action": "propose", "to": ben.id})).status_code == 403
    proposed = await ada.post(path, {"action": "propose", "to": ben.id})
    assert proposed.status_code == 202
    proposal = (await ben.get(f"/{registered}")).json()["proposal"]
    accept = {"action": "accept", "proposal": proposal}
    assert (await chief.post(path, accept)).status_code == 403
    assert (await ben.post(path, accept)).status_code == 202
    assert (await ada.post(path, {"action": "propose", "to": chief.id})).status_code == 403


async def test_of_two_transfers_at_once_exactly_one_wins(
    ada: Person, ben: Person, chief: Person
) -> None:
    registered = await ada.registered()
    head = (await ada.get(f"/{registered}")).json()["head"]
    answers = await asyncio.gather(
        *(
            ada.post(f"/{registered}/transfers", {"action": "propose", "to": each.id, "head": head})
            for each in (ben, chief)
        )
    )
    assert sorted(each.status_code for each in answers) == [202, 409]


async def test_a_licence_is_offered_agreed_to_and_withdrawn(
    ada: Person, ben: Person, client: httpx2.AsyncClient, token: Token
) -> None:
    carl = Person(client, token, f"teacher@{SCHOOL}")
    registered = await ada.registered(licence=None)
    path = f"/{registered}/licences"
    assert (await ada.post(path, {"action": "offer"})).status_code == 422
    school = {"action": "offer", "template": "school-use"}
    assert (await ada.post(path, school)).status_code == 422  # of which school?
    offered = await ada.post(path, {**school, "terms": {"organisation": SCHOOL}})
    assert offered.status_code == 202
    [offer] = (await ben.get(f"/{registered}")).json()["offers"]
    agree = {"action": "agree", "offer": offer}
    assert (await ada.post(path, agree)).status_code == 403
    assert (await ben.post(path, agree)).status_code == 403  # he is of no school
    assert (await carl.post(path, agree)).status_code == 202
    assert (await ada.post(path, {"action": "revoke", "offer": offer})).status_code == 202
    assert (await carl.post(path, agree)).status_code == 409


async def test_a_takedown_goes_from_notice_to_answer_to_decision(
    ada: Person, ben: Person, chief: Person, owner: asyncpg.Connection
) -> None:
    registered = await ada.registered()

    async def say(person: Person, kind: str, **others: Any) -> int:
        body = {"kind": kind, "text": "我认为如此", **others}
        decides = kind in ("takedown.decision", "restore")
        path = f"/{registered}/{'decisions' if decides else 'disputes'}"
        return (await person.post(path, body)).status_code

    assert await say(ben, "takedown.notice") == 202
    assert (await ada.get(f"/{registered}")).json()["answer_due"] is not None
    assert await say(chief, "takedown.decision", outcome="upheld") == 409  # it may be answered yet
    assert await say(ada, "takedown.counter") == 202
    assert await say(ben, "takedown.decision", outcome="upheld") == 403
    assert await say(chief, "takedown.decision", outcome="upheld") == 202
    assert (await ada.get(f"/{registered}")).json()["standing"] == "removed"
    assert await say(chief, "restore") == 202
    types = await owner.fetch("SELECT type FROM outbox ORDER BY id")
    assert [each["type"] for each in types][-2:] == [
        "copyright.registration.removed.v1",
        "copyright.registration.restored.v1",
    ]


async def test_nobody_decides_their_own_case(chief: Person, ben: Person) -> None:
    registered = await chief.registered()
    await ben.post(f"/{registered}/disputes", {"kind": "claim.dispute", "text": "我的"})
    decision = {"kind": "takedown.decision", "text": "驳回", "outcome": "rejected"}
    assert (await chief.post(f"/{registered}/decisions", decision)).status_code == 403


async def test_evidence_is_the_same_twice_and_valid_to_a_stranger(
    ada: Person, log: LogPart, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    registered = await ada.registered()
    assert (await ada.get(f"/{registered}/evidence")).status_code == 409
    await log.worker.step()
    await log.stamper.stamp()
    mine = (await ada.get(f"/{registered}/evidence")).content
    assert mine == (await ada.get(f"/{registered}/evidence")).content
    public = (await client.get(f"{V1}/{registered}/evidence")).content
    trust = tmp_path / "trust.json"
    trust.write_bytes((await client.get("/copyright/v1/trust")).content)
    source = tmp_path / "work.txt"
    source.write_bytes(WORK)
    for archive, disclosed in ((mine, True), (public, False)):
        unzipped = zipfile.ZipFile(io.BytesIO(archive))
        assert ("disclosure.json" in unzipped.namelist()) is disclosed
        (tmp_path / "verify.py").write_bytes(unzipped.read("verify.py"))
        bundle = tmp_path / "evidence.zip"
        bundle.write_bytes(archive)
        given = ["--trust", str(trust), "--work", str(source), "--json"]
        checked = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-I", str(tmp_path / "verify.py"), str(bundle), *given],
            capture_output=True,
            check=False,
            text=True,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert unzipped.read("certificate.pdf").startswith(b"%PDF-1.7")
        assert "署名 4.0" in unzipped.read("licence/legal-text.zh.txt").decode()


async def test_a_work_of_several_files_is_registered_by_its_manifest(
    ada: Person, log: LogPart
) -> None:
    registered = await ada.registered(files=[file(b"one", "a/1.txt"), file(b"two", "a/2.txt")])
    await log.worker.step()
    bundle = zipfile.ZipFile(io.BytesIO((await ada.get(f"/{registered}/evidence")).content))
    assert len(json.loads(bundle.read("manifest.json"))) == 2
    assert json.loads(bundle.read("record.json"))["digests"] is None


def published(resource: UUID, person: str, version: int = 1, **others: Any) -> Envelope:
    data = {
        "resource_id": str(resource),
        "version": version,
        "code": "R-7K3M-9QXB-D",
        "title_sha256": hashlib.sha256("认识分数".encode()).hexdigest(),
        "owner": person,
        "organisation_path": SCHOOL,
        "licence": "CC-BY-4.0",
        "rights_basis": "own_work",
        "files": [file(f"{version}".encode())],
        **others,
    }
    now = utc_now()
    kind = "catalog.resource.published.v1"
    return Envelope(uuid7(), "/catalog", kind, str(resource), now, data)


async def hear(app: FastAPI, envelope: Envelope) -> None:
    runtime: Runtime = app.state.runtime
    source = envelope.type.partition(".")[0]
    async with runtime.new_uow() as uow:
        await runtime.handlers[source][envelope.type](uow, envelope)
        await uow.commit()


async def test_what_the_catalogue_publishes_is_registered_and_then_revised(
    app: FastAPI, ada: Person, client: httpx2.AsyncClient
) -> None:
    resource = uuid7()
    for version in (1, 1, 2):
        await hear(app, published(resource, ada.id, version))
    [found] = (await client.get(V1, params={"resource_id": str(resource)})).json()["items"]
    shown = (await ada.get(f"/{found['id']}")).json()
    assert [each["type"] for each in shown["events"]] == ["register", "revise"]
    assert (shown["resource_version"], shown["resource_code"]) == (2, "R-7K3M-9QXB-D")
    assert "transfer.propose" in shown["allowed"]


async def test_the_registrant_of_what_was_published_finds_its_title_and_people(
    app: FastAPI, ada: Person, ben: Person, client: httpx2.AsyncClient, log: LogPart
) -> None:
    resource = uuid7()
    people = [{"name": "张敏", "role": "author"}, {"name": "李雷", "role": "editor"}]
    told = published(resource, ada.id, title="认识分数", contributors=people, licensor=None)
    await hear(app, told)
    [found] = (await client.get(V1, params={"resource_id": str(resource)})).json()["items"]
    details = (await ada.get(f"/{found['id']}")).json()["details"]
    assert details["title"] == "认识分数"
    assert details["first_published_on"] == civil_date(told.time).isoformat()
    await log.worker.step()
    mine = (await ada.get(f"/{found['id']}/evidence")).content
    disclosed = json.loads(zipfile.ZipFile(io.BytesIO(mine)).read("disclosure.json"))
    assert disclosed["identity"]["authors"] == disclosed["identity"]["holders"] == ["张敏"]
    assert disclosed["identity"]["contributors"] == ["李雷"]
    others = (await ben.get(f"/{found['id']}/evidence")).content
    assert "disclosure.json" not in zipfile.ZipFile(io.BytesIO(others)).namelist()


async def test_a_version_of_what_was_transferred_is_registered_anew(
    app: FastAPI, ada: Person, ben: Person, client: httpx2.AsyncClient
) -> None:
    resource = uuid7()
    await hear(app, published(resource, ada.id))
    [first] = (await client.get(V1, params={"resource_id": str(resource)})).json()["items"]
    path = f"/{first['id']}/transfers"
    await ada.post(path, {"action": "propose", "to": ben.id})
    proposal = (await ben.get(f"/{first['id']}")).json()["proposal"]
    await ben.post(path, {"action": "accept", "proposal": proposal})
    await hear(app, published(resource, ada.id, 2))
    found = (await client.get(V1, params={"resource_id": str(resource)})).json()["items"]
    assert [each["resource_version"] for each in found] == [2, 1]


async def test_the_page_of_a_registration_runs_no_script_of_another_origin(
    ada: Person, client: httpx2.AsyncClient
) -> None:
    registered = await ada.registered()
    code = (await ada.get(f"/{registered}")).json()["code"]
    page = await client.get(f"/copyright/v/{code}", headers={"accept-language": "zh"})
    assert page.status_code == 200
    assert file(WORK)["sha256"] in page.text
    assert 'rel="license" href="https://creativecommons.org/licenses/by/4.0/"' in page.text
    assert "<script>" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert (await client.get("/copyright/v/Z-0000-0000-0")).status_code == 404
    script = await client.get("/copyright/static/check.js")
    assert script.headers["content-type"].startswith("text/javascript")
