"""Signing in as a person does it: the code flow with PKCE, its login form filled in."""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2

LONGEST_WAY = 10
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_LOGIN = "/identity/login"
_SECOND_FACTOR = "/identity/login/second-factor"


class SignInFailed(Exception):
    """The way did not lead back to the application; the message says where it ended."""


async def access_token(issuer: str, client: Mapping[str, Any], username: str, password: str) -> str:
    """An access token of `username`, with every scope that `client` may ask for.

    ``client`` is an entry of the accounts file. Raises `SignInFailed`, `httpx2.HTTPError`.
    """
    redirect_uri, verifier = client["redirect_uris"][0], secrets.token_urlsafe(48)
    state = secrets.token_urlsafe()
    challenge = hashlib.sha256(verifier.encode()).digest()
    request = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": redirect_uri,
        "scope": " ".join(client["scopes"]),
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as browser:
        answer = await browser.get(f"{issuer}/authorize", params=request)
        back = await through_the_login(browser, answer, redirect_uri, username, password)
        returned = parse_qs(urlsplit(back).query)
        if returned.get("state") != [state] or "code" not in returned:
            raise SignInFailed(f"the application was told {returned.get('error', 'nothing')}")
        answer = await browser.post(
            f"{issuer}/token",
            data={
                "grant_type": "authorization_code",
                "client_id": client["client_id"],
                "code": returned["code"][0],
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
        )
    if answer.status_code != httpx2.codes.OK:
        raise SignInFailed(f"the token endpoint answered {answer.status_code}")
    return str(answer.json()["access_token"])


async def through_the_login(
    browser: httpx2.AsyncClient,
    answer: httpx2.Response,
    redirect_uri: str,
    username: str,
    password: str,
) -> str:
    """Follow redirections, signing in on the way, until one leads to the application."""
    asked = False
    for _ in range(LONGEST_WAY):
        if answer.is_redirect:
            target = urljoin(str(answer.url), answer.headers["location"])
            if target.startswith(redirect_uri):
                return target
            answer = await browser.get(target)
            continue
        csrf = _CSRF.search(answer.text)
        if asked or csrf is None or answer.url.path != _LOGIN:
            break
        asked = True
        return_to = parse_qs(urlsplit(str(answer.url)).query)["return_to"][0]
        form = {"csrf": csrf[1], "return_to": return_to}
        answer = await browser.post(
            urljoin(str(answer.url), _LOGIN),
            data={**form, "username": username, "password": password},
        )
    if answer.url.path.startswith(_SECOND_FACTOR):
        raise SignInFailed("the account asks for a second factor: sign in with a browser")
    raise SignInFailed(f"{answer.url.path} answered {answer.status_code}")
