"""Identity, as far as the control plane asks it: what an API key is good for."""

import asyncio
import time
from ipaddress import ip_network
from typing import Any

import httpx2

from gateway.application.keys import IssuerAway, KnownKey

CLIENT_ID = "00000000-0000-8000-8000-000000000001"
"""Under which identity knows the control plane."""
ASK_SECONDS = 2.0


class IdentityIssuer:
    """`gateway.application.keys.Issuer` over HTTP, within the deployment. ``address`` is where
    identity listens, ``secret`` what proves the control plane to it."""

    def __init__(self, address: str, secret: str) -> None:
        self._address = address.rstrip("/")
        self._secret = secret
        self._client: httpx2.AsyncClient | None = None
        self._token = ""
        self._token_ends = 0.0
        self._turn = asyncio.Lock()

    async def exchange(self, key: str) -> KnownKey | None:
        answer = await self._exchange(key)
        if answer.status_code == httpx2.codes.UNAUTHORIZED:  # its keys, or our secret, were changed
            self._token_ends = 0.0
            answer = await self._exchange(key)
        if answer.status_code != httpx2.codes.OK:
            raise IssuerAway(f"identity answered {answer.status_code}")
        found = answer.json()
        return _known(found) if found["active"] else None

    async def _exchange(self, key: str) -> httpx2.Response:
        token = await self._own_token()
        return await self._post(
            "/identity/v1/api-keys/exchange",
            headers={"authorization": f"Bearer {token}"},
            json={"key": key},
        )

    async def _own_token(self) -> str:
        async with self._turn:
            if time.monotonic() >= self._token_ends:
                answer = await self._post(
                    "/identity/token",
                    auth=(CLIENT_ID, self._secret),
                    data={"grant_type": "client_credentials", "scope": "gateway.introspect"},
                )
                if answer.status_code != httpx2.codes.OK:
                    raise IssuerAway(f"identity does not know us: {answer.status_code}")
                told = answer.json()
                self._token = told["access_token"]
                self._token_ends = time.monotonic() + told["expires_in"] / 2
            return self._token

    async def _post(self, path: str, **request: Any) -> httpx2.Response:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=ASK_SECONDS, trust_env=False)
        try:
            return await self._client.post(self._address + path, **request)
        except httpx2.HTTPError as error:
            raise IssuerAway(repr(error)) from error


def _known(found: dict[str, Any]) -> KnownKey:
    return KnownKey(
        client=found["client_id"],
        quota_class=found["quota_class"],
        access_token=found["access_token"],
        lives_seconds=float(found["expires_in"]),
        networks=tuple(map(ip_network, found["networks"])),
    )
