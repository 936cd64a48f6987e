"""Every service at work at once, while every process of the stack is killed, one after the other.

Classes, drafts, files, registrations, learning records, questions that are counted and a webhook:
all through the gateway. In the end, of what the journal outside of the stack says was acknowledged,
  U1, A1  everything is there once, with what it was told last, and C4 no change is missing;
  U4, A2, A3  nothing is there of what was refused;
  A4  the aggregates of learning are those of a recount;
  L1, L2, L4  the public log alone has every registration once, and continues all that it ever said;
  E1  every event left, and whoever hears events of its type has it; the webhook was told each once;
  X1, X2  each change has one audit entry, in a chain that holds.

``SHUYUAN_FAULTS_SEED`` brings a campaign back, ``SHUYUAN_EVERYTHING_SECONDS=3600`` makes it long.
"""

import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from demo.receiver import Receiver, receiving
from services.copyright.verify.monitor import Audit, Read, reader
from services.copyright.verify.notes import Note
from services.copyright.verify.report import VALID
from services.copyright.verify.tiles import bundles_of, decode_entries
from services.copyright.verify.trust import load_trust
from shared.services import SERVICES
from tests.conformance.demonstration import demonstrated
from tests.conftest import SHUYUAN, Stack
from tests.faults.everything import (
    CATALOG,
    LOGS,
    ORGANISATIONS,
    REGISTRATIONS,
    STATEMENTS,
    Account,
    Application,
    Author,
    Keeper,
    Pair,
    Reader,
    Registrant,
    Registrar,
    Scene,
    Sender,
    Watcher,
    Worker,
)
from tests.faults.harness import RECOVERY_SECONDS
from tests.faults.journal import Journal

SECONDS = float(os.environ.get("SHUYUAN_EVERYTHING_SECONDS") or 30)
KILLS = 20
VICTIMS = (
    *("identity", "catalog", "catalog-inspector", "learning", "copyright", "copyright-signer"),
    *("copyright-witness", "gateway", "envoy", "nats", "postgres", "object-store"),
)
PAUSE_SECONDS = min(SECONDS / 40, 6.0)
"""Between two kills, more or less: over hours the supervisor's own pauses grow with the deaths."""
LONGEST_SECONDS = SECONDS + 4 * RECOVERY_SECONDS
INSPECTED_SECONDS = 120.0
"""The lease of an inspector that was killed has to end."""
FLUSH_SECONDS = 10.0
"""Envoy writes its access log so often: an answer that old was counted, whatever died since."""
ACKNOWLEDGED = {"class", "draft", "registration", "statements", "answered"}
ADMINISTRATOR, WEBHOOKS = "admin-school1", "/gateway/v1/webhooks"
CREATED, RENAMED = "identity.organisation.created.v1", "identity.organisation.renamed.v1"
COUNTED = f"GET {ORGANISATIONS}/{{organisation}}"

_WAITING = {
    "unpublished": "SELECT count(*) FROM outbox WHERE published_at IS NULL",
    "parked": "SELECT count(*) FROM inbox_parked",
    "unchained": "SELECT count(*) FROM audit_unchained",
}
_AUDITED = "SELECT target, count(*) FROM audit WHERE target = ANY($1) GROUP BY target"
_AGGREGATES = [f"SELECT * FROM {each}" for each in ("progress", "activity_days", "mastery")]  # noqa: S608 - their names

Json = dict[str, Any]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Stack]:
    """A demonstration, which may tell the receiver's webhook."""
    data = tmp_path_factory.mktemp("everything")
    webhooks = {"NETWORKS": "127.0.0.1/32", "PORTS": str(receiver.port), "PLAIN_HTTP": "true"}
    answer = subprocess.run(
        [SHUYUAN, *("up", "--demo", "--data", str(data), "--port", "0", "--detach", "--json")],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, **{f"SHUYUAN_GATEWAY_WEBHOOK_{k}": v for k, v in webhooks.items()}},
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    yield Stack(data, told["gateway"], told["object_store"], told["postgres"], told["nats"])
    subprocess.run([SHUYUAN, "down", "--data", str(data)], check=True, timeout=120)


