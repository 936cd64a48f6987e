"""Every example of a request body is sent as a caller who may, and answered as documented: those of
the API, those of SCIM, and the forms of OAuth and OpenID Connect."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from services.identity.domain.organisations import Organisation
from services.identity.settings import Settings
from shared.contract import openapi_document
from shared.ids import uuid7
from tests.service.examples import Example, examples, named
from tests.service.house import Token
from tests.service.identity import test_scim
from tests.service.identity.people import V1, World
from tests.service.identity.provider import SIGNED_OUT, VERIFIER, House, running_house
from tests.service.identity.test_generated import build
from tests.service.identity.test_matrix import (
    TARGETS,
    Make,
    Target,
    application,
    link,
    made,
    settings,
    world,
)

__all__ = ["build", "settings", "world"]

SCIM = test_scim.URL
NAMES = (
    *("organisation", "organisation_id", "parent", "membership_id", "upload_id"),
    *("person_id", "child_id", "child_code", "guardian_id", "key", "expires_at", "replaces"),
)
"""Members of bodies that name what exists, or a time within reach."""


@dataclass(frozen=True)
class Personal(Target):
    """What one person alone may ask."""

    person: str = field(default_factory=lambda: str(uuid7()))


async def create_organisation(world: World) -> Target:
    return Target("/organisations", {"parent": world.county.ref}, world.county)


async def claim_guardianship(world: World) -> Target:
    known = [{"kind": "username", "value": "xiaoyu.li"}]
    child = await world.invite(world.school, birth_date="2017-05-01", identifiers=known)
    guardian = await world.invite(world.county, kind="other", birth_date="1990-03-08")
    return Personal("/guardianships/claims", {"child_code": child["code"]}, person=guardian["id"])


async def grant_role(world: World) -> Target:
    teacher = await world.invite(world.school, kind="staff")
    body = {"person_id": teacher["id"], "organisation_id": world.school.ref}
    return Target("/role-grants", body)


async def give_consent(world: World) -> Target:
    family = await link(world)
    return Personal(f"/people/{family['child_id']}/consents", person=family["guardian_id"])


async def start_import(world: World) -> Target:
    asked = Personal("/imports", {"organisation": world.school.ref})
    uploader = world.token(asked.person, "identity.import", (f"administrator@{world.school.path}",))
    upload = await made(world, uploader, "/imports/uploads")
    async with httpx2.AsyncClient(trust_env=False) as store:
        put = await store.put(upload["url"], content="姓名\n李小雨\n".encode())
        assert put.status_code == 200, put.text
    body = {"organisation": world.school.ref, "upload_id": upload["upload_id"]}
    return Personal("/imports", body, person=asked.person)


async def add_client_secret(world: World) -> Target:
    path = f"/clients/{await application(world)}/secrets"
    used = await made(world, world.admin(world.school), path, {})
    return Target(path, {"replaces": used["id"]})


def live_key(path: str) -> Make:
    """A question about the key of an approved application."""

    async def make(world: World) -> Target:
        client_id = await application(world)
        decided = await world.client.post(
            f"{V1}/clients/{client_id}/decisions/approve",
            headers={**world.security(world.school), "if-match": '"v1"'},
        )
        assert decided.status_code == 200, decided.text
        asked = await TARGETS["issue_api_key"](world)
        path_of_keys = f"/clients/{client_id}/api-keys"
        issued = await made(world, world.admin(world.school), path_of_keys, asked.body)
        return Target(path, {"key": issued["key"]})

    return make


PREPARED: Mapping[str, Make] = {
    **TARGETS,
    "create_organisation": create_organisation,
    "add_client_secret": add_client_secret,
    "claim_guardianship": claim_guardianship,
    "give_consent": give_consent,
    "grant_role": grant_role,
    "start_import": start_import,
    "exchange_api_key": live_key("/api-keys/exchange"),
    "introspect_api_key": live_key("/api-keys/introspect"),
}
"""Where the matrix's target is refused for what is there, though not for who asks, another one."""


def shown(app: FastAPI, *prefixes: str) -> list[Example]:
    found = examples(openapi_document(app))
    return [each for each in found if each.operation.path.startswith(prefixes)]


async def test_every_example_is_answered_as_documented(
    world: World, app: FastAPI, signing_key: ECKey
) -> None:
    await app.state.parts.provider.keys.tend()
    app.state.verifier.load(KeySet([signing_key]).as_dict(private=False))
    defects: list[str] = []
    for example in shown(app, V1):
        operation = example.operation
        target = await PREPARED[operation.id](world)
        here = target.here or world.school
        person = target.person if isinstance(target, Personal) else str(uuid7())
        grants = tuple(f"{each}@{here.path}" for each in operation.access["roles"])
        caller = world.token(person, operation.access["scope"], grants)
        request = example.sent(named(target.body, NAMES))
        request["headers"] |= caller | {"if-match": '"v1"'}
        answer = await world.client.request(operation.method, f"{V1}{target.path}", **request)
        defects += example.judge(answer)
    assert not defects, "\n".join(defects)


async def test_every_example_of_scim_is_answered_as_documented(
    app: FastAPI, client: httpx2.AsyncClient, province: Organisation, token: Token
) -> None:
    caller = token("directory", "scim", (f"integrator@{province.path}",), client_id="directory")
    made = ""
    defects: list[str] = []
    for example in shown(app, SCIM):
        operation = example.operation
        request = example.sent({})
        request["headers"] |= caller
        path = operation.path.replace("{resource_id}", made)
        answer = await client.request(operation.method, path, **request)
        defects += example.judge(answer)
        if operation.id == "scim_create_user":
            made = answer.json()["id"]
    assert not defects, "\n".join(defects)


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


async def test_every_example_of_a_form_is_answered_as_documented(
    house: House, app: FastAPI
) -> None:
    defects: list[str] = []
    for example in examples(openapi_document(app)):
        path = example.operation.path
        if path.startswith((V1, SCIM)):
            continue
        client, person = await house.client(), await house.person()
        browser = house.browser()
        await browser.sign_in(person)
        tokens = await house.tokens(client, person, scope="openid profile")
        device = (await house.post("/device_authorization", client, scope="openid")).json()
        page = await browser.get("/identity/device")
        page = await browser.submit(page, user_code=device["user_code"])
        await browser.submit(page, decision="allow")
        request = example.sent(
            {
                "client_id": client.id,
                "redirect_uri": client.redirect_uri,
                "post_logout_redirect_uri": SIGNED_OUT,
                "code": await browser.code(client),
                "code_verifier": VERIFIER,
                "device_code": device["device_code"],
                "token": tokens["refresh_token"],
                "refresh_token": tokens["refresh_token"],
                "access_token": tokens["access_token"],
                "id_token_hint": tokens["id_token"],
            }
        )
        if "client_secret" in example.schema["properties"]:
            request["headers"] |= client.basic
        answer = await browser.http.post(path, **request)
        # A form that asks for a session goes on as a query, with which the session comes along.
        while (there := answer.headers.get("location", "")).startswith("/identity/"):
            answer = await browser.http.get(there)
        defects += example.judge(answer)
        assert "error=" not in there, there
    assert not defects, "\n".join(defects)
