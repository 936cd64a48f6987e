"""The topic of ``oidcc-config-certification-test-plan``, as a test of our own."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from authlib.oidc.discovery import OpenIDProviderMetadata

from services.identity.routes.discovery import metadata as metadata_of
from services.identity.settings import Settings
from tests.service.identity.provider import ISSUER, House, running_house


@pytest.fixture
async def house(settings: Settings, owner: asyncpg.Connection) -> AsyncIterator[House]:
    async with running_house(settings, owner) as house:
        yield house


async def test_the_metadata_are_whole_and_name_endpoints_that_exist(house: House) -> None:
    """oidcc-discovery-endpoint-verification"""
    answer = await house.http.get("/identity/.well-known/openid-configuration")
    metadata = answer.json()
    for at in (
        "/.well-known/oauth-authorization-server/identity",
        "/identity/.well-known/oauth-authorization-server",
    ):
        assert (await house.http.get(at)).json() == metadata
    OpenIDProviderMetadata(metadata_of("https://shuyuan.example/identity")).validate()
    assert metadata_of(ISSUER) == metadata
    for name, value in metadata.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            assert value.startswith(ISSUER + "/")
            path = value.removeprefix("http://127.0.0.1:8080")
            statuses = [(await house.http.request(m, path)).status_code for m in ("GET", "POST")]
            assert set(statuses) - {404, 405}
    assert metadata["issuer"] == ISSUER
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["subject_types_supported"] == ["public"]
    assert "openid" in metadata["scopes_supported"]
    assert metadata["claims_parameter_supported"] is True
    assert metadata["require_request_uri_registration"] is False
    assert metadata["authorization_response_iss_parameter_supported"] is True
    keys = (await house.http.get("/identity/jwks.json")).json()["keys"]
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    assert all(key["use"] == "sig" and "d" not in key for key in keys)
