"""What Envoy asks before it lets an application's request through."""

import base64
import binascii
import re
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from gateway.application.keys import IssuerAway, Keys
from gateway.application.quotas import Quotas
from gateway.domain.quotas import Quota, Remaining, Window
from shared.errors import DomainError, Forbidden, Unauthenticated, Unavailable
from shared.principal import Revoked

_BEARER = re.compile(r"Bearer +[\w-]+\.([\w-]+)\.[\w-]+", re.ASCII)


class QuotaExceeded(DomainError):
    """More than the class of ``client`` may ask. ``retry_after`` in seconds."""

    retry_after: int

    def __init__(self, client: str, window: Window, quota: Quota, remaining: Remaining) -> None:
        most = quota.per_second if window is Window.SECOND else quota.per_day
        each = {Window.SECOND: ("second", "秒"), Window.DAY: ("day", "天")}[window]
        super().__init__(
            f"Your application may make {most} requests a {each[0]}. "
            f"Wait {remaining.retry_after} s, or ask for another quota class.",
            zh=f"该应用每{each[1]}最多 {most} 次请求。请 {remaining.retry_after} 秒后重试，"
            "或申请更高的配额等级。",
            violated_policies=[window],
        )
        self.client = client
        self.retry_after = remaining.retry_after
        self.quota = quota
        self.remaining = remaining


class KeyAndToken(DomainError):
    """A request came with an API key and a token."""


class Mode(StrEnum):
    """What a request showed, and what happens when nobody can say whether it is good.

    KEY: an API key, refused then. OPEN: an API key on what anybody may read, let through then.
    TOKEN: an application's own token, which Envoy has verified.
    """

    KEY = "key"
    OPEN = "open"
    TOKEN = "token"  # noqa: S105 - no secret


class Passed(NamedTuple):
    """The request of `client` may go on, with `access_token` in the place of what it showed."""

    client: str
    access_token: str | None
    quota: Quota
    remaining: Remaining


class Checkpoint:
    def __init__(self, keys: Keys, quotas: Quotas, revoked: Revoked) -> None:
        self._keys = keys
        self._quotas = quotas
        self._revoked = revoked

    async def key(self, key: str, authorization: str, address: str) -> Passed:
        """An API key. Raises `Unauthenticated`, `Forbidden`, `KeyAndToken`, `QuotaExceeded`,
        `Unavailable`."""
        if authorization:
            raise KeyAndToken("Send X-Api-Key or Authorization, not both.", zh="请只附其中一种。")
        try:
            known = await self._keys.find(key)
        except IssuerAway as error:
            raise Unavailable(
                "The key cannot be checked now.", 2, zh="暂时无法查验接口密钥。"
            ) from error
        if known is None:
            raise Unauthenticated(
                "The API key is unknown, ended, or its application is not approved.",
                zh="接口密钥无效、已失效，或所属应用未获批准。",
            )
        if not known.admits(address):
            raise Forbidden(
                "The application has not named this network as one that it calls from.",
                zh="该应用未登记此网络地址。",
            )
        return await self._counted(known.client, known.quota_class, known.access_token)

    async def token(self, authorization: str) -> Passed:
        """An application's own token, verified by Envoy. Raises `QuotaExceeded`, and
        `Unauthenticated` for one that was revoked, also where no service looks at it."""
        claims = _claims(authorization)
        if self._revoked(claims):
            raise Unauthenticated(
                "The token was revoked. If the application is not suspended, ask for a new one.",
                zh="令牌已被撤销；应用如未被暂停，请重新获取令牌。",
            )
        return await self._counted(str(claims.get("client_id")), str(claims.get("quota")), None)

    async def _counted(self, client: str, quota_class: str, access_token: str | None) -> Passed:
        remaining = await self._quotas.take(client, quota_class)
        quota = self._quotas.quota_of(quota_class)
        if remaining.exceeded is not None:
            raise QuotaExceeded(client, remaining.exceeded, quota, remaining)
        return Passed(client, access_token, quota, remaining)


def _claims(authorization: str) -> dict[str, Any]:
    """The payload of a bearer token whose signature was verified before."""
    token = _BEARER.fullmatch(authorization)
    if token is None:
        raise Unauthenticated("This is no token.", zh="这不是令牌。")
    payload = token[1]
    try:
        found = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("This is no token.", zh="这不是令牌。") from error
    return found if isinstance(found, dict) else {}
