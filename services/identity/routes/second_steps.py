"""The steps of a sign-in after its first proof: a second factor, one to be set up, a new password
for one that has come of age."""

from collections.abc import Mapping, Sequence

import segno
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.accounts import NamesOfPeople
from services.identity.application.passkeys import Passkeys
from services.identity.application.second_factors import Enrolment, SecondFactors
from services.identity.application.sign_in import SignIn
from services.identity.domain.passwords import PasswordRefused, Profile
from services.identity.domain.second_factors import PasskeyRefused, WrongCode
from services.identity.domain.sign_in import Step
from services.identity.domain.throttle import TooManyAttempts
from services.identity.pages import Cookie, Form, FormError, PageRoutes, Pages
from services.identity.pages.faults import (
    PASSKEY_REFUSED,
    WRONG_CODE,
    WRONG_RECOVERY_CODE,
    waiting,
)
from services.identity.pages.passwords import differing, faults, rules
from services.identity.routes.redirects import RedirectSources
from services.identity.routes.sign_in import UNAUTHENTICATED
from services.identity.routes.visitors import PAGE_OF_STEP, Visitors

SECOND_FACTOR = PAGE_OF_STEP[Step.SECOND_FACTOR]
SECOND_PASSKEY = f"{SECOND_FACTOR}/passkey"
ENROL = PAGE_OF_STEP[Step.ENROL]
NEW_PASSWORD = PAGE_OF_STEP[Step.NEW_PASSWORD]


def qr_code(enrolment: Enrolment) -> str:
    """A ``data:`` address, which needs neither a script nor a request."""
    code: str = segno.make(enrolment.address, error="m").svg_data_uri(border=1, dark="#16211e")
    return code


