"""The developer portal and the catalogue as clients that no register holds."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.identity.domain.components import CATALOG, PORTAL
from services.identity.settings import Settings
from tests.service.identity.provider import ORIGIN, House, RegisteredClient, query, running_house

SECRET = "what only the gateway knows"
CATALOG_SECRET = "what only the catalogue knows"
SCOPES = "openid profile identity.read identity.manage integrate"


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    told = settings.model_copy(
        update={
            "gateway_secret": type(settings.master_keys)(SECRET),
            "catalog_secret": type(settings.master_keys)(CATALOG_SECRET),
            "public_origin": ORIGIN,
        }
    )
    async with running_house(told, owner) as house:
        yield house


@pytest.fixture
def portal() -> RegisteredClient:
    return RegisteredClient(str(PORTAL), SECRET, f"{ORIGIN}/docs/callback")


async def test_a_person_lets_the_portal_in_without_being_asked(
    house: House, portal: RegisteredClient
) -> None:
    person = await house.person(grants=("integrator@PHOUSE",))
    told = await house.tokens(portal, person, scope=f"{SCOPES} catalog.write")
    claims = await house.claims(told["access_token"])
    assert claims["client_id"] == str(PORTAL)
    assert claims["grants"] == ["integrator@PHOUSE"]
    assert set(claims["scope"].split()) == set(SCOPES.split())
    refreshed = await house.refresh(portal, told["refresh_token"])
    assert refreshed.status_code == 200
    again = await house.refresh(portal, told["refresh_token"])
    assert again.status_code == 400


async def test_the_portal_needs_its_secret_pkce_and_its_own_address(
    house: House, portal: RegisteredClient
) -> None:
    browser = house.browser()
    await browser.sign_in(await house.person())
    elsewhere = await browser.authorize(portal, redirect_uri=f"{ORIGIN}/docs/callback/x")
    assert elsewhere.status_code == 400
    without = await browser.authorize(portal, code_challenge=None, code_challenge_method=None)
    assert query(without)["error"] == "invalid_request"
    stranger = RegisteredClient(portal.id, "a guess", portal.redirect_uri)
    refused = await house.redeem(stranger, await browser.code(portal))
    assert refused.status_code == 401
    other = await house.post("/token", portal, grant_type="client_credentials")
    assert other.json()["error"] == "unauthorized_client"


async def test_signing_out_leads_back_to_the_portal(house: House, portal: RegisteredClient) -> None:
    browser = house.browser()
    await browser.sign_in(await house.person())
    told = (await house.redeem(portal, await browser.code(portal))).json()
    answer = await browser.get(
        "/identity/end_session",
        id_token_hint=told["id_token"],
        post_logout_redirect_uri=f"{ORIGIN}/docs",
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{ORIGIN}/docs"
    ended = await house.refresh(portal, told["refresh_token"])
    assert ended.status_code == 400


async def test_without_a_secret_in_the_deployment_there_is_no_portal(
    settings: Settings, owner: asyncpg.Connection, portal: RegisteredClient
) -> None:
    async with running_house(settings, owner) as house:
        browser = house.browser()
        await browser.sign_in(await house.person())
        assert (await browser.authorize(portal)).status_code == 400


async def test_the_catalogue_may_read_the_register_of_copyright_and_nothing_else(
    house: House,
) -> None:
    catalog = RegisteredClient(str(CATALOG), CATALOG_SECRET, "")
    asked = {"grant_type": "client_credentials"}
    answer = await house.post("/token", catalog, **asked, scope="copyright.read")
    more = await house.post("/token", catalog, **asked, scope="copyright.read copyright.write")
    assert more.json()["error"] == "invalid_scope"
    claims = await house.claims(answer.json()["access_token"])
    assert (claims["client_id"], claims["scope"]) == (str(CATALOG), "copyright.read")
    stranger = RegisteredClient(str(CATALOG), SECRET, "")
    assert (await house.post("/token", stranger, **asked)).status_code == 401


async def test_without_its_secret_the_catalogue_is_nobody(
    settings: Settings, owner: asyncpg.Connection
) -> None:
    async with running_house(settings, owner) as house:
        unset = RegisteredClient(str(CATALOG), "", "")
        answer = await house.post("/token", unset, grant_type="client_credentials")
        assert answer.status_code == 401
