"""The demonstration province on the running stack, and a browser that signs in there."""

import asyncio
import fcntl
import json
from dataclasses import dataclass
from typing import Any

import httpx2

from services.identity.demonstration.province import SIGN_IN
from services.identity.demonstration.sign_in import through_the_login
from stack import demonstration, plan, ports
from stack.data import DataDirectory
from stack.settings import StackSettings
from tests.conftest import Stack


@dataclass(frozen=True)
class Demonstration:
    """``told`` is the accounts file."""

    issuer: str
    told: dict[str, Any]

    @property
    def client(self) -> dict[str, Any]:
        """The interactive one."""
        [found] = [each for each in self.told["clients"] if SIGN_IN in each["grant_types"]]
        return dict(found)

    @property
    def redirect_uri(self) -> str:
        return str(self.client["redirect_uris"][0])

    def password(self, username: str) -> str:
        accounts = {each["username"]: each for each in self.told["accounts"]}
        return str(accounts[username]["password"])


async def demonstrated(stack: Stack) -> Demonstration:
    """The province, seeded unless it is there; of several processes that want it, one seeds."""
    data = DataDirectory(stack.data)
    with (stack.data / "demonstration.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not data.accounts_file.exists():
            components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
            await demonstration.seed(components, data.accounts_file, stack.data)
    told = json.loads(data.accounts_file.read_text())
    return Demonstration(f"{stack.gateway}/identity", told)


class Browser:
    """A person's browser, which keeps the session."""

    def __init__(self, province: Demonstration, username: str) -> None:
        self.http = httpx2.AsyncClient(trust_env=False, timeout=20)
        self._province = province
        self._username = username

    async def open(self, url: str) -> str:
        """Follow an address, signing in where asked; returns where it leads back to."""
        answer = await self.http.get(url)
        province = self._province
        return await through_the_login(
            self.http,
            answer,
            province.redirect_uri,
            self._username,
            province.password(self._username),
        )

    async def is_signed_in(self) -> bool:
        answer = await self.http.get(f"{self._province.issuer}/account")
        return answer.status_code == httpx2.codes.OK
