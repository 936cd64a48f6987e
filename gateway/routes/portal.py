"""The developer portal's open pages, and the way in: an authorization code with PKCE (RFC 7636),
redeemed here, so that no token ever reaches the browser."""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.application.portal import PortalSessions, Visitor
from gateway.domain.portal import SignInFailed, SignInNeeded
from gateway.portal import Cookie, Form, PageRoutes, Pages
from shared.clock import Clock
from shared.context import current
from shared.encryption import KeyRing, Place, UndecryptableField

DESK = "/docs/applications"
UNDER_WAY = timedelta(minutes=10)

_PURPOSE = "portal-sign-in"
_PLACE = Place("cookies", "sign-in", "")


class PortalPages:
    """``client_id`` and ``scopes`` are those of the portal itself."""

    def __init__(
        self,
        pages: Pages,
        sessions: PortalSessions,
        keys: KeyRing,
        clock: Clock,
        *,
        issuer: str,
        public_origin: str,
        client_id: str,
        scopes: str,
    ) -> None:
        self._pages = pages
        self._sessions = sessions
        self._keys = keys
        self._clock = clock
        self._issuer = issuer
        self._home = f"{public_origin}/docs"
        self._client_id = client_id
        self._scopes = scopes

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages, self._sessions)
        routes.get("/docs", self._guide)
        routes.get("/docs/", self._home_again)
        routes.get("/docs/reference", self._reference)
        routes.get("/docs/static/{name}", self._file)
        routes.get("/docs/sign-in", self._sign_in)
        routes.get("/docs/callback", self._callback)
        routes.post("/docs/sign-out", self._sign_out)
        return routes.router

    async def _guide(self, request: Request) -> Response:
        return self._pages.render(request, "guide.html", here="guide")

    async def _home_again(self, _request: Request) -> Response:
        return self._pages.redirect("/docs")

    async def _reference(self, request: Request) -> Response:
        return self._pages.render(request, "reference.html", script=True, here="reference")

    async def _file(self, request: Request) -> Response:
        return self._pages.file(request)

    async def _sign_in(self, request: Request) -> Response:
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": f"{self._home}/callback",
            "scope": self._scopes,
            "state": state,
            "code_challenge": _s256(verifier),
            "code_challenge_method": "S256",
            "ui_locales": current().language,
        }
        response = self._pages.redirect(f"{self._issuer}/authorize?{urlencode(asked)}")
        under_way = {
            "state": state,
            "verifier": verifier,
            "back": _own_address(request.query_params.get("return_to", "")),
            "until": (self._clock() + UNDER_WAY).isoformat(),
        }
        sealed = self._keys.encrypt(_PURPOSE, orjson.dumps(under_way).decode(), _PLACE)
        value = base64.urlsafe_b64encode(sealed).decode()
        seconds = int(UNDER_WAY.total_seconds())
        self._pages.cookies.keep(response, Cookie.SIGN_IN, value, seconds)
        return response

    async def _callback(self, request: Request) -> Response:
        """Back from identity (RFC 6749 §4.1.2), in the browser that was sent there."""
        under_way = self._under_way(request)
        told = request.query_params
        if not hmac.compare_digest(told.get("state", "").encode(), under_way["state"].encode()):
            raise SignInFailed("Sign in again.", zh="请重新登录。")
        if "code" not in told:
            raise SignInFailed(
                "The account was not let in. Sign in again, or with another account.",
                zh="该账号未获准登录，请重新登录或换用其他账号。",
            )
        secret = await self._sessions.begin(told["code"], under_way["verifier"])
        response = self._pages.redirect(under_way["back"])
        self._pages.cookies.keep(response, Cookie.SESSION, secret)
        self._pages.cookies.drop(response, Cookie.SIGN_IN)
        return response

    async def _sign_out(self, _request: Request, visitor: Visitor, _form: Form) -> Response:
        """Here and at identity (OpenID Connect RP-Initiated Logout 1.0 §2): the computer may be a
        school's."""
        try:
            hint = await self._sessions.end(visitor.secret)
        except SignInNeeded:
            return self._pages.redirect("/docs")
        asked = {"id_token_hint": hint, "post_logout_redirect_uri": self._home}
        response = self._pages.redirect(f"{self._issuer}/end_session?{urlencode(asked)}")
        self._pages.cookies.drop(response, Cookie.SESSION)
        return response

    def _under_way(self, request: Request) -> dict[str, Any]:
        """The sign-in that this browser began. Raises `SignInFailed`."""
        value = self._pages.cookies.read(request, Cookie.SIGN_IN) or ""
        try:
            sealed = base64.urlsafe_b64decode(value)
            found: dict[str, Any] = orjson.loads(self._keys.decrypt(_PURPOSE, sealed, _PLACE))
        except (ValueError, UndecryptableField) as error:
            raise _too_late() from error
        if datetime.fromisoformat(found["until"]) <= self._clock():
            raise _too_late()
        return found


def _too_late() -> SignInFailed:
    return SignInFailed(
        "The sign-in took too long, or cookies are off. Sign in again.",
        zh="登录已超时，或浏览器未启用 Cookie，请重新登录。",
    )


def _own_address(asked: str) -> str:
    """Where to after the sign-in: on the desk, never elsewhere."""
    return asked if asked == DESK or asked.startswith(f"{DESK}/") else DESK


def _s256(verifier: str) -> str:
    """The code challenge of a verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
