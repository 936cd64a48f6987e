"""An application that people must allow, on the real stack: its login, its refusal, its logout."""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest

from services.identity.demonstration.sign_in import access_token, through_the_login
from tests.conformance.demonstration import Demonstration, demonstrated
from tests.conftest import Stack

CALLBACK = "https://app.example/callback"
PERSON = "teacher02"
VERIFIER = secrets.token_urlsafe(48)

_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_ACTION = re.compile(r'<form method="post" action="([^"]+)">')


class Application:
    """A confidential client that nobody trusts, and a browser with somebody signed in."""

    def __init__(self, province: Demonstration, client_id: str, secret: str) -> None:
        self.http = httpx2.AsyncClient(trust_env=False, timeout=20)
        self._province = province
        self._id = client_id
        self._secret = secret

    async def asks(self) -> httpx2.Response:
        """The page on which the person who signed in is asked."""
        challenge = hashlib.sha256(VERIFIER.encode()).digest()
        request = {
            "response_type": "code",
            "client_id": self._id,
            "redirect_uri": CALLBACK,
            "scope": "openid profile",
            "state": "there-and-back",
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return await self.http.get(
            f"{self._province.issuer}/authorize", params=request, follow_redirects=True
        )

    async def sign_in(self) -> None:
        """With the platform's own application, which asks nothing."""
        client = self._province.client
        request = {
            "response_type": "code",
            "client_id": client["client_id"],
            "redirect_uri": self._province.redirect_uri,
            "scope": "openid",
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
            .rstrip(b"=")
            .decode(),
            "code_challenge_method": "S256",
        }
        answer = await self.http.get(f"{self._province.issuer}/authorize", params=request)
        await through_the_login(
            self.http,
            answer,
            self._province.redirect_uri,
            PERSON,
            self._province.password(PERSON),
        )

    async def answer(self, page: httpx2.Response, **fields: str) -> httpx2.Response:
        """Send the one form of a page."""
        [action] = _ACTION.findall(page.text)
        hidden = {name: html.unescape(value) for name, value in _FIELD.findall(page.text)}
        return await self.http.post(urljoin(str(page.url), action), data={**hidden, **fields})

    async def redeem(self, code: str) -> httpx2.Response:
        return await self.http.post(
            f"{self._province.issuer}/token",
            auth=(self._id, self._secret),
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": CALLBACK,
                "code_verifier": VERIFIER,
            },
        )


async def _registered(stack: Stack, province: Demonstration) -> tuple[str, str]:
    """An approved web application of the province; returns its id and its secret."""

    async def acting(name: str) -> dict[str, str]:
        token = await access_token(province.issuer, province.client, name, province.password(name))
        return {"authorization": f"Bearer {token}"}

    owner, security = await acting("admin-province"), await acting("security")
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=20, trust_env=False) as http:
        places = await http.get("/identity/v1/organisations", headers=owner)
        wanted: dict[str, Any] = {
            "organisation_id": places.json()["items"][0]["id"],
            "name": "听书",
            "purpose": "朗读课文",
            "auth_method": "client_secret_basic",
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [],
            "scopes": ["openid", "profile"],
            "grant_types": ["authorization_code"],
        }
        asked = await http.post("/identity/v1/clients", json=wanted, headers=owner)
        assert asked.status_code == 201, asked.text
        where = asked.headers["location"]
        approved = await http.post(
            f"{where}/decisions/approve",
            headers={**security, "if-match": asked.headers["etag"]},
        )
        assert approved.status_code == 200, approved.text
        issued = await http.post(f"{where}/secrets", json={}, headers=owner)
        assert issued.status_code == 201, issued.text
    return asked.json()["id"], issued.json()["secret"]


@pytest.fixture
async def application(stack: Stack) -> AsyncIterator[Application]:
    province = await demonstrated(stack)
    found = Application(province, *await _registered(stack, province))
    await found.sign_in()
    yield found
    await found.http.aclose()


def told(answer: httpx2.Response) -> dict[str, list[str]]:
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(CALLBACK)
    return parse_qs(urlsplit(answer.headers["location"]).query)


async def test_an_application_that_is_allowed_gets_its_token(application: Application) -> None:
    page = await application.asks()
    assert page.status_code == 200
    assert "听书" in page.text
    back = told(await application.answer(page, decision="allow"))
    assert back["state"] == ["there-and-back"]
    redeemed = await application.redeem(back["code"][0])
    assert redeemed.status_code == 200, redeemed.text
    assert redeemed.json()["scope"].split() == ["openid", "profile"]


async def test_an_application_that_is_refused_is_told_so(application: Application) -> None:
    back = told(await application.answer(await application.asks(), decision="deny"))
    assert back["error"] == ["access_denied"]
    assert "code" not in back


async def test_whoever_signs_out_without_a_hint_is_asked_and_signed_out(
    application: Application, stack: Stack
) -> None:
    page = await application.http.get(f"{stack.gateway}/identity/end_session")
    assert page.status_code == 200
    done = await application.answer(page, decision="sign_out")
    assert done.status_code == 200, done.text
    account = await application.http.get(f"{stack.gateway}/identity/account")
    assert account.status_code == 303