class SecondStepPages:
    def __init__(
        self,
        pages: Pages,
        visitors: Visitors,
        sign_in: SignIn,
        second_factors: SecondFactors,
        passkeys: Passkeys,
        names: NamesOfPeople,
        profile: Profile,
        redirect_sources: RedirectSources,
    ) -> None:
        self._pages = pages
        self._visitors = visitors
        self._sign_in = sign_in
        self._second_factors = second_factors
        self._passkeys = passkeys
        self._names = names
        self._profile = profile
        self._redirect_sources = redirect_sources

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages)
        for path, show, take in (
            (SECOND_FACTOR, self.show_second_factor, self.take_code),
            (SECOND_PASSKEY, self.show_passkey, self.take_passkey),
            (ENROL, self.show_enrolment, self.take_enrolment),
            (NEW_PASSWORD, self.show_new_password, self.take_new_password),
        ):
            routes.get(path, self._visitors.under_way(show))
            routes.post(path, self._visitors.under_way(take), before_session=True)
        return routes.router

    async def show_second_factor(self, request: Request) -> Response:
        return await self._elsewhere(request, Step.SECOND_FACTOR) or await self._factor_page(
            request
        )

    async def take_code(self, request: Request, form: Form) -> Response:
        """Of the authenticator, or one of recovery."""
        if "recovery_code" in form:
            use, wrong = self._sign_in.with_recovery_code, WRONG_RECOVERY_CODE
        else:
            use, wrong = self._sign_in.with_code, WRONG_CODE
        code = form.get(wrong.field, "")
        visitor = await self._visitors.visitor(request)
        try:
            return self._visitors.go_on(await use(self._cookie(request), code, visitor))
        except WrongCode:
            return await self._factor_page(request, (wrong,), 401, UNAUTHENTICATED)
        except TooManyAttempts as error:
            headers = {"retry-after": str(error.retry_after)}
            return await self._factor_page(request, (waiting(error, wrong.field),), 429, headers)

    async def _factor_page(
        self,
        request: Request,
        errors: Sequence[FormError] = (),
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        under_way = await self._sign_in.under_way(self._cookie(request))
        factors = await self._second_factors.of(under_way.person_id)
        return self._pages.render(
            request,
            "second_factor.html",
            status,
            headers=headers,
            form_action=await self._redirect_sources.of(under_way.return_to),
            errors=errors,
            authenticator=factors.authenticator_since is not None,
            passkey=bool(factors.passkeys) and self._passkeys.available,
            recovery=factors.recovery_codes > 0,
        )

    async def show_passkey(self, request: Request) -> Response:
        return await self._passkey_page(request)

    async def take_passkey(self, request: Request, form: Form) -> Response:
        cookie, credential = self._cookie(request), form.get("credential", "")
        visitor = await self._visitors.visitor(request)
        try:
            outcome = await self._sign_in.with_second_passkey(cookie, credential, visitor)
        except PasskeyRefused:
            return await self._passkey_page(request, (PASSKEY_REFUSED,))
        return self._visitors.go_on(outcome)

    async def _passkey_page(self, request: Request, errors: Sequence[FormError] = ()) -> Response:
        cookie = self._cookie(request) or ""
        under_way = await self._sign_in.under_way(cookie)
        return self._pages.render(
            request,
            "passkey.html",
            401 if errors else 200,
            headers=UNAUTHENTICATED if errors else None,
            form_action=await self._redirect_sources.of(under_way.return_to),
            script=True,
            errors=errors,
            options=await self._passkeys.request_options(under_way.person_id, cookie),
            action=SECOND_PASSKEY,
            return_to=under_way.return_to,
            back=SECOND_FACTOR,
        )

    async def show_enrolment(self, request: Request) -> Response:
        return await self._elsewhere(request, Step.ENROL) or await self._enrolment_page(request)

    async def take_enrolment(self, request: Request, form: Form) -> Response:
        visitor = await self._visitors.visitor(request)
        try:
            outcome, codes = await self._sign_in.with_new_authenticator(
                self._cookie(request), form.get("code", ""), visitor
            )
        except WrongCode:
            return await self._enrolment_page(request, (WRONG_CODE,), 401, UNAUTHENTICATED)
        except TooManyAttempts as error:
            headers = {"retry-after": str(error.retry_after)}
            return await self._enrolment_page(request, (waiting(error, "code"),), 429, headers)
        onward = self._visitors.go_on(outcome)
        page = self._pages.render(
            request, "recovery_codes.html", codes=codes, onward=onward.headers["location"]
        )
        page.raw_headers += [each for each in onward.raw_headers if each[0] == b"set-cookie"]
        return page

    async def _enrolment_page(
        self,
        request: Request,
        errors: Sequence[FormError] = (),
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        under_way = await self._sign_in.under_way(self._cookie(request))
        enrolment = await self._second_factors.enrol(under_way.person_id)
        return self._pages.render(
            request,
            "enrol.html",
            status,
            headers=headers,
            errors=errors,
            enrolment=enrolment,
            qr=qr_code(enrolment),
        )

    async def show_new_password(self, request: Request) -> Response:
        return await self._elsewhere(request, Step.NEW_PASSWORD) or await self._password_page(
            request
        )

    async def take_new_password(self, request: Request, form: Form) -> Response:
        if errors := differing(form):
            return await self._password_page(request, errors)
        cookie, password = self._cookie(request), form.get("password", "")
        visitor = await self._visitors.visitor(request)
        try:
            outcome = await self._sign_in.with_new_password(cookie, password, visitor)
        except PasswordRefused as refused:
            return await self._password_page(request, faults(refused))
        return self._visitors.go_on(outcome)

    async def _password_page(self, request: Request, errors: Sequence[FormError] = ()) -> Response:
        under_way = await self._sign_in.under_way(self._cookie(request))
        shortest = self._profile.shortest(with_factor="mfa" in under_way.amr)
        return self._pages.render(
            request,
            "new_password.html",
            422 if errors else 200,
            form_action=await self._redirect_sources.of(under_way.return_to),
            errors=errors,
            heading=("请更换密码", "Choose a new password"),
            lead=("密码已到期，更换后即可继续。", "The old one has come of age; then you go on."),
            account=await self._names.of(under_way.person_id),
            action=NEW_PASSWORD,
            before_session=True,
            hidden={},
            shortest=shortest,
            rules=rules(self._profile, shortest),
        )

    async def _elsewhere(self, request: Request, step: Step) -> Response | None:
        """The page that the sign-in waits for, where it is not that of `step`."""
        waits_for = await self._sign_in.step(self._cookie(request))
        return None if waits_for is step else self._pages.redirect(PAGE_OF_STEP[waits_for])

    def _cookie(self, request: Request) -> str | None:
        return self._pages.cookies.read(request, Cookie.SIGN_IN)