class Accidents:
    """What is killed, and when, as a seed has it."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self.envoy_died_at: list[float] = []
        self._stack = stack
        self._seed = seed
        self._chance = random.Random(seed)

    @property
    def spoken(self) -> str:
        return f"seed {self._seed}: {self.kills.total()} kills {dict(self.kills)}"

    async def befall(self) -> None:
        """Kill one after the other, each once before any again."""
        began, deck = time.monotonic(), list[str]()
        while time.monotonic() - began < SECONDS or self.kills.total() < KILLS:
            await asyncio.sleep(self._chance.uniform(0.4, 1.6) * PAUSE_SECONDS)
            deck = deck or self._chance.sample(VICTIMS, len(VICTIMS))
            victim = deck.pop()
            pid = (await self._status())[1][victim]
            if pid is None:  # still on its way back
                deck.insert(0, victim)
                continue
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills[victim] += 1
            if victim == "envoy":
                self.envoy_died_at.append(time.time())

    async def unwell(self) -> str:
        """What the stack says of itself while not everything runs; empty when it does."""
        well, found = await self._status()
        return "" if well and all(found.values()) else str(found)

    async def _status(self) -> tuple[bool, dict[str, int | None]]:
        """Whether everything is well, and the processes."""
        status = await asyncio.create_subprocess_exec(
            *(SHUYUAN, "status", "--json", "--data", str(self._stack.data)),
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await status.communicate()
        found = {each["name"]: each["pid"] for each in json.loads(told)["components"]}
        return status.returncode == 0, {name: found[name] for name in VICTIMS}


async def until(lacking: Callable[[], Awaitable[Any]], spoken: str, seconds: float) -> None:
    """Nothing lacks any more."""
    deadline = time.monotonic() + seconds
    while lacks := await lacking():
        assert time.monotonic() < deadline, f"{lacks}: {spoken}"
        await asyncio.sleep(0.5)


class Outcome:
    """What must be true once all is quiet. ``spoken`` says which campaign it was."""

    def __init__(self, stack: Stack, journal: Journal, spoken: str) -> None:
        self.spoken = spoken
        self._stack = stack
        self._journal = journal

    async def every_event_left_and_was_heard(self) -> None:
        """E1. Who heard one event of a type hears them all."""
        databases = {name: await self._stack.superuser(name) for name in SERVICES}

        async def lacking() -> list[str]:
            recorded, lacks = defaultdict[str, set[UUID]](set), list[str]()
            for name, database in databases.items():
                for what, query in _WAITING.items():
                    if count := await database.fetchval(query):
                        lacks.append(f"{name}: {count} {what}")
                for row in await database.fetch("SELECT type, event_id FROM outbox"):
                    recorded[row["type"]].add(row["event_id"])
            for name, database in databases.items():
                inbox = {row[0] for row in await database.fetch("SELECT event_id FROM inbox")}
                for kind, events in recorded.items():
                    if 0 < len(events & inbox) < len(events):
                        lacks.append(f"{name}: heard {len(events & inbox)} of {len(events)} {kind}")
            return lacks

        await until(lacking, self.spoken, RECOVERY_SECONDS)
        for database in databases.values():
            await database.close()

    async def the_webhook_was_told_once(self, receiver: Receiver) -> None:
        """E1, of each change of a class."""
        made = Counter((e["id"], e["version"], e["title"]) for e in self._noted("class"))

        async def lacking() -> Counter[tuple[str, int, str]]:
            events = [each["data"] for each in list(receiver.events.values())]
            # What happened just before there was a webhook may reach it, too.
            classes = [each for each in events if each["kind"] == "class"]
            told = Counter((e["organisation_id"], e["version"], e["name"]) for e in classes)
            return (made - told) + (told - made)

        await until(lacking, self.spoken, RECOVERY_SECONDS)
        assert not receiver.refused, self.spoken

    async def what_was_made_stands(self, keeper: Keeper, everything: str, service: str) -> None:
        """U4, C4, X1."""
        last = {each["id"]: each for each in self._noted(keeper.kind)}
        listed = Counter(each["id"] for each in await keeper.listed(everything))
        assert listed == Counter(last.keys()), self.spoken
        refused = {each["title"] for each in self._noted(f"refused {keeper.kind}")}
        for thing, each in last.items():
            view = await keeper.told("GET", f"{keeper.path}/{thing}", 200)
            found = keeper.title_of(view), view["version"]
            assert found == (each["title"], each["version"]), f"{thing} {found}: {self.spoken}"
            assert found[0] not in refused, f"{thing} {found}: {self.spoken}"
        database = await self._stack.superuser(service)
        rows = await database.fetch(_AUDITED, list(last))
        await database.close()
        changes = {thing: each["version"] for thing, each in last.items()}
        assert {row["target"]: row["count"] for row in rows} == changes, f"X1 {self.spoken}"

    async def statements_stand(self, sender: Sender) -> None:
        """A1 to A4."""
        sent = {each["id"]: each for told in self._noted("statements") for each in told["batch"]}
        found, more = list[Json](), f"{STATEMENTS}?activity={sender.lesson}&limit=500"
        while more:
            page = await sender.told("GET", more, 200)
            found, more = found + page["statements"], page.get("more", "")
        ids = Counter(each["id"] for each in found)
        assert ids == Counter(sent.keys()), self.spoken
        for each in found:
            assert each["result"] == sent[each["id"]]["result"], f"{each}: {self.spoken}"
        refused = {each["id"] for each in self._noted("refused statement")}
        assert not refused & ids.keys(), self.spoken
        database = await self._stack.superuser("learning")
        before = [sorted(map(str, await database.fetch(each))) for each in _AGGREGATES]
        assert all(before), self.spoken
        assert await self._run("learning", "recount") == 0, self.spoken
        after = [sorted(map(str, await database.fetch(each))) for each in _AGGREGATES]
        await database.close()
        assert after == before, f"A4 {self.spoken}"

    async def registrations_stand(self, registrant: Registrant, folder: Path) -> None:
        """L1, L2, L4, U4."""
        made = {each["id"]: each["digest"] for each in self._noted("registration")}
        read = reader(f"{self._stack.gateway}/copyright/log")

        async def lacking() -> list[str]:
            return list(made.keys() - (await asyncio.to_thread(registered, read)).keys())

        await until(lacking, self.spoken, RECOVERY_SECONDS)
        logged = await asyncio.to_thread(registered, read)
        assert {each: logged[each] for each in made} == dict.fromkeys(made, 1), self.spoken
        trust = folder / "trust.json"
        trust.write_bytes((await registrant.ask("GET", "/copyright/v1/trust")).content)
        for log in LOGS:
            noted = [each for each in self._noted("checkpoint") if each["log"] == log]
            seen = [each["note"].encode() for each in noted]
            assert seen == sorted(seen, key=size_of), f"L1 {log}: {self.spoken}"
            read = reader(f"{self._stack.gateway}/copyright/{log}")
            audit = Audit(read, load_trust(trust), seen, registrations=True)
            report = await asyncio.to_thread(audit.run)
            assert report.exit_code == VALID, f"{report.text()}: {self.spoken}"
        refused = [each["digest"] for each in self._noted("refused registration")]
        for digest, ids in [*((made[each], [each]) for each in made), *((d, []) for d in refused)]:
            items = await registrant.listed(f"{REGISTRATIONS}?digest={digest}")
            assert [each["id"] for each in items] == ids, f"{digest}: {self.spoken}"

    async def questions_are_counted(self, asking: Reader, envoy_died_at: list[float]) -> None:
        """As many as were answered, but for what a killed Envoy had not yet written down."""
        answered = [each["at"] for each in self._noted("answered") if each["status"] == 200]
        lost = [any(0 <= died - at < FLUSH_SECONDS for died in envoy_died_at) for at in answered]
        sure, asked = lost.count(False), len(self._noted("asked"))

        async def counted() -> int:
            page = await asking.told("GET", "/gateway/v1/usage", 200)
            days = [each for each in page["items"] if each["operation"] == COUNTED]
            return sum(each["requests"] for each in days)

        async def lacking() -> int:
            return max(0, sure - await counted())

        await until(lacking, self.spoken, RECOVERY_SECONDS)
        assert sure <= await counted() <= asked, f"{sure} to {asked}: {self.spoken}"

    async def audit_chains_hold(self) -> None:
        """X2."""
        codes = await asyncio.gather(*(self._run(name, "verify-audit") for name in SERVICES))
        assert not any(codes), f"{dict(zip(SERVICES, codes, strict=True))}: {self.spoken}"

    async def files_stand(self, author: Author) -> None:
        """U1, U4, once each was inspected."""
        made = {each["id"]: each for each in self._noted("upload")}
        path = f"{CATALOG}/uploads"

        async def lacking() -> list[str]:
            uploads = await author.listed(f"{path}?limit=100")
            assert Counter(each["id"] for each in uploads) == Counter(made.keys()), self.spoken
            return [each["id"] for each in uploads if each["state"] != "AVAILABLE"]

        await until(lacking, self.spoken, INSPECTED_SECONDS)
        for upload, each in made.items():
            answer = await author.ask("GET", f"{path}/{upload}/content")
            content = (await author.http.get(answer.headers["location"])).content
            found = hashlib.sha256(content).hexdigest(), len(content)
            assert found == (each["sha256"], each["size"]), f"U1 {upload}: {self.spoken}"

    def _noted(self, what: str) -> list[Json]:
        return list(self._journal.noted(what))

    async def _run(self, *command: str) -> int:
        process = await asyncio.create_subprocess_exec(
            *(SHUYUAN, "run", "--data", str(self._stack.data), *command),
            stdout=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()


def registered(read: Read) -> Counter[str]:
    """The registrations that begin in the public log."""
    found = Counter[str]()
    for bundle in bundles_of(size_of(read("checkpoint"))):
        for entry in decode_entries(read(bundle.path)):
            leaf = json.loads(entry)
            found[leaf["reg_id"]] += leaf["type"] == "register"
    return found


def size_of(checkpoint: bytes) -> int:
    return int(Note.parse(checkpoint).text.split("\n")[1])


async def test_everything_acknowledged_survives_kills_of_every_process(
    stack: Stack, receiver: Receiver, tmp_path: Path, seed: int
) -> None:
    province, journal = await demonstrated(stack), Journal(tmp_path / "everything.jsonl")
    scene, accidents = Scene(stack.gateway, journal, seed), Accidents(stack, seed)
    accounts = {each["username"]: each for each in province.told["accounts"]}
    principal = Account(province, ADMINISTRATOR)
    teachers = [Account(province, f"teacher0{number}") for number in (1, 2)]
    application = Application(province)
    space = Pair(province.told["xapi"][0])

    school = {"parent": accounts[ADMINISTRATOR]["organisation"], "kind": "grade"}
    registrar = Registrar(scene, principal, **school)
    told = await registrar.told("POST", ORGANISATIONS, 201, {"name": "试验年级", **school})
    grade = registrar.besides = {"parent": told["id"], "kind": "class"}
    asking = Reader(f"{ORGANISATIONS}/{told['id']}", scene, application)
    address = f"http://127.0.0.1:{receiver.port}/events"
    webhook = {"name": "班级同步", "url": address, "event_types": [CREATED, RENAMED]}
    receiver.secret = (await asking.told("POST", WEBHOOKS, 201, webhook))["secret"]

    sender, author = Sender(scene, space), Author(scene, teachers[0])
    registrant = Registrant(scene, teachers[1])
    workers: list[Worker] = [
        *(registrar, asking, sender, author, registrant, Watcher(scene, application)),
        *(Registrar(scene, principal, 1, **grade), Sender(scene, space, 1)),
        *(Author(scene, teachers[0], 1), Registrant(scene, teachers[1], 1)),
    ]
    async with AsyncExitStack() as leaving:
        leaving.callback(journal.close)
        for each in workers:
            leaving.push_async_callback(each.close)
        leaving.callback(lambda: print(accidents.spoken, scene.spoken))  # noqa: T201 - if it fails
        async with asyncio.timeout(LONGEST_SECONDS), asyncio.TaskGroup() as working:
            for each in workers:
                working.create_task(each.work())
            await accidents.befall()
            scene.over.set()
            await until(accidents.unwell, accidents.spoken, RECOVERY_SECONDS)
        outcome = Outcome(stack, journal, f"{accidents.spoken}; {scene.spoken}")
        assert accidents.kills.keys() == {*VICTIMS}, outcome.spoken
        assert scene.noted.keys() >= ACKNOWLEDGED, outcome.spoken
        await outcome.every_event_left_and_was_heard()
        await outcome.the_webhook_was_told_once(receiver)
        classes = f"{ORGANISATIONS}?parent={told['id']}&limit=200"
        await outcome.what_was_made_stands(registrar, classes, "identity")
        drafts = f"{CATALOG}/resources?owner=me&limit=100"
        await outcome.what_was_made_stands(author, drafts, "catalog")
        await outcome.statements_stand(sender)
        await outcome.registrations_stand(registrant, tmp_path)
        await outcome.questions_are_counted(asking, accidents.envoy_died_at)
        await outcome.audit_chains_hold()
        await outcome.files_stand(author)
