"""Codes and refresh tokens while identity and PostgreSQL are killed under the exchange.

Applications sign people in, redeem and refresh; now and then a thief presents the same code or
refresh token at the same moment. What is good once is counted inside the database, by triggers that
the test puts there, so that a use whose answer was lost counts as well.

``SHUYUAN_FAULTS_SEED`` brings a campaign back, as far as the machine's timing lets it.
"""

import asyncio
import base64
import hashlib
import json
import os
import random
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg
import httpx2
import pytest

from services.identity.app import build_parts
from services.identity.demonstration.province import ACCOUNTS
from services.identity.demonstration.seed import Seeding
from services.identity.demonstration.sign_in import SignInFailed
from services.identity.settings import Settings
from shared.context import RequestContext, acting
from shared.service import Runtime
from stack import plan, ports
from stack.data import DataDirectory, write_file
from stack.settings import StackSettings
from tests.conformance.demonstration import Browser, Demonstration, demonstrated
from tests.conftest import CHECKOUT, Stack
from tests.faults.harness import free_port

PEOPLE = [each for each in ACCOUNTS if each.username.startswith("teacher")][:5]
VICTIMS = ("identity",) * 18 + ("postgres",) * 2
LONGEST_SECONDS = 120.0
SETTLED = (200, 400, 401)
"""What answers a request for good; after anything else its fate is not known."""

COUNT_USES = """
CREATE TABLE uses (secret bytea NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
GRANT INSERT ON uses TO identity;
CREATE FUNCTION note_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'authorization_codes' THEN
        INSERT INTO uses (secret) VALUES (OLD.hash);
    ELSIF OLD.refresh_hash IS NOT NULL THEN
        INSERT INTO uses (secret) VALUES (OLD.refresh_hash);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER note_use AFTER UPDATE OF used_at ON authorization_codes
    FOR EACH ROW EXECUTE FUNCTION note_use();
CREATE TRIGGER note_use AFTER UPDATE OF refresh_hash ON authorizations
    FOR EACH ROW EXECUTE FUNCTION note_use();
"""

Tokens = Mapping[str, Any]


class Application:
    """One application in the browser of one person. ``tally`` counts what it saw, ``ended`` holds
    the newest tokens of every family that a reuse has ended."""

    def __init__(self, province: Demonstration, username: str, seed: str) -> None:
        self.browser = Browser(province, username)
        self.tally: Counter[str] = Counter()
        self.ended: list[Tokens] = []
        self._province = province
        self._chance = random.Random(seed)

    async def work(self) -> None:
        signed_in = False
        while not signed_in:
            with suppress(httpx2.HTTPError, SignInFailed):
                await self.browser.open(self._request("x" * 43))
                signed_in = True
        while True:
            await self._family()

    async def _family(self) -> None:
        """A code, the tokens for it, and theirs, until one of them is stolen or refused."""
        code, verifier = await self._code()
        use: Callable[[], Awaitable[httpx2.Response | None]]

        def redeem() -> Awaitable[httpx2.Response | None]:
            return self._token(grant_type="authorization_code", code=code, code_verifier=verifier)

        use, newest = redeem, None
        for _ in range(self._chance.randint(0, 4)):
            tokens = await self._good(use)
            if tokens is None:
                self.tally["refused after a lost answer"] += 1
                return
            newest = tokens
            use = self._refreshing(newest)
        answers = await asyncio.gather(*(self._settled(use) for _ in range(2)))
        won = [each.json() for each in answers if each.status_code == httpx2.codes.OK]
        assert len(won) < 2, "what is good once was good twice"
        self.tally["stolen"] += 1
        newest = won[0] if won else newest
        if newest is not None:
            self.ended.append(newest)
            await self.is_over(newest)

    async def is_over(self, tokens: Tokens) -> None:
        refused = await self._settled(self._refreshing(tokens))
        assert refused.status_code == 400, "the family of a stolen token was refreshed"
        assert refused.json()["error"] == "invalid_grant"
        shown = await self._settled(lambda: self._userinfo(tokens))
        assert shown.status_code == 401, "the access token of a stolen family is good"

    async def _code(self) -> tuple[str, str]:
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        address = self._request(challenge.rstrip(b"=").decode())
        while True:
            with suppress(httpx2.HTTPError):
                answer = await self.browser.http.get(address)
                back = answer.headers.get("location", "")
                if back.startswith(self._province.redirect_uri):
                    self.tally["code"] += 1
                    return parse_qs(urlsplit(back).query)["code"][0], verifier
            await asyncio.sleep(0.1)

    def _request(self, challenge: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": self._province.client["client_id"],
            "redirect_uri": self._province.redirect_uri,
            "scope": "openid profile offline_access",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._province.issuer}/authorize?{urlencode(asked)}"

    def _refreshing(self, tokens: Tokens) -> Callable[[], Awaitable[httpx2.Response | None]]:
        token = str(tokens["refresh_token"])
        return lambda: self._token(grant_type="refresh_token", refresh_token=token)

    async def _token(self, **fields: str) -> httpx2.Response | None:
        fields |= {"client_id": self._province.client["client_id"]}
        if "code" in fields:
            fields["redirect_uri"] = self._province.redirect_uri
        with suppress(httpx2.HTTPError):
            return await self.browser.http.post(f"{self._province.issuer}/token", data=fields)
        return None

    async def _userinfo(self, tokens: Tokens) -> httpx2.Response | None:
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        with suppress(httpx2.HTTPError):
            address = f"{self._province.issuer}/userinfo"
            return await self.browser.http.get(address, headers=headers)
        return None

    async def _settled(
        self, use: Callable[[], Awaitable[httpx2.Response | None]]
    ) -> httpx2.Response:
        """The answer, however often it takes to get one."""
        while True:
            answer = await use()
            if answer is not None and answer.status_code in SETTLED:
                self.tally["answer"] += 1
                return answer
            self.tally["lost"] += 1
            await asyncio.sleep(self._chance.uniform(0.02, 0.2))

    async def _good(self, use: Callable[[], Awaitable[httpx2.Response | None]]) -> Tokens | None:
        answer = await self._settled(use)
        found: Tokens = answer.json()
        return found if answer.status_code == httpx2.codes.OK else None


