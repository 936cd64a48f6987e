"""The pages of signing in, ``/identity/login`` and the steps behind it, and of signing out."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qs, quote, urlsplit

import segno
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.accounts import NamesOfPeople
from services.identity.application.passkeys import Passkeys
from services.identity.application.second_factors import Enrolment, SecondFactors
from services.identity.application.sessions import Sessions
from services.identity.application.sign_in import Outcome, SignedIn, SignIn
from services.identity.domain.passwords import PasswordRefused, Profile
from services.identity.domain.second_factors import PasskeyRefused, WrongCode
from services.identity.domain.sign_in import HOME, SignInExpired, Step, WrongCredentials, way_back
from services.identity.domain.throttle import TooManyAttempts
from services.identity.pages import Cookie, Form, FormError, PageRoutes, Pages
from services.identity.pages.passwords import differing, faults, rules
from services.identity.routes.visitors import Visitors

LOGIN = "/identity/login"
PASSKEY = f"{LOGIN}/passkey"
SECOND_FACTOR = f"{LOGIN}/second-factor"
SECOND_PASSKEY = f"{SECOND_FACTOR}/passkey"
ENROL = f"{LOGIN}/enrol"
NEW_PASSWORD = f"{LOGIN}/password"
LOGOUT = "/identity/logout"
PAGE_OF_STEP = {
    Step.SECOND_FACTOR: SECOND_FACTOR,
    Step.ENROL: ENROL,
    Step.NEW_PASSWORD: NEW_PASSWORD,
}
_NOTICES = {
    "password": ("密码已设置，请登录。", "The password is set. Sign in now."),
    "expired": ("登录已超时，请重新登录。", "That took too long. Sign in again."),
}
UNAUTHENTICATED = {"www-authenticate": "Form"}
_WRONG = FormError(
    "username",
    "账号或密码不正确。请检查后重试。",
    "The account or the password is wrong. Check both, then try again.",
)
WRONG_CODE = FormError(
    "code",
    "验证码不正确或已使用，请输入当前显示的数字。",
    "The code is wrong or was used. Type the digits that are shown now.",
)
_WRONG_RECOVERY_CODE = FormError(
    "recovery_code",
    "恢复码不正确或已使用。",
    "The recovery code is wrong or was used.",
)
PASSKEY_REFUSED = FormError(
    "",
    "通行密钥未通过验证，请重试或改用其他方式。",
    "The passkey was not accepted. Try again, or use another way.",
)

RedirectSources = Callable[[str], Awaitable[Sequence[str]]]
"""Where an address of ours may lead a browser on to, as sources of a content security policy: the
application behind an authorization request."""

Page = Callable[..., Awaitable[Response]]


def qr_code(enrolment: Enrolment) -> str:
    """A ``data:`` address, which needs neither a script nor a request."""
    code: str = segno.make(enrolment.address, error="m").svg_data_uri(border=1, dark="#16211e")
    return code


def waiting(error: TooManyAttempts, field: str) -> FormError:
    """Too many attempts, as a complaint about a field."""
    minutes = -(-error.retry_after // 60)
    return FormError(
        field,
        f"尝试次数过多，请在 {minutes} 分钟后再试。",
        f"Too many attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}.",
    )


class SignInPages:
    def __init__(
        self,
        pages: Pages,
        visitors: Visitors,
        sign_in: SignIn,
        second_factors: SecondFactors,
        passkeys: Passkeys,
        sessions: Sessions,
        names: NamesOfPeople,
        profile: Profile,
        redirect_sources: RedirectSources,
    ) -> None:
        self._pages = pages
        self._visitors = visitors
        self._sign_in = sign_in
        self._second_factors = second_factors
        self._passkeys = passkeys
        self._sessions = sessions
        self._names = names
        self._profile = profile
        self._redirect_sources = redirect_sources

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages)
        routes.get(LOGIN, self.show_login)
        routes.post(LOGIN, self.take_login, before_session=True)
        routes.get(PASSKEY, self.show_passkey)
        routes.post(PASSKEY, self.take_passkey, before_session=True)
        for path, show, take in (
            (SECOND_FACTOR, self.show_second_factor, self.take_code),
            (SECOND_PASSKEY, self.show_second_passkey, self.take_second_passkey),
            (ENROL, self.show_enrolment, self.take_enrolment),
            (NEW_PASSWORD, self.show_new_password, self.take_new_password),
        ):
            routes.get(path, self._while_under_way(show))
            routes.post(path, self._while_under_way(take), before_session=True)
        recovery = self._while_under_way(self.take_recovery_code)
        routes.post(f"{LOGIN}/recovery-code", recovery, before_session=True)
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
            username=_login_hint(return_to),
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
            return await self._login_page(
                request, return_to, (_WRONG,), 401, UNAUTHENTICATED, username=username
            )
        except TooManyAttempts as error:
            headers = {"retry-after": str(error.retry_after)}
            fault = waiting(error, "username")
            return await self._login_page(
                request, return_to, (fault,), 429, headers, username=username
            )
        return self._go_on(outcome)

    async def _login_page(
        self,
        request: Request,
        return_to: str,
        errors: Sequence[FormError] = (),
        status: int = 200,
        headers: dict[str, str] | None = None,
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
            form_action=await self._redirect_sources(return_to),
            errors=errors,
            return_to=return_to,
            username=username[:254],
            confirm=confirm,
            notice=notice,
            passkeys=self._passkeys.available,
        )

    async def show_passkey(self, request: Request) -> Response:
        return_to = way_back(request.query_params.get("return_to", HOME))
        return await self._passkey_page(request, None, return_to)

    async def take_passkey(self, request: Request, form: Form) -> Response:
        return_to = way_back(form.get("return_to", HOME))
        visitor = await self._visitors.visitor(request)
        credential, bound_to = form.get("credential", ""), self._pages.visit(request)
        try:
            outcome = await self._sign_in.with_passkey(credential, bound_to, visitor, return_to)
        except PasskeyRefused:
            return await self._passkey_page(request, None, return_to, (PASSKEY_REFUSED,), 401)
        return self._go_on(outcome)

    async def show_second_passkey(self, request: Request) -> Response:
        under_way = await self._sign_in.under_way(self._cookie(request))
        return await self._passkey_page(request, self._cookie(request), under_way.return_to)

    async def take_second_passkey(self, request: Request, form: Form) -> Response:
        cookie = self._cookie(request)
        under_way = await self._sign_in.under_way(cookie)
        visitor = await self._visitors.visitor(request)
        try:
            outcome = await self._sign_in.with_second_passkey(
                cookie, form.get("credential", ""), visitor
            )
        except PasskeyRefused:
            return await self._passkey_page(
                request, cookie, under_way.return_to, (PASSKEY_REFUSED,), 401
            )
        return self._go_on(outcome)

    async def _passkey_page(
        self,
        request: Request,
        under_way: str | None,
        return_to: str,
        errors: Sequence[FormError] = (),
        status: int = 200,
    ) -> Response:
        """For the second step of the sign-in `under_way`, or to sign in with a passkey alone."""
        if under_way is None:
            person_id, action, back = None, PASSKEY, f"{LOGIN}?return_to={quote(return_to)}"
        else:
            person_id = (await self._sign_in.under_way(under_way)).person_id
            action, back = SECOND_PASSKEY, SECOND_FACTOR
        bound_to = under_way or self._pages.visit(request)
        return self._pages.render(
            request,
            "passkey.html",
            status,
            headers=UNAUTHENTICATED if status == 401 else None,
            form_action=await self._redirect_sources(return_to),
            script=True,
            errors=errors,
            options=await self._passkeys.request_options(person_id, bound_to),
            action=action,
            return_to=return_to,
            back=back,
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

    def _go_on(self, outcome: Outcome) -> Response:
        if isinstance(outcome, SignedIn):
            return self._visitors.keep(self._pages.redirect(outcome.return_to), outcome)
        response = self._pages.redirect(PAGE_OF_STEP[outcome.step])
        if outcome.cookie is not None:
            self._pages.cookies.keep(response, Cookie.SIGN_IN, outcome.cookie)
        return response

    def _cookie(self, request: Request) -> str | None:
        return self._pages.cookies.read(request, Cookie.SIGN_IN)


def _login_hint(return_to: str) -> str:
    """Who the application thinks is signing in (OpenID Connect Core §3.1.2.1)."""
    return parse_qs(urlsplit(return_to).query).get("login_hint", [""])[0]
