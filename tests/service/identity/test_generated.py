"""Requests made from the OpenAPI document, sent by nobody and by an administrator."""

from collections.abc import Callable

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from services.identity.app import build_parts
from services.identity.domain.clients import SCOPES
from services.identity.domain.organisations import Organisation
from services.identity.problems import PROBLEMS
from services.identity.settings import Settings
from shared.access import Role
from shared.contract import openapi_document
from shared.ids import uuid7
from shared.service import Runtime, application
from tests.conftest import Stack
from tests.service import generated
from tests.service.house import Token, own_bucket, own_database


@pytest.fixture
async def settings(stack: Stack, owner: asyncpg.Connection) -> Settings:
    return Settings.model_validate(
        {**(await own_database(stack, "identity", owner)), **own_bucket(stack, "identity")}
    )


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    """The application with its parts at hand."""

    def built(settings: Settings) -> FastAPI:
        runtime = Runtime("identity", settings, {})
        parts = build_parts(runtime, settings)
        app = application(runtime, title="", description="", parts=parts, table=PROBLEMS)
        app.state.parts = parts
        return app

    return built


async def test_every_answer_to_a_generated_request_is_documented(
    app: FastAPI,
    client: httpx2.AsyncClient,
    province: Organisation,
    token: Token,
    signing_key: ECKey,
) -> None:
    grants = tuple(f"{role}@{province.path}" for role in Role)
    callers = {
        "anonymous": {},
        "administrator": token(str(uuid7()), " ".join(SCOPES), grants),
    }
    await app.state.parts.provider.keys.tend()
    # The service now trusts its own keys alone, and the callers' tokens are signed with this one.
    app.state.verifier.load(KeySet([signing_key]).as_dict(private=False))
    people = f"/identity/v1/people?organisation={province.code}"
    listed = await client.get(people, headers=callers["administrator"])
    assert listed.status_code == 200, listed.text
    document = openapi_document(app)
    found = await generated.defects(document, client, callers, requests=3, seconds=9)
    assert not found, "\n\n".join(found)
