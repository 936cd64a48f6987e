"""``/identity/login``, with a password or a passkey alone, and ``/identity/logout``."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.accounts import NamesOfPeople
from services.identity.application.passkeys import Passkeys
from services.identity.application.sessions import Sessions
from services.identity.application.sign_in import SignIn
from services.identity.domain.second_factors import PasskeyRefused
from services.identity.domain.sign_in import HOME, WrongCredentials, way_back
from services.identity.domain.throttle import TooManyAttempts
from services.identity.pages import Cookie, Form, FormError, PageRoutes, Pages
from services.identity.pages.faults import PASSKEY_REFUSED, WRONG_CREDENTIALS, waiting_to_sign_in
from services.identity.routes.redirects import RedirectSources
from services.identity.routes.visitors import LOGIN, Visitors

PASSKEY = f"{LOGIN}/passkey"
LOGOUT = "/identity/logout"
UNAUTHENTICATED: Mapping[str, str] = {"www-authenticate": "Form"}
"""RFC 9110 §15.5.2 asks a 401 for a challenge; the form on the page is ours."""

_NOTICES = {
    "password": ("密码已设置，请登录。", "The password is set. Sign in now."),
    "expired": ("登录已超时，请重新登录。", "That took too long. Sign in again."),
}


class SignInPages:
    def __init__(
        self,
        pages: Pages,
        visitors: Visitors,
        sign_in: SignIn,
        passkeys: Passkeys,
        sessions: Sessions,
        names: NamesOfPeople,
        redirect_sources: RedirectSources,
    ) -> None:
        self._pages = pages
        self._visitors = visitors
        self._sign_in = sign_in
        self._passkeys = passkeys
        self._sessions = sessions
        self._names = names
        self._redirect_sources = redirect_sources

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages)
        routes.get(LOGIN, self.show_login)
        routes.post(LOGIN, self.take_login, before_session=True)
        routes.get(PASSKEY, self.show_passkey)
        routes.post(PASSKEY, self.take_passkey, before_session=True)
        routes.get(LOGOUT, self.show_logout)
        routes.post(LOGOUT, self.take_logout)
        return routes.router

    async def show_login(self, request: Request) -> Response:
        session = await self._visitors.session(request)
        asked = request.query_params.get("return_to")
        if session is not None and asked is None:
            return self._pages.redirect(HOME)
        return_to = way_back(asked or HOME)
        return await self._login_page(
            request,
            return_to,
            username=request.query_params.get("login_hint") or _login_hint(return_to),
            confirm=session is not None and return_to.startswith(HOME),
            notice=_NOTICES.get(request.query_params.get("notice", "")),
        )

    async def take_login(self, request: Request, form: Form) -> Response:
        username, password = form.get("username", "").strip(), form.get("password", "")
        return_to = way_back(form.get("return_to", HOME))
        visitor = await self._visitors.visitor(request)
        try:
            outcome = await self._sign_in.with_password(username, password, visitor, return_to)
        except WrongCredentials:
            fault, status, headers = WRONG_CREDENTIALS, 401, UNAUTHENTICATED
        except TooManyAttempts as error:
            fault, status = waiting_to_sign_in(error), 429
            headers = {"retry-after": str(error.retry_after)}
        else:
            return self._visitors.go_on(outcome)
        return await self._login_page(
            request, return_to, (fault,), status, headers, username=username
        )

    async def _login_page(
        self,
        request: Request,
        return_to: str,
        errors: Sequence[FormError] = (),
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        username: str = "",
        confirm: bool = False,
        notice: tuple[str, str] | None = None,
    ) -> Response:
        return self._pages.render(
            request,
            "login.html",
            status,
            headers=headers,
            form_action=await self._redirect_sources.of(return_to),
            address=_with_return(LOGIN, return_to),
            errors=errors,
            return_to=return_to,
            username=username[:254],
            confirm=confirm,
            notice=notice,
            passkeys=self._passkeys.available,
        )

    async def show_passkey(self, request: Request) -> Response:
        return_to = way_back(request.query_params.get("return_to", HOME))
        return await self._passkey_page(request, return_to)

    async def take_passkey(self, request: Request, form: Form) -> Response:
        return_to = way_back(form.get("return_to", HOME))
        visitor = await self._visitors.visitor(request)
        credential, bound_to = form.get("credential", ""), self._pages.visit(request)
        try:
            outcome = await self._sign_in.with_passkey(credential, bound_to, visitor, return_to)
        except PasskeyRefused:
            return await self._passkey_page(request, return_to, (PASSKEY_REFUSED,))
        return self._visitors.go_on(outcome)

    async def _passkey_page(
        self, request: Request, return_to: str, errors: Sequence[FormError] = ()
    ) -> Response:
        return self._pages.render(
            request,
            "passkey.html",
            401 if errors else 200,
            headers=UNAUTHENTICATED if errors else None,
            form_action=await self._redirect_sources.of(return_to),
            script=True,
            address=_with_return(PASSKEY, return_to),
            errors=errors,
            options=await self._passkeys.request_options(None, self._pages.visit(request)),
            action=PASSKEY,
            return_to=return_to,
            back=_with_return(LOGIN, return_to),
        )

    async def show_logout(self, request: Request) -> Response:
        session = await self._visitors.session(request)
        if session is None:
            return self._pages.render(request, "signed_out.html")
        names = await self._names.of(session.person_id)
        return self._pages.render(
            request, "sign_out.html", action=LOGOUT, hidden={}, account=names.name
        )

    async def take_logout(self, request: Request, _form: Form) -> Response:
        session = await self._visitors.session(request)
        if session is not None:
            await self._sessions.sign_out(session)
        response = self._pages.redirect(LOGOUT)
        self._pages.cookies.drop(response, Cookie.SESSION)
        return response


def _with_return(page: str, return_to: str) -> str:
    return f"{page}?{urlencode({'return_to': return_to})}"


def _login_hint(return_to: str) -> str:
    """Who the application thinks is signing in (OpenID Connect Core §3.1.2.1)."""
    return parse_qs(urlsplit(return_to).query).get("login_hint", [""])[0]
