"""Identity over HTTP, within the deployment: the portal's OpenID provider, and the register of
applications, asked with the token of the person who is signed in."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx2

from gateway.domain.portal import (
    ApiKey,
    Application,
    ClientSecret,
    Listed,
    Organisation,
    RequestRefused,
    SignInFailed,
    SignInNeeded,
    Tokens,
    Wanted,
)
from shared.clock import Clock
from shared.context import current
from shared.errors import Forbidden, NotFound, Unavailable

CLIENT_ID = "00000000-0000-8000-8000-000000000002"
"""Under which identity knows the portal."""
SCOPES = "openid profile identity.read identity.manage integrate"
ASK_SECONDS = 5.0
MOST_AT_ONCE = 50

_TOKEN = "/identity/token"  # noqa: S105 - an address
_CLIENTS = "/identity/v1/clients"


class PortalIdentity:
    """`gateway.application.portal.Provider` and `gateway.application.portal_desk.Registry`.

    ``address`` is where identity listens, ``callback`` the portal's redirect address, ``secret``
    what proves the portal to identity; tests give a ``transport``.
    """

    def __init__(
        self,
        address: str,
        callback: str,
        secret: str,
        clock: Clock,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._address = address.rstrip("/")
        self._callback = callback
        self._auth = (CLIENT_ID, secret)
        self._clock = clock
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None

    async def redeem(self, code: str, verifier: str) -> Tokens:
        answer = await self._token(
            grant_type="authorization_code",
            code=code,
            redirect_uri=self._callback,
            code_verifier=verifier,
        )
        if answer.status_code != httpx2.codes.OK:
            raise SignInFailed(
                "The sign-in took too long or was used before. Sign in again.",
                zh="登录已超时或已使用过，请重新登录。",
            )
        return self._tokens(answer.json())

    async def refresh(self, refresh_token: str) -> Tokens | None:
        answer = await self._token(grant_type="refresh_token", refresh_token=refresh_token)
        if answer.status_code != httpx2.codes.OK:
            return None
        return self._tokens(answer.json())

    async def name(self, access_token: str) -> str:
        claims = await self._asked("GET", "/identity/userinfo", access_token)
        return str(claims.get("name") or claims.get("preferred_username") or "")

    async def organisation(self, token: str, code: str) -> Organisation:
        found = await self._asked("GET", f"/identity/v1/organisations/{code}", token)
        return Organisation(found["id"], found["name"])

    async def applications(
        self, token: str, cursor: str | None
    ) -> tuple[Sequence[Listed], str | None]:
        asked = {"limit": str(MOST_AT_ONCE), **({"cursor": cursor} if cursor else {})}
        found = await self._asked("GET", _CLIENTS, token, params=asked)
        listed = [
            Listed(each["id"], each["name"], each["state"], _instant(each["created_at"]))
            for each in found["items"]
        ]
        return listed, found["next"]

    async def application(self, token: str, client_id: str) -> Application:
        return _application(await self._asked("GET", f"{_CLIENTS}/{client_id}", token))

    async def register(self, token: str, wanted: Wanted) -> str:
        body = {
            "organisation_id": wanted.organisation_id,
            "name": wanted.name,
            "purpose": wanted.purpose,
            "application_type": wanted.kind.application_type,
            "auth_method": wanted.kind.auth_method,
            "grant_types": wanted.kind.grant_types,
            "scopes": wanted.scopes,
            "redirect_uris": wanted.redirect_uris,
            "networks": wanted.networks,
        }
        once = {"idempotency-key": wanted.once}
        made = await self._asked("POST", _CLIENTS, token, json=body, headers=once)
        return str(made["id"])

    async def keys(self, token: str, client_id: str) -> Sequence[ApiKey]:
        found = await self._asked("GET", f"{_CLIENTS}/{client_id}/api-keys", token)
        return [_key(each) for each in found["items"]]

    async def issue_key(
        self, token: str, client_id: str, name: str, scopes: Sequence[str], until: datetime
    ) -> str:
        body = {"name": name, "scopes": scopes, "expires_at": until.isoformat()}
        made = await self._asked("POST", f"{_CLIENTS}/{client_id}/api-keys", token, json=body)
        return str(made["key"])

    async def revoke_key(self, token: str, client_id: str, key_id: str) -> None:
        await self._asked("DELETE", f"{_CLIENTS}/{client_id}/api-keys/{key_id}", token)

    async def secrets(self, token: str, client_id: str) -> Sequence[ClientSecret]:
        found = await self._asked("GET", f"{_CLIENTS}/{client_id}/secrets", token)
        return [
            ClientSecret(each["id"], _instant(each["created_at"]), _maybe(each["expires_at"]))
            for each in found
        ]

    async def add_secret(
        self, token: str, client_id: str, replaces: str | None, old_ends_in_hours: int | None
    ) -> str:
        body = {"replaces": replaces, "old_ends_in_hours": old_ends_in_hours}
        made = await self._asked("POST", f"{_CLIENTS}/{client_id}/secrets", token, json=body)
        return str(made["secret"])

    async def end_secret(self, token: str, client_id: str, secret_id: str) -> None:
        await self._asked("DELETE", f"{_CLIENTS}/{client_id}/secrets/{secret_id}", token)

    async def _token(self, **form: str) -> httpx2.Response:
        return await self._sent("POST", _TOKEN, data=form, auth=self._auth)

    def _tokens(self, told: Mapping[str, Any]) -> Tokens:
        ends_at = self._clock() + timedelta(seconds=told["expires_in"])
        identity = told.get("id_token", "")
        return Tokens(told["access_token"], told["refresh_token"], identity, ends_at)

    async def _asked(self, method: str, path: str, token: str, **request: Any) -> Any:
        headers = {"authorization": f"Bearer {token}", **request.pop("headers", {})}
        answer = await self._sent(method, path, headers=headers, **request)
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _refusal(answer)

    async def _sent(self, method: str, path: str, **request: Any) -> httpx2.Response:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                timeout=ASK_SECONDS,
                trust_env=False,
                transport=self._transport,
                base_url=self._address,
            )
        context = current()
        told = {"accept-language": context.language, "x-request-id": context.request_id}
        headers = {**told, **request.pop("headers", {})}
        try:
            answer = await self._client.request(method, path, headers=headers, **request)
        except httpx2.HTTPError as error:
            raise _away() from error
        if answer.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise _away()
        return answer


def _refusal(answer: httpx2.Response) -> Exception:
    """Identity's problem details, as our own error. They are in the person's language already."""
    if answer.status_code == httpx2.codes.UNAUTHORIZED:
        return SignInNeeded()
    told = answer.json()
    detail = told.get("detail", "")
    if answer.status_code == httpx2.codes.FORBIDDEN:
        return Forbidden(detail)
    if answer.status_code == httpx2.codes.NOT_FOUND:
        return NotFound(detail)
    return RequestRefused(detail, title=told["title"], errors=told.get("errors", ()))


def _away() -> Unavailable:
    return Unavailable("Accounts cannot be reached now.", zh="统一身份认证暂时无法应答。")


def _application(found: Mapping[str, Any]) -> Application:
    return Application(
        id=found["id"],
        name=found["name"],
        purpose=found["purpose"],
        state=found["state"],
        quota_class=found["quota_class"],
        auth_method=found["auth_method"],
        scopes=tuple(found["scopes"]),
        redirect_uris=tuple(found["redirect_uris"]),
        networks=tuple(found["networks"]),
    )


def _key(found: Mapping[str, Any]) -> ApiKey:
    return ApiKey(
        id=found["id"],
        name=found["name"],
        scopes=tuple(found["scopes"]),
        created_at=_instant(found["created_at"]),
        expires_at=_instant(found["expires_at"]),
        last_used_at=_maybe(found["last_used_at"]),
        revoked_at=_maybe(found["revoked_at"]),
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)
