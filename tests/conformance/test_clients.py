"""Clients that others wrote sign a person in, refresh and sign out, against the running stack."""

import asyncio
import json
from pathlib import Path

import httpx2
import pytest
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.conformance.demonstration import Browser, Demonstration, demonstrated
from tests.conftest import Stack

SCOPE = "openid profile offline_access catalog.read"


@pytest.fixture
async def province(stack: Stack) -> Demonstration:
    return await demonstrated(stack)


async def test_authlib_signs_in_refreshes_and_signs_out(province: Demonstration) -> None:
    browser = Browser(province, "teacher01")
    discovery = f"{province.issuer}/.well-known/openid-configuration"
    metadata = (await browser.http.get(discovery)).json()
    session = OAuth2Session(
        province.client["client_id"],
        scope=SCOPE,
        redirect_uri=province.redirect_uri,
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )
    session.trust_env = False
    verifier, nonce = generate_token(48), generate_token()
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    back = await browser.open(url)
    token = await asyncio.to_thread(
        session.fetch_token,
        metadata["token_endpoint"],
        authorization_response=back,
        state=state,
        code_verifier=verifier,
    )
    keys = KeySet.import_key_set((await browser.http.get(metadata["jwks_uri"])).json())
    decoded = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
    expected = {"iss": {"value": metadata["issuer"]}, "nonce": {"value": nonce}}
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        expected,
        {"client_id": session.client_id, "access_token": token["access_token"], "nonce": nonce},
    )
    claims.validate()
    userinfo = await asyncio.to_thread(session.get, metadata["userinfo_endpoint"])
    assert userinfo.json()["sub"] == claims["sub"]
    first = token["refresh_token"]
    renewed = await asyncio.to_thread(session.refresh_token, metadata["token_endpoint"])
    assert renewed["refresh_token"] != first
    assert await browser.is_signed_in()
    left = httpx2.URL(metadata["end_session_endpoint"]).copy_merge_params(
        {
            "id_token_hint": token["id_token"],
            "post_logout_redirect_uri": province.redirect_uri,
            "state": "signed-out",
        }
    )
    assert "state=signed-out" in await browser.open(str(left))
    assert not await browser.is_signed_in()


@pytest.mark.parametrize("client", ["openid-client", "oidc-client-ts"])
async def test_a_javascript_client_signs_in_refreshes_and_signs_out(
    client: str, installed: Path, province: Demonstration
) -> None:
    browser = Browser(province, "teacher02")
    process = await asyncio.create_subprocess_exec(
        *("node", f"{client}.js", province.issuer, province.client["client_id"]),
        *(province.redirect_uri, SCOPE),
        cwd=installed,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    told: dict[str, object] = {}
    async with asyncio.timeout(120):
        async for line in process.stdout:
            told = json.loads(line)
            if "open" not in told:
                break
            back = await browser.open(str(told["open"]))
            process.stdin.write(f"{back}\n".encode())
        errors = (await process.stderr.read()).decode()
        await process.wait()
    assert process.returncode == 0, errors
    userinfo = told["userinfo"]
    assert isinstance(userinfo, dict)
    assert (userinfo["sub"], bool(userinfo["name"])) == (told["sub"], True)
    assert told["rotated"] is True
    assert "state=" in str(told["signedOut"])
    assert not await browser.is_signed_in()
