"""People and applications who use every service through the gateway alone. What was not answered
they repeat, under the same key, until it is; whatever they were told they note in the journal."""

import asyncio
import base64
import hashlib
import random
import time
import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import httpx2

from services.copyright.verify.merkle import sm3
from services.identity.demonstration.sign_in import SignInFailed, access_token
from shared.ids import uuid7
from tests.conformance.demonstration import Demonstration
from tests.faults.journal import Journal

ORGANISATIONS = "/identity/v1/organisations"
CATALOG = "/catalog/v1"
STATEMENTS = "/learning/xapi/2.0.0/statements"
REGISTRATIONS = "/copyright/v1/registrations"
LOGS = ("log", "log-sm3")
PATIENCE_SECONDS = 0.2
PAUSE_SECONDS = 0.3
"""At most, between what somebody does and what they do next."""
ASKING_SECONDS = 0.2
TOKEN_SECONDS = 20.0
WRONG = 0.15
"""So often somebody asks for what has to be refused, of each kind."""
UPLOADED = 0.15

Json = Any


@dataclass
class Scene:
    """What all of them share. ``over`` tells them to see through what they began, and to stop;
    ``passing`` are the answers, or what came instead, after which was asked again."""

    gateway: str
    journal: Journal
    seed: int
    over: asyncio.Event = field(default_factory=asyncio.Event)
    passing: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, **facts: Any) -> None:
        self.journal.note(what, **facts)
        self.noted[what] += 1

    @property
    def spoken(self) -> str:
        return f"noted {dict(self.noted)}, asked again after {dict(self.passing)}"


class Credential(Protocol):
    async def headers(self) -> Mapping[str, str]: ...


class Pair:
    """The user name and password of an application that sends learning records."""

    def __init__(self, told: Mapping[str, str]) -> None:
        pair = base64.b64encode(f"{told['username']}:{told['password']}".encode()).decode()
        self._headers = {"authorization": f"Basic {pair}", "x-experience-api-version": "2.0.0"}

    async def headers(self) -> Mapping[str, str]:
        return self._headers


