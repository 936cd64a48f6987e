"""The control plane is killed again and again under the traffic of people and applications."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping

import httpx2

from tests.conftest import Stack
from tests.e2e.test_integrator import ORGANISATIONS, Integrator, integrating
from tests.faults.harness import RECOVERY_SECONDS

PUBLIC = "/catalog/v1/search?limit=1"
KILLS = 4


class Asking:
    """One question, over and over; what it was answered."""

    def __init__(self, http: httpx2.AsyncClient, path: str, headers: Mapping[str, str]) -> None:
        self.answers: Counter[int] = Counter()
        self._http, self._path, self._headers = http, path, headers

    async def for_ever(self) -> None:
        while True:
            self.answers[await self.once()] += 1
            await asyncio.sleep(0.05)  # within the quota

    async def once(self) -> int:
        answer = await self._http.get(self._path, headers=self._headers)
        return answer.status_code

    async def until(self, status: int) -> None:
        deadline = time.monotonic() + RECOVERY_SECONDS
        while await self.once() != status:
            assert time.monotonic() < deadline, f"{self._path} was never answered {status}"
            await asyncio.sleep(0.1)


async def test_a_killed_control_plane_harms_no_token_and_fails_closed_for_keys(
    stack: Stack,
) -> None:
    async with integrating(stack) as integrator:
        key = {"x-api-key": (await integrator.key("identity.read"))["key"]}
        asking = await _asking(integrator, key)
        tasks = [asyncio.create_task(each.for_ever()) for each in asking.values()]
        for _ in range(KILLS):
            await asking["key"].until(200)
            os.kill(_pid(stack, "gateway"), signal.SIGKILL)
            await asking["key"].until(503)
        await asking["key"].until(200)
        for each in tasks:
            assert not each.done(), each
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        told = {name: dict(each.answers) for name, each in asking.items()}
        for harmless in ("person", "application", "public", "public with a key"):
            assert set(told[harmless]) == {200}, told
        assert set(told["key"]) == {200, 503}, told


async def _asking(integrator: Integrator, key: Mapping[str, str]) -> dict[str, Asking]:
    http = integrator.http
    return {
        "person": Asking(http, ORGANISATIONS, integrator.person),
        "application": Asking(http, ORGANISATIONS, await integrator.token()),
        "public": Asking(http, PUBLIC, {}),
        "public with a key": Asking(http, PUBLIC, key),
        "key": Asking(http, ORGANISATIONS, key),
    }


def _pid(stack: Stack, name: str) -> int:
    state = json.loads((stack.data / "run" / "state.json").read_text())
    [pid] = [each["pid"] for each in state["components"] if each["name"] == name]
    return int(pid)
