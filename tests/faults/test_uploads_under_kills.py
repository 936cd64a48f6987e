"""Uploads while the catalogue, the inspector, PostgreSQL and the object store are killed at random.

What clients were told stands in a journal outside of all this. In the end
  U1  every acknowledged upload is readable, with its digest and length;
  U2  no upload that lacks bytes counts as complete;
  U3  none that was found clean lacks its object, and each that was completed is inspected; a day
      later, when what is left of kills was swept, no object lacks a row;
  U4  one idempotency key made one upload, and never takes another body.

``SHUYUAN_FAULTS_SEED`` brings a campaign back; ``SHUYUAN_FAULTS_UPLOADS=500`` makes it a long one.
"""

import asyncio
import hashlib
import json
import os
import random
import signal
import time
import uuid
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from services.catalog.adapters.inspections import InspectionQueue
from services.catalog.adapters.objects import object_store
from services.catalog.application.sweeping import GRACE
from services.catalog.parts import uploads
from services.catalog.settings import Settings
from services.identity.demonstration.sign_in import access_token
from shared.clock import utc_now
from shared.service import Runtime
from tests.conformance.demonstration import demonstrated
from tests.conftest import SHUYUAN, Stack
from tests.faults.journal import Journal
from tests.service.house import own_bucket

UPLOADS = int(os.environ.get("SHUYUAN_FAULTS_UPLOADS") or 28)
LARGE_EVERY = 25
ABANDONED_EVERY = 10
CLIENTS = 4
INSPECTOR = "catalog-inspector"
VICTIMS = (INSPECTOR, "catalog", "postgres", "object-store")
ROUNDS = 1 + UPLOADS // 200
"""So often each victim is killed."""

PAUSE_SECONDS = 120 / UPLOADS
"""At most, between the uploads of a client: they last as long as the campaign does."""

STUCK_SECONDS = 60.0
"""So long no upload waits while none is inspected: twice the lease of a worker that was killed."""

LONGEST_SECONDS = 300.0 + 2 * UPLOADS
MIB = 1 << 20