class Token(ABC):
    """An access token, got again long before its life ends: tokens are asked for under kills."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._headers: Mapping[str, str] = {}
        self._until = 0.0

    async def headers(self) -> Mapping[str, str]:
        async with self._lock:
            while time.monotonic() > self._until:
                try:
                    self._headers = {"authorization": f"Bearer {await self._got()}"}
                    self._until = time.monotonic() + TOKEN_SECONDS
                except (httpx2.HTTPError, SignInFailed):
                    await asyncio.sleep(PATIENCE_SECONDS)
        return self._headers

    @abstractmethod
    async def _got(self) -> str:
        """Raises `SignInFailed`, `httpx2.HTTPError`."""


class Account(Token):
    """Somebody of the demonstration, who signs in through OpenID Connect with PKCE."""

    def __init__(self, province: Demonstration, username: str) -> None:
        super().__init__()
        self._province = province
        self._username = username

    async def _got(self) -> str:
        province, name = self._province, self._username
        return await access_token(province.issuer, province.client, name, province.password(name))


class Application(Token):
    """An application of the demonstration, with a token of its own (RFC 6749 §4.4)."""

    def __init__(self, province: Demonstration) -> None:
        super().__init__()
        clients, scopes = province.told["clients"], {"integrate", "identity.read"}
        client = next(each for each in clients if scopes <= {*each["scopes"]})
        self._url = f"{province.issuer}/token"
        self._form = {name: client[name] for name in ("client_id", "client_secret")}
        self._form["grant_type"] = "client_credentials"

    async def _got(self) -> str:
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            answer = await client.post(self._url, data=self._form)
        if answer.status_code != httpx2.codes.OK:
            raise SignInFailed(answer.text)
        return str(answer.json()["access_token"])


class Worker(ABC):
    """Somebody at the gateway."""

    kind: ClassVar[str]
    pause: ClassVar[float] = PAUSE_SECONDS

    def __init__(self, scene: Scene, credential: Credential, number: int = 0) -> None:
        self.scene = scene
        self.chance = random.Random(f"{scene.seed} {self.kind} {number}")
        self._credential = credential
        self.http = httpx2.AsyncClient(base_url=scene.gateway, timeout=10, trust_env=False)

    @abstractmethod
    async def act(self) -> None:
        """What such a one does, once."""

    async def work(self) -> None:
        while not self.scene.over.is_set():
            await self.act()
            await asyncio.sleep(self.chance.uniform(0, self.pause))

    async def ask(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        key: str | None = None,
        version: int | None = None,
    ) -> httpx2.Response:
        """Ask until there is an answer that settles it."""
        besides = {} if key is None else {"idempotency-key": key}
        if version is not None:
            besides["if-match"] = f'"v{version}"'
        while True:
            headers = {**await self._credential.headers(), **besides}
            try:
                answer = await self.http.request(method, path, json=body, headers=headers)
            except httpx2.HTTPError as error:
                self._passing(type(error).__name__)
            else:
                running = answer.status_code == 409 and "still-running" in answer.text
                # An Envoy that has just started knows no signing keys while identity is down.
                if answer.status_code < 500 and not (running or answer.status_code in (401, 429)):
                    return answer
                self._passing(str(answer.status_code))
            await asyncio.sleep(PATIENCE_SECONDS)

    async def told(self, method: str, path: str, status: int, *body: Json, **how: Any) -> Json:
        """The answer, which has to have that status."""
        answer = await self.ask(method, path, *body, **how)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def listed(self, path: str) -> list[Json]:
        """Every page of a list."""
        page = await self.told("GET", path, 200)
        items = list(page["items"])
        while page["next"] is not None:
            page = await self.told("GET", f"{path}&cursor={page['next']}", 200)
            items += page["items"]
        return items

    def wrong(self) -> bool:
        """Whether to ask for what has to be refused."""
        return self.chance.random() < WRONG

    async def close(self) -> None:
        await self.http.aclose()

    def _passing(self, what: str) -> None:
        self.scene.passing[what] += 1
        self.scene.journal.note("passing", by=self.kind, answer=what)


class Sender(Worker):
    """An application that sends learning records. A batch that holds a known id with another body
    is refused whole (xAPI 2.0 §4.1.6.1)."""

    kind = "statements"

    def __init__(self, *scene: Any) -> None:
        super().__init__(*scene)
        self._known: list[Json] = []

    async def act(self) -> None:
        batch = [self._statement() for _ in range(self.chance.randint(1, 8))]
        ids = await self.told("POST", STATEMENTS, 200, batch)
        assert ids == [each["id"] for each in batch]
        self.scene.note("statements", batch=batch)
        self._known += batch
        if self.wrong():
            known, fresh = self.chance.choice(self._known), self._statement()
            other = {**known, "result": {"success": not known["result"]["success"]}}
            await self.told("POST", STATEMENTS, 409, [fresh, other])
            self.scene.note("refused statement", id=fresh["id"])

    @property
    def lesson(self) -> str:
        return f"{self.scene.gateway}/lessons/{self.scene.seed}"

    def _statement(self) -> Json:
        chance, home = self.chance, f"{self.scene.gateway}/identity"
        point = f"{self.scene.gateway}{CATALOG}/knowledge/14/points/P{chance.randrange(5)}"
        return {
            "id": str(uuid7() if chance.random() < 0.7 else uuid.uuid4()),
            "actor": {"account": {"homePage": home, "name": f"learner-{chance.randrange(20)}"}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
            "object": {"id": self.lesson},
            "result": {"success": chance.random() < 0.5, "duration": f"PT{chance.randrange(99)}S"},
            "context": {"contextActivities": {"other": [{"id": point}]}},
        }


class Keeper(Worker):
    """Somebody who makes things and changes them. Nobody else does, so the version of each counts
    its changes. ``besides`` is what the request for a new one tells beside its title."""

    path: ClassVar[str]

    def __init__(self, *scene: Any, **besides: str) -> None:
        super().__init__(*scene)
        self.besides = besides

    @abstractmethod
    def titled(self, title: str) -> Json: ...

    @abstractmethod
    def title_of(self, view: Json) -> str: ...

    async def act(self) -> None:
        key, title = str(uuid.uuid4()), self._title()
        body = {**self.besides, **self.titled(title)}
        view = await self.told("POST", self.path, 201, body, key=key)
        assert self.title_of(view) == title
        self._acknowledged(view)
        if self.wrong():
            await self._refused("POST", self.path, 422, key=key)
        for _ in range(self.chance.randrange(3)):
            view = await self._change(view)
        if view["version"] > 1 and self.wrong():
            stale = view["version"] - 1
            await self._refused("PATCH", f"{self.path}/{view['id']}", 412, version=stale)

    async def _change(self, view: Json) -> Json:
        path, title, version = f"{self.path}/{view['id']}", self._title(), view["version"]
        answer = await self.ask("PATCH", path, self.titled(title), version=version)
        if answer.status_code == 412:  # it was carried out, and the answer to it got lost
            answer = await self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        after = answer.json()
        assert (self.title_of(after), after["version"]) == (title, version + 1), answer.text
        self._acknowledged(after)
        return after

    async def _refused(self, method: str, path: str, status: int, **how: Any) -> None:
        title, besides = self._title(), self.besides if method == "POST" else {}
        await self.told(method, path, status, {**besides, **self.titled(title)}, **how)
        self.scene.note(f"refused {self.kind}", title=title)

    def _acknowledged(self, view: Json) -> None:
        facts = {name: view[name] for name in ("id", "version")}
        self.scene.note(self.kind, title=self.title_of(view), **facts)

    def _title(self) -> str:
        return f"{self.kind} {self.chance.getrandbits(64):016x}"


class Registrar(Keeper):
    """An administrator who sets up classes in a grade."""

    kind, path = "class", ORGANISATIONS

    def titled(self, title: str) -> Json:
        return {"name": title}

    def title_of(self, view: Json) -> str:
        return str(view["name"])


class Author(Keeper):
    """A teacher who drafts resources, and uploads a file now and then."""

    kind, path = "draft", f"{CATALOG}/resources"

    async def act(self) -> None:
        await super().act()
        if self.chance.random() < UPLOADED:
            await self._upload()

    def titled(self, title: str) -> Json:
        return {"metadata": {"title": title}}

    def title_of(self, view: Json) -> str:
        return str(view["metadata"]["title"])

    async def _upload(self) -> None:
        content = self.chance.randbytes(self.chance.randint(1, 5000)).hex().encode()
        about = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        body = {"filename": "实验记录.txt", "media_type": "text/plain", **about}
        path, key = f"{CATALOG}/uploads", str(uuid.uuid4())
        path += "/" + (await self.told("POST", path, 201, body, key=key))["id"]
        while (upload := await self.told("GET", path, 200))["state"] == "OPEN":
            for part in upload["parts"]:
                piece = content[part["offset"] : part["offset"] + part["length"]]
                with suppress(httpx2.HTTPError):
                    await self.http.put(part["url"], content=piece)
            # A part that the object store lost, or never got, is asked for again.
            if (await self.ask("POST", f"{path}/complete")).status_code == 200:
                break
        self.scene.note("upload", id=upload["id"], **about)


class Registrant(Worker):
    """A teacher who registers works by hand."""

    kind = "registration"

    async def act(self) -> None:
        key, (digest, body) = str(uuid.uuid4()), self._work()
        told = await self.told("POST", REGISTRATIONS, 202, body, key=key)
        self.scene.note("registration", id=told["id"], digest=digest)
        if self.wrong():
            digest, body = self._work()
            await self.told("POST", REGISTRATIONS, 422, body, key=key)
            self.scene.note("refused registration", digest=digest)

    def _work(self) -> tuple[str, Json]:
        content = self.chance.randbytes(16)
        digest = hashlib.sha256(content).hexdigest()
        file = {"path": "作品.bin", "sha256": digest, "sm3": sm3(content).hex(), "size": 16}
        return digest, {"title": "作品", "category": "other", "files": [file]}


class Reader(Worker):
    """An application whose every question is counted. None is repeated."""

    kind, pause = "question", ASKING_SECONDS

    def __init__(self, path: str, *scene: Any) -> None:
        super().__init__(*scene)
        self._path = path

    async def act(self) -> None:
        headers = await self._credential.headers()
        self.scene.note("asked")
        with suppress(httpx2.HTTPError):
            answer = await self.http.get(self._path, headers=headers)
            self.scene.note("answered", status=answer.status_code, at=time.time())


class Watcher(Worker):
    """Somebody who keeps every checkpoint of the public logs that was ever served."""

    kind = "checkpoint"

    def __init__(self, *scene: Any) -> None:
        super().__init__(*scene)
        self._seen: set[str] = set()

    async def act(self) -> None:
        for log in LOGS:
            answer = await self.ask("GET", f"/copyright/{log}/checkpoint")
            assert answer.status_code == 200, answer.text
            if answer.text not in self._seen:
                self._seen.add(answer.text)
                self.scene.note("checkpoint", log=log, note=answer.text)
