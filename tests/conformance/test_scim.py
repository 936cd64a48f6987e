"""scim2-tester, by the authors of the models, against the service over HTTP.

It creates, reads, lists, replaces, patches and deletes what the published schema says, attribute by
attribute, and looks at discovery and errors.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server
from scim2_tester.utils import CheckResult

from services.identity.domain.organisations import Organisation
from services.identity.settings import Settings
from tests.service.house import Token
from tests.service.identity.conftest import (  # noqa: F401 - fixtures
    app,
    emptying,
    migrated_database,
    organisations,
    owner,
    province,
    settings,
    signing_key,
    token,
)
from tests.service.identity.test_scim import build_scim


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_scim


@asynccontextmanager
async def served(service: FastAPI, listening: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(service, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await serving


async def test_scim2_tester_finds_no_fault(
    app: FastAPI,  # noqa: F811
    settings: Settings,  # noqa: F811
    token: Token,  # noqa: F811
    province: Organisation,  # noqa: F811
) -> None:
    headers = token("directory", "scim", (f"integrator@{province.path}",), client_id="directory")

    def check(origin: str) -> list[CheckResult]:
        base_url = f"{origin}/identity/scim/v2"
        with httpx2.Client(base_url=base_url, headers=headers, trust_env=False) as client:
            return check_server(SyncSCIMClient(client))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with served(app, listening):
            port = listening.getsockname()[1]
            results = await asyncio.to_thread(check, f"http://127.0.0.1:{port}")
    faults = [
        f"{each.title}: {each.reason}"
        for each in results
        if each.status not in (Status.SUCCESS, Status.SKIPPED)
    ]
    assert not faults, "\n".join(faults)
    assert {each.title for each in results if each.status is Status.SKIPPED} <= set()
    assert {each.resource_type for each in results if each.resource_type} == {"User"}
    assert len([each for each in results if each.status is Status.SUCCESS]) > 40