class Uploader:
    """Clients that bring everything to an end, however often they must ask."""

    def __init__(self, stack: Stack, token: str, journal: Journal, chance: random.Random) -> None:
        self.journal = journal
        self.repeats = 0
        self._chance = chance
        self._number = 0
        self.http = httpx2.AsyncClient(
            base_url=f"{stack.gateway}/catalog/v1/",
            headers={"authorization": f"Bearer {token}"},
            timeout=10,
            trust_env=False,
        )
        self._store = httpx2.AsyncClient(timeout=10, trust_env=False)

    async def close(self) -> None:
        await self.http.aclose()
        await self._store.aclose()

    async def work(self, besieging: "asyncio.Task[None]") -> None:
        """Upload until there are enough and the campaign is over."""
        while self._number < UPLOADS or not besieging.done():
            self._number = number = self._number + 1
            size = 8 * MIB + 17 if number % LARGE_EVERY == 0 else self._chance.randint(1, 20_000)
            text = self._chance.randbytes(size // 2 + 1).hex()[:size].encode()
            await self._upload(text, abandon=number % ABANDONED_EVERY == 1)
            await asyncio.sleep(self._chance.uniform(0, PAUSE_SECONDS))

    async def _upload(self, content: bytes, *, abandon: bool) -> None:
        key = str(uuid.uuid4())
        body = {
            "filename": "实验记录.txt",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "media_type": "text/plain",
        }
        self.journal.note("announced", key=key, body=body)
        begun = await self.insist("POST", "uploads", {"idempotency-key": key}, body)
        assert begun.status_code == 201, begun.text
        upload_id = begun.json()["id"]
        self.journal.note("begun", key=key, id=upload_id)
        if abandon:
            self.journal.note("abandoned", id=upload_id)
            return
        while True:
            told = (await self.insist("GET", f"uploads/{upload_id}")).json()
            if told["state"] != "OPEN" or not told["parts"]:
                break
            for part in told["parts"]:
                await self._send(content, part)
        self.journal.note("sent", id=upload_id)
        done = await self.insist("POST", f"uploads/{upload_id}/complete")
        if done.status_code == 409:  # the object store came back without a part: once more
            assert done.json()["missing"], done.text
            self.journal.note("incomplete", id=upload_id)
            return
        assert done.status_code == 200, done.text
        self.journal.note("acknowledged", id=upload_id, sha256=body["sha256"], size=len(content))

    async def _send(self, content: bytes, part: dict[str, Any]) -> None:
        piece = content[part["offset"] : part["offset"] + part["length"]]
        with suppress(httpx2.HTTPError):
            await self._store.put(part["url"], content=piece)

    async def insist(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
    ) -> httpx2.Response:
        """Ask until there is an answer that settles it."""
        while True:
            with suppress(httpx2.HTTPError):
                answer = await self.http.request(method, path, headers=headers, json=body)
                running = answer.status_code == 409 and "still-running" in answer.text
                if answer.status_code < 500 and not running:
                    return answer
            self.repeats += 1
            await asyncio.sleep(0.2)

    async def read_back(self, upload_id: str) -> bytes:
        """The bytes, which inspection may just be moving."""
        while True:
            answer = await self.insist("GET", f"uploads/{upload_id}/content")
            assert answer.status_code == 302, f"{upload_id}: {answer.text}"
            with suppress(httpx2.HTTPError):
                content = await self._store.get(answer.headers["location"])
                if content.status_code == 200:
                    return content.content
            self.repeats += 1
            await asyncio.sleep(0.2)


async def test_uploads_survive_kills_of_everything_they_pass(
    stack: Stack, tmp_path: Path, seed: int
) -> None:
    print(f"seed {seed}")  # noqa: T201 - told when it fails
    chance, kills = random.Random(seed), Counter[str]()
    journal = Journal(tmp_path / "uploads.jsonl")
    uploader = Uploader(stack, await _teacher(stack), journal, random.Random(seed + 1))
    async with asyncio.timeout(LONGEST_SECONDS):
        besieging = asyncio.create_task(_campaign(stack, chance, kills))
        working = [asyncio.create_task(uploader.work(besieging)) for _ in range(CLIENTS)]
        await asyncio.gather(*working, besieging)
        told = f"seed {seed}: {dict(kills)}, {uploader.repeats} repeats"
        await _hold(uploader, journal, told)
        await _agree(stack, told)
    await uploader.close()
    journal.close()
    print(told)  # noqa: T201 - the same


async def _hold(uploader: Uploader, journal: Journal, told: str) -> None:
    acknowledged = {each["id"]: each for each in journal.noted("acknowledged")}
    assert len(acknowledged) > UPLOADS // 2, told
    for upload_id, each in acknowledged.items():
        content = await uploader.read_back(upload_id)
        found = (hashlib.sha256(content).hexdigest(), len(content))
        assert found == (each["sha256"], each["size"]), f"U1 {upload_id}: {told}"

    states = await _inspected(uploader, told)
    for each in journal.noted("abandoned"):
        assert states[each["id"]] == "OPEN", f"U2 {each['id']}: {told}"
        answer = await uploader.insist("GET", f"uploads/{each['id']}/content")
        assert answer.status_code == 409, f"U2 {each['id']}: {told}"
    for upload_id in acknowledged:
        assert states[upload_id] == "AVAILABLE", f"U3 {upload_id}: {told}"

    bodies = {each["key"]: each["body"] for each in journal.noted("announced")}
    begun = {each["key"]: each["id"] for each in journal.noted("begun")}
    assert sorted(states) == sorted(begun.values()), f"U4 {told}"
    for key in list(begun)[::20]:
        headers = {"idempotency-key": key}
        again = await uploader.insist("POST", "uploads", headers, bodies[key])
        assert again.json()["id"] == begun[key], f"U4 {key}: {told}"
        other = {**bodies[key], "size": 1 + bodies[key]["size"]}
        assert (await uploader.insist("POST", "uploads", headers, other)).status_code == 422


async def _agree(stack: Stack, told: str) -> None:
    """Whether rows and objects know each other (U3), once a day has passed for the sweeper."""
    settings = Settings.model_validate(
        {
            "database_url": f"{stack.postgres}/catalog".replace("//", "//catalog@", 1),
            "database_password": stack.service_secret("catalog", "database_password"),
            "master_keys": stack.service_secret("catalog", "master_keys"),
            **own_bucket(stack, "catalog"),
        }
    )
    objects = object_store(settings)
    runtime = Runtime("catalog", settings, {}, lambda: utc_now() + GRACE + timedelta(hours=1))
    part = uploads.build(runtime, settings, objects=objects, queue=InspectionQueue())
    await part.sweeper.sweep()
    await runtime.close()
    database = await stack.superuser("catalog")
    promised = await database.fetch(
        "SELECT object_key FROM files WHERE state = 'CLEAN'"
        " UNION SELECT object_key FROM derivatives"
        " UNION SELECT object_key FROM uploads WHERE state IN ('COMPLETED', 'AVAILABLE')"
    )
    under_way = await database.fetch("SELECT object_key FROM uploads WHERE state = 'OPEN'")
    digests = await database.fetch("SELECT encode(sha256, 'hex') FROM files")
    await database.close()
    stored = {each.key async for each in objects.list("")}
    parted = {each.key for each in await objects.list_multiparts("")}
    objects.close()
    assert not {key for (key,) in promised} - stored, f"U3 {told}"
    known = {*(key for (key,) in (*promised, *under_way)), *(digest for (digest,) in digests)}
    strays = [key for key in stored | parted if not {key, *key.split("/")} & known]
    assert not strays, f"U3 {strays[:10]}: {told}"


async def _inspected(uploader: Uploader, told: str) -> dict[str, str]:
    """The state of each upload, once none waits for its inspection; a lease of a worker that was
    killed has to end for that."""
    least, deadline = UPLOADS, 0.0
    while waiting := Counter((states := await _states(uploader)).values())["COMPLETED"]:
        if waiting < least or not deadline:
            least, deadline = waiting, time.monotonic() + STUCK_SECONDS
        assert time.monotonic() < deadline, f"U3 {waiting} of {len(states)} wait: {told}"
        await asyncio.sleep(0.5)
    return states


async def _states(uploader: Uploader) -> dict[str, str]:
    states: dict[str, str] = {}
    path = "uploads?limit=100"
    while True:
        page = (await uploader.insist("GET", path)).json()
        states |= {each["id"]: each["state"] for each in page["items"]}
        if page["next"] is None:
            return states
        path = f"uploads?limit=100&cursor={page['next']}"


async def _campaign(stack: Stack, chance: random.Random, kills: Counter[str]) -> None:
    """Kill each victim `ROUNDS` times, in an order and at moments of the seed; the inspector before
    all others, since what it held waits for the end of its lease."""
    deck = list(VICTIMS * ROUNDS)
    chance.shuffle(deck)
    deck.sort(key=lambda victim: victim != INSPECTOR)
    for victim in deck:
        await asyncio.sleep(chance.uniform(0.5, 3))
        began = time.monotonic()
        while (pid := await _pid(stack, victim)) is None:
            assert time.monotonic() - began < 60, f"{victim} did not come back"
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            kills[victim] += 1


async def _pid(stack: Stack, name: str) -> int | None:
    status = await asyncio.create_subprocess_exec(
        *(SHUYUAN, "status", "--json", "--data", str(stack.data)), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await status.communicate()  # its exit code says that not everything is well
    (pid,) = (each["pid"] for each in json.loads(printed)["components"] if each["name"] == name)
    return None if pid is None else int(pid)


async def _teacher(stack: Stack) -> str:
    """An access token of a teacher of the demonstration province."""
    province = await demonstrated(stack)
    names = (each["username"] for each in province.told["accounts"])
    teacher = next(name for name in names if "teacher" in name)
    return await access_token(province.issuer, province.client, teacher, province.password(teacher))