class House:
    """Identity in a process of the test's own, beside the one of the stack and on its database."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.kills: Counter[str] = Counter()
        self._stack = stack
        self._log = folder / "identity.log"
        self._pid = 0
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        data = DataDirectory(stack.data)
        components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
        [identity] = [each for each in components if each.name == "identity"]
        changed = {
            "PORT": str(port),
            "PUBLIC_ORIGIN": self.origin,
            "ISSUER": f"{self.origin}/identity",
            "JWKS_URL": f"{self.origin}/identity/jwks.json",
        }
        self.environment = {
            **identity.env,
            **{f"SHUYUAN_IDENTITY_{name}": value for name, value in changed.items()},
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.faults.identity"),
                cwd=CHECKOUT,
                env=self.environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        following = asyncio.create_task(self._follow(process))
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await following

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if line.strip().isdigit():  # a line of the service's own log is none
                self._pid = int(line)

    async def kill(self, name: str) -> None:
        """SIGKILL identity, or the PostgreSQL of the stack, as soon as it is there."""
        while True:
            with suppress(ProcessLookupError, FileNotFoundError):
                os.kill(self._pid_of(name), signal.SIGKILL)
                break
            await asyncio.sleep(0.02)
        self.kills[name] += 1

    def _pid_of(self, name: str) -> int:
        """Raises `ProcessLookupError`, `FileNotFoundError`."""
        if name == "postgres":
            told = (self._stack.data / "postgres" / "data" / "postmaster.pid").read_text()
            return int(told.split()[0])
        if not self._pid:
            raise ProcessLookupError
        return self._pid


@pytest.fixture
async def house(stack: Stack, tmp_path: Path) -> AsyncIterator[House]:
    """Uses are counted in the service's database while the test lasts."""
    house = House(stack, tmp_path)
    connection = await stack.superuser("identity")
    await connection.execute(COUNT_USES)
    await connection.close()
    async with house.running():
        yield house
    connection = await stack.superuser("identity")
    await connection.execute("DROP FUNCTION note_use CASCADE; DROP TABLE uses")
    await connection.close()


@pytest.fixture
async def province(stack: Stack, house: House, monkeypatch: pytest.MonkeyPatch) -> Demonstration:
    """The demonstration province with nobody in it but those who are needed, unless it is there."""
    accounts = DataDirectory(stack.data).accounts_file
    if accounts.exists():
        return await demonstrated(stack)
    for name, value in house.environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    runtime = Runtime("identity", settings, {})
    try:
        with acting(RequestContext(actor="demonstration")):
            seeding = Seeding(build_parts(runtime, settings), PEOPLE, ())
            write_file(accounts, json.dumps(await seeding.run()))
    finally:
        runtime.reader.close()
        await runtime.engine.dispose()
    return await demonstrated(stack)


@asynccontextmanager
async def at_work(applications: list[Application]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(each.work()) for each in applications]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def key_ids(province: Demonstration) -> set[str]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{province.issuer}/jwks.json")
    return {key["kid"] for key in answer.json()["keys"]}


async def test_no_code_and_no_refresh_token_works_twice(
    stack: Stack, house: House, province: Demonstration, seed: int
) -> None:
    chance, began = random.Random(seed), time.monotonic()
    names = [each.username for each in PEOPLE]
    applications = [Application(province, name, f"{seed}/{name}") for name in names]

    def tally() -> Counter[str]:
        return sum((each.tally for each in applications), Counter[str]())

    async def progress(answers: int) -> None:
        wanted = tally()["answer"] + answers
        while tally()["answer"] < wanted:
            assert time.monotonic() - began < LONGEST_SECONDS, f"seed {seed}: {house.kills}"
            assert not (ended := [each for each in tasks if each.done()]), ended
            await asyncio.sleep(0.02)

    async with at_work(applications) as tasks:
        await progress(5 * len(applications))
        keys = await key_ids(province)
        for victim in chance.sample(VICTIMS, len(VICTIMS)):
            await house.kill(victim)
            await progress(2)
            await asyncio.sleep(chance.uniform(0, 0.2))
        await progress(5 * len(applications))
    seconds = time.monotonic() - began
    told = f"seed {seed}: {dict(house.kills)} killed in {seconds:.0f} s, {dict(tally())}"
    print(told)  # noqa: T201 - what a passing campaign was worth
    for each in applications:
        for tokens in each.ended[-5:]:
            await each.is_over(tokens)
        await each.browser.http.aclose()
    assert await _used_twice(stack) == [], told
    assert keys <= await key_ids(province), told
    assert tally()["lost"], told
    assert tally()["stolen"] > len(applications), told


async def _used_twice(stack: Stack) -> list[asyncpg.Record]:
    connection = await stack.superuser("identity")
    try:
        assert await connection.fetchval("SELECT count(*) FROM uses")
        found: list[asyncpg.Record] = await connection.fetch(
            "SELECT secret FROM uses GROUP BY secret HAVING count(*) > 1"
        )
        return found
    finally:
        await connection.close()
