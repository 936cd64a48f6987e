"""People who bring resources to their readers and take them away, however often they must ask."""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2

from services.catalog.domain.reviews import Criterion

V1 = "/catalog/v1"
TITLE = "分数"
PASSED = dict.fromkeys(Criterion, "PASS")
VERDICTS: Mapping[str, Mapping[str, Any]] = {
    "APPROVE": {"criteria": PASSED},
    "REQUEST_CHANGES": {
        "criteria": {**PASSED, "scientific": "FAIL"},
        "reason_code": "FACTUAL_ERROR",
        "comment": "请改正。",
        "items": [{"place": {"pointer": "/title"}, "change": "请改正。"}],
    },
}
STEPS = {
    "PUBLISHED": ("suspend", {"reason_code": "investigation", "notice": "正在核查。"}),
    "UPDATE_IN_REVIEW": ("suspend", {"reason_code": "investigation", "notice": "正在核查。"}),
    "SUSPENDED": ("restore", {"reason_code": "cleared", "notice": "核查无问题。"}),
}
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 0.3
LAZINESS = 0.7
"""Of an administrator, who would end every review otherwise."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A step of an administrator's that was answered, at ``answered`` seconds since 1970."""

    notice: str
    action: str
    resource: str
    answered: float


@dataclass(frozen=True, slots=True)
class Read:
    """Resource and version that somebody unknown could read, and when: seconds since 1970."""

    resource: str
    number: int
    asked: float
    answered: float


@dataclass
class Told:
    """What people were told, outside of everything under test."""

    changed: list[tuple[str, int]] = field(default_factory=list)
    """Resource, and the number that its title was raised to."""
    decided: list[tuple[str, int, str]] = field(default_factory=list)
    """Review, round and reviewer."""
    taken: list[Taken] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    feed: list[tuple[str, str, int | None]] = field(default_factory=list)
    """Kind, code and version, as the feed told them."""
    repeats: int = 0


class Person(ABC):
    """Somebody with a token (nobody in particular without), and what they were told."""

    def __init__(
        self, url: str, headers: Mapping[str, str], told: Told, chance: random.Random
    ) -> None:
        self.told = told
        self.chance = chance
        self._http = httpx2.AsyncClient(
            base_url=url, headers=headers, timeout=10, trust_env=False, http2=False
        )

    async def ask(
        self, method: str, path: str, body: Any = None, version: int | None = None
    ) -> httpx2.Response:
        """Ask until there is an answer that settles it."""
        headers = {} if version is None else {"if-match": f'"v{version}"'}
        if method == "POST":
            headers["idempotency-key"] = str(uuid4())
        while True:
            with suppress(httpx2.HTTPError):
                answer = await self._http.request(method, V1 + path, json=body, headers=headers)
                running = answer.status_code == 409 and "still-running" in answer.text
                unknown = answer.status_code == 401 and "authorization" in self._http.headers
                if answer.status_code < 500 and not running and not unknown:
                    return answer
            self.told.repeats += 1
            await asyncio.sleep(PATIENCE_SECONDS)

    @abstractmethod
    async def act(self) -> None:
        """What such a person does, once."""

    async def for_ever(self) -> None:
        """Do it again and again, until cancelled."""
        while True:
            await self.act()
            await asyncio.sleep(self.chance.uniform(0, PAUSE_SECONDS))

    async def close(self) -> None:
        await self._http.aclose()


class Author(Person):
    """One of those who write the same resources: a title counts how often it was changed."""

    def __init__(self, resources: list[str], *person: Any) -> None:
        super().__init__(*person)
        self._resources = resources

    async def act(self) -> None:
        resource_id = self.chance.choice(self._resources)
        read = (await self.ask("GET", f"/resources/{resource_id}")).json()
        if "change" in read["actions"]:
            count = int(read["metadata"]["title"].rpartition(" ")[2]) + 1
            body = {"metadata": {"title": f"{TITLE} {count}"}}
            path = f"/resources/{resource_id}"
            if (await self.ask("PATCH", path, body, read["version"])).status_code == 200:
                self.told.changed.append((resource_id, count))
        if "submit" in read["actions"]:
            await self.ask("POST", f"/resources/{resource_id}/submit", {"commitment": True})


class Reviewer(Person):
    """One of those who judge what is in the queue; most of it is good."""

    def __init__(self, name: str, *person: Any) -> None:
        super().__init__(*person)
        self._name = name

    async def act(self) -> None:
        queue = (await self.ask("GET", "/reviews?limit=100")).json()["items"]
        if not queue:
            return
        path = f"/reviews/{self.chance.choice(queue)['id']}"
        if (await self.ask("POST", f"{path}/claim")).status_code != 200:
            return
        seen = (await self.ask("GET", path)).json()
        decision = self.chance.choice(["APPROVE", "APPROVE", "APPROVE", "REQUEST_CHANGES"])
        verdict = {"decision": decision, **VERDICTS[decision], "digest": seen["digest"]}
        if (await self.ask("POST", f"{path}/decide", verdict)).status_code == 200:
            self.told.decided.append((seen["id"], seen["round"], self._name))


class Administrator(Person):
    """Somebody who takes resources down and gives them back."""

    def __init__(self, resources: list[str], *person: Any) -> None:
        super().__init__(*person)
        self._resources = resources

    async def act(self) -> None:
        if self.chance.random() < LAZINESS:
            return
        resource_id = self.chance.choice(self._resources)
        read = (await self.ask("GET", f"/resources/{resource_id}")).json()
        if read["state"] in STEPS:
            action, body = STEPS[read["state"]]
            path = f"/resources/{resource_id}/{action}"
            answer = await self.ask("POST", path, body, read["version"])
            if answer.status_code == 200:
                notice = answer.json()["notice"]["id"]
                self.told.taken.append(Taken(notice, action, resource_id, time.time()))


class Stranger(Person):
    """Nobody in particular, who reads whatever can be read."""

    def __init__(self, resources: list[str], *person: Any) -> None:
        super().__init__(*person)
        self._resources = resources

    async def act(self) -> None:
        resource_id, asked = self.chance.choice(self._resources), time.time()
        for number in ("", "?version=1", "?version=2"):
            answer = await self.ask("GET", f"/resources/{resource_id}{number}")
            if answer.status_code == 200:
                self._saw({(answer.json()["id"], answer.json()["number"])}, asked)
            asked = time.time()
        for path in ("/resources?limit=100", f"/search?q={TITLE}&limit=100"):
            asked = time.time()
            found = await self.listed(path)
            self._saw({(each["id"], each["live_version"]) for each in found}, asked)

    async def listed(self, path: str) -> list[dict[str, Any]]:
        """What a list shows."""
        items: list[dict[str, Any]] = (await self.ask("GET", path)).json()["items"]
        return items

    def _saw(self, versions: set[tuple[str, int]], asked: float) -> None:
        self.told.reads += [Read(*each, asked, time.time()) for each in versions]


class Integrator(Person):
    """Somebody slow who follows the feed and remembers nothing but the cursor."""

    cursor = ""

    async def act(self) -> None:
        page = (await self.ask("GET", f"/changes?limit=3{self.cursor}")).json()
        self.cursor = f"&cursor={page['next']}"
        self.told.feed += [(each["kind"], each["code"], each["version"]) for each in page["items"]]
